"""What holds of the container of sequences for any index, and of errors for a wrong number at any place."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from checks import assert_same_bits
from forms import FORMS, LAYOUTS, Form, forms
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import LONGEST, make_sequences, seeds

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.preprocessing import SequenceScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NAMES = np.array(["a", "b", "c"])
lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)

# ---------------------------------------------------------------------------------------------- rows


def containers(n, seed=0):
    """Sequences with names and times."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(length, 3)) for length in n]
    times = [np.cumsum(rng.exponential(size=length)) for length in n]
    return X, times, as_sequences(X, feature_names=NAMES, times=times)


def indices(n):
    """All that an array of one axis can be indexed by, but for one number."""
    integers = st.lists(st.integers(-n, n - 1), max_size=2 * n)
    rows = [
        arrays(dtype, st.integers(0, 2 * n), elements=st.integers(least, n - 1))
        for dtype, least in [("i8", -n), ("i1", -n), ("u1", 0)]
    ]
    return st.one_of(st.slices(n), integers, st.permutations(range(n)), arrays(bool, n), *rows)


@given(data=st.data(), n=lengths)
def test_rows_are_those_of_the_list(data, n):
    X, times, sequences = containers(n)
    index = data.draw(indices(len(n)))
    part, rows = sequences[index], np.arange(len(n))[index]
    assert len(part) == len(rows)
    assert part.feature_names.tolist() == NAMES.tolist()
    for actual, row in zip(part, rows, strict=True):
        assert_same_bits(actual, X[row])
    assert_same_bits(part.times, np.concatenate([np.empty(0), *(times[row] for row in rows)]))
    assert sequences[index, ...] == part


@given(data=st.data(), n=lengths)
def test_a_row_is_that_of_the_list(data, n):
    X, _, sequences = containers(n)
    row = data.draw(st.integers(-2 * len(n), 2 * len(n)))
    if -len(n) <= row < len(n):
        assert_same_bits(sequences[row], X[row])
        assert_same_bits(sequences[np.int16(row)], X[row])
    else:
        with pytest.raises(IndexError):
            sequences[row]


@given(data=st.data(), n=lengths)
def test_rows_and_columns_are_those_of_the_list(data, n):
    X, _, sequences = containers(n)
    index, numbers = data.draw(indices(len(n))), data.draw(st.lists(st.integers(0, 2), min_size=1, unique=True))
    part = sequences[index, data.draw(st.sampled_from([numbers, np.array(numbers) - 3, list(NAMES[numbers])]))]
    for actual, row in zip(part, np.arange(len(n))[index], strict=True):
        assert_same_bits(actual, np.ascontiguousarray(X[row][:, numbers]))
    assert part.feature_names.tolist() == NAMES[numbers].tolist()


@given(data=st.data(), n=lengths)
def test_parts_of_parts_are_parts(data, n):
    X, _, sequences = containers(n)
    one = data.draw(st.slices(len(n)))
    other = data.draw(st.slices(len(sequences[one])))
    assert sequences[one][other] == sequences[range(len(n))[one][other]]
    assert len(sequences[one][other]) == len(X[one][other])


@example(n=[LONGEST], n_features=1, gaps="none", seed=0, form=Form("Sequences", "f4", "backwards"))
@given(n=lengths, n_features=st.integers(1, 4), gaps=st.sampled_from(["none", "some"]), seed=seeds, form=forms())
def test_every_form_holds_the_same_numbers(n, n_features, gaps, seed, form):
    X = make_sequences(n, n_features, "whole", gaps, seed)
    sequences = as_sequences(form(X))
    assert sequences.lengths.tolist() == n
    assert sequences.values.flags.c_contiguous
    assert_same_bits(sequences.values.astype(float), np.concatenate(X))
    assert as_sequences(sequences) is sequences


@pytest.mark.parametrize("dtype", ["f2", ">f2", "f4", ">f4"])
def test_single_precision_stays_in_either_order_of_bytes(dtype):
    assert as_sequences([np.ones((2, 1), dtype=dtype)]).dtype == np.float32


# ---------------------------------------------------------------------------------------------- wrong numbers

MISSING = {"None": None, "NA": pd.NA}
WRONG = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf, **MISSING}


@dataclass(frozen=True)
class Place:
    """A number that is wrong, and where it is."""

    sequence: int
    step: int
    feature: int
    wrong: str

    def put(self, X, form):
        """The sequences with it, in a form: objects, if only these hold it."""
        X = [x.copy() for x in X]
        if self.wrong in MISSING:
            X = [x.astype(object) for x in X]
            form = Form("list", "O", form.layout)
        X[self.sequence][self.step, self.feature] = WRONG[self.wrong]
        return FORMS[form.name](X, "O", LAYOUTS[form.layout]) if self.wrong in MISSING else form(X)

    def message(self):
        what = "infinity" if "infinity" in self.wrong else "NaN"
        where = f"sequence {self.sequence}, time step {self.step}, feature {self.feature}"
        return f"Input X contains {what}: in {where}(?![0-9])"


@st.composite
def places(draw, n, n_features, wrong=tuple(WRONG)):
    sequence = draw(st.integers(0, len(n) - 1))
    step, feature = draw(st.integers(0, n[sequence] - 1)), draw(st.integers(0, n_features - 1))
    return Place(sequence, step, feature, draw(st.sampled_from(wrong)))


def is_padding(place, n, n_features):
    """Whether the wrong number would be all there is at the end of a row of an array."""
    return "infinity" not in place.wrong and n_features == 1 and place.step == n[place.sequence] - 1


ESTIMATORS = {
    "regressor": lambda: LSTMRegressor(2, max_iter=1),
    "classifier": lambda: LSTMClassifier(2, max_iter=1, pooling="mean"),
    "by step": lambda: LSTMRegressor(2, max_iter=1, return_sequences=True),
}


def targets(model, n):
    return [np.arange(length) for length in n] if model.return_sequences else np.arange(len(n)) % 2


@given(
    data=st.data(),
    n=st.lists(st.integers(1, 9), min_size=2, max_size=9),
    n_features=st.integers(1, 4),
    form=forms(),
    name=st.sampled_from([*ESTIMATORS]),
)
def test_a_wrong_number_is_found_where_it_is(data, n, n_features, form, name):
    model, place = ESTIMATORS[name](), data.draw(places(n, n_features))
    assume(not is_padding(place, n, n_features))
    X = make_sequences(n, n_features, "normal", "none", 0)
    wrong, y = place.put(X, form), targets(model, n)
    with pytest.raises(ValueError, match=place.message()):
        model.fit(wrong, y)
    model.fit(X, y)
    wrong_without_names = as_sequences(wrong) if form.name in ("pandas", "polars") else wrong
    with pytest.raises(ValueError, match=place.message()):
        model.predict(wrong_without_names)
    with pytest.raises(ValueError, match=f"X_val: {place.message()}"):
        model.fit(X, y, X_val=wrong_without_names, y_val=y)


@given(data=st.data(), n=lengths, n_features=st.integers(1, 4), form=forms())
def test_infinity_is_found_where_gaps_are_allowed(data, n, n_features, form):
    place = data.draw(places(n, n_features, ["infinity", "minus infinity"]))
    X = make_sequences(n, n_features, "normal", "none", 0)
    X = [np.where(x > 0.5, np.nan, x) for x in X]
    for model in LSTMRegressor(2, missing="decay"), SequenceScaler():
        with pytest.raises(ValueError, match=place.message()):
            model.fit(place.put(X, form), np.arange(len(n)))


@given(data=st.data(), n=st.lists(st.integers(1, 9), min_size=2, max_size=9), n_targets=st.integers(0, 2))
def test_a_wrong_target_is_found_where_it_is(data, n, n_targets):
    place = data.draw(places(n, max(n_targets, 1), ["NaN", "infinity", "minus infinity"]))
    shape = (n_targets,) * (n_targets > 0)
    X, where = make_sequences(n, 2, "normal", "none", 0), (place.feature,) * (n_targets > 0)
    y = np.zeros((len(n), *shape))
    y[(place.sequence, *where)] = WRONG[place.wrong]
    what = "infinity" if "infinity" in place.wrong else "NaN"
    with pytest.raises(ValueError, match=f"Input y contains {what}, first in sequence {place.sequence}(?![0-9])"):
        LSTMRegressor(2, max_iter=1).fit(X, y)
    y = [np.zeros((length, *shape)) for length in n]
    y[place.sequence][(place.step, *where)] = np.inf
    message = f"Input y contains infinity, first in sequence {place.sequence}, time step {place.step}(?![0-9])"
    with pytest.raises(ValueError, match=message):
        LSTMRegressor(2, max_iter=1, return_sequences=True).fit(X, y)
