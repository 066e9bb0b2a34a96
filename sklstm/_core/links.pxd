"""From a network's outputs to what is predicted, one sequence or time step at a time, in double precision.

A link is the kind of the function, and how many outputs belong to each target.
"""
from cython cimport floating
from libc.math cimport exp, fabs, fmax, fmin, log1p

cdef enum:
    # exp(30) is 1e13 times the mean: beyond it the loss follows its tangent, as one wild step would overflow float32.
    POISSON_LIMIT = 30

cdef enum link_t:
    IDENTITY     # the first output of a target, in its units
    EXPONENTIAL  # of its logarithm
    QUANTILES    # the lowest one and the gaps to the next, which softplus keeps from being negative
    TWO_CLASSES  # the probabilities of both classes, from the log odds of the second
    LABELS       # the probability of each label
    SOFTMAX      # of each class


cdef inline double softplus(double x) noexcept nogil:
    return fmax(x, 0) + log1p(exp(-fabs(x)))


cdef inline double logistic(double x) noexcept nogil:
    return 1 / (1 + exp(-x))


cdef inline Py_ssize_t n_predicted(link_t link, Py_ssize_t n_outputs, Py_ssize_t n_each) noexcept nogil:
    if link == TWO_CLASSES:
        return 2
    return n_outputs if link in (QUANTILES, LABELS, SOFTMAX) else n_outputs // n_each


cdef inline void predict_one(
    link_t link,
    Py_ssize_t n_outputs, Py_ssize_t n_each,       # outputs, and how many of them each target has
    const floating* out,                           # (n_outputs,)
    const double* scale, const double* shift,      # (n_targets,) of the targets, where they have any
    double* y,                                     # (n_predicted,)  out
) noexcept nogil:
    cdef Py_ssize_t k, j
    cdef double total = 0, largest
    if link == IDENTITY:
        for k in range(n_outputs // n_each):
            y[k] = out[k * n_each] * scale[k] + shift[k]
    elif link == EXPONENTIAL:
        for k in range(n_outputs):
            y[k] = exp(fmin(out[k], POISSON_LIMIT)) * scale[k]
    elif link == QUANTILES:
        # To add what is not negative, to multiply by what is positive and to add the same never change an order, and
        # neither does their rounding.
        for k in range(n_outputs // n_each):
            for j in range(n_each):
                total = total + softplus(out[k * n_each + j]) if j else out[k * n_each]
                y[k * n_each + j] = total * scale[k] + shift[k]
    elif link == TWO_CLASSES:
        y[0], y[1] = logistic(-out[0]), logistic(out[0])
    elif link == LABELS:
        for k in range(n_outputs):
            y[k] = logistic(out[k])
    else:
        largest = out[0]
        for k in range(1, n_outputs):
            largest = fmax(largest, out[k])
        for k in range(n_outputs):
            y[k] = exp(out[k] - largest)
            total += y[k]
        for k in range(n_outputs):
            y[k] /= total
