"""One minibatch through a stack of layers and back, a segment of time at a time.

Threads own blocks of sequences: one parallel region takes each block through a segment, and no thread waits for another
at a time step. Blocks depend on the minibatch alone, never on the number of threads. They are handed out as threads
become free, because a static split waits for whichever thread the system has put to sleep. On the way back, a second
region adds the segment's part of the weights' gradients, each column tile by one thread that sums over the rows in
order: so the bits do not depend on the threads either.

Segments are short: what the way back through one leaves is still in the cache when the gradients read it, and the
buffers of a long sequence need not all exist at once.
"""
import numpy as np

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .kernels cimport WIDEST_TILE, add_outer, pack, panel
from .layer cimport layer_backward, layer_forward
from .packing cimport n_alive, pack_steps, time_step, value_t
from .types cimport BLOCK_ROWS, dropout_t, layer_t, stack_t

cdef enum:
    ALIGNMENT = 16           # numbers: a cache line in single precision
    PACKED_TILE = 64         # columns that are packed at a time
    SMALL = 1 << 13          # parameters that one thread packs sooner than two

ROWS = BLOCK_ROWS


# Where layer k keeps a segment with S rows from n sequences; the layer above begins where it ends.
cdef struct kept_t:
    Py_ssize_t xh            # (S, K)
    Py_ssize_t z             # (S, Z)
    Py_ssize_t c             # (n + S, C)
    Py_ssize_t end


# Where the state of B sequences lies in layer k, and its derivatives.
cdef struct state_t:
    Py_ssize_t h             # (B, H)
    Py_ssize_t c             # (B, C)
    Py_ssize_t dh            # (B, H)
    Py_ssize_t dc            # (B, C)
    Py_ssize_t dv            # (n_blocks, V of all layers)


cdef inline Py_ssize_t _align(Py_ssize_t size) noexcept nogil:
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef inline kept_t _kept(const layer_t* layers, Py_ssize_t k, Py_ssize_t S, Py_ssize_t n) noexcept nogil:
    cdef kept_t kept
    cdef Py_ssize_t j
    kept.end = 0
    for j in range(k + 1):
        kept.xh = kept.end
        kept.z = kept.xh + _align(S * layers[j].K)
        kept.c = kept.z + _align(S * layers[j].Z)
        kept.end = kept.c + _align((n + S) * layers[j].C)
    return kept


cdef inline state_t _state(const stack_t* stack, const layer_t* layers, Py_ssize_t k, Py_ssize_t B) noexcept nogil:
    cdef state_t state
    cdef Py_ssize_t below = 0, size = 0, j
    for j in range(stack.n_layers):
        if j == k:
            below = size
        size += _align(B * layers[j].H) + _align(B * layers[j].C)
    state.h = below
    state.c = below + _align(B * layers[k].H)
    state.dh = size + state.h
    state.dc = size + state.c
    state.dv = 2 * size
    return state


# Columns of the widest input whose derivatives are needed; they lie behind what the layers keep.
cdef inline Py_ssize_t _widest(const stack_t* stack, const layer_t* layers) noexcept nogil:
    cdef Py_ssize_t widest = layers[0].F if stack.wants_dx else 0, k
    for k in range(1, stack.n_layers):
        widest = max(widest, layers[k].F)
    return widest


def segment_size(const int64_t[::1] layout, Py_ssize_t S, Py_ssize_t n):
    """Numbers that a segment with S rows from n sequences needs."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    return _kept(layers, stack.n_layers - 1, S, n).end + _align(S * _widest(stack, layers))


def kept_of_one(const int64_t[::1] layout, const floating[::1] segment, Py_ssize_t S):
    """What the top layer keeps of a segment of one sequence: copies of z (S, Z) and c (S, C)."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layer = <const layer_t*> (stack + 1) + stack.n_layers - 1
    cdef kept_t kept = _kept(<const layer_t*> (stack + 1), stack.n_layers - 1, S, 1)
    cdef Py_ssize_t c = kept.c + layer.C  # behind the memory before the segment
    cdef const floating[::1] z_part = segment[kept.z:kept.z + S * layer.Z], c_part = segment[c:c + S * layer.C]
    return np.array(z_part).reshape(S, -1), np.array(c_part).reshape(S, layer.C)


def state_sizes(const int64_t[::1] layout, Py_ssize_t B):
    """Numbers of state that B sequences carry from segment to segment, and of all state."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef state_t state = _state(stack, layers, 0, B)
    return state.dh, state.dv + (B + BLOCK_ROWS - 1) // BLOCK_ROWS * stack.V


def last_states(const int64_t[::1] layout, const floating[::1] state, Py_ssize_t B, floating[:, ::1] out,
                Py_ssize_t column):
    """The top layer's h (B, H) into some columns of `out`."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t H = layers[stack.n_layers - 1].H, r
    cdef Py_ssize_t h = _state(stack, layers, stack.n_layers - 1, B).h
    for r in range(B):
        memcpy(&out[r, column], &state[h + r * H], H * sizeof(floating))


def pack_weights(
    const int64_t[::1] layout, const floating[::1] params,
    floating[::1] packed,                  # out
    bint way_back, int n_threads,
):
    """The weights as the products read them; with `way_back` their transposes too."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t tile, n_tiles = 0, k
    for k in range(stack.n_layers):
        n_tiles = max(n_tiles, (max(layers[k].G, layers[k].F) + PACKED_TILE - 1) // PACKED_TILE)
    if params.shape[0] < SMALL:
        n_threads = 1
    with nogil:
        for tile in prange(n_tiles, num_threads=n_threads):
            for k in range(stack.n_layers):
                _pack_tile(layers + k, &params[0], &packed[0], tile * PACKED_TILE, way_back)


cdef void _pack_tile(
    const layer_t* layer, const floating* params, floating* packed, Py_ssize_t column, bint way_back,
) noexcept nogil:
    cdef const floating* W = params + layer.W
    if column < layer.G:
        pack(layer.K, min(PACKED_TILE, layer.G - column), W + column, layer.G, 1,
             packed + layer.packed + column * layer.K)
    if way_back and column < layer.H:
        pack(layer.G, min(PACKED_TILE, layer.H - column), W + column * layer.G, 1, layer.G,
             packed + layer.packed_h + column * layer.G)
    if way_back and column < layer.F:
        pack(layer.G, min(PACKED_TILE, layer.F - column), W + (layer.H + column) * layer.G, 1, layer.G,
             packed + layer.packed_x + column * layer.G)


def forward(
    const int64_t[::1] layout, const floating[::1] params, const floating[::1] packed,
    dropout_t dropout,
    floating[::1] state, floating[::1] segment,
    const value_t[:, ::1] values, const int64_t[::1] starts,
    const int64_t[::1] lengths,            # (B,), descending
    const int64_t[::1] cumulative,         # (n + 1,), rows in the segment of the n sequences that reach it, summed up
    Py_ssize_t first, Py_ssize_t last,     # its steps: first <= t < last
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] table, Py_ssize_t column,  # out: the top layer's h, if it has rows, into these columns
    const floating[:, ::1] gamma,          # (steps, H) what is left of the first layer's state, if it has rows
    const int64_t[::1] places,             # (B,) where each sequence begins in both tables
    int n_threads,
):
    """One segment forward, from the state that the one before left; what the way back needs stays in `segment`."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t n = cumulative.shape[0] - 1, n_blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS, block
    cdef floating* h_table = &table[0, column] if table.shape[0] else NULL
    cdef const floating* left = &gamma[0, 0] if gamma.shape[0] else NULL
    with nogil:
        if first == 0:
            memset(&state[0], 0, _state(stack, layers, 0, lengths.shape[0]).dh * sizeof(floating))
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            _forward_block(stack, layers, &params[0], &packed[0], &dropout, &state[0], &segment[0], &values[0, 0],
                           &starts[0], &lengths[0], lengths.shape[0], &cumulative[0], n, block, first, last, &shift[0],
                           &scale[0], h_table, table.shape[1], left, &places[0])


cdef void _forward_block(
    const stack_t* stack, const layer_t* layers, const floating* params, const floating* packed,
    const dropout_t* dropout,
    floating* state, floating* segment,
    const value_t* values, const int64_t* starts, const int64_t* lengths, Py_ssize_t B, const int64_t* cumulative,
    Py_ssize_t n, Py_ssize_t block, Py_ssize_t first, Py_ssize_t last, const double* shift, const double* scale,
    floating* table, Py_ssize_t table_row, const floating* gamma, const int64_t* places,
) noexcept nogil:
    cdef Py_ssize_t begin = block * BLOCK_ROWS, n_rows = min(BLOCK_ROWS, n - begin), row = cumulative[begin]
    cdef const layer_t* layer
    cdef kept_t kept = _kept(layers, 0, cumulative[n], n)
    cdef state_t at
    cdef floating* x_above
    cdef Py_ssize_t k
    pack_steps(stack, layers, values, starts + begin, lengths + begin, n_rows, first, last, shift, scale,
               segment + kept.xh + row * layers[0].K + layers[0].H)
    for k in range(stack.n_layers):
        layer = layers + k
        kept = _kept(layers, k, cumulative[n], n)
        at = _state(stack, layers, k, B)
        x_above = NULL
        if k + 1 < stack.n_layers:
            x_above = segment + kept.end + row * layer[1].K + layer[1].H
        layer_forward(stack, layer, params, packed, dropout, begin, n_rows, lengths + begin, first, last, True,
                      segment + kept.xh + row * layer.K, segment + kept.z + row * layer.Z,
                      segment + kept.c + (begin + row) * layer.C,
                      state + at.h + begin * layer.H, state + at.c + begin * layer.C,
                      x_above, layer[1].K if x_above != NULL else 0,
                      <floating*> NULL if x_above != NULL else table, table_row,
                      gamma if k == 0 else NULL, places + begin)


def backward(
    const int64_t[::1] layout, const floating[::1] params, const floating[::1] packed,
    dropout_t dropout,
    floating[::1] state, floating[::1] segment,
    const int64_t[::1] lengths,            # (B,), descending
    const int64_t[::1] cumulative,         # (n + 1,)
    Py_ssize_t first, Py_ssize_t last,
    const floating[:, ::1] dlast,          # (B, .) by the last h, if it has rows, from `column` on
    const floating[:, ::1] dtable,         # (steps, .) by h at every step, the same
    Py_ssize_t column,
    floating[::1] gradient,                # in and out: as params
    floating[:, ::1] dinput,               # (steps, F)  grows by the derivatives by the standardised input, if wanted
    floating[:, ::1] gamma,                # (steps, H)  in: as in `forward`; out: the derivatives by the rates
    const int64_t[::1] places,             # (B,) where each sequence begins in all tables
    floating[:, ::1] scratch,              # (n_threads, SCRATCH)
    int n_threads,
):
    """One segment back, the last first: its part of the derivatives of the loss by every parameter."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t B = lengths.shape[0], n = cumulative.shape[0] - 1
    cdef Py_ssize_t n_blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef Py_ssize_t block, task, k, width, n_tasks = 0
    cdef const floating* dh_table = &dtable[0, column] if dtable.shape[0] else NULL
    cdef floating* dx = &dinput[0, 0] if stack.wants_dx else NULL
    cdef floating* left = &gamma[0, 0] if gamma.shape[0] else NULL
    for k in range(stack.n_layers):
        width = _tile_width(layers + k, panel(&params[0]), n_threads)
        n_tasks += (layers[k].G + width - 1) // width

    with nogil:
        if last >= lengths[0]:
            _begin_backward(stack, layers, &state[0], B, &dlast[0, column] if dlast.shape[0] else NULL, dlast.shape[1])
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            _backward_block(stack, layers, &params[0], &packed[0], &dropout, &state[0], &segment[0], &lengths[0], B,
                            &cumulative[0], n, block, first, last, dh_table, dtable.shape[1], dx, left, &places[0])
        for task in prange(n_tasks, schedule="dynamic", num_threads=n_threads):
            _gradient_task(stack, layers, &segment[0], cumulative[n], n, &gradient[0], &scratch[threadid(), 0], task,
                           n_threads)
        if first == 0:
            for k in range(stack.n_layers):
                _add_rows((B + BLOCK_ROWS - 1) // BLOCK_ROWS, layers[k].V, stack.V,
                          &state[_state(stack, layers, k, B).dv + layers[k].dv], &gradient[layers[k].v])


cdef void _begin_backward(
    const stack_t* stack, const layer_t* layers, floating* state, Py_ssize_t B,
    const floating* dlast, Py_ssize_t dlast_row,
) noexcept nogil:
    cdef Py_ssize_t top = stack.n_layers - 1, r
    cdef state_t at = _state(stack, layers, 0, B)
    memset(state + at.dh, 0, (at.dv - at.dh + (B + BLOCK_ROWS - 1) // BLOCK_ROWS * stack.V) * sizeof(floating))
    if dlast != NULL:
        at = _state(stack, layers, top, B)
        for r in range(B):
            memcpy(state + at.dh + r * layers[top].H, dlast + r * dlast_row, layers[top].H * sizeof(floating))


cdef void _backward_block(
    const stack_t* stack, const layer_t* layers, const floating* params, const floating* packed,
    const dropout_t* dropout,
    floating* state, floating* segment, const int64_t* lengths, Py_ssize_t B, const int64_t* cumulative,
    Py_ssize_t n, Py_ssize_t block, Py_ssize_t first, Py_ssize_t last,
    const floating* dtable, Py_ssize_t table_row, floating* dinput, floating* gamma, const int64_t* places,
) noexcept nogil:
    cdef Py_ssize_t begin = block * BLOCK_ROWS, n_rows = min(BLOCK_ROWS, n - begin), row = cumulative[begin]
    cdef Py_ssize_t top = stack.n_layers - 1, S = cumulative[n], k
    # Each layer overwrites the derivative of its output, which it has read by then.
    cdef floating* dx = segment + _kept(layers, top, S, n).end + row * _widest(stack, layers)
    cdef const layer_t* layer
    cdef kept_t kept
    cdef state_t at
    for k in range(top, -1, -1):
        layer = layers + k
        kept = _kept(layers, k, S, n)
        at = _state(stack, layers, k, B)
        layer_backward(stack, layer, params, packed, dropout, begin, n_rows, lengths + begin, first, last,
                       cumulative[begin + n_rows] - row, <const floating*> NULL if k == top else dx,
                       dtable if k == top else NULL, table_row, gamma if k == 0 else NULL, places + begin,
                       segment + kept.xh + row * layer.K, segment + kept.z + row * layer.Z,
                       segment + kept.c + (begin + row) * layer.C, state + at.c + begin * layer.C,
                       state + at.dh + begin * layer.H, state + at.dc + begin * layer.C,
                       state + at.dv + block * stack.V + layer.dv, dx if k > 0 or dinput != NULL else NULL)
    if dinput != NULL:
        _add_steps(stack, n_rows, lengths + begin, first, last, layers[0].F, dx, dinput, places + begin)


# Rows packed by time onto a table by sequence and time step.
cdef inline void _add_steps(
    const stack_t* stack, Py_ssize_t n, const int64_t* lengths, Py_ssize_t first, Py_ssize_t last, Py_ssize_t F,
    const floating* packed, floating* table, const int64_t* places,
) noexcept nogil:
    cdef Py_ssize_t t, r, k
    cdef floating* to
    for t in range(first, min(last, lengths[0])):
        n = n_alive(lengths, n, t)
        for r in range(n):
            to = table + (places[r] + time_step(stack.reverse, lengths[r], t)) * F
            for k in range(F):
                to[k] += packed[k]
            packed += F


# Columns of a layer's weights whose gradient one thread computes at a time: some tasks for each thread, and each as
# wide as can be, because it reads all inputs.
cdef inline Py_ssize_t _tile_width(const layer_t* layer, Py_ssize_t n_panel, int n_threads) noexcept nogil:
    cdef Py_ssize_t width = layer.G // (2 * n_threads) if n_threads > 1 else layer.G
    return min(max(width + n_panel - 1, n_panel) // n_panel * n_panel, WIDEST_TILE)


# A column tile of dW (K, G) += [h_{t-1} | x_t]' dz, one sum over all rows of the segment.
cdef void _gradient_task(
    const stack_t* stack, const layer_t* layers, const floating* segment, Py_ssize_t S, Py_ssize_t n,
    floating* gradient, floating* scratch, Py_ssize_t task, int n_threads,
) noexcept nogil:
    cdef const layer_t* layer
    cdef const floating* xh
    cdef const floating* dz
    cdef floating* dW
    cdef kept_t kept
    cdef Py_ssize_t k, width, column, n_tasks
    for k in range(stack.n_layers):
        layer = layers + k
        width = _tile_width(layer, panel(segment), n_threads)
        n_tasks = (layer.G + width - 1) // width
        if task < n_tasks:
            kept = _kept(layers, k, S, n)
            column = task * width
            width = min(width, layer.G - column)
            xh = segment + kept.xh
            dz = segment + kept.z + column
            dW = gradient + layer.W + column
            if layer.h_column == 0:
                add_outer(layer.K, width, S, xh, layer.K, dz, layer.Z, dW, layer.G, scratch)
            else:
                add_outer(layer.H, width, S, xh, layer.K, dz + layer.h_column, layer.Z, dW, layer.G, scratch)
                add_outer(layer.F, width, S, xh + layer.H, layer.K, dz, layer.Z, dW + layer.H * layer.G, layer.G,
                          scratch)
            return
        task -= n_tasks


cdef void _add_rows(
    Py_ssize_t n, Py_ssize_t n_columns, Py_ssize_t stride, const floating* a, floating* total,
) noexcept nogil:
    cdef Py_ssize_t r, k
    for r in range(n):
        for k in range(n_columns):
            total[k] += a[r * stride + k]
