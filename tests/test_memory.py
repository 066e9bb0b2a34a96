"""Training within a given memory: the same bits, true numbers, and errors that leave nothing behind."""

import re
import tracemalloc
from copy import deepcopy

import naive
import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits, run_python, slow_to_converge
from numpy.testing import assert_array_equal
from test_gradients import Problem

from sklstm import LSTMRegressor
from sklstm import minibatch as minibatch_module
from sklstm.layout import CELLS
from sklstm.minibatch import Minibatch

SHIFT, SCALE = np.array([0.3, -1.0, 0.1]), np.array([0.5, 2.0, 1.5])
# From 1 to 300 steps: up to five segments of 64, and ends at, before and after their borders.
LENGTHS = [300, 1, 257, 64, 65, 63, 128, 2, 192, 256, 193, 150, 300, 17, 129, 1, 64, 270, 40]
SEQUENCES = naive.random_sequences(LENGTHS, 3)


def megabytes(minibatch):
    """What a minibatch keeps allocated, but for what its head and the tables between levels of layers take."""
    return sum(getattr(minibatch, name).nbytes for name in ["gradient", "_scratch", "_packed", "_state", "_work"]) / 1e6


def n_checkpoints(minibatch):
    return sum(place.checkpoint is not None for place in minibatch._stack_places[0])


def all_that_suffice(network, sequences, n_sequences, n_threads=1, n=4):
    """Megabytes from the least that can be worked in to all that can be used, found by bisection."""
    shift, scale = np.zeros(sequences.n_features), np.ones(sequences.n_features)

    def checkpoints(max_memory):
        minibatch = Minibatch(network, sequences, shift, scale, n_threads, max_memory, input_gradient=True)
        try:
            minibatch.reserve(slice(None), n_sequences)
        except ValueError:
            return np.inf
        return n_checkpoints(minibatch)

    def least(most_checkpoints):
        too_little, enough = 0.0, 1e3
        while enough - too_little > 1e-6:
            middle = (too_little + enough) / 2
            if checkpoints(middle) <= most_checkpoints:
                enough = middle
            else:
                too_little = middle
        return enough

    return np.linspace(least(1e9), least(0), n)


@pytest.fixture
def short_segments(monkeypatch):
    monkeypatch.setattr(minibatch_module, "SEGMENT_STEPS", 3)


# ---------------------------------------------------------------------------------------------- bits


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(33,), (40, 17)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_same_bits_in_any_memory(cell, sizes, dtype):
    check_same_bits_in_any_memory(naive.random_network(3, sizes, 2, dtype, cell), SEQUENCES, SHIFT, SCALE, n=9)


@pytest.mark.parametrize("dropout", [None, naive.DROPOUT], ids=["whole", "dropout"])
@pytest.mark.parametrize("name", naive.ARCHITECTURES)
def test_the_same_bits_of_architectures_in_any_memory(name, dropout):
    problem = naive.random_problem(3, (10, 7), 2, LENGTHS, SHIFT, SCALE, dtype="float32", **naive.ARCHITECTURES[name])
    check_same_bits_in_any_memory(*problem, n=5, dropout=dropout)


def check_same_bits_in_any_memory(network, sequences, shift, scale, n, dropout=None):
    rows = np.random.RandomState(0).permutation(len(LENGTHS))

    def passes(max_memory, n_threads):
        minibatch = Minibatch(network, sequences, shift, scale, n_threads, max_memory, input_gradient=True)
        for _ in range(2):  # the second in memory that the first has left
            order, out = minibatch.forward(rows, dropout)
            dx = minibatch.backward(np.ascontiguousarray(out - 0.5))
            gradient = minibatch.gradient.copy()
        assert_array_equal(np.sort(order), np.arange(len(LENGTHS)))
        return minibatch, {"out": out, "gradient": gradient, "dx": dx}

    whole, expected = passes(None, 1)
    assert n_checkpoints(whole) == 0
    assert len(whole._segments) == 5
    seen = set()
    for n_threads in [1, 2]:
        for max_memory in all_that_suffice(network, sequences, len(LENGTHS), n_threads, n):
            minibatch, results = passes(max_memory, n_threads)
            assert megabytes(minibatch) <= max_memory
            seen.add(n_checkpoints(minibatch))
            for name, array in results.items():
                assert_same_bits(array, expected[name], f"{name} in {max_memory} MB on {n_threads} threads")
    assert {0, 5} <= seen
    assert len(seen) >= min(n, 4)


@pytest.mark.parametrize("name", [None, *naive.ARCHITECTURES])
def test_no_more_is_allocated_than_allowed(name):
    """By a step from nothing, whatever is kept of it: but for whole numbers a sequence, and what is handed out."""
    architecture = naive.ARCHITECTURES.get(name, {})
    network, *data = naive.random_problem(3, (16, 12), 2, LENGTHS * 3, SHIFT, SCALE, dtype="float32", **architecture)
    for max_memory in all_that_suffice(network, data[0], len(LENGTHS) * 3):
        tracemalloc.start()
        minibatch = Minibatch(network, *data, 1, max_memory)
        _, out = minibatch.forward(np.arange(len(LENGTHS) * 3))
        minibatch.backward(out)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert 0.5 * max_memory < peak - out.nbytes / 1e6 <= 1.03 * max_memory


@slow_to_converge
@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd", "dtype": "float64"}], ids=["adam", "sgd"])
@ESTIMATORS
def test_the_same_model_in_any_memory(Estimator, parameters):
    rng = np.random.RandomState(0)
    y = rng.normal(size=(len(LENGTHS), 2)) if Estimator is LSTMRegressor else rng.randint(0, 3, size=len(LENGTHS))

    def fit(max_memory, n_jobs=1):
        model = Estimator(
            (40, 17), max_iter=2, batch_size=8, random_state=0, n_jobs=n_jobs, max_memory=max_memory, **parameters
        )
        return model.fit(SEQUENCES, y)

    expected = fit(None)
    assert len(set(expected.loss_curve_)) == 2  # it did train
    network = expected._network
    for max_memory in all_that_suffice(network, SEQUENCES, 8, 2, n=3):
        for n_jobs in [1, 2]:
            model = fit(max_memory, n_jobs)
            assert model.loss_curve_ == expected.loss_curve_
            assert_same_bits(model._network.parameters, network.parameters, f"{max_memory} MB, {n_jobs} jobs")


# ---------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("sizes", [(5,), (3, 4), (4, 2, 3)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("share", [0, 0.5, 1], ids=["in_the_least", "in_half", "in_all"])
def test_gradients_over_several_segments(cell, sizes, share, short_segments):
    """Segments of 3 steps: sequences end before, at and after their borders, blocks within and at them."""
    lengths = [10, 1, 3, 4, 6, 7, 9, 2, 10, 3, 12, 5]
    problem = Problem(sizes, lengths, cell=cell)
    problem.loss()
    assert len(problem.minibatch._segments) == 4
    choices = all_that_suffice(problem.network, problem.sequences, len(lengths), n_threads=2, n=3)
    problem = Problem(sizes, lengths, cell=cell, max_memory=choices[int(2 * share)])
    problem.loss()
    n = n_checkpoints(problem.minibatch)
    assert n == 0 if share == 1 else n > 0
    problem.check()


@pytest.mark.parametrize("steps", [1, 2, 5, 64])
def test_bounds_of_segments_do_not_matter(steps, monkeypatch):
    """The same numbers, though not the same bits, wherever time is cut."""
    expected = Problem((5, 4), naive.ragged_lengths(19, longest=11)).gradients()
    monkeypatch.setattr(minibatch_module, "SEGMENT_STEPS", steps)
    for actual, right in zip(Problem((5, 4), naive.ragged_lengths(19, longest=11)).gradients(), expected, strict=True):
        np.testing.assert_allclose(actual, right, rtol=1e-10, atol=1e-14)


# ---------------------------------------------------------------------------------------------- limits


def test_no_minibatch_takes_more_than_was_allowed(short_segments):
    """Once room for the longest is reserved, minibatches of other lengths fit, one after the other."""
    rng = np.random.RandomState(0)
    lengths = rng.randint(1, 30, size=60)
    sequences = naive.random_sequences(lengths, 3)
    network = naive.random_network(3, (6, 5), 1)
    for max_memory in all_that_suffice(network, sequences, 20, n=12):
        minibatch = Minibatch(network, sequences, SHIFT, SCALE, 1, max_memory)
        minibatch.reserve(slice(None), 20)
        assert megabytes(minibatch) <= max_memory
        for n in [20, 3, 20, 1, 7, 20, 20, 20, 12, 20, 20]:
            minibatch.forward(rng.permutation(60)[:n])
            assert megabytes(minibatch) <= max_memory, f"{n} sequences"
            minibatch.backward(np.ones((n, 1)))


@pytest.mark.parametrize("longest", [63, 64, 65, 127, 128, 129, 300])
def test_shorter_sequences_need_no_more(longest):
    """Where minibatches of the longest fit, those of any shorter length do, on whichever side of a border."""
    lengths = np.repeat(np.arange(1, longest + 1), 4)
    sequences = naive.random_sequences(lengths, 3)
    network = naive.random_network(3, (4,), 1, "float32")
    least = all_that_suffice(network, sequences, 4)[0]
    minibatch = Minibatch(network, sequences, SHIFT, SCALE, 1, least)
    minibatch.reserve(slice(None), 4)
    for length in range(1, longest + 1):
        minibatch.forward(np.flatnonzero(lengths == length))


def needed(caught):
    """The megabytes that an error's message asks for."""
    message = str(caught.value)
    assert "max_memory" in message
    assert "batch_size" in message
    return float(re.search(r"raise it to (\d+)", message)[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [[1], [64] * 9, LENGTHS, [300] * 32], ids=lambda lengths: f"{len(lengths)}")
@pytest.mark.parametrize("sizes", [(4,), (150, 64)], ids=str)
def test_what_the_message_asks_for_suffices(sizes, lengths, dtype):
    network = naive.random_network(3, sizes, 2, dtype)
    sequences = naive.random_sequences(lengths, 3)
    with pytest.raises(ValueError, match=f"{len(lengths)} sequences of up to {max(lengths)} time steps") as caught:
        Minibatch(network, sequences, SHIFT, SCALE, 2, 0.01).reserve(slice(None), len(lengths))
    enough = needed(caught)
    minibatch = Minibatch(network, sequences, SHIFT, SCALE, 2, enough)
    _, out = minibatch.forward(np.arange(len(lengths)))
    minibatch.backward(np.ones_like(out))
    assert megabytes(minibatch) <= enough
    # And it is not far more than is needed.
    least = all_that_suffice(network, sequences, len(lengths), 2)[0]
    assert enough <= np.ceil(1.1 * least + 0.1)


def test_a_minibatch_that_does_not_fit_changes_nothing():
    """It is refused as often as it is asked for, and smaller ones go on."""
    network = naive.random_network(3, (40,), 2, "float32")
    least = all_that_suffice(network, SEQUENCES, 3)[0]
    minibatch = Minibatch(network, SEQUENCES, SHIFT, SCALE, 1, least)
    few, all_rows = np.array([1, 3, 7]), np.arange(len(LENGTHS))
    expected = minibatch.forward(few)[1].copy()
    for _ in range(2):
        with pytest.raises(ValueError, match="max_memory"):
            minibatch.forward(all_rows)
    assert_same_bits(minibatch.forward(few)[1], expected)


@slow_to_converge
@pytest.mark.parametrize("method", ["fit", "partial_fit", "warm start"])
@ESTIMATORS
def test_a_fitted_model_stays_as_it_was(Estimator, method):
    y = np.arange(len(LENGTHS)) % 2
    model = Estimator((20, 5), max_iter=2, batch_size=8, random_state=0)
    model.fit(SEQUENCES, y)
    before, predictions = deepcopy(vars(model)), model.predict(SEQUENCES)
    model.set_params(max_memory=0.05, warm_start=method == "warm start")
    long = naive.random_sequences([400] * 10, 3, seed=7)
    call = model.partial_fit if method == "partial_fit" else model.fit
    with pytest.raises(ValueError, match=r"max_memory=0\.05 MB is too little") as caught:
        call(long, np.arange(10) % 2)
    model.set_params(max_memory=None, warm_start=False)
    assert vars(model).keys() == before.keys()
    for name, value in before.items():
        if isinstance(value, (int, float, str, list, tuple)):
            assert getattr(model, name) == value, name
    assert_same_bits(model._network.parameters, before["_network"].parameters)
    assert_same_bits(model._shift, before["_shift"])
    assert_same_bits(model.predict(SEQUENCES), predictions)
    model.set_params(max_memory=needed(caught))
    call(long, np.arange(10) % 2)


@ESTIMATORS
def test_a_model_that_was_refused_is_not_fitted(Estimator):
    model = Estimator(20, max_memory=0.05)
    before = set(vars(model))
    with pytest.raises(ValueError, match="max_memory"):
        model.fit(SEQUENCES, np.arange(len(LENGTHS)) % 2)
    assert set(vars(model)) == before


# ---------------------------------------------------------------------------------------------- what a step takes


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_step_takes_little_more_than_backpropagation_needs(n_threads):
    """Gates (4H), cell and hidden state (H each) of each step must be kept. The rest is at most a fifth of that.

    64 sequences of 100 steps, 16 features and 128 units: 19.7 MB must be kept, in which the inputs (0.4 MB), the packed
    weights (0.6 MB), the gradient and the states (0.4 MB) and each thread's scratch (0.2 MB) are small. In a small
    problem the latter, which do not grow with it, would be most.
    """
    n, steps, n_features, n_units = 64, 100, 16, 128
    network = naive.random_network(n_features, (n_units,), 1, "float32")
    sequences = naive.random_sequences([steps] * n, n_features, "float32")
    minibatch = Minibatch(network, sequences, np.zeros(n_features), np.ones(n_features), n_threads)
    _, out = minibatch.forward(np.arange(n))
    minibatch.backward(np.ones_like(out))
    must_be_kept = n * steps * (4 + 1 + 1) * n_units * 4 / 1e6
    assert must_be_kept <= megabytes(minibatch) <= 1.2 * must_be_kept


# ---------------------------------------------------------------------------------------------- predictions


def test_predictions_take_no_memory_that_grows_with_the_length():
    """A million steps, 8 MB of inputs: to keep no more than their hidden states would take 256 MB."""
    code = """
import os
import numpy as np
from sklstm import LSTMRegressor

X = np.random.RandomState(0).normal(size=(1, 1_000_000, 2)).astype(np.float32)
model = LSTMRegressor(64, max_iter=1, early_stopping=False, n_jobs=1).fit(X[:, :10], [1.0])

def peak(X):
    pid = os.fork()  # its count begins anew, while one that is measured in place may have been higher before
    if not pid:
        assert np.isfinite(model.predict(X)).all()
        os._exit(0)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)

print((peak(X) - peak(X[:, :10])) / 1e6)
"""
    assert float(run_python(code, PYTHONWARNINGS="ignore")) < 16
