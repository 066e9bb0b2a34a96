"""One minibatch through the network and back.

Threads own blocks of sequences for the whole way: one parallel region takes a block from its packing to the outputs,
another from the outputs' derivatives to dz, and no thread waits for another at a time step. Blocks depend on the
batch alone, never on the number of threads. They are handed out as threads become free, because a static split
waits for whichever thread the system has put to sleep. A third region computes the weights' gradients, each column
tile by one thread that sums over the blocks in order: so the bits do not depend on the threads either.
"""
from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memset

from .blas cimport gemm_nt, gemm_tn
from .layer cimport copy_ended, dense_forward, layer_backward, layer_forward
from .packing cimport pack_block, value_t
from .types cimport CELLS, layer_t, network_t

cdef enum:
    TILE = 64            # columns of a weight matrix whose gradient one thread computes at a time


def forward(
    const network_t[::1] network, const layer_t[::1] layers, const floating[::1] params, floating[::1] work,
    const value_t[:, ::1] values, const int64_t[::1] starts,
    const int64_t[::1] lengths,            # descending
    const int64_t[::1] cumulative,         # (n + 1,), lengths summed up
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] out,
    int n_threads,
):
    """Outputs (n_sequences, n_outputs) of the sequences; what the way back needs stays in the workspace."""
    cdef const network_t* net = &network[0]
    cdef Py_ssize_t n = lengths.shape[0], F = values.shape[1]
    cdef Py_ssize_t n_blocks = (n + net.block_rows - 1) // net.block_rows
    cdef Py_ssize_t block, first, row, n_rows
    cdef floating* w = &work[0]

    with nogil:
        memset(w + net.zeros, 0, net.block_rows * net.H * sizeof(floating))
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            first = block * net.block_rows
            n_rows = min(net.block_rows, n - first)
            row = cumulative[first]
            pack_block(&values[0, 0], &starts[first], &lengths[first], n_rows, F, &shift[0], &scale[0],
                       w + net.x + row * F)
            _forward_block(net, &layers[0], &params[0], w, &lengths[first], n_rows, first, row,
                           cumulative[first + n_rows] - row, &out[first, 0])


cdef void _forward_block(
    const network_t* net, const layer_t* layers, const floating* params, floating* w,
    const int64_t* lengths, Py_ssize_t n_rows, Py_ssize_t first, Py_ssize_t row, Py_ssize_t S,
    floating* out,                         # (n_rows, O)  out
) noexcept nogil:
    cdef const layer_t* layer = layers
    cdef const floating* x = w + net.x + row * layers[0].F
    cdef const floating* no_state = NULL
    cdef floating* last
    cdef Py_ssize_t k, n = n_rows, t, H
    for k in range(net.n_layers):
        layer = layers + k
        layer_forward(&CELLS[net.cell], layer, params, n_rows, lengths, S, x, no_state, w + net.zeros,
                      w + layer.z + row * layer.G, w + layer.c + row * layer.H, w + layer.h + row * layer.H)
        x = w + layer.h + row * layer.H

    H = layer.H
    last = w + net.last + first * H
    for t in range(lengths[0]):
        copy_ended(n, lengths, t, H, x, last)
        x += n * H
        while n > 0 and lengths[n - 1] == t + 1:
            n -= 1
    dense_forward(n_rows, H, net.O, last, params + net.W_out, params + net.b_out, out)


def backward(
    const network_t[::1] network, const layer_t[::1] layers, const floating[::1] params, floating[::1] work,
    const int64_t[::1] lengths, const int64_t[::1] cumulative,
    const floating[:, ::1] dout,
    floating[::1] gradient,                # out: as params
    floating[:, ::1] dx,                   # out: (S, F), by the packed and standardised input; without rows: not wanted
    int n_threads,
):
    """Derivatives of the loss by every parameter, from its derivatives by the outputs of the last forward pass."""
    cdef const network_t* net = &network[0]
    cdef const layer_t* stack = &layers[0]
    cdef Py_ssize_t n = lengths.shape[0]
    cdef Py_ssize_t n_blocks = (n + net.block_rows - 1) // net.block_rows
    cdef Py_ssize_t block, first, row, n_rows, task, n_tasks = 1, k
    cdef floating* w = &work[0]
    cdef floating* input_gradient = &dx[0, 0] if dx.shape[0] else NULL
    for k in range(net.n_layers):
        n_tasks += _n_tasks(stack + k)

    with nogil:
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            first = block * net.block_rows
            n_rows = min(net.block_rows, n - first)
            row = cumulative[first]
            _backward_block(net, stack, &params[0], w, &lengths[first], n_rows, block, row,
                            cumulative[first + n_rows] - row, &dout[first, 0], input_gradient)
        for task in prange(n_tasks, schedule="dynamic", num_threads=n_threads):
            _gradient_task(net, stack, w, &lengths[0], &cumulative[0], n, &dout[0, 0], &gradient[0], task)


cdef void _backward_block(
    const network_t* net, const layer_t* layers, const floating* params, floating* w,
    const int64_t* lengths, Py_ssize_t n_rows, Py_ssize_t block, Py_ssize_t row, Py_ssize_t S,
    const floating* dout, floating* input_gradient,
) noexcept nogil:
    cdef const layer_t* layer
    cdef const floating* dh_above = NULL
    cdef floating* dh = w + net.dh + block * net.block_rows * net.H
    cdef floating* dc = w + net.dc + block * net.block_rows * net.H
    cdef floating* dv = w + net.dv + block * net.V
    cdef floating* dx
    cdef Py_ssize_t k
    memset(dv, 0, net.V * sizeof(floating))
    layer = layers + net.n_layers - 1
    gemm_nt(n_rows, layer.H, net.O, dout, net.O, params + net.W_out, net.O, <floating> 0, dh, layer.H)
    for k in range(net.n_layers - 1, -1, -1):
        layer = layers + k
        if k > 0:
            # Each layer overwrites its input's derivative only after it has read its output's.
            dx = w + net.dx + row * net.H
        else:
            dx = input_gradient + row * layer.F if input_gradient != NULL else NULL
        memset(dc, 0, n_rows * layer.H * sizeof(floating))
        layer_backward(&CELLS[net.cell], layer, params, n_rows, lengths, S, dh_above, w + net.zeros,
                       w + layer.z + row * layer.G, w + layer.c + row * layer.H, dh, dc, dv + layer.dv, dx)
        dh_above = dx
        if k > 0:
            memset(dh, 0, n_rows * layers[k - 1].H * sizeof(floating))


# The tasks of a layer: a tile each of dW_x, the same of dW_h, and dv. The network's last task is the output layer.
cdef inline Py_ssize_t _n_tasks(const layer_t* layer) noexcept nogil:
    return 2 * ((layer.G + TILE - 1) // TILE) + 1


cdef void _gradient_task(
    const network_t* net, const layer_t* layers, const floating* w,
    const int64_t* lengths, const int64_t* cumulative, Py_ssize_t n_sequences,
    const floating* dout, floating* gradient, Py_ssize_t task,
) noexcept nogil:
    cdef const layer_t* layer = layers
    cdef const floating* x = w + net.x
    cdef Py_ssize_t k, n_tiles, column, S = cumulative[n_sequences]
    for k in range(net.n_layers):
        layer = layers + k
        n_tiles = (layer.G + TILE - 1) // TILE
        column = (task % n_tiles) * TILE
        if task < n_tiles:
            _input_weights(layer, column, min(TILE, layer.G - column), x, w + layer.z, S, gradient + layer.W_x)
            return
        if task < 2 * n_tiles:
            _recurrent_weights(layer, column, min(TILE, layer.G - column), w + layer.h, w + layer.z, lengths,
                               cumulative, n_sequences, net.block_rows, gradient + layer.W_h)
            return
        if task == 2 * n_tiles:
            _sum_rows((n_sequences + net.block_rows - 1) // net.block_rows, layer.V, net.V,
                      w + net.dv + layer.dv, gradient + layer.v)
            return
        task -= _n_tasks(layer)
        x = w + layer.h
    gemm_tn(layer.H, net.O, n_sequences, w + net.last, layer.H, dout, net.O, <floating> 0, gradient + net.W_out,
            net.O)
    _sum_rows(n_sequences, net.O, net.O, dout, gradient + net.b_out)


# dW_x (F, columns) = x' dz, one product over all sequences and steps.
cdef void _input_weights(
    const layer_t* layer, Py_ssize_t column, Py_ssize_t n_columns,
    const floating* x,                     # (S, F)
    const floating* dz,                    # (S, G)
    Py_ssize_t S,
    floating* dW,                          # (F, G)  out: the columns
) noexcept nogil:
    gemm_tn(layer.F, n_columns, S, x, layer.F, dz + column, layer.G, <floating> 0, dW + column, layer.G)


# dW_h (H, columns) = sum over the steps of h_{t-1}' dz_t. The rows of h_{t-1} lie one step before those of dz_t as
# long as no sequence ends, so each stretch between two ends is one product.
cdef void _recurrent_weights(
    const layer_t* layer, Py_ssize_t column, Py_ssize_t n_columns,
    const floating* h,                     # (S, H)
    const floating* dz,                    # (S, G)
    const int64_t* lengths, const int64_t* cumulative, Py_ssize_t n_sequences, Py_ssize_t block_rows,
    floating* dW,                          # (H, G)  out: the columns
) noexcept nogil:
    cdef Py_ssize_t H = layer.H, G = layer.G, block, first, last, n, n_before, t, row, before, stretch, k
    for k in range(H):
        memset(dW + k * G + column, 0, n_columns * sizeof(floating))
    for block in range((n_sequences + block_rows - 1) // block_rows):
        first = block * block_rows
        last = min(first + block_rows, n_sequences)
        before = cumulative[first]
        n_before = last - first
        t = 1
        while t < lengths[first]:
            n = n_before
            while lengths[first + n - 1] <= t:
                n -= 1
            # The n sequences alive at t are so until the shortest of them ends; where one has just ended, its rows
            # stand between those of h and the next step's.
            stretch = lengths[first + n - 1] - t if n == n_before else 1
            row = before + n_before
            gemm_tn(H, n_columns, stretch * n, h + before * H, H, dz + row * G + column, G, <floating> 1,
                    dW + column, G)
            before = row + (stretch - 1) * n
            n_before = n
            t += stretch


cdef void _sum_rows(
    Py_ssize_t n, Py_ssize_t n_columns, Py_ssize_t stride, const floating* a, floating* total,
) noexcept nogil:
    cdef Py_ssize_t r, k
    memset(total, 0, n_columns * sizeof(floating))
    for r in range(n):
        for k in range(n_columns):
            total[k] += a[r * stride + k]
