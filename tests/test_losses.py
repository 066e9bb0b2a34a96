"""Losses: the compiled ones against NumPy and central differences; units, missing targets, and where biases start."""

import pickle

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network._base import binary_log_loss as sklearn_binary_log_loss
from sklearn.preprocessing import StandardScaler
from test_gradients import derivatives

from sklstm import losses
from sklstm._core import losses as core
from sklstm.network import TYPE_NAMES

QUANTILES = np.array([0.1, 0.5, 0.75])

# A loss of the core, what it is called with after its other arguments, and its outputs.
CASES = {
    "squared_error, one output": ("squared_error", (), 1),
    "squared_error": ("squared_error", (), 3),
    "absolute_error": ("absolute_error", (), 3),
    "huber": ("huber", (1.35,), 3),
    "one quantile": ("quantile", (np.array([0.3]),), 2),
    "quantiles": ("quantile", (QUANTILES,), 6),
    "poisson": ("poisson", (), 3),
    "gaussian_nll": ("gaussian_nll", (), 4),
    "binary_log_loss": ("binary_log_loss", (), 1),
    "multilabel": ("binary_log_loss", (), 3),
    "multinomial_log_loss": ("multinomial_log_loss", (), 4),
}
REGRESSION_CASES = [case for case, (loss, *_) in CASES.items() if not loss.endswith("log_loss")]

REGRESSION_LOSSES = {
    "squared_error": losses.SquaredError(),
    "absolute_error": losses.AbsoluteError(),
    "huber": losses.Huber(),
    "median": losses.Quantile(),
    "quantiles": losses.Quantile(list(QUANTILES)),
    "poisson": losses.Poisson(),
    "gaussian_nll": losses.GaussianNLL(),
}


def problem(case, n=13, dtype="float64"):
    """A loss by its case, and outputs, targets and weights, of which the first is 0, for it."""
    name, parameters, n_outputs = CASES[case]
    rng = np.random.RandomState(1)  # no target where a derivative jumps, within a step of the central differences
    out = (3 * rng.normal(size=(n, n_outputs))).astype(dtype)
    weights = rng.uniform(0.2, 2, size=n)
    weights[0] = 0
    if name == "multinomial_log_loss":
        targets = rng.randint(n_outputs, size=(n, 1)).astype(np.float64)
    elif name == "binary_log_loss":
        targets = rng.randint(2, size=(n, n_outputs)).astype(np.float64)
    else:
        outputs_of_a_target = {"quantile": np.size(parameters), "gaussian_nll": 2}.get(name, 1)
        targets = rng.normal(size=(n, n_outputs // outputs_of_a_target))
        targets = abs(targets) if name == "poisson" else targets
    function = getattr(core, name)[TYPE_NAMES[np.dtype(dtype)]]
    return lambda out, *rest: function(out, *rest, *parameters), out, targets, weights


def targets_in_their_units(name, n=200, missing=True):
    """Two columns far from standardised, with or without missing targets, and weights."""
    rng = np.random.RandomState(1)
    targets = rng.poisson([0.7, 40], size=(n, 2)) * [1.0, 0.1] if name == "poisson" else rng.gamma(2, size=(n, 2))
    if name != "poisson":
        targets = targets * [1e-3, 50] + [5, -200]
    if missing:
        targets[rng.uniform(size=targets.shape) < 0.2] = np.nan
    weights = rng.uniform(0.2, 2, size=n)
    weights[::7] = 0
    return targets, weights


# ---------------------------------------------------------------------------------------------- the core


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_equal_twin(case, dtype):
    """Summed in double whatever the outputs are."""
    name, parameters, _ = CASES[case]
    loss, out, targets, weights = problem(case, dtype=dtype)
    expected = naive.LOSSES[name](out.astype(np.float64), targets, weights, *parameters)
    assert_allclose(loss(out, targets, weights, np.empty_like(out)), expected, rtol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_derivatives_of_losses(case):
    loss, out, targets, weights = problem(case)
    dout = np.full_like(out, np.nan)
    value = loss(out, targets, weights, dout)
    expected = derivatives(lambda: loss(out, targets, weights, np.empty_like(out)), out.reshape(-1), range(out.size))
    assert_allclose(dout.reshape(-1), expected, rtol=1e-9, atol=1e-12 * max(1, value))


@pytest.mark.parametrize("case", CASES)
def test_derivatives_in_float32_equal_those_in_float64(case):
    loss, out, targets, weights = problem(case, dtype="float32")
    dout = np.full_like(out, np.nan)
    loss(out, targets, weights, dout)
    loss, *_ = problem(case)
    expected = np.empty(out.shape)
    loss(out.astype(np.float64), targets, weights, expected)
    assert_allclose(dout, expected, rtol=1e-6, atol=1e-7 * abs(expected).max())


@pytest.mark.parametrize("case", REGRESSION_CASES)
def test_missing_targets_are_left_out(case):
    """A loss with some targets missing and that of only these make up the whole."""
    loss, out, targets, weights = problem(case)
    missing = np.random.RandomState(2).uniform(size=targets.shape) < 0.4
    parts = []
    for left_out in [missing, ~missing]:
        dout = np.full_like(out, np.nan)
        value = loss(out, np.where(left_out, np.nan, targets), weights, dout)
        assert_array_equal(dout[np.repeat(left_out, out.shape[1] // targets.shape[1], axis=1)], 0)
        parts.append((value, dout))
    dout = np.empty_like(out)
    value = loss(out, targets, weights, dout)
    assert_allclose(parts[0][0] + parts[1][0], value, rtol=1e-13)
    assert_array_equal(parts[0][1] + parts[1][1], dout)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("anything", [np.nan, np.inf, -1e300])
def test_weight_zero_adds_nothing_whatever_the_row_holds(case, anything):
    loss, out, targets, weights = problem(case)
    expected_dout = np.empty_like(out)
    expected = loss(out, targets, weights, expected_dout)
    out[0], targets[0] = anything, anything
    dout = np.full_like(out, np.nan)
    assert loss(out, targets, weights, dout) == expected
    assert_array_equal(dout[0], 0)
    assert_array_equal(dout, expected_dout)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("score", [-1e4, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_overflows(case, score, dtype):
    loss, out, targets, weights = problem(case, dtype=dtype)
    out[:, ::2] = score
    dout = np.full_like(out, np.nan)
    assert np.isfinite(loss(out, targets, weights, dout))
    assert np.isfinite(dout).all()


@pytest.mark.parametrize("score", [-800.0, -40.0, 40.0, 800.0])
@pytest.mark.parametrize("label", [0, 1])
def test_log_losses_far_from_zero(score, label):
    """The loss of a confident error grows linearly, that of a confident hit vanishes, and nothing overflows."""
    expected = max(0.0, -score if label else score)
    right = score > 0
    for loss, out in [(core.binary_log_loss, [[score]]), (core.multinomial_log_loss, [[0.0, score]])]:
        out, dout = np.array(out), np.empty((1, np.size(out)))
        assert_allclose(loss["double"](out, np.array([[float(label)]]), np.ones(1), dout), expected, atol=1e-15)
        assert_allclose(dout[0, -1], float(right) - label, atol=1e-15)


def test_poisson_loss_far_from_zero_follows_its_tangent():
    out, target, weight = np.array([[29.0], [31.0], [40.0]]), np.full((3, 1), 2.0), np.ones(3)
    dout = np.empty_like(out)
    value = core.poisson["double"](out, target, weight, dout)
    rate = np.exp(30)
    assert_allclose(value, (np.exp(29) - 58 + 2 * rate - 62 + 11 * rate - 80) / 3, rtol=1e-14)
    assert_allclose(3 * dout.ravel(), [np.exp(29) - 2, rate - 2, rate - 2], rtol=1e-14)


def test_several_labels_are_weighted_as_in_scikit_learn():
    loss, out, targets, weights = problem("multilabel")
    weights /= weights.mean()
    expected = sklearn_binary_log_loss(targets, naive.logistic(out), weights)
    assert_allclose(loss(out, targets, weights, np.empty_like(out)), expected, rtol=1e-12)


# ---------------------------------------------------------------------------------------------- units


def test_registry():
    assert set(losses.REGRESSION_LOSSES) == set(naive.LOSSES) - {"binary_log_loss", "multinomial_log_loss"}


@pytest.mark.parametrize("name", REGRESSION_LOSSES)
@pytest.mark.parametrize("standardize", [True, False])
def test_initial_bias_is_stationary(name, standardize):
    """Better than any other constant nearby. Of quantiles, too: they sit on targets, where the slope changes sign."""
    loss = REGRESSION_LOSSES[name]
    targets, weights = targets_in_their_units(name)
    if not standardize:
        targets = (targets - np.nanmean(targets, axis=0) * (name != "poisson")) / np.nanstd(targets, axis=0)
    loss.scale_targets(targets, weights, standardize)
    encoded = loss.encode(targets)
    assert encoded.flags.c_contiguous
    bias = loss.initial_bias(encoded, weights)
    assert bias.shape == (loss.n_network_outputs(2),)

    def value(bias):
        out = np.tile(bias, (len(targets), 1))
        return loss(out, encoded, weights, np.empty_like(out))

    step = 0.1 if name == "huber" or not standardize else 0.01  # Huber's is one step towards it
    for k in range(len(bias)):
        for sign in [-1, 1]:
            assert value(bias) < value(bias + sign * step * np.eye(len(bias))[k]), k


@pytest.mark.parametrize("name", ["squared_error", "poisson", "gaussian_nll"])
def test_smooth_losses_have_no_gradient_at_the_initial_bias(name):
    loss = REGRESSION_LOSSES[name]
    targets, weights = targets_in_their_units(name)
    loss.scale_targets(targets, weights, True)
    encoded = loss.encode(targets)
    out = np.tile(loss.initial_bias(encoded, weights), (len(targets), 1))
    dout = np.empty_like(out)
    loss(out, encoded, weights, dout)
    assert abs(dout).max() > 1e-3
    assert_allclose(dout.sum(axis=0), 0, atol=1e-11)


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber", "median", "quantiles", "gaussian_nll"])
def test_targets_are_standardised(name):
    loss = REGRESSION_LOSSES[name]
    targets, weights = targets_in_their_units(name, missing=False)
    scaler = StandardScaler().fit(targets, sample_weight=weights)
    loss.scale_targets(targets, weights, True)
    assert_allclose(loss.encode(targets), scaler.transform(targets), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber", "median"])
@pytest.mark.parametrize("standardize", [True, False])
def test_predictions_come_back_in_the_units_of_the_targets(name, standardize):
    loss = REGRESSION_LOSSES[name]
    targets, weights = targets_in_their_units(name)
    loss.scale_targets(targets, weights, standardize)
    assert_allclose(loss.predict(loss.encode(targets)), targets, rtol=1e-14)


@pytest.mark.parametrize("name", REGRESSION_LOSSES)
def test_missing_targets_and_weight_zero_leave_no_trace_in_the_scale(name):
    loss = REGRESSION_LOSSES[name]
    targets, weights = targets_in_their_units(name)
    encoded, biases = [], []
    for column in range(2):
        used = ~np.isnan(targets[:, column]) & (weights > 0)
        loss.scale_targets(targets[used][:, [column]], weights[used], True)
        encoded.append(loss.encode(targets[:, [column]]))
        biases.append(loss.initial_bias(loss.encode(targets[used][:, [column]]), weights[used]))
    targets[weights == 0] *= 1e3
    loss.scale_targets(targets, weights, True)
    rows = weights > 0
    assert_allclose(loss.encode(targets)[rows], np.hstack(encoded)[rows], rtol=1e-9, atol=1e-9)
    assert_allclose(loss.initial_bias(loss.encode(targets), weights), np.concatenate(biases), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", REGRESSION_LOSSES)
def test_predictions_have_the_same_bits_in_any_company(name):
    loss = REGRESSION_LOSSES[name]
    loss.scale_targets(*targets_in_their_units(name), True)
    out = np.random.RandomState(3).normal(size=(37, loss.n_network_outputs(2))).astype(np.float32)
    again = pickle.loads(pickle.dumps(loss))
    functions = ["predict", "predict_std"] if name == "gaussian_nll" else ["predict"]
    for function in functions:
        whole = getattr(loss, function)(out)
        assert whole.dtype == np.float64
        for rows in [slice(k, k + 1) for k in range(37)] + [slice(5, 16)]:
            assert_array_equal(getattr(again, function)(out[rows]), whole[rows])


def test_initial_bias_predicts_what_the_targets_are():
    targets, weights = targets_in_their_units("any")
    counts, _ = targets_in_their_units("poisson")
    known = ~np.isnan(targets)

    def at_start(loss, targets):
        loss.scale_targets(targets, weights, True)
        return loss.initial_bias(loss.encode(targets), weights)[np.newaxis]

    for k in range(2):
        column, w = targets[known[:, k], k], weights[known[:, k]]
        expected = np.quantile(column, QUANTILES, weights=w, method="inverted_cdf")
        loss = losses.Quantile(list(QUANTILES))
        assert_allclose(loss.predict(at_start(loss, targets))[0, k], expected, rtol=1e-12)
        loss = losses.AbsoluteError()
        assert_allclose(loss.predict(at_start(loss, targets))[0, k], expected[1], rtol=1e-14)
        loss = losses.GaussianNLL()
        bias = at_start(loss, targets)
        mean = np.average(column, weights=w)
        assert_allclose(loss.predict(bias)[0, k], mean, rtol=1e-12)
        std = np.sqrt(np.average((column - mean) ** 2, weights=w))
        assert_allclose(loss.predict_std(bias)[0, k], std, rtol=1e-9)
        loss, known_counts = losses.Poisson(), ~np.isnan(counts[:, k])
        mean = np.average(counts[known_counts, k], weights=weights[known_counts])
        assert_allclose(loss.predict(at_start(loss, counts))[0, k], mean, rtol=1e-12)


# ---------------------------------------------------------------------------------------------- quantiles


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e8])
def test_quantiles_never_cross(scale):
    """Also where gaps are too small to be told from 0, and where the shift swallows them."""
    quantiles = np.linspace(0.05, 0.95, 9)
    loss = losses.Quantile(quantiles)
    rng = np.random.RandomState(0)
    loss.scale_targets(rng.normal(size=(50, 3)) * scale + 1e6, np.ones(50), True)
    out = rng.normal(scale=20, size=(5000, 27)).astype(np.float32)
    predicted = loss.predict(out)
    assert predicted.shape == (5000, 3, 9)
    assert (np.diff(predicted, axis=2) >= 0).all()
    assert (np.diff(predicted, axis=2) > 0).any()


def test_quantiles_are_ordered_by_target():
    loss = losses.Quantile([0.2, 0.8])
    loss.scale_targets(np.array([[0.0, 100.0], [2.0, 300.0]]), np.ones(2), True)
    out = np.array([[1.0, 0.0, -1.0, 2.0]])
    gaps = np.log1p(np.exp([0.0, 2.0]))
    assert_allclose(loss.predict(out), [[[2, 2 + gaps[0]], [100, 100 + 100 * gaps[1]]]], rtol=1e-14)


def test_equal_quantiles_start_apart_enough_to_move():
    loss = losses.Quantile([0.1, 0.5, 0.9])
    targets = np.zeros((20, 1))
    loss.scale_targets(targets, np.ones(20), True)
    bias = loss.initial_bias(loss.encode(targets), np.ones(20))
    assert_allclose(loss.predict(bias[np.newaxis])[0, 0], [0, 0.01, 0.02], rtol=1e-12)


@pytest.mark.parametrize("quantile", [0, 1, -0.1, [0.1, 1.0], [0.9, 0.1], [0.5, 0.5], [], [[0.5]], "a", None, np.nan])
def test_bad_quantiles(quantile):
    with pytest.raises(ValueError, match="quantile must be"):
        losses.Quantile(quantile)


# ---------------------------------------------------------------------------------------------- the others


def test_poisson_scale_is_the_mean():
    loss = losses.Poisson()
    loss.scale_targets(np.array([[1.0, 0.0], [3.0, np.nan], [8.0, 10.0]]), np.array([1.0, 1.0, 2.0]), True)
    assert_allclose(loss.encode(np.array([[5.0, 1.0]])), [[1, 0.15]], rtol=1e-14)
    assert_allclose(loss.predict(np.array([[0.0, 1.0]])), [[5, np.e * 20 / 3]], rtol=1e-14)
    assert np.isfinite(loss.predict(np.array([[1e4, -1e4]]))).all()


def test_standard_deviation_is_bounded():
    loss = losses.GaussianNLL()
    loss.scale_targets(np.array([[10.0], [30.0]]), np.ones(2), True)
    out = np.array([[0.0, 0.0], [1.0, -1e4], [-1.0, 1e4]])
    assert_allclose(loss.predict(out), [[20], [30], [10]], rtol=1e-14)
    assert_allclose(loss.predict_std(out), 10 * np.exp([[0], [-7], [7]]), rtol=1e-14)


def test_constant_target_has_a_finite_start():
    loss = losses.GaussianNLL()
    loss.scale_targets(np.full((5, 1), 3.0), np.ones(5), True)
    assert_allclose(loss.initial_bias(np.zeros((5, 1)), np.ones(5)), [0, 14 * np.arctanh(-0.5)], rtol=1e-14)


@pytest.mark.parametrize("name", REGRESSION_LOSSES)
def test_errors_name_the_column(name):
    loss = REGRESSION_LOSSES[name]
    with pytest.raises(ValueError, match="Column 1 of y has only missing values"):
        loss.scale_targets(np.array([[1.0, 2.0], [1.0, np.nan]]), np.array([0.0, 1.0]), True)
    with pytest.raises(ValueError, match="Column 0 of y has values so large"):
        loss.scale_targets(np.array([[1e308, 2.0], [1e308, 1.0]]), np.ones(2), True)


@pytest.mark.parametrize("standardize", [True, False])
def test_poisson_wants_counts(standardize):
    loss = losses.Poisson()
    with pytest.raises(ValueError, match="Column 1 of y is zero everywhere"):
        loss.scale_targets(np.array([[1.0, 0.0], [2.0, np.nan]]), np.ones(2), standardize)
    loss.scale_targets(np.array([[1.0], [0.0]]), np.ones(2), standardize)


# ---------------------------------------------------------------------------------------------- classifiers


@pytest.mark.parametrize(
    ("loss", "core_loss", "case"),
    [
        (losses.BinaryLogLoss(), "binary_log_loss", "binary_log_loss"),
        (losses.BinaryLogLoss(), "binary_log_loss", "multilabel"),
        (losses.MultinomialLogLoss(4), "multinomial_log_loss", "multinomial_log_loss"),
    ],
)
def test_classifier_losses(loss, core_loss, case):
    _, out, targets, weights = problem(case, dtype="float32")
    loss.scale_targets(targets, weights, True)
    encoded = loss.encode(targets.astype(int))
    assert_array_equal(encoded, targets)
    assert encoded.dtype == np.float64
    expected = naive.LOSSES[core_loss](out.astype(np.float64), targets, weights)
    assert_allclose(loss(out, encoded, weights, np.empty_like(out)), expected, rtol=1e-13)
    assert_array_equal(loss.initial_bias(encoded, weights), np.zeros(out.shape[1]))
