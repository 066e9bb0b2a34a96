/* The LSTM cell with peepholes (Gers and Schmidhuber 2000; in the form of ONNX): gates also see the memory.

    z_t as in lstm.h                                gate order i, f, g, o
    i = s(z_i + p_i c_{t-1})   f = s(z_f + p_f c_{t-1})   g = a(z_g)
    c_t = f c_{t-1} + i g
    o = s(z_o + p_o c_t)                            h_t = o a(c_t)

Its vectors of parameters are v = [b (4H,) | p_i | p_f | p_o]. */

#define CELL_peephole(CELL) \
    CELL(peephole, 4, 4, 0, 1, "input gate, forget gate, candidate, output gate, cell state", {0, 1, 0, 0, 0, 0, 0})

#ifdef REAL
INLINE void NAME(peephole_forward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c, REAL *h, const int activations)
{
    NAME(lstm_or_peephole_forward)(n, H, v, c_prev, z, c, h, activations, 1);
}

INLINE void NAME(peephole_backward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, const REAL *c, REAL *dh, REAL *dc,
    REAL *dv, const int activations)
{
    NAME(lstm_or_peephole_backward)(n, H, v, c_prev, z, c, dh, dc, dv, activations, 1);
}
#endif
