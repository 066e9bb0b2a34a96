"""Attributions of predictions to values: complete, in the units of the prediction, and to whom they belong."""

import re
import warnings

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.inspection import integrated_gradients
from sklstm.preprocessing import SequenceImputer

RAGGED = naive.random_sequences([5, 1, 9, 12, 7, 5], 2)
Y = np.array([0.3, 1.0, 0.2, 2.0, 0.0, 0.7])
TWO = np.column_stack([Y, 10 * Y[::-1]])
LABELS = np.array(["a", "b", "a", "b", "b", "a"])
TRAINING = {"max_iter": 20, "dtype": "float64", "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore:Training reached max_iter")


def attributed(model, X, **arguments):
    """Sums of the attributions of each sequence, and the predictions that they are to explain the difference of."""
    result = integrated_gradients(model, X, **arguments)
    sums = np.array([np.sum(part) for part in result.attributions])
    assert np.abs(sums).max() > 1e-4, "nothing to explain: the test would pass on zeros"
    return sums, result.predictions, result.baseline_predictions


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"cell": "gru", "hidden_layer_sizes": (4, 3)},
        {"cell": "rnn", "bidirectional": True},
        {"skip_connection": True},
        {"skip_connection": True, "bidirectional": True, "pooling": "mean"},
        {"pooling": "attention"},
        {"standardize": False, "skip_connection": False},
        {"loss": "huber"},
        {"loss": "poisson"},
        {"loss": "gaussian_nll"},
        {"missing": "decay"},
    ],
    ids=str,
)
def test_attributions_of_a_regressor_sum_to_the_difference(parameters):
    X = naive.with_missing_values(RAGGED) if parameters.get("missing") else RAGGED
    model = LSTMRegressor(**{"hidden_layer_sizes": 4, **TRAINING, **parameters}).fit(X, Y)
    sums, predictions, before = attributed(model, X)
    assert_allclose(predictions, model.predict(X), rtol=1e-9)
    assert_allclose(sums, predictions - before, atol=1e-6)
    baseline = 0 if parameters.get("standardize") is False else model._shift[-2:]
    at_baseline = X.with_values(np.where(np.isnan(X.values), np.nan, np.broadcast_to(baseline, X.values.shape)))
    assert_allclose(before, model.predict(at_baseline), rtol=1e-9)


@pytest.mark.parametrize("target", [(0, 0), (1, 2), (1, 1)])
def test_quantiles_of_several_outputs(target):
    model = LSTMRegressor(4, loss="quantile", quantile=[0.1, 0.5, 0.9], **TRAINING).fit(RAGGED, TWO)
    sums, predictions, before = attributed(model, RAGGED, target=target)
    assert_allclose(predictions, model.predict(RAGGED)[:, *target], rtol=1e-9)
    assert_allclose(sums, predictions - before, atol=1e-6)


def test_targets_by_number():
    several = LSTMRegressor(4, **TRAINING).fit(RAGGED, TWO)
    assert_allclose(integrated_gradients(several, RAGGED, target=1).predictions, several.predict(RAGGED)[:, 1])
    assert_allclose(integrated_gradients(several, RAGGED, target=-2).predictions, several.predict(RAGGED)[:, 0])
    quantiles = LSTMRegressor(4, loss="quantile", quantile=[0.1, 0.9], **TRAINING).fit(RAGGED, Y)
    assert_allclose(integrated_gradients(quantiles, RAGGED, target=1).predictions, quantiles.predict(RAGGED)[:, 1])
    wrong = [None, 2, (0, 0), "a", True, [0], 1.0]
    for model, target in [*((several, target) for target in wrong), (quantiles, None), (quantiles, False)]:
        with pytest.raises(ValueError, match=r"target=.* does not say which of the predictions, of shape \(2,\)"):
            integrated_gradients(model, RAGGED, target=target)


def test_classes():
    two = LSTMClassifier(4, **TRAINING).fit(RAGGED, LABELS)
    sums, scores, before = attributed(two, RAGGED)
    assert_allclose(scores, two.decision_function(RAGGED), rtol=1e-9)
    assert_allclose(sums, scores - before, atol=1e-6)
    other = integrated_gradients(two, RAGGED, target="a")
    assert_allclose([np.sum(part) for part in other.attributions], -sums)
    assert_allclose(other.predictions, -scores)
    three = LSTMClassifier(4, **TRAINING).fit(RAGGED, [0, 1, 2, 0, 1, 2])
    sums, scores, before = attributed(three, RAGGED)
    assert_allclose(scores, three.decision_function(RAGGED).max(axis=1), rtol=1e-9)
    assert_allclose(sums, scores - before, atol=1e-6)
    assert_allclose(
        integrated_gradients(three, RAGGED, target=2).predictions, three.decision_function(RAGGED)[:, 2], rtol=1e-9
    )
    for target in (3, [0], [0, 1, 2], "a"):
        with pytest.raises(ValueError, match=rf"target={re.escape(repr(target))} is not among the classes \[0, 1, 2\]"):
            integrated_gradients(three, RAGGED, target=target)


def test_labels():
    model = LSTMClassifier(4, **TRAINING).fit(RAGGED, np.column_stack([LABELS == "a", Y > 0.5]).astype(int))
    sums, scores, before = attributed(model, RAGGED, target=1)
    assert_allclose(scores, model.decision_function(RAGGED)[:, 1], rtol=1e-9)
    assert_allclose(sums, scores - before, atol=1e-6)
    with pytest.raises(ValueError, match="which of the labels"):
        integrated_gradients(model, RAGGED)


@pytest.mark.parametrize("step", [None, -1, 0, 3])
def test_a_time_step_owes_nothing_to_later_ones(step):
    X = RAGGED[[0, 2, 3, 4]]
    y = [x[:, 0] for x in X]
    model = LSTMRegressor(4, return_sequences=True, **TRAINING).fit(X, y)
    result = integrated_gradients(model, X, step=step)
    assert_allclose(result.predictions, [p[-1 if step is None else step] for p in model.predict(X)], rtol=1e-9)
    for attributions, difference in zip(
        result.attributions, result.predictions - result.baseline_predictions, strict=True
    ):
        assert_allclose(attributions.sum(), difference, atol=1e-6)
        if step == 3:
            assert_array_equal(attributions[4:], 0)
            assert (attributions[:4] != 0).all()
    with pytest.raises(ValueError, match="step=12, but sequence 0 of X has 5 time steps"):
        integrated_gradients(model, X, step=12)


def test_tokens():
    rng = np.random.default_rng(0)
    tokens = [rng.integers(0, 5, size=n) for n in rng.integers(3, 8, size=40)]
    model = LSTMClassifier(4, embedding_dim=3, **TRAINING).fit(tokens, [int(2 in each) for each in tokens])
    X = [np.array([0, 2, 9, 1]), np.array([3])]  # no sequence had a token 9
    result = integrated_gradients(model, X)
    assert [part.shape for part in result.attributions] == [(4, 1), (1, 1)]
    assert result.attributions[0][2] == 0
    assert result.attributions[0][:, 0].argmax() == 1
    assert_allclose(
        [part.sum() for part in result.attributions], result.predictions - result.baseline_predictions, atol=1e-6
    )
    same = integrated_gradients(model, [np.array([1, 2, 1])], baseline=1)
    assert_array_equal(same.attributions[0][[0, 2]], 0)
    assert_allclose(same.baseline_predictions, model.decision_function([np.array([1, 1, 1])]))
    for baseline in (-1, [0.5]):
        with pytest.raises(ValueError, match="baseline must be the number of a token"):
            integrated_gradients(model, X, baseline=baseline)


def test_only_what_the_prediction_depends_on_has_a_part_in_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6, 3))
    model = LSTMRegressor(8, max_iter=40, random_state=0).fit(X, X[:, 2, 1])
    parts = np.abs(integrated_gradients(model, X[:20]).attributions).mean(axis=0)
    assert np.unravel_index(parts.argmax(), parts.shape) == (2, 1)


def test_missing_values_have_no_part():
    X = naive.with_missing_values(RAGGED)
    model = LSTMRegressor(4, missing="decay", **TRAINING).fit(X, Y)
    for x, attributions in zip(X, integrated_gradients(model, X).attributions, strict=True):
        assert_array_equal(attributions == 0, np.isnan(x))


def test_form_baseline_and_pipeline():
    X = np.random.default_rng(0).normal(size=(20, 4, 2))
    y = X[:, -1, 0]
    model = LSTMRegressor(4, **TRAINING).fit(X, y)
    assert integrated_gradients(model, X).attributions.shape == X.shape
    result = integrated_gradients(model, X, baseline=X[0, 0])
    assert_array_equal(result.attributions[0, 0], 0)
    assert_allclose(result.baseline_predictions, model.predict(np.tile(X[0, 0], (20, 4, 1))))
    padded = X.copy()
    padded[0, 3] = np.nan
    attributions = integrated_gradients(model, padded).attributions
    assert np.isnan(attributions[0, 3]).all()
    assert_allclose(attributions[0, :3], integrated_gradients(model, [X[0, :3]]).attributions[0])
    whole = make_pipeline(SequenceImputer(), LSTMRegressor(4, **TRAINING)).fit(X, y)
    assert_array_equal(integrated_gradients(whole, X).attributions, integrated_gradients(model, X).attributions)
    with pytest.raises(ValueError, match="baseline must hold a value for each of the 2 features"):
        integrated_gradients(model, X, baseline=[0.0])
    for baseline in (["a", "b"], [0.0, np.nan]):
        with pytest.raises(ValueError, match=r"[Bb]aseline (must hold real numbers|contains NaN)"):
            integrated_gradients(model, X, baseline=baseline)
    with pytest.raises(ValueError, match="step is for estimators"):
        integrated_gradients(model, X, step=0)


def test_long_sequences_are_taken_in_parts(monkeypatch):
    model = LSTMRegressor(4, **TRAINING).fit(RAGGED, Y)
    expected = integrated_gradients(model, RAGGED)
    monkeypatch.setattr("sklstm.inspection._gradients.STEPS_AT_A_TIME", 20)
    for part, whole in zip(integrated_gradients(model, RAGGED).attributions, expected.attributions, strict=True):
        assert_allclose(part, whole, rtol=1e-12, atol=1e-14)


def test_points_are_added_until_the_sum_is_right(monkeypatch):
    model = LSTMRegressor(16, skip_connection=False, **TRAINING).fit(RAGGED, Y)
    model._network.parameters *= 3  # steep gates
    sums, predictions, before = attributed(model, RAGGED)
    scale = [np.abs(part).sum() for part in integrated_gradients(model, RAGGED).attributions]
    assert (np.abs(sums - (predictions - before)) <= 1e-3 * np.array(scale)).all()
    monkeypatch.setattr("sklstm.inspection._gradients.MOST_POINTS", 32)
    with pytest.warns(ConvergenceWarning, match=r"The attributions of sequence \d sum to .* raise tol"):
        integrated_gradients(model, RAGGED)


def test_a_constant_owes_nothing_to_anything():
    model = LSTMRegressor(4, **TRAINING).fit(RAGGED, Y)
    model._network.part("output.W")[:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = integrated_gradients(model, RAGGED)
    assert_array_equal(np.concatenate(result.attributions), 0)
