"""Sequences into time steps: rows of the long table of values, standardised, in the order of the time loop."""
from cython cimport floating
from libc.stdint cimport int64_t

ctypedef fused value_t:
    float
    double

cdef enum:
    # Inputs are clipped this many standard deviations from the mean: every gate is saturated long before, and
    # the products stay finite.
    FARTHEST = 1000000000


# How many of n sequences, longest first, have a step t.
cdef inline Py_ssize_t n_alive(const int64_t* lengths, Py_ssize_t n, Py_ssize_t t) noexcept nogil:
    while n > 0 and lengths[n - 1] <= t:
        n -= 1
    return n


# The time step that is step t of a sequence.
cdef inline Py_ssize_t time_step(bint reverse, int64_t length, Py_ssize_t t) noexcept nogil:
    return length - 1 - t if reverse else t


# One step of n sequences: x[r] = (values[starts[r] + t] - shift) * scale, computed in double. With `reverse`, step t is
# counted from a sequence's end; with `differences`, the value before is subtracted, and the first step has none. Shift
# and scale are applied here, where every number is touched anyway, and not folded into the weights: a mean that is
# large beside the standard deviation would cost the single-precision product its digits.
cdef inline void pack_step(
    const value_t* values,             # (total steps, F)
    const int64_t* starts,             # (n,)
    const int64_t* lengths,            # (n,)
    Py_ssize_t n, Py_ssize_t t, bint reverse, bint differences, Py_ssize_t F,
    const double* shift,               # (F,)
    const double* scale,               # (F,)
    floating* x,                       # (n, F)  out, its rows x_row apart
    Py_ssize_t x_row,
) noexcept nogil:
    cdef const value_t* value
    cdef double before, standardised
    cdef Py_ssize_t r, k, step
    for r in range(n):
        step = time_step(reverse, lengths[r], t)
        value = values + (starts[r] + step) * F
        for k in range(F):
            before = 0
            if differences:
                before = value[k - F] if step > 0 else value[k]
            standardised = (value[k] - before - shift[k]) * scale[k]
            standardised = -FARTHEST if standardised < -FARTHEST else standardised
            standardised = FARTHEST if standardised > FARTHEST else standardised
            x[r * x_row + k] = <floating> standardised


# Steps `first` to `last` of a block of sequences, longest first.
cdef inline void pack_steps(
    const value_t* values, const int64_t* starts,
    const int64_t* lengths,            # (n,), descending
    Py_ssize_t n, Py_ssize_t first, Py_ssize_t last, bint reverse, bint differences, Py_ssize_t F,
    const double* shift, const double* scale,
    floating* x,                       # (steps in all, F)  out, its rows x_row apart
    Py_ssize_t x_row,
) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(first, min(last, lengths[0])):
        n = n_alive(lengths, n, t)
        pack_step(values, starts, lengths, n, t, reverse, differences, F, shift, scale, x, x_row)
        x += n * x_row
