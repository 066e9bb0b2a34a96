"""The way forward alone: from one state to the next, in memory that does not grow with the length."""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from .layer cimport layer_forward
from .packing cimport n_alive, pack_steps, value_t
from .types cimport BLOCK_ROWS, dropout_t, layer_t, stack_t

cdef enum:
    STEPS = 16       # taken together through a layer: few enough for the first-level caches


def run(
    const int64_t[::1] layout, const floating[::1] params, const floating[::1] packed,
    floating[:, ::1] scratch,              # (n_threads, scratch_size(...))
    const value_t[:, ::1] values, const int64_t[::1] starts,
    const int64_t[::1] lengths,            # (n,), descending
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] state,                # (n, state_size(...))  in and out: each sequence's h and c, layer by layer
    bint fresh,                            # whether the state is zero
    floating[:, ::1] table, Py_ssize_t column,  # out: the top layer's h, if it has rows, into these columns
    const floating[:, ::1] gamma,          # (steps, H) what is left of the first layer's state, if it has rows
    const int64_t[::1] places,             # (n,) where each sequence begins in both tables
    int n_threads,
):
    """Take sequences through a stack of layers."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t n = lengths.shape[0]
    cdef Py_ssize_t n_blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef Py_ssize_t block, first
    cdef floating* h_table = &table[0, column] if table.shape[0] else NULL
    cdef const floating* left = &gamma[0, 0] if gamma.shape[0] else NULL
    with nogil:
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            first = block * BLOCK_ROWS
            _run_block(stack, layers, &params[0], &packed[0], &scratch[threadid(), 0], &values[0, 0],
                       &starts[first], &lengths[first], min(BLOCK_ROWS, n - first), &shift[0], &scale[0],
                       &state[first, 0], fresh, h_table, table.shape[1], left, &places[first])


def state_size(const int64_t[::1] layout):
    """Numbers of state of a sequence, and where those of the top layer's h begin."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef const layer_t* top = layers + stack.n_layers - 1
    cdef Py_ssize_t size = 0, k
    for k in range(stack.n_layers):
        size += layers[k].H + layers[k].C
    return size, size - top.H - top.C


def scratch_size(const int64_t[::1] layout):
    """Numbers that one thread needs: what cells work on, and for each layer the state and the inputs of some steps."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t widest = 0, size = 0, k
    for k in range(stack.n_layers):
        widest = max(widest, layers[k].Z)
        size += layers[k].H + layers[k].C + STEPS * layers[k].K
    return BLOCK_ROWS * (size + widest)


# Between each sequence's row of the state and the layers' (n, H) and (n, C).
cdef inline void _copy_state(
    const stack_t* stack, const layer_t* layers, Py_ssize_t n, floating* rows, floating* by_layer, bint back,
) noexcept nogil:
    cdef Py_ssize_t size = 0, column = 0, width, r, k, part
    for k in range(stack.n_layers):
        size += layers[k].H + layers[k].C
    for k in range(stack.n_layers):
        for part in range(2):
            width = layers[k].C if part else layers[k].H
            for r in range(n):
                if back:
                    memcpy(rows + r * size + column, by_layer + r * width, width * sizeof(floating))
                else:
                    memcpy(by_layer + r * width, rows + r * size + column, width * sizeof(floating))
            by_layer += n * width
            column += width


cdef void _run_block(
    const stack_t* stack, const layer_t* layers, const floating* params, const floating* packed, floating* scratch,
    const value_t* values, const int64_t* starts, const int64_t* lengths, Py_ssize_t n,
    const double* shift, const double* scale,
    floating* state_rows,                  # (n, state_size)  in and out
    bint fresh, floating* table, Py_ssize_t table_row, const floating* gamma, const int64_t* places,
) noexcept nogil:
    cdef const layer_t* layer
    cdef dropout_t dropout = dropout_t(0, 0, 0)
    cdef Py_ssize_t rows = n, size = 0, segment, first, k
    cdef floating* states = scratch
    cdef floating* xh
    cdef floating* x_above
    cdef floating* z
    cdef floating* state
    for k in range(stack.n_layers):
        size += layers[k].H + layers[k].C
    _copy_state(stack, layers, n, state_rows, states, False)

    for segment in range((lengths[0] + STEPS - 1) // STEPS):
        first = segment * STEPS
        rows = n_alive(lengths, rows, first)
        state = states
        xh = states + n * size
        z = xh
        for k in range(stack.n_layers):
            z += n * STEPS * layers[k].K
        pack_steps(stack, layers, values, starts, lengths, rows, first, first + STEPS, shift, scale, xh + layers[0].H)
        for k in range(stack.n_layers):
            layer = layers + k
            x_above = xh + n * STEPS * layer.K + layer[1].H if k + 1 < stack.n_layers else NULL
            layer_forward(stack, layer, params, packed, &dropout, 0, rows, lengths, first, first + STEPS, fresh, xh, z,
                          <floating*> NULL, state, state + n * layer.H, x_above,
                          layer[1].K if x_above != NULL else 0,
                          <floating*> NULL if x_above != NULL else table, table_row,
                          gamma if k == 0 else NULL, places)
            xh += n * STEPS * layer.K
            state += n * (layer.H + layer.C)
    _copy_state(stack, layers, n, state_rows, states, True)
