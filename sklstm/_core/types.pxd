"""Types that the modules of the core share."""
from libc.stdint cimport int64_t


cdef extern from "cells.h":
    ctypedef struct cell_t:
        const char* name
        int n_gates
        int n_vectors
        const double* initial
        void forward_float(Py_ssize_t n, Py_ssize_t H, const float* v, const float* c_prev,
                           float* z, float* c, float* h) noexcept nogil
        void forward_double(Py_ssize_t n, Py_ssize_t H, const double* v, const double* c_prev,
                            double* z, double* c, double* h) noexcept nogil
        void backward_float(Py_ssize_t n, Py_ssize_t H, const float* v, const float* c_prev,
                            float* z, const float* c, float* dh, float* dc, float* dv) noexcept nogil
        void backward_double(Py_ssize_t n, Py_ssize_t H, const double* v, const double* c_prev,
                             double* z, const double* c, double* dh, double* dc, double* dv) noexcept nogil

    const cell_t CELLS[1]
    const int N_CELLS


# One recurrent layer, as network.py lays it out: sizes, then where its arrays begin in the flat buffers.
cdef packed struct layer_t:
    int64_t F            # features in
    int64_t H            # units
    int64_t G            # columns of the gates
    int64_t V            # length of the parameter vectors
    int64_t W_x          # parameters: (F, G)
    int64_t W_h          # parameters: (H, G)
    int64_t v            # parameters: (V,)
    int64_t z            # workspace: (S, G), gates and then their derivatives
    int64_t c            # workspace: (S, H)
    int64_t h            # workspace: (S, H)
    int64_t dv           # workspace: (V,) in each block's row of dv


# The network around the layers.
cdef packed struct network_t:
    int64_t cell         # row of the registry
    int64_t n_layers
    int64_t H            # widest layer
    int64_t O            # outputs
    int64_t W_out        # parameters: (H_top, O)
    int64_t b_out        # parameters: (O,)
    int64_t block_rows   # sequences a thread takes at a time
    int64_t V            # length of all layers' parameter vectors
    int64_t x            # workspace: (S, F), the packed input
    int64_t dx           # workspace: (S, H), derivative by a layer's input
    int64_t last         # workspace: (B, H_top), the top layer's last output of each sequence
    int64_t dh           # workspace: (B, H)
    int64_t dc           # workspace: (B, H)
    int64_t dv           # workspace: (n_blocks, V)
    int64_t zeros        # workspace: (block_rows, H)
