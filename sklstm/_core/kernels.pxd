"""The kernels of the chosen instruction set, callable in either precision."""
from cython cimport floating
from libc.stdint cimport uint32_t


cdef extern from "kernels.h":
    ctypedef struct kernels_float:
        Py_ssize_t panel
        void pack(Py_ssize_t K, Py_ssize_t N, const float* b, Py_ssize_t row, Py_ssize_t column,
                  float* packed) noexcept nogil
        void product(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const float* a, Py_ssize_t a_row,
                     const float* packed, Py_ssize_t stride, float* c, Py_ssize_t c_row, int add) noexcept nogil
        void add_outer(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const float* a, Py_ssize_t a_row,
                       const float* b, Py_ssize_t b_row, float* c, Py_ssize_t c_row, float* panels) noexcept nogil
        void tanh(Py_ssize_t n, const float* x, float* y) noexcept nogil
        void logistic(Py_ssize_t n, const float* x, float* y) noexcept nogil
        void decay(Py_ssize_t n, float* x) noexcept nogil
        double sum_of_squares(Py_ssize_t n, const float* x) noexcept nogil
        void scale(Py_ssize_t n, float factor, float* x) noexcept nogil
        void adam(Py_ssize_t n, float* params, const float* gradient, float* first, float* second, double rate,
                  double correction, double beta_1, double beta_2, double epsilon, double decay) noexcept nogil
        void rmsprop(Py_ssize_t n, float* params, const float* gradient, float* square, double rate,
                     double smoothing, double epsilon) noexcept nogil
        void sgd(Py_ssize_t n, float* params, const float* gradient, float* velocity, double rate, double momentum,
                 int nesterov) noexcept nogil
        void (*forward[1])(Py_ssize_t n, Py_ssize_t H, const float* v, const float* c_prev, float* z, float* c,
                           float* h, Py_ssize_t h_row, int activations) noexcept nogil
        void (*backward[1])(Py_ssize_t n, Py_ssize_t H, const float* v, const float* c_prev, float* z,
                            const float* c, float* dh, float* dc, float* dv, int activations) noexcept nogil
        void drop(Py_ssize_t n, float* x, uint32_t key, double probability) noexcept nogil

    ctypedef struct kernels_double:
        Py_ssize_t panel
        void pack(Py_ssize_t K, Py_ssize_t N, const double* b, Py_ssize_t row, Py_ssize_t column,
                  double* packed) noexcept nogil
        void product(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const double* a, Py_ssize_t a_row,
                     const double* packed, Py_ssize_t stride, double* c, Py_ssize_t c_row, int add) noexcept nogil
        void add_outer(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const double* a, Py_ssize_t a_row,
                       const double* b, Py_ssize_t b_row, double* c, Py_ssize_t c_row, double* panels) noexcept nogil
        void tanh(Py_ssize_t n, const double* x, double* y) noexcept nogil
        void logistic(Py_ssize_t n, const double* x, double* y) noexcept nogil
        void decay(Py_ssize_t n, double* x) noexcept nogil
        double sum_of_squares(Py_ssize_t n, const double* x) noexcept nogil
        void scale(Py_ssize_t n, double factor, double* x) noexcept nogil
        void adam(Py_ssize_t n, double* params, const double* gradient, double* first, double* second, double rate,
                  double correction, double beta_1, double beta_2, double epsilon, double decay) noexcept nogil
        void rmsprop(Py_ssize_t n, double* params, const double* gradient, double* square, double rate,
                     double smoothing, double epsilon) noexcept nogil
        void sgd(Py_ssize_t n, double* params, const double* gradient, double* velocity, double rate,
                 double momentum, int nesterov) noexcept nogil
        void (*forward[1])(Py_ssize_t n, Py_ssize_t H, const double* v, const double* c_prev, double* z, double* c,
                           double* h, Py_ssize_t h_row, int activations) noexcept nogil
        void (*backward[1])(Py_ssize_t n, Py_ssize_t H, const double* v, const double* c_prev, double* z,
                            const double* c, double* dh, double* dc, double* dv, int activations) noexcept nogil
        void drop(Py_ssize_t n, double* x, uint32_t key, double probability) noexcept nogil

    const int SUM_ROWS, WIDEST_TILE, N_CELLS


cdef const kernels_float* FLOAT
cdef const kernels_double* DOUBLE


cdef inline Py_ssize_t panel(const floating* params) noexcept nogil:
    if floating is float:
        return FLOAT.panel
    else:
        return DOUBLE.panel


cdef inline void pack(Py_ssize_t K, Py_ssize_t N, const floating* b, Py_ssize_t row, Py_ssize_t column,
                      floating* packed) noexcept nogil:
    if floating is float:
        FLOAT.pack(K, N, b, row, column, packed)
    else:
        DOUBLE.pack(K, N, b, row, column, packed)


cdef inline void product(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const floating* a, Py_ssize_t a_row,
                         const floating* packed, Py_ssize_t stride, floating* c, Py_ssize_t c_row,
                         int add) noexcept nogil:
    if floating is float:
        FLOAT.product(M, N, K, a, a_row, packed, stride, c, c_row, add)
    else:
        DOUBLE.product(M, N, K, a, a_row, packed, stride, c, c_row, add)


cdef inline void add_outer(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const floating* a, Py_ssize_t a_row,
                           const floating* b, Py_ssize_t b_row, floating* c, Py_ssize_t c_row,
                           floating* panels) noexcept nogil:
    if floating is float:
        FLOAT.add_outer(M, N, K, a, a_row, b, b_row, c, c_row, panels)
    else:
        DOUBLE.add_outer(M, N, K, a, a_row, b, b_row, c, c_row, panels)


cdef inline void drop(Py_ssize_t n, floating* x, uint32_t key, double probability) noexcept nogil:
    if floating is float:
        FLOAT.drop(n, x, key, probability)
    else:
        DOUBLE.drop(n, x, key, probability)


cdef inline void vector_tanh(Py_ssize_t n, const floating* x, floating* y) noexcept nogil:
    if floating is float:
        FLOAT.tanh(n, x, y)
    else:
        DOUBLE.tanh(n, x, y)


cdef inline void vector_decay(Py_ssize_t n, floating* x) noexcept nogil:
    if floating is float:
        FLOAT.decay(n, x)
    else:
        DOUBLE.decay(n, x)


cdef inline void cell_forward(Py_ssize_t cell, Py_ssize_t n, Py_ssize_t H, const floating* v,
                              const floating* c_prev, floating* z, floating* c, floating* h,
                              Py_ssize_t h_row, int activations) noexcept nogil:
    if floating is float:
        FLOAT.forward[cell](n, H, v, c_prev, z, c, h, h_row, activations)
    else:
        DOUBLE.forward[cell](n, H, v, c_prev, z, c, h, h_row, activations)


cdef inline void cell_backward(Py_ssize_t cell, Py_ssize_t n, Py_ssize_t H, const floating* v,
                               const floating* c_prev, floating* z, const floating* c, floating* dh, floating* dc,
                               floating* dv, int activations) noexcept nogil:
    if floating is float:
        FLOAT.backward[cell](n, H, v, c_prev, z, c, dh, dc, dv, activations)
    else:
        DOUBLE.backward[cell](n, H, v, c_prev, z, c, dh, dc, dv, activations)
