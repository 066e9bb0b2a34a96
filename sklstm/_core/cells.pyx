"""What Python sees of the core's tables: the registry of cells, and the layouts of its structures.

Also the cells' two transcendental functions, for the tests of their error bounds.
"""
import numpy as np

from cython cimport floating

from .types cimport CELLS, N_CELLS, layer_t, network_t

cdef layer_t _layer
cdef network_t _network
LAYER = np.asarray(<layer_t[:1]> &_layer).dtype
NETWORK = np.asarray(<network_t[:1]> &_network).dtype


cdef extern from "cells.h" nogil:
    void tanh_array_float(Py_ssize_t n, const float* x, float* y) noexcept
    void tanh_array_double(Py_ssize_t n, const double* x, double* y) noexcept
    void logistic_array_float(Py_ssize_t n, const float* x, float* y) noexcept
    void logistic_array_double(Py_ssize_t n, const double* x, double* y) noexcept


def registry():
    """Dict from name to the cell's place in the table and its sizes."""
    return {
        CELLS[k].name.decode(): {
            "index": k,
            "n_gates": CELLS[k].n_gates,
            "initial": [CELLS[k].initial[j] for j in range(CELLS[k].n_vectors)],
        }
        for k in range(N_CELLS)
    }


def tanh(const floating[::1] x, floating[::1] y):
    """y = tanh(x), as the cells compute it."""
    if floating is float:
        tanh_array_float(x.shape[0], &x[0], &y[0])
    else:
        tanh_array_double(x.shape[0], &x[0], &y[0])


def logistic(const floating[::1] x, floating[::1] y):
    """y = 1 / (1 + exp(-x)), as the cells compute it."""
    if floating is float:
        logistic_array_float(x.shape[0], &x[0], &y[0])
    else:
        logistic_array_double(x.shape[0], &x[0], &y[0])
