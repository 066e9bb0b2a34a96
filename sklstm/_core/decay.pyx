"""Values that may be missing into inputs that are not, by how long ago they were last observed, and back.

GRU-D's equations (Che et al. 2018), for a feature x of which m says whether it is observed, and `last` is the last
value that was, or 0, the mean, before the first:

    delta_t = gap_t + (0 if m_{t-1} else delta_{t-1})       the time since the step that it was last observed at
    xhat = x if m else exp(-max(w delta + b, 0)) last
    gamma = exp(-max(delta W_d + b_d, 0))                   what is left of a layer's state

The layer reads [xhat | m], and multiplies its state by gamma before each step.
"""
from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memset

from .kernels cimport WIDEST_TILE, add_outer, pack
from .packing cimport value_t


def elapsed(const value_t[:, ::1] values, const double[::1] gaps, const int64_t[::1] offsets, double[:, ::1] delta):
    """The time since each value was last observed, delta (total steps, F)."""
    cdef Py_ssize_t F = values.shape[1], r, k, t
    cdef double since
    with nogil:
        for r in range(offsets.shape[0] - 1):
            for k in range(F):
                since = 0
                for t in range(offsets[r], offsets[r + 1]):
                    delta[t, k] = elapse(values[t, k], gaps[t], &since)


def forward(
    const value_t[:, ::1] values, const double[::1] gaps,  # (total steps, F), (total steps,)
    const int64_t[::1] starts, const int64_t[::1] lengths,
    const double[::1] shift, const double[::1] scale,      # (2 F,) those of delta, then those of the values
    const floating[::1] w, const floating[::1] b,          # (F,)
    const floating[:, ::1] W_d, const floating[::1] b_d,   # (F, H), (H,)
    floating[::1] packed,                                  # (F H, H rounded up to the panel)  overwritten
    floating[:, ::1] delta,                # (steps, F)  out, sequence after sequence
    floating[:, ::1] table,                # (steps, 2 F)  out: [xhat | m]
    floating[:, ::1] gamma,                # (steps, H)  out; 0 at first steps, which no state is before
    const int64_t[::1] places,             # (n,) where each sequence begins in the tables
    int n_threads,
):
    """A first layer's inputs, and what is left of its state."""
    cdef Py_ssize_t n = lengths.shape[0], F = values.shape[1], H = gamma.shape[1], r
    with nogil:
        pack(F, H, &W_d[0, 0], H, 1, &packed[0])
        for r in prange(n, schedule="dynamic", num_threads=n_threads):
            _read(&values[starts[r], 0], &gaps[starts[r]], lengths[r], F, &shift[0], &scale[0], &w[0], &b[0],
                  &delta[places[r], 0], &table[places[r], 0])
            memset(&gamma[places[r], 0], 0, H * sizeof(floating))
            what_is_left(lengths[r] - 1, F, H, &delta[places[r], 0] + F, &packed[0], &b_d[0], &gamma[places[r], 0] + H)


def backward(
    const floating[:, ::1] delta,          # (steps, F)
    const floating[:, ::1] table,          # (steps, 2 F)
    const floating[:, ::1] dtable,         # (steps, 2 F)
    const floating[:, ::1] drates,         # (steps, H) by delta W_d + b_d
    const floating[::1] w, const floating[::1] b,
    floating[::1] dw, floating[::1] db, floating[:, ::1] dW_d, floating[::1] db_d,  # grow
    floating[::1] scratch,                 # (SCRATCH,)
):
    """Its way back. Where xhat is exp(-rate) last, the derivative by the rate is minus that by xhat, times xhat."""
    cdef Py_ssize_t n = delta.shape[0], F = delta.shape[1], H = drates.shape[1], column = 0, width, row, k
    cdef floating drate, one = 1
    with nogil:
        for row in range(n):
            for k in range(F):
                if table[row, F + k] == 0 and w[k] * delta[row, k] + b[k] > 0:
                    drate = -dtable[row, k] * table[row, k]
                    dw[k] += drate * delta[row, k]
                    db[k] += drate
        while column < H:
            width = min(WIDEST_TILE, H - column)
            add_outer(F, width, n, &delta[0, 0], F, &drates[0, column], H, &dW_d[0, column], H, &scratch[0])
            add_outer(1, width, n, &one, 0, &drates[0, column], H, &db_d[column], H, &scratch[0])
            column += WIDEST_TILE


cdef void _read(
    const value_t* values,                 # (T, F)
    const double* gaps,                    # (T,)
    Py_ssize_t T, Py_ssize_t F, const double* shift, const double* scale, const floating* w, const floating* b,
    floating* delta,                       # (T, F)  out
    floating* table,                       # (T, 2 F)  out
) noexcept nogil:
    cdef Py_ssize_t t, k
    cdef double since
    cdef floating last
    for k in range(F):
        since = last = 0
        for t in range(T):
            observe(values[t * F + k], gaps[t], scale[k], shift[F + k], scale[F + k], w[k], b[k], &since, &last,
                    delta + t * F + k, table + 2 * t * F + k, table + 2 * t * F + F + k)
