"""Decay, one time step after the other: what the whole of a sequence and a stream of its steps share."""
from cython cimport floating
from libc.math cimport exp
from libc.string cimport memcpy

from .kernels cimport panel, product, vector_decay
from .packing cimport FARTHEST, standardised, value_t


cdef inline bint observed(value_t value) noexcept nogil:
    return value == value  # as NaN is not


# The time since a feature was last observed at a step before; `since` is that before the step, and then after it.
cdef inline double elapse(value_t value, double gap, double* since) noexcept nogil:
    cdef double delta = since[0] + gap
    since[0] = 0 if observed(value) else delta
    return delta


# One feature at one time step.
cdef inline void observe(
    value_t value, double gap,
    double unit,                           # by which times are multiplied
    double shift, double scale,
    floating w, floating b,
    double* since, floating* last,         # in and out: what is remembered
    floating* delta, floating* x, floating* m,  # out
) noexcept nogil:
    cdef floating rate
    delta[0] = min(<floating> (elapse(value, gap, since) * unit), <floating> FARTHEST)
    m[0] = observed(value)
    if observed(value):
        last[0] = x[0] = <floating> standardised(value, shift, scale)
    else:
        rate = w * delta[0] + b
        x[0] = <floating> (last[0] * exp(-rate)) if rate > 0 else last[0]


# gamma = exp(-max(delta W_d + b_d, 0)) at n time steps
cdef inline void what_is_left(
    Py_ssize_t n, Py_ssize_t F, Py_ssize_t H,
    const floating* delta,                 # (n, F)
    const floating* packed,                # W_d in panels
    const floating* b_d,                   # (H,)
    floating* gamma,                       # (n, H)  out
) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(n):
        memcpy(gamma + t * H, b_d, H * sizeof(floating))
    product(n, H, F, delta, F, packed, F * panel(packed), gamma, H, 1)
    vector_decay(n * H, gamma)
