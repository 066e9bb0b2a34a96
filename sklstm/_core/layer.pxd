"""One recurrent layer over a segment of time of one block of sequences: the time loop, forward and back.

A block is a few sequences, longest first. Within a segment, steps first <= t < last, it is packed by time: first the
rows of all its sequences at the first step, then of those that are still alive at the next, and so on. The rows of a
step are thus a prefix of those of the step before, and padding never exists. S is the number of rows in all.

Where time runs backwards, step t of a sequence of length T is its time step T - 1 - t; nothing else differs.

These functions live in a header so that training and prediction compile them in place.
"""
from cython cimport floating
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .kernels cimport cell_backward, cell_forward, drop, panel, product
from .packing cimport n_alive, time_step
from .types cimport dropout_t, layer_t, stack_t


cdef enum:
    # Where a mask is no layer's inputs', these stand for the level in its key, of eight bits.
    RECURRENT_MASKS = 100    # and those after it, two a level
    OUTPUT_MASK = 255


# What a dropout mask is drawn from: the seed, the layer, the sequence's place in the minibatch and the time step, mixed
# as in SplitMix64.
cdef inline uint32_t mask_key(uint64_t seed, Py_ssize_t layer, Py_ssize_t sequence, Py_ssize_t t) noexcept nogil:
    cdef uint64_t key = (<uint64_t> layer << 56) + (<uint64_t> sequence << 32) + <uint64_t> t + 1
    key = seed + key * <uint64_t> 0x9e3779b97f4a7c15
    key = (key ^ (key >> 30)) * <uint64_t> 0xbf58476d1ce4e5b9
    key = (key ^ (key >> 27)) * <uint64_t> 0x94d049bb133111eb
    return <uint32_t> ((key ^ (key >> 31)) >> 16)


# Drop some of the inputs x that come from the layer below, or of the derivatives by them.
cdef inline void drop_inputs(
    const dropout_t* dropout, Py_ssize_t level, bint reverse, Py_ssize_t sequence, Py_ssize_t n,
    const int64_t* lengths, Py_ssize_t first, Py_ssize_t last, Py_ssize_t F,
    floating* x, Py_ssize_t x_row,                 # (S, F)  in and out, its rows x_row apart
) noexcept nogil:
    cdef Py_ssize_t t, r
    if dropout.between == 0 or level == 0:
        return
    for t in range(first, min(last, lengths[0])):
        n = n_alive(lengths, n, t)
        for r in range(n):
            drop(F, x, mask_key(dropout.seed, level, sequence + r, time_step(reverse, lengths[r], t)),
                 dropout.between)
            x += x_row


# Drop the same units of h, or of the derivatives by it, at every step of a sequence.
cdef inline void drop_recurrent(
    const dropout_t* dropout, const stack_t* stack, const layer_t* layer, Py_ssize_t sequence, Py_ssize_t n,
    floating* h, Py_ssize_t h_row,                 # (n, H)  in and out, its rows h_row apart
) noexcept nogil:
    cdef Py_ssize_t r
    if dropout.recurrent == 0:
        return
    for r in range(n):
        drop(layer.H, h + r * h_row,
             mask_key(dropout.seed, RECURRENT_MASKS + 2 * layer.level + stack.reverse, sequence + r, 0),
             dropout.recurrent)


# What time leaves of the state before step t: y = gamma x. They may be the same rows.
cdef inline void fade(
    const stack_t* stack, Py_ssize_t n, const int64_t* lengths, Py_ssize_t t,
    const floating* gamma, Py_ssize_t H,           # (steps, H) by sequence and time step
    const int64_t* places,                         # (n,)
    Py_ssize_t n_columns, const floating* x, floating* y, Py_ssize_t row,  # (n, n_columns), rows so far apart
) noexcept nogil:
    cdef Py_ssize_t r, k
    cdef const floating* left
    for r in range(n):
        left = gamma + (places[r] + time_step(stack.reverse, lengths[r], t)) * H
        for k in range(n_columns):
            y[r * row + k] = left[k] * x[r * row + k]


# Its way back. By a rate, of which gamma is exp(-max(rate, 0)), the derivative is minus that by gamma x, times gamma x.
cdef inline void fade_backward(
    const stack_t* stack, Py_ssize_t n, const int64_t* lengths, Py_ssize_t t,
    floating* gamma, Py_ssize_t H,                 # in: gamma; out: the derivatives by the rates
    const int64_t* places,
    const floating* h, Py_ssize_t h_row,           # (n, H) what was left of h, rows h_row apart
    const floating* c, Py_ssize_t C,               # (n, C) the same of c
    floating* dh,                                  # (n, H)  in and out
    floating* dc,                                  # (n, C)  in and out
) noexcept nogil:
    cdef Py_ssize_t r, k
    cdef floating* left
    cdef floating drate
    for r in range(n):
        left = gamma + (places[r] + time_step(stack.reverse, lengths[r], t)) * H
        for k in range(H):
            drate = -dh[r * H + k] * h[r * h_row + k]
            dh[r * H + k] *= left[k]
            if C:
                drate -= dc[r * H + k] * c[r * H + k]
                dc[r * H + k] *= left[k]
            left[k] = drate if left[k] < 1 else 0


cdef inline void layer_forward(
    const stack_t* stack, const layer_t* layer, const floating* params, const floating* packed,
    const dropout_t* dropout,
    Py_ssize_t sequence,                           # place of the first sequence in the minibatch
    Py_ssize_t n,                                  # sequences alive at the first step
    const int64_t* lengths,                        # (n,), descending
    Py_ssize_t first, Py_ssize_t last,
    bint fresh,                                    # whether h is zero before step 0
    floating* xh,                                  # (S, K)  in: x; out: h_{t-1}, its first H columns
    floating* z,                                   # (S, Z)  out: the cell's; if not kept, (n, Z)
    floating* c,                                   # (n + S, C)  out: c_{t-1}, then c; if not kept, NULL
    floating* h_state,                             # (n, H)  in: h before the segment; out: each sequence's last
    floating* c_state,                             # (n, C)  the same
    floating* x_above,                             # (S, .)  out: h as the layer above's input, or NULL
    Py_ssize_t above_row,                          # how far its rows are apart
    floating* table,                               # (steps, .)  out: h by sequence and time step, or NULL
    Py_ssize_t table_row,
    const floating* gamma,                         # (steps, H) what is left of the state before a time step, or NULL
    const int64_t* places,                         # (n,) row of the tables where each sequence begins
) noexcept nogil:
    cdef Py_ssize_t H = layer.H, K = layer.K, G = layer.G, Z = layer.Z, C = layer.C, t, r, n_next
    cdef Py_ssize_t stride = K * panel(packed)
    cdef const floating* W = packed + layer.packed
    cdef const floating* W_x = W + H * panel(packed)
    cdef const floating* v = params + layer.v
    cdef floating* c_now = c_state
    cdef floating* c_prev = c_state
    cdef floating* h
    drop_inputs(dropout, layer.level, stack.reverse, sequence, n, lengths, first, last, layer.F, xh + H, K)
    for r in range(n):
        memcpy(xh + r * K, h_state + r * H, H * sizeof(floating))
    if c != NULL:
        c_prev = c
        c_now = c + n * C
        memcpy(c, c_state, n * C * sizeof(floating))

    for t in range(first, min(last, lengths[0])):
        n = n_alive(lengths, n, t)
        n_next = n_alive(lengths, n, t + 1) if t + 1 < last else 0
        if t == 0 and fresh:
            product(n, G, layer.F, xh + H, K, W_x, stride, z, Z, 0)
            for r in range(n):
                memset(z + r * Z + G, 0, (Z - G) * sizeof(floating))
        else:
            if gamma != NULL:
                fade(stack, n, lengths, t, gamma, H, places, H, xh, xh, K)
                fade(stack, n, lengths, t, gamma, H, places, C, c_prev, c_state, C)
                c_prev = c_state
            drop_recurrent(dropout, stack, layer, sequence, n, xh, K)
            if layer.h_column == 0:
                product(n, G, K, xh, K, W, stride, z, Z, 0)
            else:
                product(n, G, layer.F, xh + H, K, W_x, stride, z, Z, 0)
                for r in range(n):
                    memset(z + r * Z + G, 0, (Z - G) * sizeof(floating))
                product(n, G, H, xh, K, W, stride, z + layer.h_column, Z, 1)
        # h goes to where it is read: the next step, or for sequences that end here, the state.
        h = xh + n * K
        cell_forward(stack.cell, n_next, H, v, c_prev, z, c_now, h, K, stack.activations)
        cell_forward(stack.cell, n - n_next, H, v, c_prev + n_next * C, z + n_next * Z, c_now + n_next * C,
                     h_state + n_next * H, H, stack.activations)
        if x_above != NULL:
            for r in range(n):
                memcpy(x_above + r * above_row, h + r * K if r < n_next else h_state + r * H, H * sizeof(floating))
            x_above += n * above_row
        if table != NULL:
            for r in range(n):
                memcpy(table + (places[r] + time_step(stack.reverse, lengths[r], t)) * table_row,
                       h + r * K if r < n_next else h_state + r * H, H * sizeof(floating))
        xh = h
        if c != NULL:
            memcpy(c_state + n_next * C, c_now + n_next * C, (n - n_next) * C * sizeof(floating))
            c_prev = c_now
            c_now += n * C
            z += n * Z


cdef inline void layer_backward(
    const stack_t* stack, const layer_t* layer, const floating* params, const floating* packed,
    const dropout_t* dropout,
    Py_ssize_t sequence,
    Py_ssize_t n,                                  # sequences alive at the first step
    const int64_t* lengths,                        # (n,), descending
    Py_ssize_t first, Py_ssize_t last,
    Py_ssize_t S,
    const floating* dh_above,                      # (S, H) derivative by h from the layer above, or NULL
    const floating* dtable,                        # (steps, .) the same by sequence and time step, or NULL
    Py_ssize_t table_row,
    floating* gamma,                               # (steps, H)  in: what was left; out: the rates' derivatives; or NULL
    const int64_t* places,                         # (n,)
    const floating* xh,                            # (S, K)
    floating* z,                                   # (S, Z)  in: the cell's, out: dz
    const floating* c,                             # (n + S, C)
    floating* c_left,                              # (n, C)  overwritten
    floating* dh,                                  # (n, H)  in and out: derivative by the state's h
    floating* dc,                                  # (n, C)  in and out
    floating* dv,                                  # (V,)  grows
    floating* dx,                                  # (S, F)  out, or NULL
) noexcept nogil:
    cdef Py_ssize_t H = layer.H, G = layer.G, Z = layer.Z, C = layer.C, n_first = n, alive, before, row = S, t, r, k
    cdef Py_ssize_t stride = G * panel(packed)
    cdef const floating* dh_t
    cdef const floating* c_prev
    for t in range(min(last, lengths[0]) - 1, first - 1, -1):
        alive = n_alive(lengths, n_first, t)
        before = n_alive(lengths, n_first, t - 1)
        row -= alive
        if dh_above != NULL:
            for k in range(alive * H):
                dh[k] += dh_above[row * H + k]
        if dtable != NULL:
            for r in range(alive):
                dh_t = dtable + (places[r] + time_step(stack.reverse, lengths[r], t)) * table_row
                for k in range(H):
                    dh[r * H + k] += dh_t[k]
        c_prev = c + (n_first + row - before) * C
        if gamma != NULL and t > 0:
            fade(stack, alive, lengths, t, gamma, H, places, C, c_prev, c_left, C)
            c_prev = c_left
        cell_backward(stack.cell, alive, H, params + layer.v, c_prev, z + row * Z, c + (n_first + row) * C, dh, dc, dv,
                      stack.activations)
        if t > 0:
            product(alive, H, G, z + row * Z + layer.h_column, Z, packed + layer.packed_h, stride, dh, H, 1)
            if gamma != NULL:
                fade_backward(stack, alive, lengths, t, gamma, H, places, xh + row * layer.K, layer.K, c_left, C, dh,
                              dc)
            drop_recurrent(dropout, stack, layer, sequence, alive, dh, H)
    if dx != NULL:
        product(S, layer.F, G, z, Z, packed + layer.packed_x, stride, dx, layer.F, 0)
        drop_inputs(dropout, layer.level, stack.reverse, sequence, n_first, lengths, first, last, layer.F, dx, layer.F)
