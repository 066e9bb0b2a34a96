"""Sequences into time steps: rows of the long table of values, standardised, in the order of the time loop."""
from cython cimport floating
from libc.stdint cimport int64_t

from .types cimport layer_t, stack_t

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


# A number in units of the standard deviation. Shift and scale are applied where every number is touched anyway, and not
# folded into the weights: a mean that is large beside the standard deviation would cost the single-precision product
# its digits.
cdef inline double standardised(double value, double shift, double scale) noexcept nogil:
    value = (value - shift) * scale
    value = -FARTHEST if value < -FARTHEST else value
    return FARTHEST if value > FARTHEST else value


# Steps `first` to `last` of a block of sequences as inputs of a stack: x = (value - shift) * scale, computed in double.
# If the stack sees changes, these have a shift and a scale before those of the values. What never changes within a
# sequence has 0 for a scale, and is seen as it is.
cdef inline void pack_steps(
    const stack_t* stack, const layer_t* layer,
    const value_t* values,             # (total steps, F)
    const int64_t* starts,             # (n,)
    const int64_t* lengths,            # (n,), descending
    Py_ssize_t n, Py_ssize_t first, Py_ssize_t last,
    const double* shift,               # (F,), or (2 F,) with changes
    const double* scale,               # the same
    floating* x,                       # (steps in all, F)  out, its rows layer.K apart
) noexcept nogil:
    cdef Py_ssize_t F = layer.F, behind = F if stack.changes else 0, t, step, r, k
    cdef const value_t* value
    cdef double before
    for t in range(first, min(last, lengths[0])):
        n = n_alive(lengths, n, t)
        for r in range(n):
            step = time_step(stack.reverse, lengths[r], t)
            value = values + (starts[r] + step) * F
            for k in range(F):
                if stack.changes and scale[k] != 0:
                    before = value[k - F] if step > 0 else value[k]
                    x[k] = <floating> standardised(value[k] - before, shift[k], scale[k])
                else:
                    x[k] = <floating> standardised(value[k], shift[behind + k], scale[behind + k])
            x += layer.K
