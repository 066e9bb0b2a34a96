"""One recurrent layer over a segment of time of one block of sequences: the time loop, forward and back; and the output
layer.

A block is a few sequences, longest first. Within a segment, steps first <= t < last, it is packed by time: first the
rows of all its sequences at the first step, then of those that are still alive at the next, and so on. The rows of a
step are thus a prefix of those of the step before, and padding never exists. S is the number of rows in all.

These functions live in a header so that both passes over the network compile them in place.
"""
from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from .kernels cimport cell_backward, cell_forward, panel, product
from .types cimport layer_t, network_t


# How many of n sequences, longest first, have a step t.
cdef inline Py_ssize_t n_alive(const int64_t* lengths, Py_ssize_t n, Py_ssize_t t) noexcept nogil:
    while n > 0 and lengths[n - 1] <= t:
        n -= 1
    return n


cdef inline void layer_forward(
    Py_ssize_t cell, const layer_t* layer, const floating* params, const floating* packed,
    Py_ssize_t n,                                  # sequences alive at the first step
    const int64_t* lengths,                        # (n,), descending
    Py_ssize_t first, Py_ssize_t last,
    floating* xh,                                  # (S, K)  in: x; out: h_{t-1}, its first H columns
    floating* z,                                   # (S, G)  out: gates; if not kept, (n, G)
    floating* c,                                   # (n + S, H)  out: c_{t-1}, then c; if not kept, NULL
    floating* h_state,                             # (n, H)  in: h before the segment; out: each sequence's last
    floating* c_state,                             # (n, H)  the same
    floating* x_above,                             # (S, .)  out: h as the layer above's input, or NULL
    Py_ssize_t above_row,                          # how far its rows are apart
) noexcept nogil:
    cdef Py_ssize_t H = layer.H, K = layer.K, G = layer.G, t, r, n_next
    cdef Py_ssize_t stride = K * panel(packed)
    cdef const floating* W = packed + layer.packed
    cdef const floating* v = params + layer.v
    cdef floating* c_now = c_state
    cdef floating* c_prev = c_state
    cdef floating* h
    for r in range(n):
        memcpy(xh + r * K, h_state + r * H, H * sizeof(floating))
    if c != NULL:
        c_prev = c
        c_now = c + n * H
        memcpy(c, c_state, n * H * sizeof(floating))

    for t in range(first, min(last, lengths[0])):
        n = n_alive(lengths, n, t)
        n_next = n_alive(lengths, n, t + 1) if t + 1 < last else 0
        if t == 0:
            # h is zero
            product(n, G, layer.F, xh + H, K, W + H * panel(packed), stride, z, G, 0)
        else:
            product(n, G, K, xh, K, W, stride, z, G, 0)
        # h goes to where it is read: the next step, or for sequences that end here, the state.
        h = xh + n * K
        cell_forward(cell, n_next, H, v, c_prev, z, c_now, h, K)
        cell_forward(cell, n - n_next, H, v, c_prev + n_next * H, z + n_next * G, c_now + n_next * H,
                     h_state + n_next * H, H)
        if x_above != NULL:
            for r in range(n):
                memcpy(x_above + r * above_row, h + r * K if r < n_next else h_state + r * H, H * sizeof(floating))
            x_above += n * above_row
        xh = h
        if c != NULL:
            memcpy(c_state + n_next * H, c_now + n_next * H, (n - n_next) * H * sizeof(floating))
            c_prev = c_now
            c_now += n * H
            z += n * G


cdef inline void layer_backward(
    Py_ssize_t cell, const layer_t* layer, const floating* params, const floating* packed,
    Py_ssize_t n,                                  # sequences alive at the first step
    const int64_t* lengths,                        # (n,), descending
    Py_ssize_t first, Py_ssize_t last,
    Py_ssize_t S,
    const floating* dh_above,                      # (S, H) derivative by h from the layer above, or NULL
    floating* z,                                   # (S, G)  in: gates, out: dz
    const floating* c,                             # (n + S, H)
    floating* dh,                                  # (n, H)  in: derivative by h after the segment, out: before
    floating* dc,                                  # (n, H)  the same by c
    floating* dv,                                  # (V,)    in and out: summed over the block
    floating* dx,                                  # (S, F)  out, or NULL
) noexcept nogil:
    cdef Py_ssize_t H = layer.H, G = layer.G, n_first = n, alive, before, row = S, t, k
    cdef Py_ssize_t stride = G * panel(packed)
    for t in range(min(last, lengths[0]) - 1, first - 1, -1):
        alive = n_alive(lengths, n_first, t)
        before = n_alive(lengths, n_first, t - 1)
        row -= alive
        if dh_above != NULL:
            for k in range(alive * H):
                dh[k] += dh_above[row * H + k]
        cell_backward(cell, alive, H, params + layer.v, c + (n_first + row - before) * H, z + row * G,
                      c + (n_first + row) * H, dh, dc, dv)
        if t > 0:
            product(alive, H, G, z + row * G, G, packed + layer.packed_h, stride, dh, H, 1)
    if dx != NULL:
        product(S, layer.F, G, z, G, packed + layer.packed_x, stride, dx, layer.F, 0)


# out = h W_out + b_out
cdef inline void dense_forward(
    const network_t* net, const floating* params, const floating* packed, Py_ssize_t H, Py_ssize_t n,
    const floating* h,                     # (n, H)
    floating* out,                         # (n, O)  out
) noexcept nogil:
    cdef Py_ssize_t r
    for r in range(n):
        memcpy(out + r * net.O, params + net.b_out, net.O * sizeof(floating))
    product(n, net.O, H, h, H, packed + net.packed_out, H * panel(packed), out, net.O, 1)
