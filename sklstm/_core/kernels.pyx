"""The choice of an instruction set, and what Python sees of the core: the registry of cells, the structures' layouts.

The best instruction set that the machine has is taken; SKLSTM_INSTRUCTION_SET in the environment asks for another.
"""
import os

import numpy as np

from cython cimport floating

from .types cimport head_t, layer_t, stack_t


cdef extern from "dispatch.h":
    ctypedef struct level_t:
        const char* name
        const kernels_float* for_float
        const kernels_double* for_double

    ctypedef struct cell_t:
        const char* name
        int n_gates
        int n_columns
        int h_column
        int n_memories
        const char* shown
        int n_vectors
        const double* initial

    const level_t LEVELS[1]
    const cell_t CELL_TABLE[1]
    const char* const ACTIVATION_NAMES[1]
    const char* const RECURRENT_ACTIVATION_NAMES[1]
    const int N_ACTIVATIONS, N_RECURRENT_ACTIVATIONS
    int n_levels()


INSTRUCTION_SETS = [LEVELS[k].name.decode() for k in range(n_levels())]  # those that this machine can run, best last


def _choose(wanted):
    global FLOAT, DOUBLE
    if wanted and wanted not in INSTRUCTION_SETS:
        raise ImportError(
            f"SKLSTM_INSTRUCTION_SET={wanted!r} is not available on this machine: "
            f"take one of {', '.join(INSTRUCTION_SETS)}, or unset it."
        )
    chosen = INSTRUCTION_SETS.index(wanted) if wanted else len(INSTRUCTION_SETS) - 1
    FLOAT, DOUBLE = LEVELS[chosen].for_float, LEVELS[chosen].for_double
    return INSTRUCTION_SETS[chosen]


INSTRUCTION_SET = _choose(os.environ.get("SKLSTM_INSTRUCTION_SET"))
SCRATCH = SUM_ROWS * WIDEST_TILE  # numbers that a thread needs to sum outer products
PANELS = {"float32": FLOAT.panel, "float64": DOUBLE.panel}

cdef layer_t _layer
cdef stack_t _stack
cdef head_t _head
LAYER = np.asarray(<layer_t[:1]> &_layer).dtype
STACK = np.asarray(<stack_t[:1]> &_stack).dtype
HEAD = np.asarray(<head_t[:1]> &_head).dtype

ACTIVATIONS = [ACTIVATION_NAMES[k].decode() for k in range(N_ACTIVATIONS)]
RECURRENT_ACTIVATIONS = [RECURRENT_ACTIVATION_NAMES[k].decode() for k in range(N_RECURRENT_ACTIVATIONS)]


def registry():
    """Dict from name to the cell's place in the table and its sizes."""
    return {
        CELL_TABLE[k].name.decode(): {
            "index": k,
            "n_gates": CELL_TABLE[k].n_gates,
            "n_columns": CELL_TABLE[k].n_columns,
            "h_column": CELL_TABLE[k].h_column,
            "n_memories": CELL_TABLE[k].n_memories,
            "shown": CELL_TABLE[k].shown.decode().split(", "),
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


# Single kernels, for the tests, and repeated for the benchmarks.

def pack_matrix(const floating[:, ::1] b, floating[::1] packed):
    """B (K, N) into panels, as `multiply` reads it; packed holds ceil(N / panel) K panel numbers."""
    pack(b.shape[0], b.shape[1], &b[0, 0], b.shape[1], 1, &packed[0])


def multiply(const floating[:, ::1] a, const floating[::1] packed, floating[:, ::1] c,
             int repeats=1):
    """C (M, N) = A (M, K) B, with B packed."""
    for _ in range(repeats):
        product(a.shape[0], c.shape[1], a.shape[1], &a[0, 0], a.shape[1], &packed[0], a.shape[1] * panel(&packed[0]),
                &c[0, 0], c.shape[1], 0)


def add_outer_products(const floating[:, ::1] a, const floating[:, ::1] b, floating[:, ::1] c, floating[::1] scratch,
                       int repeats=1):
    """C (M, N) += A' B, with A (K, M) and B (K, N); scratch holds SUM_ROWS N numbers, N rounded up to the panel."""
    for _ in range(repeats):
        add_outer(a.shape[1], b.shape[1], a.shape[0], &a[0, 0], a.shape[1], &b[0, 0], b.shape[1], &c[0, 0], c.shape[1],
                  &scratch[0])


def forward_cell(int cell, const floating[::1] v, const floating[:, ::1] c_prev, floating[:, ::1] z,
                 floating[:, ::1] c, floating[:, ::1] h, int activations=0, int repeats=1):
    """One time step of a cell, as its file says."""
    for _ in range(repeats):
        cell_forward(cell, h.shape[0], h.shape[1], &v[0], &c_prev[0, 0], &z[0, 0], &c[0, 0], &h[0, 0], h.shape[1],
                     activations)


def backward_cell(int cell, const floating[::1] v, const floating[:, ::1] c_prev, floating[:, ::1] z,
                  const floating[:, ::1] c, floating[:, ::1] dh, floating[:, ::1] dc, floating[::1] dv,
                  int activations=0, int repeats=1):
    """Its way back."""
    for _ in range(repeats):
        cell_backward(cell, dh.shape[0], dh.shape[1], &v[0], &c_prev[0, 0], &z[0, 0], &c[0, 0], &dh[0, 0], &dc[0, 0],
                      &dv[0], activations)
