"""Pieces of C that a header is put together from, for float and int8 weights and each way to an output.

``@`` stands for the name of the model, ``$`` for the same in capitals. Comparisons are such that NaN remains NaN, which
it does not in fminf and fmaxf alone.
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
    const float *w = W->values + (size_t)row * (size_t)W->n_columns;
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
    const int8_t *w = W->values + (size_t)row * (size_t)W->n_columns;
    float sum = 0.0f;
    for (int k = 0; k < W->n_columns; k++)
        sum += (float)w[k] * x[k];
    return W->scales[row] * sum;
}
"""

FLOAT_VALUE = """\
static inline float @_value(const @_matrix *W, size_t row, int column)
{
    return W->values[row * (size_t)W->n_columns + (size_t)column];
}
"""

INT8_VALUE = """\
static inline float @_value(const @_matrix *W, size_t row, int column)
{
    return W->scales[row] * (float)W->values[row * (size_t)W->n_columns + (size_t)column];
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
    return z < 0.0f ? 0.0f : z;
}
"""

HARD_SIGMOID = """\
static inline float @_hard_sigmoid(float z)
{
    const float y = z / 6.0f + 0.5f;
    return y < 0.0f ? 0.0f : y > 1.0f ? 1.0f : y;
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
static inline float @_scaled(float x, const @_scaling *by)
{
    return ((x - by->mean) - by->rest) * by->scale;
}

/* The same within limits, as the model reads it. */
static inline float @_standardised(float x, const @_scaling *by)
{
    const float z = @_scaled(x, by);
    return z < -1e9f ? -1e9f : z > 1e9f ? 1e9f : z;
}
"""

ADD = """\
/* Add a number to a sum, and keep what rounding loses for the next time, so that many small numbers count (Kahan). */
static inline void @_add(float *sum, float *lost, float number)
{
    const float term = number - *lost, next = *sum + term;
    *lost = (next - *sum) - term;
    *sum = next;
}
"""

LEFT = """\
/* What is left of a value that decays. */
static inline float @_left(float rate)
{
    return rate <= 0.0f ? 1.0f : expf(-rate);
}
"""

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
    const size_t row = (size_t)(token >= 0 && token < $_N_TOKENS ? token : $_N_TOKENS);
    for (int k = 0; k < $_EMBEDDING_DIM; k++)
        input[k] = @_value(&@_embedding, row, k);
"""

DECAY = """\
    /* The longer ago a feature was seen, the nearer what stands in for it, and what is left of the state, are to 0. */
    float input[2 * N_READ], since[N_READ];
    for (int k = 0; k < N_READ; k++) {
        const int observed = !isnan(FROM[k]);
        if (s->begun)
            @_add(&s->since[k], &s->since_lost[k], GAP);
        since[k] = s->since[k] * @_time_scale[k];
        since[k] = since[k] > 1e9f ? 1e9f : since[k];
        if (observed) {
            s->last[k] = input[k] = @_standardised(FROM[k], &@_x[k]);
            s->since[k] = s->since_lost[k] = 0.0f;
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
        @_add(&s->pooled[j], &s->pooled_lost[j], (TOP[j] - s->pooled[j]) / s->n_steps);
"""

MAX = """\
    for (int j = 0; j < N_UNITS; j++)
        if (!s->begun || !(TOP[j] <= s->pooled[j])) /* also if it is NaN */
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
    const float in_units = expf(s->largest - largest);
    s->total *= in_units;
    s->total_lost *= in_units;
    @_add(&s->total, &s->total_lost, weight);
    s->largest = largest;
    for (int j = 0; j < N_UNITS; j++)
        @_add(&s->pooled[j], &s->pooled_lost[j], weight / s->total * (TOP[j] - s->pooled[j]));
"""

# By pooling: its source, the function that this calls, and what it keeps beside `pooled`: of each unit, and in all.
POOLINGS = {
    "mean": (MEAN, ADD, ["pooled_lost"], ["n_steps"]),
    "max": (MAX, "", [], []),
    "attention": (ATTENTION, ADD, ["pooled_lost"], ["largest", "total", "total_lost"]),
}

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
        y[k] = expf(y[k] > LIMIT ? LIMIT : y[k]) * @_y_scale[k];
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
    const float log_odds = OUTPUT(0);
    y[0] = @_logistic(-log_odds);
    y[1] = @_logistic(log_odds);
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
