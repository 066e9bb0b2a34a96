"""One recurrent layer over one block of sequences, the time loop, forward and back; and what stands above it.

A block is a few sequences, longest first, packed by time: first the inputs of all its sequences at step 0, then of
those that are still alive at step 1, and so on. The rows of a step are thus a prefix of those of the step before,
and padding never exists. S is the number of rows in all, the sum of the lengths.

These functions live in a header so that both passes over the network compile them in place.
"""
from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from .blas cimport gemm_nn, gemm_nt
from .types cimport cell_t, layer_t


cdef inline void layer_forward(
    const cell_t* cell, const layer_t* layer, const floating* params,
    Py_ssize_t n_rows, const int64_t* lengths,     # (n_rows,), descending
    Py_ssize_t S,
    const floating* x,                             # (S, F)
    const floating* h0,                            # (n_rows, H), or NULL for zeros
    const floating* c0,                            # (n_rows, H)
    floating* z,                                   # (S, G)  out: gates
    floating* c,                                   # (S, H)  out
    floating* h,                                   # (S, H)  out
) noexcept nogil:
    cdef Py_ssize_t H = layer.H, G = layer.G, n = n_rows, row = 0, before = 0, t
    cdef const floating* W_h = params + layer.W_h
    cdef const floating* v = params + layer.v
    cdef const floating* h_prev = h0
    cdef const floating* c_prev = c0

    gemm_nn(S, G, layer.F, x, layer.F, params + layer.W_x, G, <floating> 0, z, G)
    for t in range(lengths[0]):
        while lengths[n - 1] <= t:
            n -= 1
        if t > 0:
            h_prev = h + before * H
            c_prev = c + before * H
        if h_prev != NULL:
            gemm_nn(n, G, H, h_prev, H, W_h, G, <floating> 1, z + row * G, G)
        if floating is float:
            cell.forward_float(n, H, v, c_prev, z + row * G, c + row * H, h + row * H)
        else:
            cell.forward_double(n, H, v, c_prev, z + row * G, c + row * H, h + row * H)
        before = row
        row += n


cdef inline void layer_backward(
    const cell_t* cell, const layer_t* layer, const floating* params,
    Py_ssize_t n_rows, const int64_t* lengths,     # (n_rows,), descending
    Py_ssize_t S,
    const floating* dh_above,                      # (S, H) derivative by h from the layer above, or NULL
    const floating* c0,                            # (n_rows, H)
    floating* z,                                   # (S, G)  in: gates, out: dz
    const floating* c,                             # (S, H)
    floating* dh,                                  # (n_rows, H)  in: derivative by each sequence's last h; overwritten
    floating* dc,                                  # (n_rows, H)  in: the same by c; overwritten
    floating* dv,                                  # (V,)    in and out: summed over the block
    floating* dx,                                  # (S, F)  out, or NULL
) noexcept nogil:
    cdef Py_ssize_t H = layer.H, G = layer.G, n = 0, n_before, row = S, t, k
    cdef const floating* W_h = params + layer.W_h
    cdef const floating* v = params + layer.v
    cdef const floating* c_prev

    for t in range(lengths[0] - 1, -1, -1):
        while n < n_rows and lengths[n] > t:
            n += 1
        row -= n
        if t > 0:
            n_before = n
            while n_before < n_rows and lengths[n_before] == t:
                n_before += 1
            c_prev = c + (row - n_before) * H
        else:
            c_prev = c0
        if dh_above != NULL:
            for k in range(n * H):
                dh[k] += dh_above[row * H + k]
        if floating is float:
            cell.backward_float(n, H, v, c_prev, z + row * G, c + row * H, dh, dc, dv)
        else:
            cell.backward_double(n, H, v, c_prev, z + row * G, c + row * H, dh, dc, dv)
        if t > 0:
            gemm_nt(n, H, G, z + row * G, G, W_h, G, <floating> 1, dh, H)
    if dx != NULL:
        gemm_nt(S, layer.F, G, z, G, params + layer.W_x, G, <floating> 0, dx, layer.F)


# The top layer's output at step t, for those sequences whose last step it is.
cdef inline void copy_ended(
    Py_ssize_t n, const int64_t* lengths,          # (n,), of the sequences alive at t, descending
    Py_ssize_t t, Py_ssize_t H,
    const floating* h,                             # (n, H)
    floating* last,                                # (n, H)  out: the rows of sequences that end
) noexcept nogil:
    cdef Py_ssize_t r = n
    while r > 0 and lengths[r - 1] == t + 1:
        r -= 1
    memcpy(last + r * H, h + r * H, (n - r) * H * sizeof(floating))


cdef inline void dense_forward(
    Py_ssize_t n, Py_ssize_t H, Py_ssize_t O,
    const floating* h,                     # (n, H)
    const floating* W,                     # (H, O)
    const floating* b,                     # (O,)
    floating* out,                         # (n, O)  out
) noexcept nogil:
    cdef Py_ssize_t r
    for r in range(n):
        memcpy(out + r * O, b, O * sizeof(floating))
    gemm_nn(n, O, H, h, H, W, O, <floating> 1, out, O)
