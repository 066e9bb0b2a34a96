/* Products of row-major matrices.

Every element of a result is summed in an order that depends on the length of the sum alone, never on how many other
rows or columns are computed beside it: so a sequence's outputs have the same bits in any company. BLAS libraries do not
promise this (OpenBLAS's AVX2 kernels give other bits for five rows than for eight), and they pack their operands anew in
each call, which at eight rows costs as much as the product.

A tile of TILE_ROWS x PANEL sums stays in registers: two vectors of the right matrix are loaded and multiplied by each
row's number in turn. */

#define PANEL (2 * LANES)

/* B (K, N), whose element k, j is at b[k * row + j * column], into panels (K, PANEL) of columns; zeros fill the last. */
static void NAME(pack)(
    ptrdiff_t K, ptrdiff_t N,
    const REAL *restrict b, ptrdiff_t row, ptrdiff_t column,
    REAL *restrict packed)          /* (ceil(N / PANEL), K, PANEL)  out */
{
    for (ptrdiff_t j = 0; j < N; j += PANEL, packed += K * PANEL) {
        ptrdiff_t n = N - j < PANEL ? N - j : PANEL;
        if (column == 1) {
            for (ptrdiff_t k = 0; k < K; k++) {
                if (n == PANEL) { /* of constant size: two vectors, no call */
                    memcpy(packed + k * PANEL, b + k * row + j, PANEL * sizeof(REAL));
                    continue;
                }
                memcpy(packed + k * PANEL, b + k * row + j, n * sizeof(REAL));
                memset(packed + k * PANEL + n, 0, (PANEL - n) * sizeof(REAL));
            }
            continue;
        }
        if (n < PANEL)
            memset(packed, 0, K * PANEL * sizeof(REAL));
        /* A few rows of the panel at a time, which stay in the first-level cache. */
        for (ptrdiff_t k0 = 0; k0 < K; k0 += 16)
            for (ptrdiff_t q = 0; q < n; q++)
                for (ptrdiff_t k = k0; k < k0 + 16 && k < K; k++)
                    packed[k * PANEL + q] = b[k * row + (j + q) * column];
    }
}

/* sums (n, PANEL) = A (n, K) B (K, PANEL) */
INLINE void NAME(tile)(
    const int n, ptrdiff_t K,
    const REAL *restrict a, ptrdiff_t a_row, ptrdiff_t a_column,
    const REAL *restrict b,
    VECTOR sums[TILE_ROWS][2])
{
    UNROLL for (int i = 0; i < n; i++)
        sums[i][0] = sums[i][1] = (VECTOR){0};
    for (ptrdiff_t k = 0; k < K; k++, b += PANEL, a += a_column) {
        VECTOR b0 = *(const VECTOR *)b, b1 = *(const VECTOR *)(b + LANES);
        UNROLL for (int i = 0; i < n; i++) {
            sums[i][0] += a[i * a_row] * b0;
            sums[i][1] += a[i * a_row] * b1;
        }
    }
}

/* C (n, columns) = tile, or += tile */
INLINE void NAME(store)(
    const int n, ptrdiff_t columns, const int add, VECTOR sums[TILE_ROWS][2], REAL *restrict c, ptrdiff_t c_row)
{
    if (columns >= PANEL) {
        UNROLL for (int i = 0; i < n; i++, c += c_row) {
            VECTOR *c0 = (VECTOR *)c, *c1 = (VECTOR *)(c + LANES);
            if (add) {
                sums[i][0] += *c0;
                sums[i][1] += *c1;
            }
            *c0 = sums[i][0];
            *c1 = sums[i][1];
        }
        return;
    }
    UNROLL for (int i = 0; i < n; i++, c += c_row) {
        REAL row[PANEL];
        *(VECTOR *)row = sums[i][0];
        *(VECTOR *)(row + LANES) = sums[i][1];
        for (ptrdiff_t j = 0; j < columns; j++)
            c[j] = add ? c[j] + row[j] : row[j];
    }
}

/* Run ROWS(i, n) for the rows of a matrix in tiles: n is a constant, TILE_ROWS or fewer at the end. */
#define CASE(ROWS, i, n) case n: ROWS(i, n); break;
#if TILE_ROWS == 8
#define LAST_CASES(ROWS, i) CASE(ROWS, i, 4) CASE(ROWS, i, 5) CASE(ROWS, i, 6) CASE(ROWS, i, 7)
#else
#define LAST_CASES(ROWS, i)
#endif
#define FOR_ROWS(M, ROWS)                                                                     \
    do {                                                                                      \
        ptrdiff_t i = 0;                                                                      \
        for (; i + TILE_ROWS <= (M); i += TILE_ROWS)                                          \
            ROWS(i, TILE_ROWS);                                                               \
        switch ((M) - i) {                                                                    \
            CASE(ROWS, i, 1) CASE(ROWS, i, 2) CASE(ROWS, i, 3) LAST_CASES(ROWS, i)            \
        }                                                                                     \
    } while (0)

/* C (M, N) = A (M, K) B, or += with `add`; B's panels begin `stride` apart. */
static void NAME(product)(
    ptrdiff_t M, ptrdiff_t N, ptrdiff_t K,
    const REAL *restrict a, ptrdiff_t a_row,
    const REAL *restrict packed, ptrdiff_t stride,
    REAL *restrict c, ptrdiff_t c_row, int add)
{
    for (ptrdiff_t j = 0; j < N; j += PANEL, packed += stride) {
#define PRODUCT_ROWS(i, n)                                               \
    do {                                                                 \
        VECTOR sums[TILE_ROWS][2];                                 \
        NAME(tile)(n, K, a + i * a_row, a_row, 1, packed, sums);         \
        NAME(store)(n, N - j, add, sums, c + i * c_row + j, c_row);        \
    } while (0)
        FOR_ROWS(M, PRODUCT_ROWS);
#undef PRODUCT_ROWS
    }
}

/* C (M, N) += A' B, where A is (K, M) and B is (K, N): a sum of outer products over many rows, SUM_ROWS at a time. */
static void NAME(add_outer)(
    ptrdiff_t M, ptrdiff_t N, ptrdiff_t K,
    const REAL *restrict a, ptrdiff_t a_row,
    const REAL *restrict b, ptrdiff_t b_row,
    REAL *restrict c, ptrdiff_t c_row,
    REAL *restrict panels)          /* (SUM_ROWS, N rounded up to PANEL)  overwritten */
{
    for (ptrdiff_t k = 0; k < K; k += SUM_ROWS, a += SUM_ROWS * a_row, b += SUM_ROWS * b_row) {
        ptrdiff_t rows = K - k < SUM_ROWS ? K - k : SUM_ROWS;
        NAME(pack)(rows, N, b, b_row, 1, panels);
        for (ptrdiff_t j = 0; j < N; j += PANEL) {
#define OUTER_ROWS(i, n)                                                 \
    do {                                                                 \
        VECTOR sums[TILE_ROWS][2];                                 \
        NAME(tile)(n, rows, a + i, 1, a_row, panels + j * rows, sums);   \
        NAME(store)(n, N - j, 1, sums, c + i * c_row + j, c_row);        \
    } while (0)
            FOR_ROWS(M, OUTER_ROWS);
#undef OUTER_ROWS
        }
    }
}
#undef CASE
#undef LAST_CASES
#undef FOR_ROWS
