"""OpenMP's thread count; the only module that names its symbols, so that a build without OpenMP differs only here."""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define SKLSTM_OPENMP 1
    #else
    #define SKLSTM_OPENMP 0
    static int omp_get_max_threads(void) { return 1; }
    #endif
    """
    const bint SKLSTM_OPENMP
    int omp_get_max_threads() nogil


ENABLED = bool(SKLSTM_OPENMP)


def max_threads():
    """Threads that OpenMP would use: OMP_NUM_THREADS, or what threadpoolctl or the program has set since."""
    return omp_get_max_threads()
