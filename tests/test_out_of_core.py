"""Sequences in files: what does not fit in memory is read in parts, and never copied as a whole."""

import re
import sys
from operator import attrgetter

import joblib
import naive
import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits, run_python, slow_to_converge
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from sklstm import LSTMRegressor, Sequences, scaling, training, validation
from sklstm import network as network_module
from sklstm.sequences import Excerpt
from sklstm.training import Data
from sklstm.validation import check_finite, check_tokens

LENGTHS = naive.ragged_lengths(60, longest=9)
X = naive.random_sequences(LENGTHS, 3, "float32")
Y = np.arange(len(X)) % 2
TINY = {"hidden_layer_sizes": 4, "max_iter": 2, "batch_size": 16, "random_state": 0, "n_jobs": 1}


# ---------------------------------------------------------------------------------------------- memory

SHAPE = (500, 320, 250)  # 160 MB of float32
PROGRAM = f"""
import resource
import numpy as np
from sklstm import LSTMClassifier, LSTMRegressor, Sequences, linear

linear.MOST_STEPS = 500  # 8,192 steps of 250 features, in double precision, would be most of what is measured here
n, n_timesteps, n_features = SHAPE = {SHAPE}
y = np.arange(n) % 2
y_steps = np.repeat(y, n_timesteps).reshape(n, n_timesteps)
options = dict(
    hidden_layer_sizes=2, max_iter=1, early_stopping=True, validation_fraction=0.3, batch_size=8, random_state=0
)

def limited(kind, path, megabytes):
    values = np.memmap(path, dtype=np.float32, mode="r", shape=SHAPE)
    X = values if kind == "array" else Sequences(values.reshape(-1, n_features), np.arange(n + 1) * n_timesteps)
    for Estimator in (LSTMRegressor, LSTMClassifier):  # what is imported and kept from the first time on
        Estimator(**options).fit(X[:20], y[:20]).predict(X[:20])
    with open("/proc/self/status") as status:
        used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + megabytes * 10**6,) * 2)
    return X
"""
# What is called, on sequences in which form, and the megabytes that suffice beside those that the process has before.
CALLS = {
    "fit": ("LSTMClassifier(**options).fit(X, y)", "array", 32),
    # Of each step there are a target, a weight and a place, in double precision.
    "fit of time steps": ("LSTMRegressor(return_sequences=True, **options).fit(X, y_steps)", "Sequences", 48),
    "fit with missing values": ("LSTMRegressor(missing='decay', **options).fit(X, y)", "Sequences", 48),
    "partial_fit and predict": ("LSTMRegressor(skip_connection=False).partial_fit(X, y).predict(X)", "Sequences", 32),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file of zeros, which takes no room on the disk, with random numbers in each 50th sequence."""
    path = tmp_path_factory.mktemp("values") / "values.f32"
    values = np.memmap(path, dtype=np.float32, mode="w+", shape=SHAPE)
    values[::50] = np.random.default_rng(0).standard_normal(values[::50].shape, dtype=np.float32)
    values.flush()
    return path


def run_limited(call, kind, megabytes, path):
    code = f"{PROGRAM}\nX = limited({kind!r}, {str(path)!r}, {megabytes})\n{call}\nprint('done')"
    return run_python(code, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONWARNINGS="ignore")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts private memory against this limit")
class TestMemory:
    @pytest.mark.parametrize("call", CALLS)
    def test_a_part_of_the_memory_for_a_copy_suffices(self, call, path):
        assert run_limited(*CALLS[call], path) == "done"

    def test_a_copy_does_not_fit(self, path):
        with pytest.raises(AssertionError, match=r"MemoryError|Unable to allocate"):
            run_limited("X.values.copy()", "Sequences", 48, path)


# ---------------------------------------------------------------------------------------------- parts


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(scaling, "SCALED_AT_A_TIME", 16)
    monkeypatch.setattr(validation, "CHECKED_AT_A_TIME", 7)
    monkeypatch.setattr(network_module, "SEQUENCES_AT_A_TIME", 8)


def weighed(sequences):
    return Data(sequences, np.zeros((len(sequences), 1)), np.ones(len(sequences)))


@pytest.mark.usefixtures("small_parts")
class TestParts:
    def test_each_row_is_in_one_part_and_parts_are_small(self):
        rows = np.flatnonzero(np.arange(len(X)) % 3)
        parts = scaling._parts(weighed(X), rows)
        assert_array_equal(np.concatenate(parts), rows)
        sizes = [3 * X.lengths[part].sum() for part in parts]
        assert len(parts) > 20
        assert 0 < min(sizes) <= max(sizes) <= 16 + 3 * max(LENGTHS)

    def test_scales_are_those_of_the_whole(self):
        shift, scale = scaling.scaling_of(lambda sequences: sequences.values, weighed(X), np.arange(len(X)))
        values = X.values.astype(np.float64)
        assert_allclose(shift, values.mean(axis=0), rtol=1e-6)
        assert_allclose(1 / scale, values.std(axis=0), rtol=1e-6)

    def test_unseen_tokens_are_those_of_no_part(self):
        tokens = Sequences(np.arange(120.0).reshape(-1, 1) % 50, np.arange(0, 121, 4))
        rows = np.arange(3, 13)  # tokens 12 to 49, then 0 and 1
        assert_array_equal(scaling.unseen_tokens(weighed(tokens), rows, 60), [*range(2, 12), *range(50, 60)])

    @pytest.mark.parametrize("wrong", [np.nan, np.inf])
    @pytest.mark.parametrize("step", [0, 1, 40, len(X.values) - 1])
    def test_the_first_wrong_value_is_found(self, wrong, step):
        values = X.values.copy()
        values[step, 1] = values[-1, 2] = wrong
        place = re.escape(validation.place(X.offsets, step))
        with pytest.raises(ValueError, match=f"{place}, feature 1"):
            check_finite(X.with_values(values))
        check_finite(X.with_values(np.where(np.isinf(values), 0, values)), allow_nan=True)

    def test_the_first_wrong_token_is_found(self):
        tokens = np.arange(40.0).reshape(-1, 1)
        tokens[[25, 39]] = 0.5
        with pytest.raises(ValueError, match=r"sequence 2, time step 5 is 0\.5"):
            check_tokens(Sequences(tokens, [0, 10, 20, 40]), 50)

    def test_the_states_of_few_sequences_are_kept_at_a_time(self, monkeypatch):
        run, sizes = network_module._Prediction.run, []
        monkeypatch.setattr(network_module._Prediction, "run", lambda *args: sizes.append(len(args[1])) or run(*args))
        naive.random_network(3, (5,), 2, "float32").predict(X, np.zeros(3), np.ones(3), 1)
        assert sizes == 7 * [8] + [4]

    @pytest.mark.parametrize("sequences", [X, X[np.argsort(X.lengths)]], ids=["ragged", "ascending"])
    def test_predictions_have_the_same_bits(self, sequences, monkeypatch):
        network = naive.random_network(3, (5,), 2, "float32")
        parts = network.predict(sequences, np.zeros(3), np.ones(3), 2)
        monkeypatch.undo()
        assert_same_bits(parts, network.predict(sequences, np.zeros(3), np.ones(3), 2))


@pytest.mark.parametrize("architecture", [{}, {"return_sequences": True}, {"pooling": "mean"}], ids=str)
@pytest.mark.parametrize("rows", [[5], [40, 3, 17, 4], np.arange(60)[::-1]], ids=["one", "some", "all"])
def test_an_excerpt_is_predicted_as_a_copy_is(rows, architecture):
    network, sequences, *scales = naive.random_problem(
        3, (6,), 2, LENGTHS, np.zeros(3), np.ones(3), dtype="float32", **architecture
    )
    excerpt = Excerpt(sequences, rows)
    assert np.shares_memory(excerpt.values, sequences.values)
    assert_same_bits(network.predict(excerpt, *scales, 2), network.predict(sequences[rows], *scales, 2))


GAPS = naive.with_missing_values(X)  # at irregular times
TOKENS = X.with_values(np.random.default_rng(1).integers(0, 9, size=(len(X.values), 1)).astype(float))


@slow_to_converge
@pytest.mark.parametrize(
    ("sequences", "parameters", "groups"),
    [
        (X, {}, None),
        (X, {}, np.arange(len(X)) % 20),
        (X, {"return_sequences": True}, None),
        (X, {"pooling": "mean"}, None),
        (GAPS, {"missing": "decay"}, None),
        (TOKENS, {"embedding_dim": 3}, None),
    ],
    ids=["plain", "groups", "steps", "mean", "decay", "tokens"],
)
@ESTIMATORS
def test_what_is_held_out_is_watched_where_it_lies(Estimator, sequences, parameters, groups, monkeypatch):
    y = np.split(np.repeat(Y, LENGTHS), X.offsets[1:-1]) if parameters.get("return_sequences") else Y
    options = {**TINY, **parameters, "early_stopping": True, "validation_fraction": 0.4}
    model = Estimator(**options).fit(sequences, y, groups=groups)
    monkeypatch.setattr(training, "Excerpt", lambda sequences, rows: sequences[rows])
    copied = Estimator(**options).fit(sequences, y, groups=groups)
    assert len(set(model.validation_loss_curve_)) == 2
    assert model.validation_loss_curve_ == copied.validation_loss_curve_
    assert model.validation_scores_ == copied.validation_scores_
    assert_same_bits(model._network.parameters, copied._network.parameters)


# ---------------------------------------------------------------------------------------------- maps


@slow_to_converge
@pytest.mark.parametrize("form", ["array", "table", "Sequences"])
@ESTIMATORS
def test_read_only_maps_give_the_same_bits(Estimator, form, tmp_path):
    values = np.random.default_rng(0).normal(size=(40, 6, 2 if form != "table" else 1)).astype(np.float32)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    forms = {
        "array": lambda values: values,
        "table": lambda values: values[:, :, 0],
        "Sequences": lambda values: Sequences(values.reshape(240, 2), np.arange(0, 241, 6)),
    }
    in_memory, in_file = forms[form](values), forms[form](mapped)
    expected = Estimator(**TINY).fit(in_memory, Y[:40]).predict(in_memory)
    assert_same_bits(Estimator(**TINY).fit(in_file, Y[:40]).predict(in_file), expected)
    model = Estimator(**TINY)
    for rows in (slice(20), slice(20, 40)):
        model.partial_fit(in_file[rows], Y[rows])
    again = Estimator(**TINY)
    for rows in (slice(20), slice(20, 40)):
        again.partial_fit(in_memory[rows], Y[rows])
    assert_same_bits(model.predict(in_file), again.predict(in_memory))


LARGE = np.random.default_rng(0).normal(size=(200, 50, 40)).astype(np.float32)  # joblib maps what is over 1 MB


def test_workers_share_the_values_of_sequences():
    X = Sequences(LARGE.reshape(-1, 40), np.arange(0, 10_001, 50))
    copies = [X, X[10:]]
    writeable = joblib.Parallel(n_jobs=2)(joblib.delayed(attrgetter("values.flags.writeable"))(copy) for copy in copies)
    assert writeable == [False, False]  # a map of the file that all workers read; a copy could be written to


@slow_to_converge
@pytest.mark.parametrize("form", ["array", "Sequences"])
def test_a_search_over_maps_equals_one_in_memory(form):
    X = LARGE if form == "array" else Sequences(LARGE.reshape(-1, 40), np.arange(0, 10_001, 50))
    y = LARGE[:, -1, 0]

    def scores(n_jobs):
        model = LSTMRegressor(**{**TINY, "max_iter": 1})
        search = GridSearchCV(model, {"cell": ["lstm", "gru"]}, cv=2, n_jobs=n_jobs, error_score="raise")
        return search.fit(X, y).cv_results_["mean_test_score"]

    assert_same_bits(scores(2), scores(None))
