"""Backpropagation through time against central differences, in float64: numbers, never shapes."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._core import backprop, losses
from sklstm.minibatch import Minibatch
from sklstm.network import CELLS

N_FEATURES = 2
SHIFT, SCALE = np.array([0.3, -1.0]), np.array([0.5, 2.0])
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

    def __init__(self, sizes, lengths, loss="squared_error", cell="lstm", n_outputs=None, max_memory=None, n_threads=2):
        n_outputs = n_outputs or N_OUTPUTS[loss]
        self.network = naive.random_network(N_FEATURES, sizes, n_outputs, cell=cell)
        self.sequences = naive.random_sequences(lengths, N_FEATURES)
        self.targets, self.weights = naive.random_targets(loss, len(lengths), n_outputs)
        self.minibatch = Minibatch(self.network, self.sequences, SHIFT, SCALE, n_threads, max_memory)
        self._loss = getattr(losses, loss)["double"]

    def loss(self):
        rows, out = self.minibatch.forward(np.arange(len(self.sequences)))
        self.dout = np.empty_like(out)
        return self._loss(out, self.targets[rows], self.weights[rows], self.dout)

    def gradients(self):
        """Of the parameters, and of the sequences' standardised inputs."""
        self.loss()
        self.minibatch.gradient.fill(np.nan)  # to be overwritten, not added to
        dx = self.minibatch.backward(self.dout, input_gradient=True)
        return self.minibatch.gradient.copy(), dx

    def check(self, at_most=2000, step=1e-3):
        """Compare all gradients, or as many as `at_most` of each part."""
        rng = np.random.RandomState(0)
        gradient, dx = self.gradients()
        for name, (where, _) in self.network.parts.items():
            places = np.arange(where.start, where.stop)
            places = rng.permutation(places)[:at_most]
            assert_close(gradient[places], derivatives(self.loss, self.network.parameters, places, step), name)
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
    Problem(sizes, naive.ragged_lengths(11), cell=cell).check(at_most=150)


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


SHAPES = {"short": ((20, 9), naive.ragged_lengths(11)), "wide": ((257,), [10] * 45)} | {
    name: (sizes, lengths) for name, (sizes, lengths, n_outputs) in LONG_SUMS.items() if n_outputs == 2
}


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_float32_equal_those_of_float64(cell, case):
    sizes, lengths = SHAPES[case]
    double = Problem(sizes, lengths, cell=cell)
    single = naive.random_network(N_FEATURES, sizes, 2, "float32", cell)
    minibatch = Minibatch(single, double.sequences, SHIFT, SCALE, 2)
    expected, expected_dx = double.gradients()
    minibatch.forward(np.arange(len(lengths)))
    dx = minibatch.backward(double.dout.astype(np.float32), input_gradient=True)
    assert minibatch.gradient.dtype == np.float32
    for name in single.parts:
        part, expected_part = single.part(name, minibatch.gradient), single.part(name, expected)
        assert_allclose(part, expected_part, rtol=1e-4, atol=1e-5 * np.abs(expected_part).max(), err_msg=name)
    assert_allclose(dx, expected_dx, rtol=1e-4, atol=1e-5 * np.abs(expected_dx).max())


def test_steps_after_an_end_have_no_influence():
    """A sequence's loss has no gradient by another's inputs: no row is read past its end."""
    problem = Problem((4, 3), [5, 2, 7])
    problem.weights[:] = [0, 3, 0]
    _, dx = problem.gradients()
    own = np.zeros(len(dx), dtype=bool)
    own[5:7] = True
    assert (dx[own] != 0).all()
    assert_array_equal(dx[~own], 0)


def test_input_gradient_changes_nothing_else():
    problem = Problem((4, 3), naive.ragged_lengths(11))
    expected, _ = problem.gradients()
    problem.loss()
    assert problem.minibatch.backward(problem.dout) is None
    assert_array_equal(problem.minibatch.gradient, expected)


def test_input_gradient_is_in_the_order_of_the_rows():
    """Of the sequences as `forward` was given them, though it computes the longest first."""
    problem = Problem((4, 3), naive.ragged_lengths(21))
    _, dx = problem.gradients()
    parts = np.split(dx, problem.sequences.offsets[1:-1])
    rows = np.random.RandomState(0).permutation(21)
    order, out = problem.minibatch.forward(rows)
    dout = np.empty_like(out)
    problem._loss(out, problem.targets[order], problem.weights[order], dout)
    shuffled = problem.minibatch.backward(dout, input_gradient=True)
    assert_array_equal(shuffled, np.concatenate([parts[row] for row in rows]))


def test_workspace_is_reused_without_a_trace():
    """The same gradients from memory full of NaN, and after another minibatch of as many sequences and steps."""
    lengths = [5, 1, 3, 3, 9, 9, 9, 2, 4, 6, 6, 7]
    problem = Problem((4, 3), lengths)
    rows, others = np.array([0, 1]), np.array([2, 3])
    dout = np.array([[0.5, -1.0], [2.0, 0.3]])

    def gradient(minibatch, rows):
        minibatch.forward(rows)
        minibatch.backward(dout)
        return minibatch.gradient.copy()

    expected = gradient(Minibatch(problem.network, problem.sequences, SHIFT, SCALE, 1), rows)
    problem.gradients()
    assert not np.array_equal(gradient(problem.minibatch, others), expected)
    assert_array_equal(gradient(problem.minibatch, rows), expected)
    for memory in [problem.minibatch._work, problem.minibatch._state, problem.minibatch._scratch]:
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


@pytest.mark.parametrize("name", ["layer_0.W_x", "layer_0.W_h", "layer_1.v", "output.b"])
def test_the_check_itself_sees_small_errors(name, monkeypatch):
    """One part of the gradient, wrong by a thousandth of a percent, fails."""
    problem = Problem((3, 4), naive.ragged_lengths(9))
    right = Minibatch.backward

    def wrong(self, dout, input_gradient=False):
        dx = right(self, dout, input_gradient)
        self.network.part(name, self.gradient)[:] *= 1 + 1e-5
        return dx

    monkeypatch.setattr(Minibatch, "backward", wrong)
    with pytest.raises(AssertionError, match=name.replace(".", r"\.")):
        problem.check()
