"""What holds of networks of any sizes: the twin's numbers, true gradients, and bits that only the data decide."""

from dataclasses import replace
from unittest import mock

import naive
import numpy as np
from checks import assert_same_bits
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from strategies import LONGEST, SHORT, NetworkExample, Sizes, at_corners, network_examples
from test_memory import all_that_suffice

from sklstm import minibatch as minibatch_module
from sklstm.minibatch import Minibatch
from sklstm.threads import single_threaded_blas

TOLERANCES = {"float64": 1e-10, "float32": 2e-5}

few = st.lists(st.integers(1, 5), min_size=1, max_size=12)
# As many numbers as a derivative needs: more of them only take time.
few_sizes = st.builds(
    lambda lengths, n_features, layers: Sizes(tuple(lengths), n_features, tuple(layers)),
    few,
    st.integers(1, 4),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
)


@at_corners(lambda sizes: {"problem": NetworkExample(sizes, {"dtype": "float32"})})
@given(problem=network_examples())
def test_outputs_are_those_of_the_twin(problem):
    network, sequences, shift, scale = problem.make()
    with single_threaded_blas():
        expected = naive.outputs(network, sequences, shift, scale)
    tolerance = TOLERANCES[network.dtype.name]
    out = network.predict(sequences, shift, scale, 2)
    assert_allclose(out, expected, rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max()))


# ---------------------------------------------------------------------------------------------- gradients


class Slope:
    """The gradient of a random sum of all outputs along a random direction, and what differences make of it."""

    def __init__(self, problem, dropout):
        self.network, sequences, shift, scale = problem.make()
        self.rng = np.random.default_rng(problem.seed)
        self.minibatch = Minibatch(self.network, sequences, shift, scale, n_threads=2)
        self.rows, self.dropout = np.arange(len(sequences)), dropout
        self.parameters = self.network.parameters.copy()
        self.direction = self.rng.normal(size=len(self.parameters))
        self.direction /= np.linalg.norm(self.direction)
        self.dout = None

    def at(self, distance):
        self.network.parameters[:] = self.parameters + distance * self.direction
        _, out = self.minibatch.forward(self.rows, self.dropout)
        if self.dout is None:
            self.dout = self.rng.normal(size=out.shape)
        return np.sum(self.dout * out)

    def by_backpropagation(self):
        self.at(0)
        self.minibatch.backward(self.dout)
        return self.minibatch.gradient @ self.direction

    def on_either_side(self, step=1e-6):
        here = self.at(0)
        return (here - self.at(-step)) / step, (self.at(step) - here) / step


@given(problem=network_examples(few_sizes), dropout=st.sampled_from([None, naive.DROPOUT]))
def test_gradients_are_those_of_differences(problem, dropout):
    """In double precision; where there is no kink between the two sides."""
    slope = Slope(replace(problem, options={**problem.options, "dtype": "float64"}), dropout)
    left, right = slope.on_either_side()
    size = max(1.0, np.linalg.norm(slope.dout))
    assume(abs(right - left) < 1e-5 * size)
    assert_allclose(slope.by_backpropagation(), (left + right) / 2, rtol=1e-5, atol=2e-5 * size)


# ---------------------------------------------------------------------------------------------- bits


def gradient(network, sequences, shift, scale, n_threads, max_memory=None):
    minibatch = Minibatch(network, sequences, shift, scale, n_threads, max_memory)
    _, out = minibatch.forward(np.arange(len(sequences)), naive.DROPOUT)
    minibatch.backward(np.sign(out))
    return out, minibatch.gradient


@at_corners(lambda sizes: {"problem": NetworkExample(sizes), "n_threads": 3, "segment": 64, "share": 0.0})
@given(
    problem=network_examples(),
    n_threads=st.integers(1, 3),
    segment=st.sampled_from([1, 3, 64]),
    share=st.floats(0, 1),
)
def test_gradients_have_the_same_bits_on_any_threads_and_in_any_memory(problem, n_threads, segment, share):
    segment = segment if max(problem.sizes.lengths) <= SHORT else 64
    network, sequences, shift, scale = problem.make()
    with mock.patch.object(minibatch_module, "SEGMENT_STEPS", segment):
        least, all_of_it = all_that_suffice(network, sequences, len(sequences), n_threads, n=2)
        enough = least + share * (all_of_it - least)
        expected = gradient(network, sequences, shift, scale, 1)
        actual = gradient(network, sequences, shift, scale, n_threads, enough)
    for ours, theirs in zip(actual, expected, strict=True):
        assert_same_bits(ours, theirs)


@example(problem=NetworkExample(Sizes((LONGEST, 1, 2), 1, (2,))), rows=[0], n_threads=1)
@at_corners(lambda sizes: {"problem": NetworkExample(sizes, {"pooling": "attention"}), "rows": [-1], "n_threads": 2})
@given(
    problem=network_examples(),
    rows=st.lists(st.integers(0, 1000), min_size=1, max_size=40),
    n_threads=st.integers(1, 3),
)
def test_outputs_have_the_same_bits_in_any_company(problem, rows, n_threads):
    network, sequences, shift, scale = problem.make()
    rows = np.array(rows) % len(sequences)
    expected = network.predict(sequences, shift, scale, 1)
    if network.architecture.return_sequences:
        expected = np.split(expected, sequences.offsets[1:-1])
    else:
        expected = expected[:, np.newaxis]
    actual = network.predict(sequences[rows], shift, scale, n_threads)
    assert_same_bits(actual, np.concatenate([expected[row] for row in rows]))
