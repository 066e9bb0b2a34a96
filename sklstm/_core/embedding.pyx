"""Tokens into rows of a table, and back."""
from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from .packing cimport value_t


def embed(
    const value_t[:, ::1] tokens,          # (steps of all sequences, 1)
    const int64_t[::1] starts, const int64_t[::1] lengths,
    const floating[:, ::1] W,              # (n_tokens + 1, E), the last for tokens that are unknown
    floating[:, ::1] table,                # (steps, E)  out, sequence after sequence
):
    """Each token's row of W."""
    cdef Py_ssize_t row = 0, r, t
    for r in range(lengths.shape[0]):
        for t in range(lengths[r]):
            memcpy(&table[row, 0], &W[_row(tokens[starts[r] + t, 0], W.shape[0]), 0], W.shape[1] * sizeof(floating))
            row += 1


def embed_backward(
    const value_t[:, ::1] tokens, const int64_t[::1] starts, const int64_t[::1] lengths,
    const floating[:, ::1] dtable,         # (steps, E)
    floating[:, ::1] dW,                   # (n_tokens + 1, E)  grows
):
    """Its way back."""
    cdef Py_ssize_t row = 0, r, t, k, token
    for r in range(lengths.shape[0]):
        for t in range(lengths[r]):
            token = _row(tokens[starts[r] + t, 0], dW.shape[0])
            for k in range(dW.shape[1]):
                dW[token, k] += dtable[row, k]
            row += 1


cdef inline Py_ssize_t _row(value_t token, Py_ssize_t n_rows) noexcept nogil:
    return <Py_ssize_t> token if 0 <= token < n_rows - 1 else n_rows - 1
