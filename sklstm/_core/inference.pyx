"""The way forward alone: from one state to the next, in memory that does not grow with the length.

`run` takes whole sequences through a stack. A `Stepper` takes one time step of some, from inputs to predictions.
"""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport floor, isfinite
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .decay cimport observe, what_is_left
from .head cimport add_weighted, attention_scores, softmax_t
from .kernels cimport panel, product
from .layer cimport layer_forward
from .links cimport link_t, n_predicted, predict_one
from .packing cimport n_alive, pack_steps, standardised, value_t
from .types cimport BLOCK_ROWS, dropout_t, head_t, layer_t, stack_t

ROWS = BLOCK_ROWS

cdef enum:
    STEPS = 16       # taken together through a layer: few enough for the first-level caches


def run(
    const int64_t[::1] layout, const floating[::1] params, const floating[::1] packed,
    floating[:, ::1] scratch,              # (n_threads, scratch_size(...))
    const value_t[:, ::1] values, const int64_t[::1] starts,
    const int64_t[::1] lengths,            # (n,), descending
    const double[::1] shift, const double[::1] scale,
    floating[:, ::1] state,                # (n, state_size(...))  in and out: each sequence's h and c, layer by layer
    bint fresh,                            # whether the state is zero
    floating[:, ::1] table, Py_ssize_t column,  # out: the top layer's h, if it has rows, into these columns
    const floating[:, ::1] gamma,          # (steps, H) what is left of the first layer's state, if it has rows
    const int64_t[::1] places,             # (n,) where each sequence begins in both tables
    int n_threads,
):
    """Take sequences through a stack of layers."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t n = lengths.shape[0]
    cdef Py_ssize_t n_blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef Py_ssize_t block, first
    cdef floating* h_table = &table[0, column] if table.shape[0] else NULL
    cdef const floating* left = &gamma[0, 0] if gamma.shape[0] else NULL
    with nogil:
        for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
            first = block * BLOCK_ROWS
            _run_block(stack, layers, &params[0], &packed[0], &scratch[threadid(), 0], &values[0, 0],
                       &starts[first], &lengths[first], min(BLOCK_ROWS, n - first), &shift[0], &scale[0],
                       &state[first, 0], 0, fresh, h_table, table.shape[1], left, &places[first])


def state_size(const int64_t[::1] layout):
    """Numbers of state of a sequence, and where those of the top layer's h begin."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef const layer_t* top = layers + stack.n_layers - 1
    cdef Py_ssize_t size = _n_state(stack, layers)
    return size, size - top.H - top.C


cdef inline Py_ssize_t _n_state(const stack_t* stack, const layer_t* layers) noexcept nogil:
    cdef Py_ssize_t size = 0, k
    for k in range(stack.n_layers):
        size += layers[k].H + layers[k].C
    return size


def scratch_size(const int64_t[::1] layout):
    """Numbers that one thread needs: what cells work on, and for each layer the state and the inputs of some steps."""
    cdef const stack_t* stack = <const stack_t*> &layout[0]
    cdef const layer_t* layers = <const layer_t*> (stack + 1)
    cdef Py_ssize_t widest = 0, size = _n_state(stack, layers), k
    for k in range(stack.n_layers):
        widest = max(widest, layers[k].Z)
        size += STEPS * layers[k].K
    return BLOCK_ROWS * (size + widest)


# Between each sequence's row of the state and the layers' (n, H) and (n, C).
cdef inline void _copy_state(
    const stack_t* stack, const layer_t* layers, Py_ssize_t n, floating* rows, floating* by_layer, bint back,
) noexcept nogil:
    cdef Py_ssize_t size = _n_state(stack, layers), column = 0, width, r, k, part
    for k in range(stack.n_layers):
        for part in range(2):
            width = layers[k].C if part else layers[k].H
            for r in range(n):
                if back:
                    memcpy(rows + r * size + column, by_layer + r * width, width * sizeof(floating))
                else:
                    memcpy(by_layer + r * width, rows + r * size + column, width * sizeof(floating))
            by_layer += n * width
            column += width


cdef void _run_block(
    const stack_t* stack, const layer_t* layers, const floating* params, const floating* packed, floating* scratch,
    const value_t* values, const int64_t* starts, const int64_t* lengths, Py_ssize_t n,
    const double* shift, const double* scale,
    floating* state_rows,                  # (n, state_size)  in and out
    Py_ssize_t begin,                      # the step to begin with
    bint fresh, floating* table, Py_ssize_t table_row, const floating* gamma, const int64_t* places,
) noexcept nogil:
    cdef const layer_t* layer
    cdef dropout_t dropout = dropout_t(0, 0, 0)
    cdef Py_ssize_t rows = n, size = _n_state(stack, layers), segment, first, k
    cdef floating* states = scratch
    cdef floating* xh
    cdef floating* x_above
    cdef floating* z
    cdef floating* state
    _copy_state(stack, layers, n, state_rows, states, False)

    for segment in range((lengths[0] - begin + STEPS - 1) // STEPS):
        first = begin + segment * STEPS
        rows = n_alive(lengths, rows, first)
        state = states
        xh = states + n * size
        z = xh
        for k in range(stack.n_layers):
            z += n * STEPS * layers[k].K
        pack_steps(stack, layers, values, starts, lengths, rows, first, first + STEPS, shift, scale, xh + layers[0].H)
        for k in range(stack.n_layers):
            layer = layers + k
            x_above = xh + n * STEPS * layer.K + layer[1].H if k + 1 < stack.n_layers else NULL
            layer_forward(stack, layer, params, packed, &dropout, 0, rows, lengths, first, first + STEPS, fresh, xh, z,
                          <floating*> NULL, state, state + n * layer.H, x_above,
                          layer[1].K if x_above != NULL else 0,
                          <floating*> NULL if x_above != NULL else table, table_row,
                          gamma if k == 0 else NULL, places)
            xh += n * STEPS * layer.K
            state += n * (layer.H + layer.C)
    _copy_state(stack, layers, n, state_rows, states, True)


# ---------------------------------------------------------------------------------------------- one step at a time


cdef enum pooling_t:
    LAST
    MEAN
    MAX
    ATTENTION

POOLINGS = {"last": LAST, "mean": MEAN, "max": MAX, "attention": ATTENTION}

cdef enum input_t:
    VALUES
    TOKENS
    DECAYING

INPUTS = {"values": VALUES, "tokens": TOKENS, "decaying": DECAYING}


# What a step of n streams reads and writes. Pointers without a type are to numbers of the network's precision. A
# stream's rows of these tables are all that it remembers, so that streams that are stepped at once do not meet.
cdef struct stepper_t:
    const stack_t* stack
    const head_t* head
    const void* params
    const void* packed
    const double* shift      # (F,), or (2 F,) with those of changes or of times first
    const double* scale
    const double* input_shift    # of what the first layer reads
    const double* input_scale
    int64_t n, F, n_inputs, state_size, h_column
    int64_t input, pooling, skips
    int64_t link, n_each
    const double* target_scale
    const double* target_shift
    const void* W_d          # (F, H) in panels
    const void* b_d
    const void* decay_w
    const void* decay_b
    const void* embedding    # (n_tokens + 1, E)
    int64_t n_tokens
    # in
    const double* x          # (n, F)
    const double* gaps       # (n,) time since the step before
    # in and out
    int64_t* n_steps         # (n,) before the step, then after it
    void* state              # (n, state_size) h and c of the layers
    double* rows             # (n, 2, n_inputs) the first layer's inputs at the step before, and now
    void* pooled             # (n, D)
    softmax_t* softmax       # (n,)
    double* since            # (n, F)
    void* observed           # (n, F) the last values
    # overwritten
    void* delta              # (n, F)
    void* gamma              # (n, H)
    void* projected          # (n, A)
    void* features           # (n, P)
    void* out                # (n, O)
    void* scratch
    int64_t scratch_size     # of a thread
    double* y                # (n, .)  out


cdef class Stepper:
    """Streams through one network without a way back in time: what each remembers, and where its predictions go.

    Parameters
    ----------
    is_double : bool
    arrays : dict of str to ndarray
        Those that `stepper_t` names and the network has, C-contiguous; they are kept.
    numbers : dict of str to int
        Its other members.
    """

    cdef stepper_t s
    cdef dict _arrays
    cdef bint _is_double

    def __cinit__(self, bint is_double, dict arrays, dict numbers):
        self._is_double, self._arrays = is_double, arrays
        cdef stepper_t* s = &self.s
        s.stack, s.head = <const stack_t*> self._at("stack"), <const head_t*> self._at("head")
        s.params, s.packed = self._at("params"), self._at("packed")
        s.shift, s.scale = <double*> self._at("shift"), <double*> self._at("scale")
        s.input_shift, s.input_scale = <double*> self._at("input_shift"), <double*> self._at("input_scale")
        s.target_scale, s.target_shift = <double*> self._at("target_scale"), <double*> self._at("target_shift")
        s.W_d, s.b_d, s.decay_w, s.decay_b = self._at("W_d"), self._at("b_d"), self._at("decay_w"), self._at("decay_b")
        s.embedding, s.x, s.gaps = self._at("embedding"), <double*> self._at("x"), <double*> self._at("gaps")
        s.n_steps, s.state, s.rows = <int64_t*> self._at("n_steps"), self._at("state"), <double*> self._at("rows")
        s.pooled, s.softmax = self._at("pooled"), <softmax_t*> self._at("softmax")
        s.since, s.observed = <double*> self._at("since"), self._at("observed")
        s.delta, s.gamma = self._at("delta"), self._at("gamma")
        s.projected, s.features, s.out = self._at("projected"), self._at("features"), self._at("out")
        s.scratch, s.y = self._at("scratch"), <double*> self._at("y")
        s.n, s.F, s.n_inputs, s.n_tokens = numbers["n"], numbers["F"], numbers["n_inputs"], numbers["n_tokens"]
        s.state_size, s.h_column = numbers["state_size"], numbers["h_column"]
        s.input, s.pooling, s.skips = numbers["input"], numbers["pooling"], numbers["skips"]
        s.link, s.n_each, s.scratch_size = numbers["link"], numbers["n_each"], numbers["scratch_size"]

    cdef void* _at(self, name):
        cdef Py_ssize_t address = self._arrays[name].ctypes.data if name in self._arrays else 0
        return <void*> address

    def step(self, int n_threads):
        """Take in `x` and `gaps`, and leave predictions in `y`.

        Returns -1, or where the first number of x is that the network cannot take, and then nothing has changed.
        """
        cdef stepper_t* s = &self.s
        cdef Py_ssize_t n_blocks = (s.n + BLOCK_ROWS - 1) // BLOCK_ROWS, block, wrong
        wrong = _first_wrong(s)
        if wrong >= 0:
            return wrong
        if n_blocks == 1:
            # Other threads are not let in: to wait for them again would take longer than the step.
            if self._is_double:
                _step(s, 0, 0, <const double*> s.params)
            else:
                _step(s, 0, 0, <const float*> s.params)
            return -1
        with nogil:
            for block in prange(n_blocks, schedule="dynamic", num_threads=n_threads):
                if self._is_double:
                    _step(s, block, threadid(), <const double*> s.params)
                else:
                    _step(s, block, threadid(), <const float*> s.params)
        return -1


cdef Py_ssize_t _first_wrong(const stepper_t* s) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(s.n * s.F):
        if isfinite(s.x[k]):
            if s.input == TOKENS and (s.x[k] < 0 or s.x[k] != floor(s.x[k])):
                return k
        elif s.input != DECAYING or s.x[k] == s.x[k]:
            return k
    return -1


cdef void _step(const stepper_t* s, Py_ssize_t block, int thread, const floating* params) noexcept nogil:
    cdef Py_ssize_t first = block * BLOCK_ROWS, n = min(BLOCK_ROWS, s.n - first), r
    cdef Py_ssize_t D = s.head.D, P = s.head.P, n_outputs = s.head.O, F = s.F
    cdef const layer_t* layers = <const layer_t*> (s.stack + 1)
    cdef const floating* packed = <const floating*> s.packed
    cdef floating* state = <floating*> s.state + first * s.state_size
    cdef floating* features = <floating*> s.features + first * P
    cdef floating* out = <floating*> s.out + first * n_outputs
    cdef floating* gamma = <floating*> s.gamma + first * layers.H if s.input == DECAYING else NULL
    cdef double* rows = s.rows + first * 2 * s.n_inputs
    # As step 1 of sequences of two: what was at step 0 is what changes are from.
    cdef int64_t starts[BLOCK_ROWS]
    cdef int64_t lengths[BLOCK_ROWS]
    cdef int64_t places[BLOCK_ROWS]
    for r in range(n):
        starts[r], lengths[r], places[r] = 2 * r, 2, r - 1
        _read(s, layers, first + r, rows + 2 * r * s.n_inputs, params)
    _run_block(s.stack, layers, params, packed, <floating*> s.scratch + thread * s.scratch_size, rows, starts, lengths,
               n, s.input_shift, s.input_scale, state, 1, False, <floating*> NULL, 0, gamma, places)
    for r in range(n):
        _pool(s, first + r, state + r * s.state_size + s.h_column, features + r * P, params)
        if s.skips:
            _skip(s, s.x + (first + r) * F, features + r * P + D)
        memcpy(out + r * n_outputs, params + s.head.b, n_outputs * sizeof(floating))
    product(n, n_outputs, P, features, P, packed + s.head.packed, P * panel(packed), out, n_outputs, 1)
    for r in range(n):
        predict_one(<link_t> s.link, n_outputs, s.n_each, out + r * n_outputs, s.target_scale, s.target_shift,
                    s.y + (first + r) * n_predicted(<link_t> s.link, n_outputs, s.n_each))
        s.n_steps[first + r] += 1


# What the first layer reads now, into the second of two rows; the first keeps what it read before.
cdef inline void _read(
    const stepper_t* s, const layer_t* layer, Py_ssize_t stream, double* rows, const floating* params,
) noexcept nogil:
    cdef Py_ssize_t W = s.n_inputs, F = s.F, H = layer.H, k, token
    cdef const double* x = s.x + stream * F
    cdef double* now = rows + W
    cdef double gap = s.gaps[stream] if s.n_steps[stream] else 0
    cdef const floating* vector
    cdef floating* delta
    cdef floating* left
    cdef floating seen = 0, value = 0
    if s.n_steps[stream]:
        memcpy(rows, now, W * sizeof(double))
    if s.input == VALUES:
        memcpy(now, x, F * sizeof(double))
    elif s.input == TOKENS:
        token = <Py_ssize_t> x[0] if x[0] < s.n_tokens else s.n_tokens
        vector = <const floating*> s.embedding + token * W
        for k in range(W):
            now[k] = vector[k]
    else:
        delta = <floating*> s.delta + stream * F
        left = <floating*> s.gamma + stream * H
        for k in range(F):
            observe(x[k], gap, s.scale[k], s.shift[F + k], s.scale[F + k], (<const floating*> s.decay_w)[k],
                    (<const floating*> s.decay_b)[k], s.since + stream * F + k,
                    <floating*> s.observed + stream * F + k, delta + k, &value, &seen)
            now[k], now[F + k] = value, seen
        if s.n_steps[stream]:
            what_is_left(1, F, H, delta, <const floating*> s.W_d, <const floating*> s.b_d, left)
        else:
            memset(left, 0, H * sizeof(floating))
    if s.n_steps[stream] == 0:
        memcpy(rows, now, W * sizeof(double))


# What the output layer sees of the top layer's h, (D,), and of those before it.
cdef inline void _pool(
    const stepper_t* s, Py_ssize_t stream, const floating* h, floating* features, const floating* params,
) noexcept nogil:
    cdef Py_ssize_t D = s.head.D, k
    cdef int64_t t = s.n_steps[stream]
    cdef floating* pooled = <floating*> s.pooled + stream * D
    cdef floating score
    if s.pooling == LAST:
        memcpy(features, h, D * sizeof(floating))
    elif s.pooling == MEAN:
        for k in range(D):
            pooled[k] += h[k]
            features[k] = pooled[k] / (t + 1)
    elif s.pooling == MAX:
        for k in range(D):
            if t == 0 or h[k] > pooled[k]:
                pooled[k] = h[k]
            features[k] = pooled[k]
    else:
        attention_scores(s.head, params, <const floating*> s.packed, 1, h,
                         <floating*> s.projected + stream * s.head.A, &score)
        add_weighted(D, score, h, t == 0, s.softmax + stream, pooled)
        for k in range(D):
            features[k] = <floating> (pooled[k] / s.softmax[stream].total)


cdef inline void _skip(const stepper_t* s, const double* x, floating* features) noexcept nogil:
    cdef Py_ssize_t F = s.F, behind = F if s.stack.changes else 0, k
    for k in range(F):
        features[k] = <floating> standardised(x[k], s.shift[behind + k], s.scale[behind + k])
