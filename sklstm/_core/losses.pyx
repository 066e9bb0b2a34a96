"""Losses over the outputs of a minibatch, and their derivatives; and what the outputs predict.

Each is the sum over the sequences of weight * loss / n, summed in order and in double precision, where n is the number
of sequences in the minibatch. Where the weights have mean 1 over the training set, as in fit, a minibatch's gradient is
then an unbiased estimate of the whole's.

A target that is NaN is missing: it adds nothing, and its derivatives are 0. A sequence of weight 0 adds exactly nothing
either; its targets and outputs are not looked at, and may be anything.
"""
import numpy as np

from cython cimport floating
from libc.math cimport exp, fabs, fmax, fmin, isnan, log, tanh

from .links cimport EXPONENTIAL, IDENTITY, LABELS, POISSON_LIMIT, QUANTILES, SOFTMAX, TWO_CLASSES, logistic, softplus
from .links cimport link_t, n_predicted, predict_one

cdef enum:
    # A target hit exactly would drive its variance to 0. exp(-14 / 2) is a thousandth of the targets' own deviation.
    LOG_VARIANCE_LIMIT = 14

MAX_LOG_RATE = POISSON_LIMIT
MAX_LOG_VARIANCE = LOG_VARIANCE_LIMIT
LINKS = {
    "identity": IDENTITY,
    "exponential": EXPONENTIAL,
    "quantiles": QUANTILES,
    "two_classes": TWO_CLASSES,
    "labels": LABELS,
    "softmax": SOFTMAX,
}


def predict(int link, Py_ssize_t n_each, const floating[:, ::1] out, const double[::1] scale, const double[::1] shift):
    """What outputs (n, n_outputs) predict, by a number of LINKS: (n, .), in double precision."""
    cdef Py_ssize_t n = out.shape[0], n_outputs = out.shape[1], r
    cdef double[:, ::1] y = np.empty((n, n_predicted(<link_t> link, n_outputs, n_each)))
    with nogil:
        for r in range(n):
            predict_one(<link_t> link, n_outputs, n_each, &out[r, 0], &scale[0], &shift[0], &y[r, 0])
    return np.asarray(y)


# The loss of one output, and its derivative; some have a parameter.
ctypedef double (*loss_of_one)(double out, double target, double parameter, double* derivative) noexcept nogil


cdef inline double _sign(double x) noexcept nogil:
    return (x > 0) - (x < 0)


cdef double _of_each(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                     floating[:, ::1] dout, loss_of_one loss, double parameter, Py_ssize_t n_averaged) noexcept nogil:
    """A loss of each output on its own; divided by the number of outputs where that is `n_averaged`, or by 1."""
    cdef Py_ssize_t n = out.shape[0], n_outputs = out.shape[1], r, k
    cdef double total = 0, share, derivative = 0
    for r in range(n):
        share = weight[r] / (n * n_averaged)
        for k in range(n_outputs):
            dout[r, k] = 0
            if share != 0 and not isnan(target[r, k]):
                total += share * loss(out[r, k], target[r, k], parameter, &derivative)
                dout[r, k] = <floating> (share * derivative)
    return total


cdef double _squared_error(double out, double target, double parameter, double* derivative) noexcept nogil:
    derivative[0] = out - target
    return derivative[0] * derivative[0] / 2


cdef double _absolute_error(double out, double target, double parameter, double* derivative) noexcept nogil:
    derivative[0] = _sign(out - target)
    return fabs(out - target)


cdef double _huber(double out, double target, double delta, double* derivative) noexcept nogil:
    cdef double difference = out - target
    derivative[0] = fmax(-delta, fmin(difference, delta))
    return derivative[0] * (difference - derivative[0] / 2)


cdef double _poisson(double out, double target, double parameter, double* derivative) noexcept nogil:
    cdef double rate = exp(fmin(out, POISSON_LIMIT))
    derivative[0] = rate - target
    return rate * (1 + fmax(out - POISSON_LIMIT, 0)) - target * out


cdef double _binary_log_loss(double score, double target, double parameter, double* derivative) noexcept nogil:
    derivative[0] = logistic(score) - target
    return softplus(score) - target * score


def squared_error(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                  floating[:, ::1] dout):
    """Half the squared error, averaged over the outputs."""
    return _of_each(out, target, weight, dout, _squared_error, 0, out.shape[1])


def absolute_error(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                   floating[:, ::1] dout):
    """The absolute error, averaged over the outputs."""
    return _of_each(out, target, weight, dout, _absolute_error, 0, out.shape[1])


def huber(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
          floating[:, ::1] dout, double delta):
    """Half the squared error up to an error of delta, linear beyond; averaged over the outputs."""
    return _of_each(out, target, weight, dout, _huber, delta, out.shape[1])


def poisson(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
            floating[:, ::1] dout):
    """Minus the log likelihood of counts whose mean is exp(out), but for a constant; averaged over the outputs."""
    return _of_each(out, target, weight, dout, _poisson, 0, out.shape[1])


def binary_log_loss(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                    floating[:, ::1] dout):
    """Log loss of yes or no, 1 or 0, whose log odds are the output; summed over the outputs."""
    return _of_each(out, target, weight, dout, _binary_log_loss, 0, 1)


def quantile(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
             floating[:, ::1] dout, const double[::1] quantiles):
    """Pinball loss, averaged over the quantiles of each target, which the outputs hold one target after another.

    The first output of a target is its first quantile; each of the others becomes, by softplus, the gap from the
    quantile before. So they never cross.
    """
    cdef Py_ssize_t n = out.shape[0], n_columns = out.shape[1], n_quantiles = quantiles.shape[0], r, j, k
    cdef double loss = 0, share, q, error, derivative
    for r in range(n):
        share = weight[r] / (n * n_columns)
        for j in range(target.shape[1]):
            if share == 0 or isnan(target[r, j]):
                for k in range(j * n_quantiles, (j + 1) * n_quantiles):
                    dout[r, k] = 0
                continue
            q = derivative = 0
            for k in range(n_quantiles):
                q = q + softplus(out[r, j * n_quantiles + k]) if k else out[r, j * n_quantiles]
                error = q - target[r, j]
                loss += share * error * ((error > 0) - quantiles[k])
                # By q for now; 0 where the target is hit
                dout[r, j * n_quantiles + k] = <floating> (share * ((error > 0) - quantiles[k]) if error else 0)
            for k in range((j + 1) * n_quantiles - 1, j * n_quantiles, -1):
                derivative += dout[r, k]  # by this quantile and those after it: all move with the gap
                dout[r, k] = <floating> (derivative * logistic(out[r, k]))
            dout[r, j * n_quantiles] += <floating> derivative
    return loss


def gaussian_nll(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                 floating[:, ::1] dout):
    """Minus the log likelihood of a normal distribution, but for a constant; averaged over the targets.

    A target has two outputs next to each other: the mean, and a number whose bounded form, limit * tanh(out / limit),
    is the log variance. A hard bound would have no derivative beyond it, and no way back.
    """
    cdef Py_ssize_t n = out.shape[0], n_targets = target.shape[1], r, j
    cdef double loss = 0, share, difference, bounded, log_variance, square
    for r in range(n):
        share = weight[r] / (n * n_targets)
        for j in range(n_targets):
            dout[r, 2 * j] = dout[r, 2 * j + 1] = 0
            if share != 0 and not isnan(target[r, j]):
                bounded = tanh(<double> out[r, 2 * j + 1] / LOG_VARIANCE_LIMIT)
                log_variance = LOG_VARIANCE_LIMIT * bounded
                difference = out[r, 2 * j] - target[r, j]
                square = difference * difference * exp(-log_variance)
                loss += share * (log_variance + square) / 2
                dout[r, 2 * j] = <floating> (share * difference * exp(-log_variance))
                dout[r, 2 * j + 1] = <floating> (share * (1 - square) / 2 * (1 - bounded * bounded))
    return loss


def multinomial_log_loss(const floating[:, ::1] out, const double[:, ::1] target, const double[::1] weight,
                         floating[:, ::1] dout):
    """Log loss of a softmax over the outputs; targets are class numbers."""
    cdef Py_ssize_t n = out.shape[0], n_classes = out.shape[1], r, k, label
    cdef double loss = 0, top, total, share
    for r in range(n):
        share = weight[r] / n
        if share == 0 or isnan(target[r, 0]):
            for k in range(n_classes):
                dout[r, k] = 0
            continue
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
