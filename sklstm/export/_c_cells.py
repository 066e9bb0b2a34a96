"""The cells as C.

``@`` stands for the name of the model, ``$`` for the same in capitals. ``ACTIVATION`` and ``GATE`` are the functions of
the model's cell, ``{a}`` and ``{s}`` their names in comments.
"""

LAYER = """\
typedef struct {
    int n_units;
    @_matrix W_x, W_h;
    const float *b;
} @_layer;
"""

SUM = """\
/* Row k of W_x x + W_h h + b. */
static inline float @_sum(const @_layer *layer, int k, const float *x, const float *h)
{
    return @_row(&layer->W_x, k, x) + @_row(&layer->W_h, k, h) + layer->b[k];
}
"""

LSTM = """\
/* The LSTM; i, f, g and o have rows of their own of W_x, W_h and b, in this order, a row a unit:
 *
 *     i = {s}(W_x x + W_h h + b), and so f and o
 *     g = {a}(W_x x + W_h h + b)
 *     c = f c + i g
 *     h = o {a}(c) */
static inline void @_lstm(const @_layer *layer, const float *x, float *h, float *c)
{
    const int n = layer->n_units;
    float next[$_MAX_UNITS];
    for (int j = 0; j < n; j++) {
        const float i = GATE(@_sum(layer, j, x, h));
        const float f = GATE(@_sum(layer, n + j, x, h));
        const float g = ACTIVATION(@_sum(layer, 2 * n + j, x, h));
        const float o = GATE(@_sum(layer, 3 * n + j, x, h));
        c[j] = f * c[j] + i * g;
        next[j] = o * ACTIVATION(c[j]);
    }
    memcpy(h, next, (size_t)n * sizeof *h);
}
"""

PEEPHOLE = """\
/* The LSTM with peepholes; i, f, g and o have rows of their own of W_x, W_h and b, in this order, a row a unit, and b
 * ends with the peepholes p of i, f and o:
 *
 *     i = {s}(W_x x + W_h h + p c + b), and so f
 *     g = {a}(W_x x + W_h h + b)
 *     c = f c + i g
 *     o = {s}(W_x x + W_h h + p c + b), of the new c
 *     h = o {a}(c) */
static inline void @_peephole(const @_layer *layer, const float *x, float *h, float *c)
{
    const int n = layer->n_units;
    const float *p = layer->b + 4 * n;
    float next[$_MAX_UNITS];
    for (int j = 0; j < n; j++) {
        const float i = GATE(@_sum(layer, j, x, h) + p[j] * c[j]);
        const float f = GATE(@_sum(layer, n + j, x, h) + p[n + j] * c[j]);
        const float g = ACTIVATION(@_sum(layer, 2 * n + j, x, h));
        c[j] = f * c[j] + i * g;
        next[j] = GATE(@_sum(layer, 3 * n + j, x, h) + p[2 * n + j] * c[j]) * ACTIVATION(c[j]);
    }
    memcpy(h, next, (size_t)n * sizeof *h);
}
"""

GRU = """\
/* The gated recurrent unit, with the reset after the product; a row a unit, W_x has those of g, r, u, W_h those of
 * r, u, q, and b those of g, r, u, q:
 *
 *     r = {s}(W_x x + W_h h + b), and so u
 *     q = W_h h + b
 *     g = {a}(W_x x + b + r q)
 *     h = (1 - u) g + u h */
static inline void @_gru(const @_layer *layer, const float *x, float *h)
{
    const int n = layer->n_units;
    const @_matrix *W_x = &layer->W_x, *W_h = &layer->W_h;
    const float *b = layer->b;
    float next[$_MAX_UNITS];
    for (int j = 0; j < n; j++) {
        const float r = GATE(@_row(W_x, n + j, x) + @_row(W_h, j, h) + b[n + j]);
        const float u = GATE(@_row(W_x, 2 * n + j, x) + @_row(W_h, n + j, h) + b[2 * n + j]);
        const float q = @_row(W_h, 2 * n + j, h) + b[3 * n + j];
        const float g = ACTIVATION(@_row(W_x, j, x) + b[j] + r * q);
        next[j] = g + u * (h[j] - g);
    }
    memcpy(h, next, (size_t)n * sizeof *h);
}
"""

RNN = """\
/* The simple recurrent cell: h = {a}(W_x x + W_h h + b). */
static inline void @_rnn(const @_layer *layer, const float *x, float *h)
{
    float next[$_MAX_UNITS];
    for (int j = 0; j < layer->n_units; j++)
        next[j] = ACTIVATION(@_sum(layer, j, x, h));
    memcpy(h, next, (size_t)layer->n_units * sizeof *h);
}
"""

# By cell: its source, what that needs beside a layer, the vectors of its state, and whether it has gates.
CELLS = {
    "lstm": (LSTM, SUM, "hc", True),
    "peephole": (PEEPHOLE, SUM, "hc", True),
    "gru": (GRU, "", "h", True),
    "rnn": (RNN, SUM, "h", False),
}
