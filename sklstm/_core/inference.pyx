"""Outputs alone: the time loop at one step a time, in memory that does not grow with the length.

Sequences are taken ROWS at a time, and every product has exactly ROWS rows, whether sequences live in them or not:
BLAS chooses its kernels, and with them the order of its sums, by the shape. So a sequence's output has the same bits
alone, among others, and in any order. (With as many rows as sequences it has not: on AVX2, OpenBLAS gives other
bits for 5 rows than for 8.)
"""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .layer cimport copy_ended, dense_forward, layer_forward
from .packing cimport pack_step, value_t
from .types cimport CELLS, layer_t, network_t

cpdef enum:
    ROWS = 8


def predict(
    const network_t[::1] network, const layer_t[::1] layers, const floating[::1] params,
    floating[:, ::1] work,                 # (n_threads, scratch_size(...))
    const value_t[:, ::1] values, const int64_t[::1] starts,
    const int64_t[::1] lengths,            # descending
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] out,                  # (n_sequences, n_outputs)  out
    int n_threads,
):
    """Outputs (n_sequences, n_outputs) of the sequences."""
    cdef const network_t* net = &network[0]
    cdef Py_ssize_t n = lengths.shape[0]
    cdef Py_ssize_t n_blocks = (n + ROWS - 1) // ROWS
    cdef Py_ssize_t block, first
    with nogil:
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            first = block * ROWS
            _predict_block(net, &layers[0], &params[0], &work[threadid(), 0], work.shape[1], &values[0, 0],
                           &starts[first], &lengths[first], min(ROWS, n - first), &shift[0], &scale[0],
                           &out[first, 0])


def scratch_size(const network_t[::1] network, const layer_t[::1] layers):
    """Numbers that one thread needs: an input, gates, outputs, two states a layer."""
    size = max(layers[k].F for k in range(layers.shape[0])) + max(layers[k].G for k in range(layers.shape[0]))
    size += network[0].O + layers[layers.shape[0] - 1].H
    size += sum(4 * layers[k].H for k in range(layers.shape[0]))
    return ROWS * size


cdef void _predict_block(
    const network_t* net, const layer_t* layers, const floating* params, floating* w, Py_ssize_t work_size,
    const value_t* values, const int64_t* starts, const int64_t* lengths, Py_ssize_t n_rows,
    const double* shift, const double* scale,
    floating* out,                         # (n_rows, O)  out
) noexcept nogil:
    cdef const layer_t* layer
    cdef const layer_t* top = layers + net.n_layers - 1
    cdef int64_t one_step[ROWS]
    cdef floating* x = w
    cdef floating* last = x + ROWS * layers[0].F
    cdef floating* outputs = last + ROWS * top.H
    cdef floating* states = outputs + ROWS * net.O
    cdef floating* z
    cdef floating* state
    cdef const floating* below
    cdef Py_ssize_t n = n_rows, k, r, t, now, size
    for r in range(ROWS):
        one_step[r] = 1
    z = states
    for k in range(net.n_layers):
        z += ROWS * 4 * layers[k].H
    memset(w, 0, work_size * sizeof(floating))

    for t in range(lengths[0]):
        now = t % 2
        while lengths[n - 1] <= t:
            n -= 1
        pack_step(values, starts, n, t, layers[0].F, shift, scale, x)
        below = x
        state = states
        for k in range(net.n_layers):
            layer = layers + k
            size = ROWS * layer.H
            # Each layer has h and c twice: those of the step before, and those of this one.
            layer_forward(&CELLS[net.cell], layer, params, ROWS, one_step, ROWS, below,
                          <const floating*> state + (1 - now) * size, state + (3 - now) * size,
                          z, state + (2 + now) * size, state + now * size)
            below = state + now * size
            state += 4 * size
        copy_ended(n, lengths, t, top.H, below, last)

    dense_forward(ROWS, top.H, net.O, last, params + net.W_out, params + net.b_out, outputs)
    memcpy(out, outputs, n_rows * net.O * sizeof(floating))
