/* One time step of n rows, for every cell of the registry. A cell's file defines what happens to some units of a row,

    name_forward_units(n, H, v, c_prev, z, c, h, activations)
    name_backward_units(n, H, v, c_prev, z, c, dh, dc, dv, activations)

where n is the number of units, LANES or fewer, and the pointers are those of the row, moved on to the first of them.
These are compiled twice: for the usual activations, which is then no question at run time, and for all others. */

#define FORWARD_ROWS(name, n_columns, n_memories, activations)                                              \
    for (ptrdiff_t r = 0; r < n; r++, c_prev += n_memories * H, z += n_columns * H, c += n_memories * H, h += h_row) { \
        ptrdiff_t j = 0;                                                                                     \
        for (; j + LANES <= H; j += LANES)                                                                   \
            NAME(name##_forward_units)(LANES, H, v + j, c_prev + j, z + j, c + j, h + j, activations);       \
        if (j < H)                                                                                           \
            NAME(name##_forward_units)(H - j, H, v + j, c_prev + j, z + j, c + j, h + j, activations);       \
    }

#define BACKWARD_ROWS(name, n_columns, n_memories, activations)                                                     \
    for (ptrdiff_t r = 0; r < n;                                                                                     \
         r++, c_prev += n_memories * H, z += n_columns * H, c += n_memories * H, dh += H, dc += n_memories * H) {    \
        ptrdiff_t j = 0;                                                                                             \
        for (; j + LANES <= H; j += LANES)                                                                           \
            NAME(name##_backward_units)(LANES, H, v + j, c_prev + j, z + j, c + j, dh + j, dc + j, dv + j, activations); \
        if (j < H)                                                                                                   \
            NAME(name##_backward_units)(H - j, H, v + j, c_prev + j, z + j, c + j, dh + j, dc + j, dv + j, activations); \
    }

/* Forward: on entry z (n, Z) holds the products; v (V,) are the parameters; c_prev and c (n, C) may be one; h's rows are
   h_row apart. On return z holds what the way back needs.

   Back: dh (n, H) and dc (n, C) hold the loss's derivatives by h_t and c_t. On return z holds those by the products, dc
   that by c_{t-1}, dh that by h_{t-1} but for what comes through the products, and dv (V,) has grown by this step's. */
#define CELL_STEPS(name, n_gates, n_columns, h_column, n_memories, ...)                                             \
    static void NAME(name##_forward)(ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c,  \
                                     REAL *h, ptrdiff_t h_row, int activations)                                      \
    {                                                                                                                \
        if (activations == 0)                                                                                        \
            FORWARD_ROWS(name, n_columns, n_memories, 0)                                                             \
        else                                                                                                         \
            FORWARD_ROWS(name, n_columns, n_memories, activations)                                                   \
    }                                                                                                                \
    static void NAME(name##_backward)(ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z,          \
                                      const REAL *c, REAL *dh, REAL *dc, REAL *dv, int activations)                  \
    {                                                                                                                \
        if (activations == 0)                                                                                        \
            BACKWARD_ROWS(name, n_columns, n_memories, 0)                                                            \
        else                                                                                                         \
            BACKWARD_ROWS(name, n_columns, n_memories, activations)                                                  \
    }
CELLS(CELL_STEPS)
#undef CELL_STEPS
#undef FORWARD_ROWS
#undef BACKWARD_ROWS
