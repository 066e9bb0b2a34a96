"""From the top layers' h to the outputs, and back: pooling over time, attention, and the output layer.

Tables hold a row a time step, sequence after sequence. A sequence's numbers are summed in the order of time by one
thread, so that they depend neither on the company it is in nor on the number of threads.
"""
from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport exp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .kernels cimport WIDEST_TILE, add_outer, drop, pack, panel, product
from .layer cimport OUTPUT_MASK, mask_key
from .packing cimport standardised, value_t
from .types cimport dropout_t, head_t

cdef enum:
    ROWS_AT_A_TIME = 64      # of a table, by one thread


def pack_weights(const int64_t[::1] layout, const floating[::1] params, floating[::1] packed, bint way_back):
    """The weights as the products read them; with `way_back` their transposes too."""
    cdef const head_t* head = <const head_t*> &layout[0]
    with nogil:
        pack(head.P, head.O, &params[head.W], head.O, 1, &packed[head.packed])
        if way_back:
            pack(head.O, head.P, &params[head.W], 1, head.O, &packed[head.packed_t])
        if head.A:
            pack(head.D, head.A, &params[head.W_a], head.A, 1, &packed[head.packed_a])
        if head.A and way_back:
            pack(head.A, head.D, &params[head.W_a], 1, head.A, &packed[head.packed_a_t])


def skip_inputs(
    const value_t[:, ::1] values, const int64_t[::1] starts, const int64_t[::1] lengths,
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] features, Py_ssize_t column,  # out: these columns and those after them
    bint every_step,                       # a row a time step, or one a sequence, for its last
):
    """The standardised inputs that go past the layers to the output layer."""
    cdef Py_ssize_t row = 0, r, t, k
    for r in range(lengths.shape[0]):
        for t in range(0 if every_step else lengths[r] - 1, lengths[r]):
            for k in range(values.shape[1]):
                features[row, column + k] = <floating> standardised(values[starts[r] + t, k], shift[k], scale[k])
            row += 1


def drop_features(dropout_t dropout, floating[:, ::1] features, Py_ssize_t D):
    """Drop some of the first D columns, or of the derivatives by them."""
    cdef Py_ssize_t r
    for r in range(features.shape[0]):
        drop(D, &features[r, 0], mask_key(dropout.seed, OUTPUT_MASK, r, 0), dropout.between)


# ---------------------------------------------------------------------------------------------- pooling


def mean_forward(const floating[:, ::1] table, const int64_t[::1] places, const int64_t[::1] lengths,
                 floating[:, ::1] pooled, int n_threads):
    """Mean over the time steps of each sequence, into the first columns of `pooled`."""
    cdef Py_ssize_t n = lengths.shape[0], D = table.shape[1], r, t, k
    with nogil:
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            memset(&pooled[r, 0], 0, D * sizeof(floating))
            for t in range(lengths[r]):
                for k in range(D):
                    pooled[r, k] += table[places[r] + t, k]
            for k in range(D):
                pooled[r, k] /= lengths[r]


def mean_backward(floating[:, ::1] dtable, const int64_t[::1] places, const int64_t[::1] lengths,
                  const floating[:, ::1] dpooled, int n_threads):
    """Its way back: every row of dtable is written."""
    cdef Py_ssize_t n = lengths.shape[0], D = dtable.shape[1], r, t, k
    with nogil:
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            for t in range(lengths[r]):
                for k in range(D):
                    dtable[places[r] + t, k] = dpooled[r, k] / lengths[r]


def max_forward(const floating[:, ::1] table, const int64_t[::1] places, const int64_t[::1] lengths,
                floating[:, ::1] pooled, int64_t[:, ::1] which, int n_threads):
    """Largest value of each column over the time steps, and the step it is first found at."""
    cdef Py_ssize_t n = lengths.shape[0], D = table.shape[1], r, t, k
    with nogil:
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            memcpy(&pooled[r, 0], &table[places[r], 0], D * sizeof(floating))
            memset(&which[r, 0], 0, D * sizeof(int64_t))
            for t in range(1, lengths[r]):
                for k in range(D):
                    if table[places[r] + t, k] > pooled[r, k]:
                        pooled[r, k] = table[places[r] + t, k]
                        which[r, k] = t


def max_backward(floating[:, ::1] dtable, const int64_t[::1] places, const int64_t[::1] lengths,
                 const floating[:, ::1] dpooled, const int64_t[:, ::1] which, int n_threads):
    """Its way back: the derivative goes to the step that was the largest."""
    cdef Py_ssize_t n = lengths.shape[0], D = dtable.shape[1], r, k
    with nogil:
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            memset(&dtable[places[r], 0], 0, lengths[r] * D * sizeof(floating))
            for k in range(D):
                dtable[places[r] + which[r, k], k] = dpooled[r, k]


# Additive attention (Bahdanau, Cho and Bengio 2015), without a query:
#
#     e_t = v tanh(W h_t + b)      a = softmax(e)      pooled = sum over t of a_t h_t
#
# (steps, A) `projected` keeps the tanh, (steps,) `weights` the a_t.

def attention_forward(
    const int64_t[::1] layout, const floating[::1] params, const floating[::1] packed,
    const floating[:, ::1] table, const int64_t[::1] places, const int64_t[::1] lengths,
    floating[:, ::1] projected, floating[::1] weights, floating[:, ::1] pooled,
    int n_threads,
):
    """Weighted mean over the time steps of each sequence; the weights and what they are made of are kept."""
    cdef const head_t* head = <const head_t*> &layout[0]
    cdef Py_ssize_t n = lengths.shape[0], r
    with nogil:
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            _attend(head, &params[0], &packed[0], lengths[r], &table[places[r], 0], &projected[places[r], 0],
                    &weights[places[r]], &pooled[r, 0])


cdef void _attend(
    const head_t* head, const floating* params, const floating* packed, Py_ssize_t T,
    const floating* h,                     # (T, D)
    floating* projected,                   # (T, A)  out
    floating* weights,                     # (T,)  out
    floating* pooled,                      # (D,)  out
) noexcept nogil:
    cdef Py_ssize_t D = head.D, t, k
    cdef softmax_t softmax = softmax_t(0, 0)
    attention_scores(head, params, packed, T, h, projected, weights)
    memset(pooled, 0, D * sizeof(floating))
    for t in range(T):
        add_weighted(D, weights[t], h + t * D, t == 0, &softmax, pooled)
    for k in range(D):
        pooled[k] /= softmax.total
    for t in range(T):
        weights[t] = <floating> (exp(weights[t] - softmax.largest) / softmax.total)


def attention_backward(
    const int64_t[::1] layout, const floating[::1] params, const floating[::1] packed,
    const floating[:, ::1] table, const int64_t[::1] places, const int64_t[::1] lengths,
    floating[:, ::1] projected,            # in, and overwritten by the derivatives before the tanh
    floating[::1] weights,                 # in, and overwritten by the derivatives by e
    const floating[:, ::1] dpooled,
    floating[:, ::1] dtable,               # out: every row
    floating[::1] gradient,                # grows
    floating[:, ::1] scratch,              # (1 or more, SCRATCH)
    int n_threads,
):
    """Its way back."""
    cdef const head_t* head = <const head_t*> &layout[0]
    cdef Py_ssize_t n = lengths.shape[0], S = table.shape[0], A = head.A, r, t, k
    with nogil:
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            _attend_backward(head, &params[0], &packed[0], lengths[r], &table[places[r], 0], &weights[places[r]],
                             &dpooled[r, 0], &dtable[places[r], 0])
        for t in range(S):
            for k in range(A):
                gradient[head.v_a + k] += weights[t] * projected[t, k]
                projected[t, k] = weights[t] * params[head.v_a + k] * (1 - projected[t, k] * projected[t, k])
                gradient[head.b_a + k] += projected[t, k]
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            product(lengths[r], head.D, A, &projected[places[r], 0], A, &packed[head.packed_a_t], A * panel(&packed[0]),
                    &dtable[places[r], 0], head.D, 1)
        _weights_gradient(head.D, A, S, &table[0, 0], head.D, &projected[0, 0], &gradient[head.W_a], &scratch[0, 0])


cdef void _attend_backward(
    const head_t* head, const floating* params, const floating* packed, Py_ssize_t T,
    const floating* h,                     # (T, D)
    floating* weights,                     # (T,)  in: a, out: de
    const floating* dpooled,               # (D,)
    floating* dh,                          # (T, D)  out: what comes directly
) noexcept nogil:
    cdef Py_ssize_t D = head.D, t, k
    cdef double mean = 0, da
    # The mean of da first, which takes the products twice, but no room.
    for t in range(T):
        da = 0
        for k in range(D):
            da += <double> dpooled[k] * h[t * D + k]
        mean += weights[t] * da
    for t in range(T):
        da = 0
        for k in range(D):
            da += <double> dpooled[k] * h[t * D + k]
            dh[t * D + k] = weights[t] * dpooled[k]
        weights[t] = <floating> (weights[t] * (da - mean))


# ---------------------------------------------------------------------------------------------- output layer


def output_forward(
    const int64_t[::1] layout, const floating[::1] params, const floating[::1] packed,
    const floating[:, ::1] features,       # (n, P)
    floating[:, ::1] out,                  # (n, O)  out
    int n_threads,
):
    """out = features W + b"""
    cdef const head_t* head = <const head_t*> &layout[0]
    cdef Py_ssize_t n = features.shape[0], n_parts = (n + ROWS_AT_A_TIME - 1) // ROWS_AT_A_TIME, part, r, rows
    with nogil:
        for r in range(n):
            memcpy(&out[r, 0], &params[head.b], head.O * sizeof(floating))
        for part in prange(n_parts, num_threads=min(n_threads, n_parts)):
            r = part * ROWS_AT_A_TIME
            rows = min(ROWS_AT_A_TIME, n - r)
            product(rows, head.O, head.P, &features[r, 0], head.P, &packed[head.packed], head.P * panel(&packed[0]),
                    &out[r, 0], head.O, 1)


def output_backward(
    const int64_t[::1] layout, const floating[::1] packed,
    const floating[:, ::1] features,       # (n, P)
    const floating[:, ::1] dout,           # (n, O)
    floating[:, ::1] dfeatures,            # (n, P)  out
    floating[::1] gradient,                # grows
    floating[:, ::1] scratch,              # (1 or more, SCRATCH)
    int n_threads,
):
    """Its way back."""
    cdef const head_t* head = <const head_t*> &layout[0]
    cdef Py_ssize_t n = features.shape[0], n_parts = (n + ROWS_AT_A_TIME - 1) // ROWS_AT_A_TIME, part, r, rows, k
    with nogil:
        for part in prange(n_parts, num_threads=min(n_threads, n_parts)):
            r = part * ROWS_AT_A_TIME
            rows = min(ROWS_AT_A_TIME, n - r)
            product(rows, head.P, head.O, &dout[r, 0], head.O, &packed[head.packed_t], head.O * panel(&packed[0]),
                    &dfeatures[r, 0], head.P, 0)
        _weights_gradient(head.P, head.O, n, &features[0, 0], head.P, &dout[0, 0], &gradient[head.W], &scratch[0, 0])
        for r in range(n):
            for k in range(head.O):
                gradient[head.b + k] += dout[r, k]


# dW (P, O) += a' dz
cdef void _weights_gradient(
    Py_ssize_t P, Py_ssize_t O, Py_ssize_t n, const floating* a, Py_ssize_t a_row, const floating* dz, floating* dW,
    floating* scratch,
) noexcept nogil:
    cdef Py_ssize_t column = 0
    while column < O:
        add_outer(P, min(WIDEST_TILE, O - column), n, a, a_row, dz + column, O, dW + column, O, scratch)
        column += WIDEST_TILE
