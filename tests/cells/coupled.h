/* The LSTM cell with coupled gates (Greff et al. 2017, "CIFG"): what it lets in takes the place of what it forgets.

    z_t = x_t W_x + h_{t-1} W_h + b                 gate order i, g, o
    i = s(z_i)   g = a(z_g)   o = s(z_o)
    c_t = (1 - i) c_{t-1} + i g                     h_t = o a(c_t)

Its one vector of parameters is the bias, v = b (3H,). */

/* Starts with 1 - i open, as the forget gate of lstm.h. */
#define CELL_coupled(CELL) CELL(coupled, 3, 3, 0, 1, "input gate, candidate, output gate, cell state", {-1, 0, 0})

#ifdef REAL
INLINE void NAME(coupled_forward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c, REAL *h, const int activations)
{
    VECTOR before = NAME(load)(c_prev, n);
    VECTOR i = NAME(gate)(NAME(load)(z, n) + NAME(load)(v, n), activations);
    VECTOR g = NAME(activation)(NAME(load)(z + H, n) + NAME(load)(v + H, n), activations);
    VECTOR o = NAME(gate)(NAME(load)(z + 2 * H, n) + NAME(load)(v + 2 * H, n), activations);
    VECTOR cell = before + i * (g - before);
    NAME(put)(z, i, n);
    NAME(put)(z + H, g, n);
    NAME(put)(z + 2 * H, o, n);
    NAME(put)(c, cell, n);
    NAME(put)(h, o * NAME(activation)(cell, activations), n);
}

INLINE void NAME(coupled_backward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, const REAL *c, REAL *dh, REAL *dc,
    REAL *dv, const int activations)
{
    (void)v;
    VECTOR i = NAME(load)(z, n), g = NAME(load)(z + H, n), o = NAME(load)(z + 2 * H, n);
    VECTOR before = NAME(load)(c_prev, n), a_c = NAME(activation)(NAME(load)(c, n), activations);
    VECTOR dh_t = NAME(load)(dh, n);
    VECTOR dcell = NAME(load)(dc, n) + dh_t * o * NAME(activation_slope)(a_c, activations);
    VECTOR dz_i = dcell * (g - before) * NAME(gate_slope)(i, activations);
    VECTOR dz_g = dcell * i * NAME(activation_slope)(g, activations);
    VECTOR dz_o = dh_t * a_c * NAME(gate_slope)(o, activations);
    NAME(put)(z, dz_i, n);
    NAME(put)(z + H, dz_g, n);
    NAME(put)(z + 2 * H, dz_o, n);
    NAME(put)(dc, dcell * (1 - i), n);
    NAME(put)(dh, (VECTOR){0}, n);
    NAME(put)(dv, NAME(load)(dv, n) + dz_i, n);
    NAME(put)(dv + H, NAME(load)(dv + H, n) + dz_g, n);
    NAME(put)(dv + 2 * H, NAME(load)(dv + 2 * H, n) + dz_o, n);
}
#endif
