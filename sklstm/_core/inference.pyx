"""Outputs alone: the way forward in memory that does not grow with the length."""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memset

from .layer cimport dense_forward, layer_forward, n_alive
from .packing cimport pack_steps, value_t
from .types cimport BLOCK_ROWS, layer_t, network_t

cdef enum:
    STEPS = 16       # taken together through a layer: few enough for the first-level caches


def predict(
    const int64_t[::1] plan, const floating[::1] params, const floating[::1] packed,
    floating[:, ::1] scratch,              # (n_threads, scratch_size(...))
    const value_t[:, ::1] values, const int64_t[::1] starts,
    const int64_t[::1] lengths,            # descending
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] out,                  # (n_sequences, n_outputs)  out
    int n_threads,
):
    """Outputs (n_sequences, n_outputs) of the sequences."""
    cdef const network_t* net = <const network_t*> &plan[0]
    cdef const layer_t* stack = <const layer_t*> (net + 1)
    cdef Py_ssize_t n = lengths.shape[0]
    cdef Py_ssize_t n_blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef Py_ssize_t block, first
    with nogil:
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            first = block * BLOCK_ROWS
            _predict_block(net, stack, &params[0], &packed[0], &scratch[threadid(), 0], &values[0, 0],
                           &starts[first], &lengths[first], min(BLOCK_ROWS, n - first), &shift[0], &scale[0],
                           &out[first, 0])


def scratch_size(const int64_t[::1] plan):
    """Numbers that one thread needs: gates, and for each layer two states and the inputs of some steps."""
    cdef const network_t* net = <const network_t*> &plan[0]
    cdef const layer_t* stack = <const layer_t*> (net + 1)
    cdef Py_ssize_t widest = 0, size = 0, k
    for k in range(net.n_layers):
        widest = max(widest, stack[k].G)
        size += 2 * stack[k].H + STEPS * stack[k].K
    return BLOCK_ROWS * (size + widest)


cdef void _predict_block(
    const network_t* net, const layer_t* layers, const floating* params, const floating* packed, floating* scratch,
    const value_t* values, const int64_t* starts, const int64_t* lengths, Py_ssize_t n,
    const double* shift, const double* scale,
    floating* out,                         # (n, O)  out
) noexcept nogil:
    cdef const layer_t* layer
    cdef Py_ssize_t rows = n, size = 0, segment, first, k
    cdef floating* states = scratch
    cdef floating* xh
    cdef floating* x_above
    cdef floating* z
    cdef floating* state
    for k in range(net.n_layers):
        size += 2 * layers[k].H
    memset(states, 0, n * size * sizeof(floating))

    for segment in range((lengths[0] + STEPS - 1) // STEPS):
        first = segment * STEPS
        rows = n_alive(lengths, rows, first)
        state = states
        xh = states + n * size
        z = xh
        for k in range(net.n_layers):
            z += n * STEPS * layers[k].K
        pack_steps(values, starts, lengths, rows, first, first + STEPS, layers[0].F, shift, scale, xh + layers[0].H,
                   layers[0].K)
        for k in range(net.n_layers):
            layer = layers + k
            x_above = xh + n * STEPS * layer.K + layer[1].H if k + 1 < net.n_layers else NULL
            layer_forward(net.cell, layer, params, packed, rows, lengths, first, first + STEPS, xh, z,
                          <floating*> NULL, state, state + n * layer.H, x_above,
                          layer[1].K if x_above != NULL else 0)
            xh += n * STEPS * layer.K
            state += 2 * n * layer.H
    layer = layers + net.n_layers - 1
    dense_forward(net, params, packed, layer.H, n, states + n * (size - 2 * layer.H), out)
