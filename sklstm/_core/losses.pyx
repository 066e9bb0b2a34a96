"""Losses over the outputs of a minibatch, and their derivatives.

Each is the sum over the sequences of weight * loss / n, summed in order and in double precision, where n is the number
of sequences in the minibatch. Where the weights have mean 1 over the training set, as in fit, a minibatch's gradient is
then an unbiased estimate of the whole's.
"""
from cython cimport floating
from libc.math cimport exp, fmax, log, log1p


def squared_error(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                  floating[:, ::1] dout):
    """Half the squared error, averaged over the outputs."""
    cdef Py_ssize_t n = out.shape[0], n_outputs = out.shape[1], r, k
    cdef double loss = 0, difference, share
    for r in range(n):
        share = weight[r] / (n * n_outputs)
        for k in range(n_outputs):
            difference = out[r, k] - target[r, k]
            loss += share * difference * difference / 2
            dout[r, k] = <floating> (share * difference)
    return loss


def binary_log_loss(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                    floating[:, ::1] dout):
    """Log loss of the second class, whose log odds are the one output."""
    cdef Py_ssize_t n = out.shape[0], r
    cdef double loss = 0, score, share
    for r in range(n):
        share = weight[r] / n
        score = out[r, 0]
        # log(1 + exp(score)) - target * score, without overflow
        loss += share * (fmax(score, 0) + log1p(exp(-abs(score))) - target[r, 0] * score)
        dout[r, 0] = <floating> (share * (1 / (1 + exp(-score)) - target[r, 0]))
    return loss


def multinomial_log_loss(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                         floating[:, ::1] dout):
    """Log loss of a softmax over the outputs; targets are class numbers."""
    cdef Py_ssize_t n = out.shape[0], n_classes = out.shape[1], r, k, label
    cdef double loss = 0, top, total, share
    for r in range(n):
        share = weight[r] / n
        label = <Py_ssize_t> target[r, 0]
        top = out[r, 0]
        for k in range(1, n_classes):
            top = fmax(top, out[r, k])
        total = 0
        for k in range(n_classes):
            total += exp(out[r, k] - top)
        loss += share * (top + log(total) - out[r, label])
        for k in range(n_classes):
            dout[r, k] = <floating> (share * (exp(out[r, k] - top) / total - (k == label)))
    return loss
