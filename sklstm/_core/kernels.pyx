"""The choice of an instruction set, and what Python sees of the kernels: the registry of cells, the structures' layouts.

The best instruction set that the machine has is taken; SKLSTM_INSTRUCTION_SET in the environment asks for another.
"""
import os

import numpy as np

from cython cimport floating

from .types cimport layer_t, network_t


cdef extern from "dispatch.h":
    ctypedef struct level_t:
        const char* name
        const kernels_float* for_float
        const kernels_double* for_double

    ctypedef struct cell_t:
        const char* name
        int n_gates
        int n_vectors
        const double* initial

    const level_t LEVELS[1]
    const cell_t CELL_TABLE[1]
    int n_levels()


def _choose(wanted):
    global FLOAT, DOUBLE
    available = [LEVELS[k].name.decode() for k in range(n_levels())]
    if wanted and wanted not in available:
        raise ImportError(
            f"SKLSTM_INSTRUCTION_SET={wanted!r} is not available on this machine: take one of {', '.join(available)}, "
            f"or unset it."
        )
    chosen = available.index(wanted) if wanted else len(available) - 1
    FLOAT, DOUBLE = LEVELS[chosen].for_float, LEVELS[chosen].for_double
    return available[chosen]


INSTRUCTION_SET = _choose(os.environ.get("SKLSTM_INSTRUCTION_SET"))
PANELS = {"float32": FLOAT.panel, "float64": DOUBLE.panel}

cdef layer_t _layer
cdef network_t _network
LAYER = np.asarray(<layer_t[:1]> &_layer).dtype
NETWORK = np.asarray(<network_t[:1]> &_network).dtype


def registry():
    """Dict from name to the cell's place in the table and its sizes."""
    return {
        CELL_TABLE[k].name.decode(): {
            "index": k,
            "n_gates": CELL_TABLE[k].n_gates,
            "initial": [CELL_TABLE[k].initial[j] for j in range(CELL_TABLE[k].n_vectors)],
        }
        for k in range(N_CELLS)
    }


def tanh(const floating[::1] x, floating[::1] y):
    """y = tanh(x), as the cells compute it."""
    if floating is float:
        FLOAT.tanh(x.shape[0], &x[0], &y[0])
    else:
        DOUBLE.tanh(x.shape[0], &x[0], &y[0])


def logistic(const floating[::1] x, floating[::1] y):
    """y = 1 / (1 + exp(-x)), as the cells compute it."""
    if floating is float:
        FLOAT.logistic(x.shape[0], &x[0], &y[0])
    else:
        DOUBLE.logistic(x.shape[0], &x[0], &y[0])
