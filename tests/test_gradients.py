"""Backpropagation through time against central differences, in float64: numbers, never shapes."""

import naive
import numpy as np
import pytest
from checks import in_table_order
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._core import backprop, losses
from sklstm.layout import CELLS
from sklstm.minibatch import Minibatch

N_FEATURES = 2
SHIFT, SCALE = np.array([0.3, -1.0]), np.array([0.5, 2.0])
# Of the changes first, where values skip the layers; of one that never changes the scale is 0.
SCALES_OF_CHANGES = np.append([0.1, 0.0], SHIFT), np.append([0.8, 0.0], SCALE)
N_OUTPUTS = {"squared_error": 2, "binary_log_loss": 1, "multinomial_log_loss": 4}


def derivative(f, x, step=1e-3):
    """df/dx at 0 by the five-point rule: its error, step**4, is as small as rounding's at this step."""
    a, b = f(x + step) - f(x - step), f(x + 2 * step) - f(x - 2 * step)
    return (8 * a - b) / (12 * step)


def derivatives(f, array, places, step=1e-3):
    """Derivatives of f() by some places of a flat array that f reads."""
    result = []
    for k in places:
        value = array[k]

        def at(x, k=k):
            array[k] = x
            return f()

        result.append(derivative(at, value, step))
        array[k] = value
    return np.array(result)


class Problem:
    """A network, sequences, targets, and the loss of them all as one minibatch."""

    def __init__(
        self, sizes, lengths, loss="squared_error", cell="lstm", n_outputs=None, max_memory=None, n_threads=2,
        dropout=None, **architecture,
    ):  # fmt: skip
        n_outputs = n_outputs or N_OUTPUTS[loss]
        self.network, self.sequences, shift, scale = naive.random_problem(
            N_FEATURES, sizes, n_outputs, lengths, SHIFT, SCALE, cell=cell, **architecture
        )
        self._by_step = self.network.architecture.return_sequences
        self.targets, self.weights = naive.random_targets(
            loss, sum(lengths) if self._by_step else len(lengths), n_outputs
        )
        self.minibatch = Minibatch(
            self.network, self.sequences, shift, scale, n_threads, max_memory, input_gradient=True
        )
        self._loss, self._dropout = getattr(losses, loss)["double"], dropout

    def loss(self):
        rows, out = self.minibatch.forward(np.arange(len(self.sequences)), self._dropout)
        if self._by_step:
            rows = self.minibatch.steps
        self.dout = np.empty_like(out)
        return self._loss(out, self.targets[rows], self.weights[rows], self.dout)

    def gradients(self):
        """Of the parameters, and of the standardised inputs, or the embeddings, in the order of the sequences."""
        self.loss()
        self.minibatch.gradient.fill(np.nan)  # to be overwritten, not added to
        dx = in_table_order(self.minibatch, self.minibatch.backward(self.dout))
        return self.minibatch.gradient.copy(), dx

    def check(self, at_most=2000, step=1e-3):
        """Compare all gradients, or as many as `at_most` of each part."""
        rng = np.random.RandomState(0)
        gradient, dx = self.gradients()
        for name, (where, _) in self.network.parts.items():
            places = np.arange(where.start, where.stop)
            places = rng.permutation(places)[:at_most]
            assert_close(gradient[places], derivatives(self.loss, self.network.parameters, places, step), name)
        architecture = self.network.architecture
        if architecture.embedding_dim or architecture.skip_connection or architecture.missing == "decay":
            return  # dx is by the embeddings, by the changes of the inputs, or by what is left of them
        values = self.sequences.values.reshape(-1)
        places = rng.permutation(len(values))[:at_most]
        by_value = derivatives(self.loss, values, places, step)
        assert_close(dx.reshape(-1)[places] * SCALE[places % N_FEATURES], by_value, "dx")


def assert_close(actual, expected, name):
    assert np.abs(expected).max() > 1e-6, f"{name} has no gradient, and the test would pass on zeros"
    assert_allclose(actual, expected, rtol=1e-6, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("sizes", [(1,), (5,), (3, 4), (4, 2, 3)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_ragged_minibatches(cell, sizes):
    """More sequences than a block holds; some end together, some alone, some after one step."""
    Problem(sizes, naive.ragged_lengths(backprop.ROWS + 3, longest=6), cell=cell).check()


@pytest.mark.parametrize(
    "lengths",
    [[1], [6], [1, 1, 1], [4] * 8, [4] * 9, [1, 5], [9, 8, 7, 6, 5, 4, 3, 2, 1], [7, 7, 2, 2, 2, 7, 1, 7]],
    ids=str,
)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_where_sequences_end(cell, lengths):
    """h_t goes to the next step or, where a sequence ends, to the state: each pattern of ends splits other rows."""
    problem = Problem((4,), lengths, cell=cell)
    if max(lengths) == 1:
        # Without a second step W_h takes no part, and its gradient is exactly zero.
        gradient, _ = problem.gradients()
        assert_array_equal(problem.network.part("layer_0.W_h", gradient), 0)
        del problem.network.parts["layer_0.W_h"]
    if len(lengths) == 1:
        problem.weights[:] = 1
    problem.check()


@pytest.mark.parametrize("loss", N_OUTPUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_through_every_loss(cell, loss):
    Problem((5, 4), naive.ragged_lengths(11), loss, cell).check()


@pytest.mark.parametrize("sizes", [(19,), (33, 17)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_several_tiles(cell, sizes):
    """Gates of more than 64 columns, of which the last tile is not full; some of the places."""
    Problem(sizes, naive.ragged_lengths(11), cell=cell).check(at_most=60)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_wide_layer(cell):
    Problem((256, 3), naive.ragged_lengths(35, longest=4), cell=cell).check(at_most=20)


# Rows of a segment beyond the 192 that are summed up on their own, at an even number of them and at others; sequences
# beyond them, for the output layer; and more outputs than its widest tile, 256.
LONG_SUMS = {
    "384 rows": ((6,), [32] * 12, 2),
    "385 rows": ((6,), [32] * 12 + [1], 2),
    "ragged": ((5, 4), naive.ragged_lengths(60, longest=20), 2),
    "many sequences": ((5,), naive.ragged_lengths(200, longest=2), 2),
    "many outputs": ((5,), naive.ragged_lengths(11), 260),
    "two segments": ((5,), [100, 70, 64, 65, 3, 99, 100], 2),
}


@pytest.mark.parametrize("case", LONG_SUMS)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_long_sums(cell, case):
    sizes, lengths, n_outputs = LONG_SUMS[case]
    Problem(sizes, lengths, cell=cell, n_outputs=n_outputs).check(at_most=25, step=4e-4)  # long sums bend more


# ---------------------------------------------------------------------------------------------- architectures


def step_for(pooling="last", activation="tanh", recurrent_activation="logistic", missing="error", **others):
    """Small where there are kinks, of which none is then near enough."""
    has_kinks = pooling == "max" or activation == "relu" or recurrent_activation == "hard_sigmoid" or missing == "decay"
    return 1e-5 if has_kinks else 4e-4


@pytest.mark.parametrize("sizes", [(5,), (4, 3)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_both_directions(cell, sizes):
    lengths = naive.ragged_lengths(backprop.ROWS + 3, longest=6)
    Problem(sizes, lengths, cell=cell, bidirectional=True).check(at_most=30)


@pytest.mark.parametrize("dropout", [None, naive.DROPOUT], ids=["whole", "dropout"])
@pytest.mark.parametrize("name", naive.ARCHITECTURES)
def test_gradients_of_architectures(name, dropout):
    """With dropout too: what is dropped follows from the seed, so that differences can be taken."""
    architecture = naive.ARCHITECTURES[name]
    problem = Problem((5, 4), naive.ragged_lengths(backprop.ROWS + 3), dropout=dropout, **architecture)
    problem.check(at_most=15, step=step_for(**architecture))


@pytest.mark.parametrize("name", naive.ARCHITECTURES)
def test_gradients_of_architectures_over_several_segments(name):
    architecture = naive.ARCHITECTURES[name]
    problem = Problem((4, 3), LONG_SUMS["two segments"][1], dropout=naive.DROPOUT, **architecture)
    problem.check(at_most=10, step=min(step_for(**architecture), 1e-4))


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one_direction", "both"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_every_cell_with_dropout(cell, bidirectional):
    problem = Problem((5, 4), naive.ragged_lengths(11), cell=cell, bidirectional=bidirectional, dropout=naive.DROPOUT)
    problem.check(at_most=25)


@pytest.mark.parametrize("activation", naive.ACTIVATIONS)
@pytest.mark.parametrize(
    ("cell", "recurrent_activation"),
    [(cell, s) for cell in CELLS for s in (naive.RECURRENT_ACTIVATIONS if cell != "rnn" else ["logistic"])],
)
def test_gradients_of_activations(cell, recurrent_activation, activation):
    activations = {"activation": activation, "recurrent_activation": recurrent_activation}
    problem = Problem((5, 4), naive.ragged_lengths(11), cell=cell, **activations)
    problem.check(at_most=20, step=step_for(**activations))


def test_the_gradient_of_an_embedding_is_the_sum_over_its_tokens():
    """Of those that are unknown too, in the last row."""
    problem = Problem((4,), naive.ragged_lengths(11), **naive.ARCHITECTURES["tokens of both"])
    gradient, dx = problem.gradients()
    tokens = problem.sequences.values[:, 0]
    actual = problem.network.part("embedding.W", gradient)
    for token, row in enumerate(actual[:-1]):
        assert (tokens == token).sum() > 1
        assert_allclose(row, dx[tokens == token].sum(axis=0), rtol=1e-12)
    unknown = (tokens < 0) | (tokens >= 5)
    assert (tokens[unknown] < 0).any()
    assert (tokens[unknown] > 5).any()
    assert_allclose(actual[-1], dx[unknown].sum(axis=0), rtol=1e-12)


SHAPES = {"short": ((20, 9), naive.ragged_lengths(11)), "wide": ((257,), [10] * 45)} | {
    name: (sizes, lengths) for name, (sizes, lengths, n_outputs) in LONG_SUMS.items() if n_outputs == 2
}


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_float32_equal_those_of_float64(cell, case):
    sizes, lengths = SHAPES[case]
    check_float32(sizes, lengths, cell=cell)


@pytest.mark.parametrize("name", naive.ARCHITECTURES)
def test_gradients_of_architectures_in_float32(name):
    """What is dropped is the same in either precision."""
    check_float32((20, 9), naive.ragged_lengths(11), dropout=naive.DROPOUT, **naive.ARCHITECTURES[name])


def check_float32(sizes, lengths, dropout=None, **architecture):
    double = Problem(sizes, lengths, dropout=dropout, **architecture)
    single, sequences, shift, scale = naive.random_problem(
        N_FEATURES, sizes, 2, lengths, SHIFT, SCALE, dtype="float32", **architecture
    )
    minibatch = Minibatch(single, sequences, shift, scale, 2, input_gradient=True)
    expected, expected_dx = double.gradients()
    minibatch.forward(np.arange(len(lengths)), dropout)
    dx = in_table_order(minibatch, minibatch.backward(double.dout.astype(np.float32)))
    assert minibatch.gradient.dtype == np.float32
    for name in single.parts:
        part, expected_part = single.part(name, minibatch.gradient), single.part(name, expected)
        assert_allclose(part, expected_part, rtol=1e-4, atol=1e-5 * np.abs(expected_part).max(), err_msg=name)
    assert_allclose(dx, expected_dx, rtol=1e-4, atol=1e-5 * np.abs(expected_dx).max())


@pytest.mark.parametrize("bidirectional", [False, True])
def test_steps_after_an_end_have_no_influence(bidirectional):
    """A sequence's loss has no gradient by another's inputs: no row is read past its end."""
    problem = Problem((4, 3), [5, 2, 7], bidirectional=bidirectional)
    problem.weights[:] = [0, 3, 0]
    _, dx = problem.gradients()
    own = np.zeros(len(dx), dtype=bool)
    own[5:7] = True
    assert (dx[own] != 0).all()
    assert_array_equal(dx[~own], 0)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_input_gradient_changes_nothing_else(bidirectional):
    problem = Problem((4, 3), naive.ragged_lengths(11), bidirectional=bidirectional)
    expected, _ = problem.gradients()
    minibatch = Minibatch(problem.network, problem.sequences, SHIFT, SCALE, 2)
    minibatch.forward(np.arange(11))
    assert minibatch.backward(problem.dout).shape == (0, N_FEATURES)
    assert_array_equal(minibatch.gradient, expected)


@pytest.mark.parametrize("n_timesteps", [1, 5])
@pytest.mark.parametrize("name", [name for name in naive.ARCHITECTURES if "token" not in name])
def test_derivatives_by_values(name, n_timesteps):
    """Through changes, through what skips the layers, and from what stands in for missing values."""
    problem = Problem((4, 3), [n_timesteps] * 3, **naive.ARCHITECTURES[name])
    minibatch, architecture = problem.minibatch, problem.network.architecture
    if architecture.skip_connection:  # the second feature never changes, and is seen as it is
        minibatch = Minibatch(problem.network, problem.sequences, *SCALES_OF_CHANGES, 2, input_gradient=True)
        problem.minibatch = minibatch
    problem.loss()
    dvalues = minibatch.by_values(minibatch.backward(problem.dout)).reshape(-1)
    values = problem.sequences.values.reshape(-1)
    missing = np.isnan(values)
    known = np.flatnonzero(~missing)
    assert missing.any() == (architecture.missing == "decay")
    assert_array_equal(dvalues[missing], 0)
    if len(known):
        assert_close(dvalues[known], derivatives(problem.loss, values, known), name)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_input_gradient_is_in_the_order_of_the_outputs(bidirectional):
    """The longest first, for rows in any order."""
    problem = Problem((4, 3), naive.ragged_lengths(21), bidirectional=bidirectional)
    _, dx = problem.gradients()
    parts = np.split(dx, problem.sequences.offsets[1:-1])
    order, out = problem.minibatch.forward(np.random.RandomState(0).permutation(21))
    dout = np.empty_like(out)
    problem._loss(out, problem.targets[order], problem.weights[order], dout)
    assert_array_equal(problem.minibatch.backward(dout), np.concatenate([parts[row] for row in order]))


@pytest.mark.parametrize("architecture", [None, *naive.ARCHITECTURES])
def test_workspace_is_reused_without_a_trace(architecture):
    """The same gradients from memory full of NaN, and after another minibatch of as many sequences and steps."""
    lengths = [5, 1, 3, 3, 9, 9, 9, 2, 4, 6, 6, 7]
    architecture = naive.ARCHITECTURES.get(architecture, {})
    problem, fresh = (Problem((4, 3), lengths, **architecture) for _ in range(2))
    rows, others = np.array([0, 1]), np.array([2, 3])

    def gradient(minibatch, rows):
        _, out = minibatch.forward(rows, naive.DROPOUT)
        minibatch.backward(np.random.RandomState(0).normal(size=out.shape))
        return minibatch.gradient.copy()

    expected = gradient(fresh.minibatch, rows)
    problem.gradients()
    assert not np.array_equal(gradient(problem.minibatch, others), expected)
    assert_array_equal(gradient(problem.minibatch, rows), expected)
    minibatch = problem.minibatch
    for memory in [minibatch._work, minibatch._state, minibatch._scratch, *minibatch._head._buffers.values()]:
        memory.fill(np.nan)
    assert_array_equal(gradient(problem.minibatch, rows), expected)


def test_minibatch_gradient_is_the_mean_of_its_sequences():
    """Independent of how sequences share blocks: the sum of gradients of minibatches of one."""
    lengths = naive.ragged_lengths(19)
    whole = Problem((5, 4), lengths)
    expected, _ = whole.gradients()
    total = np.zeros_like(expected)
    for row in range(19):
        rows, out = whole.minibatch.forward(np.array([row]))
        dout = np.empty_like(out)
        losses.squared_error["double"](out, whole.targets[rows], whole.weights[rows], dout)
        whole.minibatch.backward(dout)
        total += whole.minibatch.gradient / 19
    assert_allclose(total, expected, rtol=1e-11, atol=1e-15)


EVERYTHING = naive.ARCHITECTURES["tokens"] | naive.ARCHITECTURES["attention to both"]


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        *((name, {}) for name in ["layer_0.W_x", "layer_0.W_h", "layer_1.v", "output.b"]),
        *((name, EVERYTHING) for name in ["layer_1.reverse.W_x", "attention.W", "attention.v", "embedding.W"]),
    ],
)
def test_the_check_itself_sees_small_errors(name, architecture, monkeypatch):
    """One part of the gradient, wrong by a thousandth of a percent, fails."""
    problem = Problem((3, 4), naive.ragged_lengths(9), **architecture)
    right = Minibatch.backward

    def wrong(self, dout):
        dx = right(self, dout)
        self.network.part(name, self.gradient)[:] *= 1 + 1e-5
        return dx

    monkeypatch.setattr(Minibatch, "backward", wrong)
    with pytest.raises(AssertionError, match=name.replace(".", r"\.")):
        problem.check()
