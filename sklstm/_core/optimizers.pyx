"""Steps of the optimizers over one flat buffer: parameters, gradient and moments each lie in one piece."""
from cython cimport floating
from libc.math cimport sqrt


def add_penalty(const floating[::1] params, floating[::1] gradient, Py_ssize_t n_weights, double alpha):
    """Add alpha / 2 times the squared norm of the weights, which come first; returns it and adds its derivative."""
    cdef Py_ssize_t k
    cdef double total = 0
    for k in range(n_weights):
        total += <double> params[k] * params[k]
        gradient[k] += <floating> (alpha * params[k])
    return alpha / 2 * total


def clip(floating[::1] gradient, double max_norm):
    """Scale the gradient down to a norm of max_norm if it is longer; returns the norm it had."""
    cdef Py_ssize_t k
    cdef double total = 0, norm
    cdef floating factor
    for k in range(gradient.shape[0]):
        total += <double> gradient[k] * gradient[k]
    norm = sqrt(total)
    if norm > max_norm:
        factor = <floating> (max_norm / norm)
        for k in range(gradient.shape[0]):
            gradient[k] *= factor
    return norm


def adam(floating[::1] params, const floating[::1] gradient, floating[::1] first, floating[::1] second,
         double learning_rate, double beta_1, double beta_2, double epsilon, Py_ssize_t step):
    """Algorithm 1 of Kingma and Ba (2015); steps count from 1."""
    cdef Py_ssize_t k
    cdef floating b1 = <floating> beta_1, b2 = <floating> beta_2, eps = <floating> epsilon, g
    cdef floating rate = <floating> (learning_rate / (1 - beta_1 ** step))
    cdef floating correction = <floating> (1 / sqrt(1 - beta_2 ** step))
    for k in range(params.shape[0]):
        g = gradient[k]
        first[k] = b1 * first[k] + (1 - b1) * g
        second[k] = b2 * second[k] + (1 - b2) * g * g
        params[k] -= rate * first[k] / (<floating> sqrt(second[k]) * correction + eps)


def sgd(floating[::1] params, const floating[::1] gradient, floating[::1] velocity,
        double learning_rate, double momentum, bint nesterov):
    """Gradient descent with momentum: velocity = momentum * velocity - learning_rate * gradient."""
    cdef Py_ssize_t k
    cdef floating m = <floating> momentum, rate = <floating> learning_rate, g
    for k in range(params.shape[0]):
        g = rate * gradient[k]
        velocity[k] = m * velocity[k] - g
        params[k] += m * velocity[k] - g if nesterov else velocity[k]
