"""Attention, one time step after the other: what the whole of a sequence and a stream of its steps share."""
from cython cimport floating
from libc.math cimport exp
from libc.string cimport memcpy

from .kernels cimport panel, product, vector_tanh
from .types cimport head_t


# What a softmax over time needs of the steps before: its largest score, and the sum of all exp(score - largest).
cdef struct softmax_t:
    double largest
    double total


# e_t = v tanh(W h_t + b)
cdef inline void attention_scores(
    const head_t* head, const floating* params, const floating* packed, Py_ssize_t T,
    const floating* h,                     # (T, D)
    floating* projected,                   # (T, A)  out: the tanh
    floating* scores,                      # (T,)  out
) noexcept nogil:
    cdef Py_ssize_t D = head.D, A = head.A, t, k
    cdef double score
    for t in range(T):
        memcpy(projected + t * A, params + head.b_a, A * sizeof(floating))
    product(T, A, D, h, D, packed + head.packed_a, D * panel(packed), projected, A, 1)
    vector_tanh(T * A, projected, projected)
    for t in range(T):
        score = 0
        for k in range(A):
            score += <double> projected[t * A + k] * params[head.v_a + k]
        scores[t] = <floating> score


# sums = sum over the steps so far of exp(e_t - largest) h_t. Where a step's score is the largest, what was summed
# before shrinks: so no step is needed twice (Milakov and Gimelshein 2018).
cdef inline void add_weighted(
    Py_ssize_t D, floating score, const floating* h, bint first, softmax_t* softmax,
    floating* sums,                        # (D,)  in and out
) noexcept nogil:
    cdef floating weight = 1, left
    cdef Py_ssize_t k
    if first:
        softmax.largest, softmax.total = score, 0
    elif score > softmax.largest:
        left = <floating> exp(softmax.largest - score)
        softmax.largest, softmax.total = score, softmax.total * left
        for k in range(D):
            sums[k] *= left
    else:
        weight = <floating> exp(score - softmax.largest)
    softmax.total += weight
    for k in range(D):
        sums[k] += weight * h[k]
