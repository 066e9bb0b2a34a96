/* The vanilla LSTM cell (Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000).

    z_t = x_t W_x + h_{t-1} W_h + b                 gate order i, f, g, o
    i = s(z_i)   f = s(z_f)   g = a(z_g)   o = s(z_o)
    c_t = f c_{t-1} + i g                           h_t = o a(c_t)

a is the activation, tanh unless asked otherwise, s the recurrent activation, the logistic function. Its one vector of
parameters is the bias, v = b (4H,). With `peephole`, the functions are those of peephole.h. */

/* The forget gate starts open (Jozefowicz et al. 2015). */
#define CELL_lstm(CELL) CELL(lstm, 4, 4, 0, 1, "input gate, forget gate, candidate, output gate, cell state", {0, 1, 0, 0})

#ifdef REAL
INLINE void NAME(lstm_or_peephole_forward)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c, REAL *h,
    const int activations, const int peephole)
{
    VECTOR before = NAME(load)(c_prev, n);
    VECTOR z_i = NAME(load)(z, n) + NAME(load)(v, n), z_f = NAME(load)(z + H, n) + NAME(load)(v + H, n);
    VECTOR z_o = NAME(load)(z + 3 * H, n) + NAME(load)(v + 3 * H, n);
    if (peephole) {
        z_i += before * NAME(load)(v + 4 * H, n);
        z_f += before * NAME(load)(v + 5 * H, n);
    }
    VECTOR i = NAME(gate)(z_i, activations), f = NAME(gate)(z_f, activations);
    VECTOR g = NAME(activation)(NAME(load)(z + 2 * H, n) + NAME(load)(v + 2 * H, n), activations);
    VECTOR cell = f * before + i * g;
    if (peephole)
        z_o += cell * NAME(load)(v + 6 * H, n);
    VECTOR o = NAME(gate)(z_o, activations);
    NAME(put)(z, i, n);
    NAME(put)(z + H, f, n);
    NAME(put)(z + 2 * H, g, n);
    NAME(put)(z + 3 * H, o, n);
    NAME(put)(c, cell, n);
    NAME(put)(h, o * NAME(activation)(cell, activations), n);
}

/* a(c) is computed again: that costs less than to store and load it. */
INLINE void NAME(lstm_or_peephole_backward)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, const REAL *c, REAL *dh, REAL *dc,
    REAL *dv, const int activations, const int peephole)
{
    VECTOR i = NAME(load)(z, n), f = NAME(load)(z + H, n), g = NAME(load)(z + 2 * H, n), o = NAME(load)(z + 3 * H, n);
    VECTOR before = NAME(load)(c_prev, n), cell = NAME(load)(c, n);
    VECTOR dh_t = NAME(load)(dh, n), a_c = NAME(activation)(cell, activations);
    VECTOR dz_o = dh_t * a_c * NAME(gate_slope)(o, activations);
    VECTOR dcell = NAME(load)(dc, n) + dh_t * o * NAME(activation_slope)(a_c, activations);
    if (peephole)
        dcell += dz_o * NAME(load)(v + 6 * H, n);
    VECTOR dz_i = dcell * g * NAME(gate_slope)(i, activations);
    VECTOR dz_f = dcell * before * NAME(gate_slope)(f, activations);
    VECTOR dz_g = dcell * i * NAME(activation_slope)(g, activations);
    VECTOR dbefore = dcell * f;
    if (peephole) {
        dbefore += dz_i * NAME(load)(v + 4 * H, n) + dz_f * NAME(load)(v + 5 * H, n);
        NAME(put)(dv + 4 * H, NAME(load)(dv + 4 * H, n) + dz_i * before, n);
        NAME(put)(dv + 5 * H, NAME(load)(dv + 5 * H, n) + dz_f * before, n);
        NAME(put)(dv + 6 * H, NAME(load)(dv + 6 * H, n) + dz_o * cell, n);
    }
    NAME(put)(z, dz_i, n);
    NAME(put)(z + H, dz_f, n);
    NAME(put)(z + 2 * H, dz_g, n);
    NAME(put)(z + 3 * H, dz_o, n);
    NAME(put)(dc, dbefore, n);
    NAME(put)(dh, (VECTOR){0}, n);
    NAME(put)(dv, NAME(load)(dv, n) + dz_i, n);
    NAME(put)(dv + H, NAME(load)(dv + H, n) + dz_f, n);
    NAME(put)(dv + 2 * H, NAME(load)(dv + 2 * H, n) + dz_g, n);
    NAME(put)(dv + 3 * H, NAME(load)(dv + 3 * H, n) + dz_o, n);
}

INLINE void NAME(lstm_forward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c, REAL *h, const int activations)
{
    NAME(lstm_or_peephole_forward)(n, H, v, c_prev, z, c, h, activations, 0);
}

INLINE void NAME(lstm_backward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, const REAL *c, REAL *dh, REAL *dc,
    REAL *dv, const int activations)
{
    NAME(lstm_or_peephole_backward)(n, H, v, c_prev, z, c, dh, dc, dv, activations, 0);
}
#endif
