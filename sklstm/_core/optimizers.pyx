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


def add_penalty(const floating[::1] params, floating[::1] gradient, Py_ssize_t n_weights, double alpha):
    """Add alpha / 2 times the squared norm of the weights, which come first; returns it and adds its derivative."""
    cdef Py_ssize_t k
    cdef double total = 0
    for k in range(n_weights):
        total += <double> params[k] * params[k]
        gradient[k] += <floating> (alpha * params[k])
    return alpha / 2 * total


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


def adam(floating[::1] params, const floating[::1] gradient, floating[::1] first, floating[::1] second,
         double learning_rate, double beta_1, double beta_2, double epsilon, Py_ssize_t step, int n_threads):
    """Algorithm 1 of Kingma and Ba (2015); steps count from 1."""
    cdef Py_ssize_t n = params.shape[0], n_chunks = _n_chunks(n), k
    cdef double rate = learning_rate / (1 - beta_1 ** step), correction = 1 / sqrt(1 - beta_2 ** step)
    with nogil:
        for k in prange(n_chunks, num_threads=min(n_threads, n_chunks)):
            if floating is float:
                FLOAT.adam(min(CHUNK, n - k * CHUNK), &params[k * CHUNK], &gradient[k * CHUNK], &first[k * CHUNK],
                           &second[k * CHUNK], rate, correction, beta_1, beta_2, epsilon)
            else:
                DOUBLE.adam(min(CHUNK, n - k * CHUNK), &params[k * CHUNK], &gradient[k * CHUNK], &first[k * CHUNK],
                            &second[k * CHUNK], rate, correction, beta_1, beta_2, epsilon)


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
