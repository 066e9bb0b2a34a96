"""One minibatch through the network and back, a segment of time at a time.

Threads own blocks of sequences: one parallel region takes each block through a segment, and no thread waits for another
at a time step. Blocks depend on the minibatch alone, never on the number of threads. They are handed out as threads
become free, because a static split waits for whichever thread the system has put to sleep. On the way back, a second
region adds the segment's part of the weights' gradients, each column tile by one thread that sums over the rows in
order: so the bits do not depend on the threads either.

Segments are short: what the way back through one leaves is still in the cache when the gradients read it, and the
buffers of a long sequence need not all exist at once.
"""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memset

from .kernels cimport SUM_ROWS, add_outer, pack, panel, product
from .layer cimport dense_forward, layer_backward, layer_forward
from .packing cimport pack_steps, value_t
from .types cimport BLOCK_ROWS, layer_t, network_t

cdef enum:
    ALIGNMENT = 16           # numbers: a cache line in single precision
    WIDEST_TILE = 256        # columns of a weight matrix whose gradient is computed at a time
    PACKED_TILE = 64         # columns that are packed at a time
    SMALL = 1 << 13          # parameters that one thread packs sooner than two

SCRATCH = SUM_ROWS * WIDEST_TILE
ROWS = BLOCK_ROWS


# Where layer k keeps a segment with S rows from n sequences; the layer above begins where it ends.
cdef struct kept_t:
    Py_ssize_t xh            # (S, K)
    Py_ssize_t z             # (S, G)
    Py_ssize_t c             # (n + S, H)
    Py_ssize_t end


cdef inline Py_ssize_t _align(Py_ssize_t size) noexcept nogil:
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef inline kept_t _kept(const layer_t* layers, Py_ssize_t k, Py_ssize_t S, Py_ssize_t n) noexcept nogil:
    cdef kept_t kept
    cdef Py_ssize_t j
    kept.end = 0
    for j in range(k + 1):
        kept.xh = kept.end
        kept.z = kept.xh + _align(S * layers[j].K)
        kept.c = kept.z + _align(S * layers[j].G)
        kept.end = kept.c + _align((n + S) * layers[j].H)
    return kept


# Columns of the widest input of the layers above the first, whose derivatives lie behind what the layers keep.
cdef inline Py_ssize_t _widest(const network_t* net, const layer_t* layers) noexcept nogil:
    cdef Py_ssize_t widest = 0, k
    for k in range(1, net.n_layers):
        widest = max(widest, layers[k].F)
    return widest


def segment_size(const int64_t[::1] plan, Py_ssize_t S, Py_ssize_t n):
    """Numbers that a segment with S rows from n sequences needs."""
    cdef const network_t* net = <const network_t*> &plan[0]
    cdef const layer_t* stack = <const layer_t*> (net + 1)
    return _kept(stack, net.n_layers - 1, S, n).end + _align(S * _widest(net, stack))


def pack_weights(
    const int64_t[::1] plan, const floating[::1] params,
    floating[::1] packed,                  # out
    bint way_back, int n_threads,
):
    """The weights as the products read them; with `way_back` their transposes too."""
    cdef const network_t* net = <const network_t*> &plan[0]
    cdef const layer_t* stack = <const layer_t*> (net + 1)
    cdef const layer_t* top = stack + net.n_layers - 1
    cdef Py_ssize_t tile, n_tiles = 0, k
    for k in range(net.n_layers):
        n_tiles = max(n_tiles, (max(stack[k].G, stack[k].F) + PACKED_TILE - 1) // PACKED_TILE)
    if params.shape[0] < SMALL:
        n_threads = 1
    with nogil:
        pack(top.H, net.O, &params[net.W_out], net.O, 1, &packed[net.packed_out])
        if way_back:
            pack(net.O, top.H, &params[net.W_out], 1, net.O, &packed[net.packed_out_t])
        for tile in prange(n_tiles, num_threads=n_threads):
            for k in range(net.n_layers):
                _pack_tile(stack + k, &params[0], &packed[0], tile * PACKED_TILE, way_back)


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
    const int64_t[::1] plan, const floating[::1] params, const floating[::1] packed,
    floating[::1] state, floating[::1] segment,
    const value_t[:, ::1] values, const int64_t[::1] starts,
    const int64_t[::1] lengths,            # (B,), descending
    const int64_t[::1] cumulative,         # (n + 1,), rows in the segment of the n sequences that reach it, summed up
    Py_ssize_t first, Py_ssize_t last,     # its steps: first <= t < last
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] out,                  # (B, O), written with the last segment
    int n_threads,
):
    """One segment forward, from the state that the one before left; what the way back needs stays in `segment`."""
    cdef const network_t* net = <const network_t*> &plan[0]
    cdef const layer_t* stack = <const layer_t*> (net + 1)
    cdef const layer_t* top = stack + net.n_layers - 1
    cdef Py_ssize_t B = lengths.shape[0], n = cumulative.shape[0] - 1
    cdef Py_ssize_t n_blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef Py_ssize_t block, k
    with nogil:
        if first == 0:
            for k in range(net.n_layers):
                memset(&state[stack[k].h], 0, B * stack[k].H * sizeof(floating))
                memset(&state[stack[k].c], 0, B * stack[k].H * sizeof(floating))
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            _forward_block(net, stack, &params[0], &packed[0], &state[0], &segment[0], &values[0, 0], &starts[0],
                           &lengths[0], &cumulative[0], n, block, first, last, &shift[0], &scale[0])
        if last >= lengths[0]:
            dense_forward(net, &params[0], &packed[0], top.H, B, &state[top.h], &out[0, 0])


cdef void _forward_block(
    const network_t* net, const layer_t* layers, const floating* params, const floating* packed,
    floating* state, floating* segment,
    const value_t* values, const int64_t* starts, const int64_t* lengths, const int64_t* cumulative,
    Py_ssize_t n, Py_ssize_t block, Py_ssize_t first, Py_ssize_t last, const double* shift, const double* scale,
) noexcept nogil:
    cdef Py_ssize_t begin = block * BLOCK_ROWS, n_rows = min(BLOCK_ROWS, n - begin), row = cumulative[begin]
    cdef const layer_t* layer
    cdef kept_t kept = _kept(layers, 0, cumulative[n], n)
    cdef floating* x_above
    cdef Py_ssize_t k
    pack_steps(values, starts + begin, lengths + begin, n_rows, first, last, layers[0].F, shift, scale,
               segment + kept.xh + row * layers[0].K + layers[0].H, layers[0].K)
    for k in range(net.n_layers):
        layer = layers + k
        kept = _kept(layers, k, cumulative[n], n)
        x_above = NULL
        if k + 1 < net.n_layers:
            x_above = segment + kept.end + row * layer[1].K + layer[1].H
        layer_forward(net.cell, layer, params, packed, n_rows, lengths + begin, first, last,
                      segment + kept.xh + row * layer.K, segment + kept.z + row * layer.G,
                      segment + kept.c + (begin + row) * layer.H,
                      state + layer.h + begin * layer.H, state + layer.c + begin * layer.H,
                      x_above, layer[1].K if x_above != NULL else 0)


def backward(
    const int64_t[::1] plan, const floating[::1] params, const floating[::1] packed,
    floating[::1] state, floating[::1] segment,
    const int64_t[::1] lengths,            # (B,), descending
    const int64_t[::1] cumulative,         # (n + 1,)
    Py_ssize_t first, Py_ssize_t last,
    const floating[:, ::1] dout,           # (B, O)
    floating[::1] gradient,                # in and out: as params
    floating[:, ::1] dx,                   # out: (S, F), by the packed and standardised input; without rows: not wanted
    floating[:, ::1] scratch,              # (n_threads, SCRATCH)
    int n_threads,
):
    """One segment back, the last first: its part of the derivatives of the loss by every parameter."""
    cdef const network_t* net = <const network_t*> &plan[0]
    cdef const layer_t* stack = <const layer_t*> (net + 1)
    cdef Py_ssize_t n = cumulative.shape[0] - 1
    cdef Py_ssize_t n_blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef Py_ssize_t block, task, k, width, n_tasks = 0
    cdef floating* input_gradient = &dx[0, 0] if dx.shape[0] else NULL
    for k in range(net.n_layers):
        width = _tile_width(stack + k, panel(&params[0]), n_threads)
        n_tasks += (stack[k].G + width - 1) // width

    with nogil:
        if last >= lengths[0]:
            _begin_backward(net, stack, &packed[0], &state[0], lengths.shape[0], &dout[0, 0], &gradient[0],
                            gradient.shape[0], &scratch[0, 0])
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            _backward_block(net, stack, &params[0], &packed[0], &state[0], &segment[0], &lengths[0],
                            &cumulative[0], n, block, first, last, input_gradient)
        for task in prange(n_tasks, schedule="dynamic", num_threads=n_threads):
            _gradient_task(net, stack, &segment[0], cumulative[n], n, &gradient[0], &scratch[threadid(), 0], task,
                           n_threads)
        if first == 0:
            n_blocks = (lengths.shape[0] + BLOCK_ROWS - 1) // BLOCK_ROWS
            for k in range(net.n_layers):
                _add_rows(n_blocks, stack[k].V, net.V, &state[net.dv + stack[k].dv], &gradient[stack[k].v])


cdef void _begin_backward(
    const network_t* net, const layer_t* layers, const floating* packed, floating* state, Py_ssize_t B,
    const floating* dout, floating* gradient, Py_ssize_t n_parameters, floating* scratch,
) noexcept nogil:
    cdef const layer_t* top = layers + net.n_layers - 1
    cdef Py_ssize_t n_blocks = (B + BLOCK_ROWS - 1) // BLOCK_ROWS, k, column
    memset(gradient, 0, n_parameters * sizeof(floating))
    memset(state + net.dv, 0, n_blocks * net.V * sizeof(floating))
    for k in range(net.n_layers):
        memset(state + layers[k].dh, 0, B * layers[k].H * sizeof(floating))
        memset(state + layers[k].dc, 0, B * layers[k].H * sizeof(floating))
    product(B, top.H, net.O, dout, net.O, packed + net.packed_out_t, net.O * panel(packed), state + top.dh, top.H, 0)
    for k in range((net.O + WIDEST_TILE - 1) // WIDEST_TILE):
        column = k * WIDEST_TILE
        add_outer(top.H, min(WIDEST_TILE, net.O - column), B, state + top.h, top.H, dout + column, net.O,
                  gradient + net.W_out + column, net.O, scratch)
    _add_rows(B, net.O, net.O, dout, gradient + net.b_out)


cdef void _backward_block(
    const network_t* net, const layer_t* layers, const floating* params, const floating* packed,
    floating* state, floating* segment, const int64_t* lengths, const int64_t* cumulative,
    Py_ssize_t n, Py_ssize_t block, Py_ssize_t first, Py_ssize_t last, floating* input_gradient,
) noexcept nogil:
    cdef Py_ssize_t begin = block * BLOCK_ROWS, n_rows = min(BLOCK_ROWS, n - begin), row = cumulative[begin]
    cdef Py_ssize_t top = net.n_layers - 1, S = cumulative[n], widest = _widest(net, layers), k
    cdef const layer_t* layer
    cdef const floating* dh_above = NULL
    cdef kept_t kept
    cdef floating* dx
    for k in range(top, -1, -1):
        layer = layers + k
        kept = _kept(layers, k, S, n)
        dx = NULL
        if k > 0:
            # Each layer overwrites the derivative of its output, which it has read by then.
            dx = segment + _kept(layers, top, S, n).end + row * widest
        elif input_gradient != NULL:
            dx = input_gradient + row * layer.F
        layer_backward(net.cell, layer, params, packed, n_rows, lengths + begin, first, last,
                       cumulative[begin + n_rows] - row, dh_above, segment + kept.z + row * layer.G,
                       segment + kept.c + (begin + row) * layer.H,
                       state + layer.dh + begin * layer.H, state + layer.dc + begin * layer.H,
                       state + net.dv + block * net.V + layer.dv, dx)
        dh_above = dx


# Columns of a layer's weights whose gradient one thread computes at a time: some tasks for each thread, and each as
# wide as can be, because it reads all inputs.
cdef inline Py_ssize_t _tile_width(const layer_t* layer, Py_ssize_t n_panel, int n_threads) noexcept nogil:
    cdef Py_ssize_t width = layer.G // (2 * n_threads) if n_threads > 1 else layer.G
    return min(max(width + n_panel - 1, n_panel) // n_panel * n_panel, WIDEST_TILE)


# A column tile of dW (K, G) += [h_{t-1} | x_t]' dz, one sum over all rows of the segment.
cdef void _gradient_task(
    const network_t* net, const layer_t* layers, const floating* segment, Py_ssize_t S, Py_ssize_t n,
    floating* gradient, floating* scratch, Py_ssize_t task, int n_threads,
) noexcept nogil:
    cdef const layer_t* layer
    cdef kept_t kept
    cdef Py_ssize_t k, width, column, n_tasks
    for k in range(net.n_layers):
        layer = layers + k
        width = _tile_width(layer, panel(segment), n_threads)
        n_tasks = (layer.G + width - 1) // width
        if task < n_tasks:
            kept = _kept(layers, k, S, n)
            column = task * width
            add_outer(layer.K, min(width, layer.G - column), S, segment + kept.xh, layer.K,
                      segment + kept.z + column, layer.G, gradient + layer.W + column, layer.G, scratch)
            return
        task -= n_tasks


cdef void _add_rows(
    Py_ssize_t n, Py_ssize_t n_columns, Py_ssize_t stride, const floating* a, floating* total,
) noexcept nogil:
    cdef Py_ssize_t r, k
    for r in range(n):
        for k in range(n_columns):
            total[k] += a[r * stride + k]
