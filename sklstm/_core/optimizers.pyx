"""Steps of the optimizers over one flat buffer: parameters, gradient and moments each lie in one piece.

Work is cut into chunks of fixed size, so that sums do not depend on the number of threads.
"""
from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport sqrt

import numpy as np

from .kernels cimport DOUBLE, FLOAT

cdef enum:
    CHUNK = 1 << 12      # numbers that one thread takes at a time


cdef inline Py_ssize_t _n_chunks(Py_ssize_t n) noexcept nogil:
    return (n + CHUNK - 1) // CHUNK


def add_penalty(const floating[::1] params, floating[::1] gradient, Py_ssize_t n_weights, double l1, double l2):
    """Add l1 times the sum of the weights' sizes and l2 / 2 times that of their squares; the weights come first.

    Returns the penalty and adds its derivative to the gradient; that of a size is taken as 0 at 0.
    """
    cdef Py_ssize_t k
    cdef double sizes = 0, squares = 0, w
    for k in range(n_weights):
        w = params[k]
        sizes += abs(w)
        squares += w * w
        gradient[k] += <floating> (l1 * ((w > 0) - (w < 0)) + l2 * w)
    return l1 * sizes + l2 / 2 * squares


def clip(floating[::1] gradient, double max_norm, int n_threads):
    """Scale the gradient down to a norm of max_norm if it is longer; returns the norm it had."""
    cdef Py_ssize_t n = gradient.shape[0], n_chunks = _n_chunks(n), k
    cdef double[::1] parts = np.empty(n_chunks)
    cdef double total = 0, norm
    with nogil:
        for k in prange(n_chunks, num_threads=min(n_threads, n_chunks)):
            if floating is float:
                parts[k] = FLOAT.sum_of_squares(min(CHUNK, n - k * CHUNK), &gradient[k * CHUNK])
            else:
                parts[k] = DOUBLE.sum_of_squares(min(CHUNK, n - k * CHUNK), &gradient[k * CHUNK])
        for k in range(n_chunks):
            total += parts[k]
        norm = sqrt(total)
        if norm > max_norm:
            if floating is float:
                FLOAT.scale(n, <float> (max_norm / norm), &gradient[0])
            else:
                DOUBLE.scale(n, max_norm / norm, &gradient[0])
    return norm


cdef inline void _adam(Py_ssize_t n, floating* params, const floating* gradient, floating* first, floating* second,
                       double rate, double correction, double beta_1, double beta_2, double epsilon,
                       double decay) noexcept nogil:
    if floating is float:
        FLOAT.adam(n, params, gradient, first, second, rate, correction, beta_1, beta_2, epsilon, decay)
    else:
        DOUBLE.adam(n, params, gradient, first, second, rate, correction, beta_1, beta_2, epsilon, decay)


def adam(floating[::1] params, const floating[::1] gradient, floating[::1] first, floating[::1] second,
         double learning_rate, double beta_1, double beta_2, double epsilon, double decay, Py_ssize_t n_decayed,
         Py_ssize_t step, int n_threads):
    """Algorithm 1 of Kingma and Ba (2015); steps count from 1.

    The first n_decayed parameters also lose the share learning_rate * decay of what they were: AdamW, Algorithm 2 of
    Loshchilov and Hutter (2019).
    """
    cdef Py_ssize_t n = params.shape[0], n_chunks = _n_chunks(n), k, start, middle, stop
    cdef double rate = learning_rate / (1 - beta_1 ** step), correction = 1 / sqrt(1 - beta_2 ** step)
    cdef floating *p = &params[0]
    cdef const floating *g = &gradient[0]
    cdef floating *m = &first[0]
    cdef floating *v = &second[0]
    with nogil:
        for k in prange(n_chunks, num_threads=min(n_threads, n_chunks)):
            start = k * CHUNK
            stop = min(start + CHUNK, n)
            middle = min(max(start, n_decayed), stop)
            _adam(middle - start, p + start, g + start, m + start, v + start, rate, correction, beta_1, beta_2,
                  epsilon, learning_rate * decay)
            _adam(stop - middle, p + middle, g + middle, m + middle, v + middle, rate, correction, beta_1, beta_2,
                  epsilon, 0)


def rmsprop(floating[::1] params, const floating[::1] gradient, floating[::1] square,
            double learning_rate, double smoothing, double epsilon, int n_threads):
    """The gradient over the root of its running mean square (Tieleman and Hinton 2012)."""
    cdef Py_ssize_t n = params.shape[0], n_chunks = _n_chunks(n), k
    with nogil:
        for k in prange(n_chunks, num_threads=min(n_threads, n_chunks)):
            if floating is float:
                FLOAT.rmsprop(min(CHUNK, n - k * CHUNK), &params[k * CHUNK], &gradient[k * CHUNK], &square[k * CHUNK],
                              learning_rate, smoothing, epsilon)
            else:
                DOUBLE.rmsprop(min(CHUNK, n - k * CHUNK), &params[k * CHUNK], &gradient[k * CHUNK],
                               &square[k * CHUNK], learning_rate, smoothing, epsilon)


def sgd(floating[::1] params, const floating[::1] gradient, floating[::1] velocity,
        double learning_rate, double momentum, bint nesterov, int n_threads):
    """Gradient descent with momentum: velocity = momentum * velocity - learning_rate * gradient."""
    cdef Py_ssize_t n = params.shape[0], n_chunks = _n_chunks(n), k
    with nogil:
        for k in prange(n_chunks, num_threads=min(n_threads, n_chunks)):
            if floating is float:
                FLOAT.sgd(min(CHUNK, n - k * CHUNK), &params[k * CHUNK], &gradient[k * CHUNK], &velocity[k * CHUNK],
                          learning_rate, momentum, nesterov)
            else:
                DOUBLE.sgd(min(CHUNK, n - k * CHUNK), &params[k * CHUNK], &gradient[k * CHUNK], &velocity[k * CHUNK],
                           learning_rate, momentum, nesterov)
