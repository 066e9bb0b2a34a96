"""Products of row-major matrices through the BLAS that scipy was built with.

BLAS reads matrices by columns, so a row-major product is handed over transposed: C' = B' A'. Nothing here starts
threads: callers hold BLAS to one thread and share out the rows themselves.
"""
from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef inline void _gemm(char trans_a, char trans_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                       const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
                       floating beta, floating* c, Py_ssize_t ldc) noexcept nogil:
    cdef int m_ = <int> m, n_ = <int> n, k_ = <int> k, lda_ = <int> lda, ldb_ = <int> ldb, ldc_ = <int> ldc
    cdef floating one = 1
    if floating is float:
        sgemm(&trans_b, &trans_a, &n_, &m_, &k_, &one, <float*> b, &ldb_, <float*> a, &lda_, &beta, c, &ldc_)
    else:
        dgemm(&trans_b, &trans_a, &n_, &m_, &k_, &one, <double*> b, &ldb_, <double*> a, &lda_, &beta, c, &ldc_)


# C (m, n) = A (m, k) B (k, n) + beta C
cdef inline void gemm_nn(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                         const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
                         floating beta, floating* c, Py_ssize_t ldc) noexcept nogil:
    _gemm(c"N", c"N", m, n, k, a, lda, b, ldb, beta, c, ldc)


# C (m, n) = A (m, k) B' + beta C, where B is (n, k)
cdef inline void gemm_nt(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                         const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
                         floating beta, floating* c, Py_ssize_t ldc) noexcept nogil:
    _gemm(c"N", c"T", m, n, k, a, lda, b, ldb, beta, c, ldc)


# C (m, n) = A' B + beta C, where A is (k, m) and B is (k, n)
cdef inline void gemm_tn(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                         const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
                         floating beta, floating* c, Py_ssize_t ldc) noexcept nogil:
    _gemm(c"T", c"N", m, n, k, a, lda, b, ldb, beta, c, ldc)
