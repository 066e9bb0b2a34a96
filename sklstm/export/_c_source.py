"""Pieces of C that a header is put together from, for float and int8 weights, each cell and each way to an output.

``@`` stands for the name of the model, ``$`` for the same in capitals. ``ACTIVATION`` and ``GATE`` are the functions of
the model's cell, ``{a}`` and ``{s}`` their names in comments.
"""

# ------------------------------------------------------------------------------------------------ matrices

FLOAT_MATRIX = """\
typedef struct {
    int n_columns;
    const float *values; /* row after row */
} @_matrix;

/* A row of W times x. */
static inline float @_row(const @_matrix *W, int row, const float *x)
{
    const float *w = W->values + row * W->n_columns;
    float sum = 0.0f, sum_1 = 0.0f, sum_2 = 0.0f, sum_3 = 0.0f; /* which need not wait for one another */
    int k = 0;
    for (; k + 3 < W->n_columns; k += 4) {
        sum += w[k] * x[k];
        sum_1 += w[k + 1] * x[k + 1];
        sum_2 += w[k + 2] * x[k + 2];
        sum_3 += w[k + 3] * x[k + 3];
    }
    for (; k < W->n_columns; k++)
        sum += w[k] * x[k];
    return (sum + sum_1) + (sum_2 + sum_3);
}
"""

INT8_MATRIX = """\
typedef struct {
    int n_columns;
    const int8_t *values; /* row after row, each in units of its scale */
    const float *scales;
} @_matrix;

/* A row of W times x. */
static inline float @_row(const @_matrix *W, int row, const float *x)
{
    const int8_t *w = W->values + row * W->n_columns;
    float sum = 0.0f;
    for (int k = 0; k < W->n_columns; k++)
        sum += (float)w[k] * x[k];
    return W->scales[row] * sum;
}
"""

FLOAT_VALUE = """\
static inline float @_value(const @_matrix *W, int row, int column)
{
    return W->values[row * W->n_columns + column];
}
"""

INT8_VALUE = """\
static inline float @_value(const @_matrix *W, int row, int column)
{
    return W->scales[row] * (float)W->values[row * W->n_columns + column];
}
"""

# ----------------------------------------------------------------------------------------------- functions

LOGISTIC = """\
static inline float @_logistic(float z)
{
    return 1.0f / (1.0f + expf(-z));
}
"""

RELU = """\
static inline float @_relu(float z)
{
    return z > 0.0f ? z : 0.0f;
}
"""

HARD_SIGMOID = """\
static inline float @_hard_sigmoid(float z)
{
    return fminf(fmaxf(z / 6.0f + 0.5f, 0.0f), 1.0f);
}
"""

SOFTPLUS = """\
/* log(1 + exp(z)), which is never negative. */
static inline float @_softplus(float z)
{
    return fmaxf(z, 0.0f) + log1pf(expf(-fabsf(z)));
}
"""

# By activation: what calls it, and its source.
ACTIVATIONS = {
    "tanh": ("tanhf", ""),
    "relu": ("@_relu", RELU),
    "logistic": ("@_logistic", LOGISTIC),
    "identity": ("", ""),
    "hard_sigmoid": ("@_hard_sigmoid", HARD_SIGMOID),
}

SCALING = """\
typedef struct {
    float mean, rest, scale;
} @_scaling;

/* x in standard deviations from the mean, which is the sum of two floats: where x is near a large mean, the first
 * difference is exact, and the second brings back the digits that one float has no room for. */
static inline float @_standardised(float x, const @_scaling *by)
{
    const float z = ((x - by->mean) - by->rest) * by->scale;
    return z < -1e9f ? -1e9f : z > 1e9f ? 1e9f : z;
}
"""

LEFT = """\
/* What is left of a value that decays. */
static inline float @_left(float rate)
{
    return rate > 0.0f ? expf(-rate) : 1.0f;
}
"""

# --------------------------------------------------------------------------------------------------- cells

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

# ------------------------------------------------------------------------------------- a step: what is read

VALUES = """\
    float input[N_READ];
    for (int k = 0; k < N_READ; k++)
        input[k] = @_standardised(FROM[k], &@_x[k]);
"""

CHANGES = """\
    /* The layers read changes, where a feature has any; the output layer reads the values, too. */
    float value[N_READ], input[N_READ];
    for (int k = 0; k < N_READ; k++) {
        const float change = s->begun ? FROM[k] - s->previous[k] : 0.0f;
        value[k] = @_standardised(FROM[k], &@_x[k]);
        input[k] = @_change[k].scale > 0.0f ? @_standardised(change, &@_change[k]) : value[k];
        s->previous[k] = FROM[k];
    }
"""

TOKENS = """\
    float input[$_EMBEDDING_DIM];
    const int row = token >= 0 && token < $_N_TOKENS ? (int)token : $_N_TOKENS;
    for (int k = 0; k < $_EMBEDDING_DIM; k++)
        input[k] = @_value(&@_embedding, row, k);
"""

DECAY = """\
    /* The longer ago a feature was seen, the nearer what stands in for it, and what is left of the state, are to 0. */
    float input[2 * N_READ], since[N_READ];
    for (int k = 0; k < N_READ; k++) {
        const int observed = !isnan(FROM[k]);
        if (s->begun)
            s->since[k] += GAP;
        since[k] = fminf(s->since[k] * @_time_scale[k], 1e9f);
        if (observed) {
            s->last[k] = input[k] = @_standardised(FROM[k], &@_x[k]);
            s->since[k] = 0.0f;
        } else {
            input[k] = s->last[k] * @_left(@_decay_w[k] * since[k] + @_decay_b[k]);
        }
        input[N_READ + k] = observed ? 1.0f : 0.0f;
    }
    for (int j = 0; j < N_UNITS; j++) {
        const float left = @_left(@_row(&@_decay_h, j, since) + @_decay_h_b[j]);
        FADE
    }
"""

# ----------------------------------------------------------------------------- a step: time steps into one

MEAN = """\
    s->n_steps += 1.0f; /* no further than 2^24: from there on, the mean slowly forgets */
    for (int j = 0; j < N_UNITS; j++)
        s->pooled[j] += (TOP[j] - s->pooled[j]) / s->n_steps;
"""

MAX = """\
    for (int j = 0; j < N_UNITS; j++)
        if (!s->begun || TOP[j] > s->pooled[j])
            s->pooled[j] = TOP[j];
"""

ATTENTION = """\
    /* The mean of h weighted by exp(score), in units of the exponential of the largest score so far. */
    float score = 0.0f;
    for (int j = 0; j < N_UNITS; j++)
        score += @_attention_v[j] * tanhf(@_row(&@_attention, j, TOP) + @_attention_b[j]);
    if (!s->begun)
        s->largest = score;
    const float largest = fmaxf(s->largest, score), weight = expf(score - largest);
    s->total = s->total * expf(s->largest - largest) + weight;
    s->largest = largest;
    for (int j = 0; j < N_UNITS; j++)
        s->pooled[j] += weight / s->total * (TOP[j] - s->pooled[j]);
"""

# By pooling: its source, and what it keeps beside `pooled`.
POOLINGS = {"mean": (MEAN, ["n_steps"]), "max": (MAX, []), "attention": (ATTENTION, ["largest", "total"])}

# --------------------------------------------------------------------------------- a step: what is predicted

OUTPUTS = """\
    for (int k = 0; k < $_N_OUTPUTS; k++)
        y[k] = OUTPUT(k);
"""

IN_UNITS = """\
    for (int k = 0; k < $_N_OUTPUTS; k++)
        y[k] = y[k] * @_y_scale[k] + @_y_shift[k];
"""

EXPONENTIALS = """\
    for (int k = 0; k < $_N_OUTPUTS; k++)
        y[k] = expf(fminf(y[k], LIMIT)) * @_y_scale[k];
"""

QUANTILES = """\
    /* Each quantile is the one before, and something that is never negative. */
    for (int k = 0; k < $_N_OUTPUTS; k++)
        if (k % $_N_QUANTILES > 0)
            y[k] = y[k - 1] + @_softplus(y[k]);
    for (int k = 0; k < $_N_OUTPUTS; k++)
        y[k] = y[k] * @_y_scale[k / $_N_QUANTILES] + @_y_shift[k / $_N_QUANTILES];
"""

TWO_CLASSES = """\
    const float score = OUTPUT(0); /* the log odds */
    y[0] = @_logistic(-score);
    y[1] = @_logistic(score);
"""

LABELS = """\
    for (int k = 0; k < $_N_OUTPUTS; k++)
        y[k] = @_logistic(y[k]);
"""

SOFTMAX = """\
    float highest = y[0], sum = 0.0f;
    for (int k = 1; k < $_N_OUTPUTS; k++)
        highest = fmaxf(highest, y[k]);
    for (int k = 0; k < $_N_OUTPUTS; k++)
        sum += y[k] = expf(y[k] - highest);
    for (int k = 0; k < $_N_OUTPUTS; k++)
        y[k] /= sum;
"""

# By link, from outputs to predictions: its source, and the function that this calls.
LINKS = {
    "identity": (OUTPUTS + IN_UNITS, ""),
    "exponential": (OUTPUTS + EXPONENTIALS, ""),
    "quantiles": (OUTPUTS + QUANTILES, SOFTPLUS),
    "two_classes": (TWO_CLASSES, LOGISTIC),
    "labels": (OUTPUTS + LABELS, LOGISTIC),
    "softmax": (OUTPUTS + SOFTMAX, ""),
}

RESET = """\
/* Begin a new sequence. A state of zeros has not begun one, either. */
static inline void @_reset(@_state *s)
{
    memset(s, 0, sizeof *s);
}
"""
