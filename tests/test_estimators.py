"""What the estimators promise about targets, units, weights, seeds and their own state."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import get_tags

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {"hidden_layer_sizes": 4, "max_iter": 3, "batch_size": 8, "random_state": 0, "n_jobs": 1}
N = 30

rng = np.random.default_rng(0)
X = [rng.normal(size=(length, 2)) for length in rng.integers(2, 7, size=N)]
SUMS = np.array([x[:, 0].sum() for x in X])
Y = np.int64(np.median(SUMS) < SUMS)  # classes, or numbers


def fit(Estimator, X=X, y=Y, sample_weight=None, **parameters):
    return Estimator(**{**TINY, **parameters}).fit(X, y, sample_weight)


def predictions(model, X=X):
    return model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)


def assert_same_model(model, expected):
    assert_array_equal(model._network.parameters, expected._network.parameters)
    assert_array_equal(predictions(model), predictions(expected))
    assert model.loss_curve_ == expected.loss_curve_


def differ(model, other):
    return not np.array_equal(model._network.parameters, other._network.parameters)


# ---------------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 3)])
def test_regression_targets_keep_their_shape(shape):
    y = np.random.default_rng(1).normal(size=shape)
    model = fit(LSTMRegressor, y=y)
    assert model.predict(X).shape == shape
    assert model.predict(X[:1]).shape == (1, *shape[1:])
    assert model.n_outputs_ == (shape[1] if len(shape) == 2 else 1)
    assert model.score(X, y) == r2_score(y, model.predict(X))


def test_a_column_is_the_same_target():
    assert_array_equal(
        fit(LSTMRegressor, y=SUMS[:, np.newaxis]).predict(X)[:, 0], fit(LSTMRegressor, y=SUMS).predict(X)
    )


@pytest.mark.parametrize("y", [SUMS.tolist(), tuple(SUMS), pd.Series(SUMS), SUMS.astype(object), SUMS.astype(">f8")])
def test_regression_targets_in_any_form(y):
    assert_same_model(fit(LSTMRegressor, y=y), fit(LSTMRegressor, y=SUMS))


def test_every_output_is_learnt():
    y = np.column_stack([SUMS, -SUMS, [x[-1, 1] for x in X]])
    model = fit(LSTMRegressor, y=y, hidden_layer_sizes=16, max_iter=150)
    assert (r2_score(y, model.predict(X), multioutput="raw_values") > 0.8).all()


LABELS = {
    "int": np.array([7, -3]),
    "float": np.array([0.0, 1.0]),
    "bool": np.array([False, True]),
    "string": np.array(["well", "ill"]),
    "object": np.array(["well", "ill"], dtype=object),
    "date": np.array(["2024-01-01", "2023-01-01"], dtype="M8[D]"),
    "three": np.array(["a", "c", "b"]),
    "many": np.arange(15) * 10,
}


@pytest.mark.parametrize("form", [np.asarray, list, pd.Series])
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_type(kind, form):
    labels = LABELS[kind]
    y = labels[np.arange(N) % len(labels)]
    model = fit(LSTMClassifier, y=form(y))
    n_classes = len(labels)
    assert_array_equal(model.classes_, np.unique(labels))
    if form is np.asarray:
        assert model.classes_.dtype == labels.dtype
    assert model.n_outputs_ == (1 if n_classes == 2 else n_classes)
    assert model.out_activation_ == ("logistic" if n_classes == 2 else "softmax")
    predicted = model.predict(X)
    assert predicted.shape == (N,)
    assert set(predicted) <= set(model.classes_)
    assert model.score(X, y) == accuracy_score(y, predicted)

    probabilities, scores = model.predict_proba(X), model.decision_function(X)
    assert probabilities.shape == (N, n_classes)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (probabilities > 0).all()
    assert_allclose(np.exp(model.predict_log_proba(X)), probabilities, rtol=1e-9)
    assert scores.shape == ((N,) if n_classes == 2 else (N, n_classes))
    assert_array_equal(model.classes_[probabilities.argmax(axis=1)], predicted)
    assert_array_equal(model.classes_[(scores > 0).astype(int) if n_classes == 2 else scores.argmax(axis=1)], predicted)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_learnt(n_classes):
    y = np.array(["low", "high", "middle"])[np.digitize(SUMS, np.quantile(SUMS, np.arange(1, n_classes) / n_classes))]
    assert len(np.unique(y)) == n_classes
    assert fit(LSTMClassifier, y=y, hidden_layer_sizes=16, max_iter=150).score(X, y) > 0.9


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_probabilities_stay_finite_where_probabilities_vanish(n_classes):
    model = fit(LSTMClassifier, y=np.arange(N) % n_classes)
    model._network.part("output.W")[:] *= 1e6
    model._network.fixed = False  # predictions are to look at the weights anew
    assert (model.predict_proba(X).min(axis=1) == 0).any()
    assert np.isfinite(model.predict_log_proba(X)).all()
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_a_column_of_labels_warns():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        model = fit(LSTMClassifier, y=Y[:, np.newaxis])
    assert model.predict(X).shape == (N,)


@ESTIMATORS
def test_score_in_every_form_of_data_and_with_weights(Estimator):
    y = SUMS if Estimator is LSTMRegressor else Y
    model = fit(Estimator, y=y)
    expected = model.score(X, y)
    assert model.score(as_sequences(X), y) == expected
    assert model.score(tuple(X), y.tolist()) == expected
    weights = np.random.default_rng(1).uniform(0.1, 3, size=N)
    metric = r2_score if Estimator is LSTMRegressor else accuracy_score
    assert model.score(X, y, sample_weight=weights) == metric(y, model.predict(X), sample_weight=weights) != expected


# ---------------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(("factor", "offset"), [(1000.0, 0), (1, -5e4), (0.01, 37.0), (-3.0, 1.0)])
def test_units_of_the_target_carry_over_to_the_predictions(factor, offset):
    expected = fit(LSTMRegressor, y=abs(factor) / factor * SUMS, dtype="float64").predict(X) * abs(factor) + offset
    predicted = fit(LSTMRegressor, y=SUMS * factor + offset, dtype="float64").predict(X)
    assert_allclose(predicted, expected, rtol=1e-7, atol=1e-7 * abs(factor))


@ESTIMATORS
@pytest.mark.parametrize(("factor", "offset"), [([1000, 0.01], [0, 0]), ([1, 1], [273.15, -50]), ([1e-6, 1e6], [3, 4])])
def test_units_of_the_inputs_do_not_matter(Estimator, factor, offset):
    expected = predictions(fit(Estimator, y=SUMS if Estimator is LSTMRegressor else Y, dtype="float64"))
    other = [x * factor + offset for x in X]
    model = fit(Estimator, other, SUMS if Estimator is LSTMRegressor else Y, dtype="float64")
    assert_allclose(predictions(model, other), expected, rtol=1e-6, atol=1e-6)


@ESTIMATORS
def test_a_huge_offset_in_double_precision_inputs(Estimator):
    # In single precision 1e6 + 1 has few bits left of its fraction: inputs are standardised before they are rounded.
    y = SUMS if Estimator is LSTMRegressor else Y
    expected = predictions(fit(Estimator, y=y))
    other = [x + 1e6 for x in X]
    assert_allclose(predictions(fit(Estimator, other, y), other), expected, rtol=1e-3, atol=1e-3)


@ESTIMATORS
def test_without_standardizing_units_matter(Estimator):
    plain = fit(Estimator, standardize=False)
    scaled = fit(Estimator, [x * 100 for x in X], standardize=False)
    assert_array_equal(plain._shift, [0, 0])
    assert_array_equal(plain._scale, [1, 1])
    assert not np.allclose(predictions(plain), predictions(scaled, [x * 100 for x in X]))


@ESTIMATORS
def test_inputs_are_standardised_over_all_steps(Estimator):
    model = fit(Estimator)
    steps = np.concatenate(X)
    assert_allclose(model._shift, steps.mean(axis=0))
    assert_allclose(model._scale, 1 / steps.std(axis=0))


@ESTIMATORS
def test_scales_are_weighted_as_the_sequences_are(Estimator):
    weights = np.random.default_rng(1).integers(0, 4, size=N)
    y = SUMS if Estimator is LSTMRegressor else Y
    model = fit(Estimator, y=y, sample_weight=weights)
    steps = np.concatenate([x for x, weight in zip(X, weights, strict=True) for _ in range(weight)])
    assert_allclose(model._shift, steps.mean(axis=0))
    assert_allclose(model._scale, 1 / steps.std(axis=0))
    if Estimator is LSTMRegressor:
        assert_allclose(model._loss._shift, np.repeat(y, weights).mean())
        assert_allclose(model._loss._scale, np.repeat(y, weights).std())


@ESTIMATORS
@pytest.mark.parametrize("value", [0.0, 5.0, -1e6, 0.1])
def test_a_constant_feature_says_nothing(Estimator, value):
    other = [np.column_stack([x, np.full(len(x), value)]) for x in X]
    model = fit(Estimator, other)
    expected = predictions(model, other)
    assert np.isfinite(expected).all()
    # It is standardised to zero, so its weights stay where they began but for the penalty, and do not count.
    model._network.part("layer_0.W_x")[2] = 100
    assert_allclose(predictions(model, other), expected, rtol=1e-4, atol=1e-4)


def test_a_constant_target():
    assert_allclose(fit(LSTMRegressor, y=np.full(N, 7.5), max_iter=50).predict(X), 7.5, atol=0.1)


# ---------------------------------------------------------------------------------------------- weights


@ESTIMATORS
@pytest.mark.parametrize("shuffle", [False, True])
def test_weight_zero_is_leaving_out(Estimator, shuffle):
    keep = np.arange(N) % 3 > 0
    weighted = fit(Estimator, sample_weight=keep.astype(float), shuffle=shuffle)
    kept = fit(Estimator, [x for x, k in zip(X, keep, strict=True) if k], Y[keep], shuffle=shuffle)
    assert_same_model(weighted, kept)
    assert weighted.t_ == 3 * keep.sum()


@ESTIMATORS
def test_weight_zero_is_leaving_out_of_validation_too(Estimator):
    weights = np.ones(N)
    weights[:5] = 0
    model = fit(Estimator, early_stopping=True).fit(X, Y, X_val=X, y_val=Y, sample_weight_val=weights)
    kept = fit(Estimator, early_stopping=True).fit(X, Y, X_val=X[5:], y_val=Y[5:])
    assert_allclose(model.validation_loss_curve_, kept.validation_loss_curve_, rtol=1e-5)
    assert_allclose(model.validation_scores_, kept.validation_scores_, rtol=1e-5)


@ESTIMATORS
def test_only_the_ratio_of_weights_counts(Estimator):
    weights = np.random.default_rng(1).uniform(0.5, 2, size=N)
    model = fit(Estimator, sample_weight=weights)
    assert_same_model(fit(Estimator, sample_weight=4 * weights), model)
    assert_same_model(fit(Estimator, sample_weight=np.full(N, 2.0)), fit(Estimator))
    assert differ(model, fit(Estimator))


def test_a_heavy_sequence_is_fitted_best():
    # The same sequence with two targets: the prediction lies between them as the weights have it.
    X_two, y = [X[0], X[0]] * 8, [0.0, 1.0] * 8
    model = LSTMRegressor(4, max_iter=200, random_state=0, n_jobs=1).fit(X_two, y, [3.0, 1.0] * 8)
    assert_allclose(model.predict(X_two[:1]), 0.25, atol=0.01)
    classifier = LSTMClassifier(4, alpha=0, max_iter=200, random_state=0, n_jobs=1).fit(X_two, y, [3.0, 1.0] * 8)
    assert_allclose(classifier.predict_proba(X_two[:1]), [[0.75, 0.25]], atol=0.02)


def test_class_weights_are_sample_weights():
    y = np.where(np.arange(N) < 6, "rare", "usual")
    weight = {"rare": 3.0, "usual": 0.5}
    by_class = fit(LSTMClassifier, y=y, class_weight=weight)
    assert_same_model(by_class, fit(LSTMClassifier, y=y, sample_weight=[weight[label] for label in y]))
    balanced = fit(LSTMClassifier, y=y, class_weight="balanced")
    assert_same_model(balanced, fit(LSTMClassifier, y=y, class_weight={"rare": N / 12, "usual": N / 48}))
    assert differ(by_class, fit(LSTMClassifier, y=y))
    # They multiply the sequences' own weights.
    own = np.random.default_rng(1).uniform(1, 2, size=N)
    both = fit(LSTMClassifier, y=y, class_weight=weight, sample_weight=own)
    assert_same_model(both, fit(LSTMClassifier, y=y, sample_weight=own * [weight[label] for label in y]))


def test_balanced_classes_move_the_intercept():
    X_one, y = [X[0]] * 20, [0] * 15 + [1] * 5
    parameters = {"hidden_layer_sizes": 4, "alpha": 0, "max_iter": 200, "random_state": 0, "n_jobs": 1}
    assert_allclose(LSTMClassifier(**parameters).fit(X_one, y).predict_proba(X_one[:1])[0, 1], 0.25, atol=0.03)
    balanced = LSTMClassifier(**parameters, class_weight="balanced").fit(X_one, y)
    assert_allclose(balanced.predict_proba(X_one[:1])[0, 1], 0.5, atol=0.03)


# ---------------------------------------------------------------------------------------------- seeds


@ESTIMATORS
def test_the_same_seed_gives_the_same_bits(Estimator):
    model = fit(Estimator)
    assert_same_model(fit(Estimator), model)
    assert_same_model(fit(Estimator, n_jobs=2), model)
    assert_same_model(model.fit(X, Y), fit(Estimator))  # fit begins anew
    assert differ(fit(Estimator, random_state=1), model)


@ESTIMATORS
def test_a_random_state_instance_goes_on(Estimator):
    state = np.random.RandomState(0)
    model = fit(Estimator, random_state=state)
    assert_same_model(model, fit(Estimator))
    assert differ(fit(Estimator, random_state=state), model)
    assert_same_model(fit(Estimator, random_state=np.random.RandomState(0)), model)


@ESTIMATORS
def test_without_a_seed_the_global_one_counts(Estimator):
    before = np.random.get_state()  # noqa: NPY002 - None is this state, as everywhere in scikit-learn
    try:
        models = []
        for seed in [3, 3, 4]:
            np.random.seed(seed)  # noqa: NPY002
            models.append(fit(Estimator, random_state=None))
    finally:
        np.random.set_state(before)  # noqa: NPY002
    assert_same_model(models[0], models[1])
    assert differ(models[0], models[2])


@ESTIMATORS
def test_shuffling(Estimator):
    assert differ(fit(Estimator, shuffle=False), fit(Estimator))
    one_batch = {"batch_size": N, "dtype": "float64"}
    shuffled, ordered = fit(Estimator, shuffle=True, **one_batch), fit(Estimator, shuffle=False, **one_batch)
    assert_allclose(predictions(shuffled), predictions(ordered), rtol=1e-6)


PARAMETERS = {
    "hidden_layer_sizes": (4, 3),
    "cell": "gru",
    "activation": "identity",
    "recurrent_activation": "hard_sigmoid",
    "bidirectional": True,
    "pooling": "mean",
    "skip_connection": True,
    "dropout": 0.3,
    "recurrent_dropout": 0.3,
    "solver": "sgd",
    "alpha": 1.0,
    "l1_ratio": 0.5,
    "learning_rate": "one_cycle",
    "batch_size": 7,
    "learning_rate_init": 0.02,
    "max_iter": 2,
    "average": False,
    "shuffle": False,
    "beta_1": 0.5,
    "beta_2": 0.9,
    "epsilon": 0.1,
    "clip_norm": 1e-3,
    "standardize": False,
    "early_stopping": True,
    "dtype": "float64",
}


@ESTIMATORS
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_an_effect(Estimator, name):
    model, other = fit(Estimator), fit(Estimator, **{name: PARAMETERS[name]})
    assert not np.array_equal(predictions(model), predictions(other))


@ESTIMATORS
@pytest.mark.parametrize(("name", "value"), [("momentum", 0.3), ("nesterovs_momentum", False)])
def test_parameters_of_sgd_have_an_effect(Estimator, name, value):
    assert differ(fit(Estimator, solver="sgd"), fit(Estimator, solver="sgd", **{name: value}))
    assert not differ(fit(Estimator), fit(Estimator, **{name: value}))


@ESTIMATORS
def test_parameters_of_other_settings_have_an_effect(Estimator):
    assert differ(fit(Estimator, learning_rate="invscaling"), fit(Estimator, learning_rate="invscaling", power_t=0.1))
    assert differ(fit(Estimator, solver="lbfgs"), fit(Estimator, solver="lbfgs", max_fun=1))
    for name, value in [("power_t", 0.1), ("max_fun", 1)]:
        assert not differ(fit(Estimator), fit(Estimator, **{name: value}))


@ESTIMATORS
def test_adamw_decays_instead_of_a_penalty(Estimator):
    model = fit(Estimator, solver="adamw", alpha=0.0)
    assert_same_model(model, fit(Estimator, alpha=0.0))
    # One step: the weights lose the share alpha * learning rate of what they began with, the biases nothing.
    step = {"max_iter": 1, "batch_size": N, "dtype": "float64", "alpha": 0.5, "average": False}
    decayed, plain = fit(Estimator, solver="adamw", **step), fit(Estimator, **{**step, "alpha": 0.0})
    start = fit(Estimator, **{**step, "alpha": 0.0, "learning_rate_init": 1e-300})
    assert decayed.loss_curve_ == plain.loss_curve_
    expected, n = plain._network.parameters.copy(), plain._network.n_weights
    expected[:n] -= 0.01 * 0.5 * start._network.parameters[:n]
    assert_allclose(decayed._network.parameters, expected, rtol=1e-12)


@ESTIMATORS
def test_an_l1_penalty_brings_weights_near_zero(Estimator):
    parameters = {"alpha": 0.02, "max_iter": 200, "learning_rate": "cosine"}
    lasso, ridge = (fit(Estimator, l1_ratio=l1_ratio, **parameters)._network for l1_ratio in [1.0, 0.0])
    near_zero = [np.mean(np.abs(network.parameters[: network.n_weights]) < 1e-3) for network in [lasso, ridge]]
    assert near_zero[0] > 0.5
    assert near_zero[1] < 0.1


@ESTIMATORS
def test_forms_of_hidden_layer_sizes(Estimator):
    model = fit(Estimator)
    for sizes in [(4,), [4], np.array([4]), np.int64(4)]:
        assert_same_model(fit(Estimator, hidden_layer_sizes=sizes), model)
    assert fit(Estimator, hidden_layer_sizes=[5, 4, 3]).n_layers_ == 5


@ESTIMATORS
def test_double_precision_is_near_single(Estimator):
    single, double = fit(Estimator), fit(Estimator, dtype="float64")
    assert single._network.parameters.dtype == np.float32
    assert double._network.parameters.dtype == np.float64
    assert predictions(single).dtype == np.float64
    assert_allclose(predictions(single), predictions(double), rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------------------------------------- state


@ESTIMATORS
@pytest.mark.parametrize("early_stopping", [False, True])
def test_fitted_attributes(Estimator, early_stopping):
    model = fit(Estimator, early_stopping=early_stopping)
    assert model.n_iter_ == 3
    assert model.t_ == 3 * (27 if early_stopping else N)
    assert model.n_layers_ == 3
    assert model.n_outputs_ == 1
    assert model.n_features_in_ == 2
    assert model.out_activation_ == ("identity" if Estimator is LSTMRegressor else "logistic")
    for curve in [model.loss_curve_, model.validation_loss_curve_, model.validation_scores_]:
        if curve is model.loss_curve_ or early_stopping:
            assert isinstance(curve, list)
            assert len(curve) == 3
            assert all(isinstance(value, float) for value in curve)
        else:
            assert curve is None
    assert isinstance(model.best_loss_, float)
    if early_stopping:
        assert model.best_loss_ == min(model.validation_loss_curve_)
        best = int(np.argmin(model.validation_loss_curve_))
        assert model.best_validation_score_ == model.validation_scores_[best]
    else:
        assert model.best_loss_ == min(model.loss_curve_)
        assert model.best_validation_score_ is None
    public = {name for name in vars(model) if name.endswith("_")}
    assert all(f"{name} : " in Estimator.__doc__ for name in public)


@ESTIMATORS
def test_the_first_loss_is_that_of_the_initial_weights(Estimator):
    # One batch: an epoch's loss is taken before its only step.
    model = fit(Estimator, batch_size=N, max_iter=1, alpha=0, dtype="float64", learning_rate_init=1e-12)
    if Estimator is LSTMRegressor:
        z = (predictions(model) - Y.mean()) / Y.std()
        expected = np.mean((z - (Y - Y.mean()) / Y.std()) ** 2) / 2
    else:
        expected = -model.predict_log_proba(X)[np.arange(N), Y].mean()
    assert_allclose(model.loss_curve_[0], expected, rtol=1e-6)


@ESTIMATORS
def test_data_stay_as_they_were(Estimator):
    X_in, y, weights = [x.copy() for x in X], Y.copy(), np.linspace(0, 1, N)
    cube = rng.normal(size=(N, 4, 2))
    cube_before = cube.copy()
    model = fit(Estimator, X_in, y, weights)
    model.partial_fit(X_in, y, sample_weight=weights)
    predictions(model, X_in)
    predictions(fit(Estimator, cube), cube)
    for x, before in zip(X_in, X, strict=True):
        assert_array_equal(x, before)
    assert_array_equal(y, Y)
    assert_array_equal(weights, np.linspace(0, 1, N))
    assert_array_equal(cube, cube_before)


@ESTIMATORS
def test_the_model_does_not_hold_on_to_the_data(Estimator):
    model = fit(Estimator, as_sequences([x.repeat(500, axis=0) for x in X]), max_iter=1)
    assert len(pickle.dumps(model)) < 20_000


@ESTIMATORS
@pytest.mark.parametrize("copy_of", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_copies_predict_and_go_on_alike(Estimator, copy_of, solver):
    model = fit(Estimator, solver=solver).partial_fit(X, Y)
    other = copy_of(model)
    assert_same_model(other, model)
    before = predictions(model)
    other.partial_fit(X, Y)
    assert_array_equal(predictions(model), before)  # a copy's training does not reach the original
    assert_same_model(model.partial_fit(X, Y), other)


@ESTIMATORS
def test_clones_are_unfitted(Estimator):
    model = fit(Estimator)
    other = clone(model)
    assert not hasattr(other, "loss_curve_")
    assert other.get_params() == model.get_params()
    assert_same_model(other.fit(X, Y), model)


@ESTIMATORS
def test_parameters(Estimator):
    model = Estimator(8, max_iter=7)
    assert model.get_params()["hidden_layer_sizes"] == 8
    assert set(model.get_params()) == set(Estimator._parameter_constraints)
    assert model.set_params(max_iter=5, alpha=0.0001) is model
    assert model.max_iter == 5
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        model.set_params(units=3)
    assert f"{Estimator.__name__}(hidden_layer_sizes=8, max_iter=5)" == repr(model)
    assert all(f"{name} : " in Estimator.__doc__ for name in model.get_params())


def test_both_have_the_same_defaults():
    classifier, regressor = LSTMClassifier().get_params(), LSTMRegressor().get_params()
    assert classifier.pop("class_weight") is None
    assert [regressor.pop(name) for name in ("loss", "quantile", "delta")] == ["squared_error", 0.5, 1.35]
    assert (classifier.pop("skip_connection"), regressor.pop("skip_connection")) == (False, "auto")
    assert classifier == regressor


@ESTIMATORS
def test_html(Estimator):
    assert Estimator.__name__ in Estimator()._repr_html_()
    assert "<span>Not fitted</span>" in Estimator()._repr_html_()
    assert "<span>Fitted</span>" in fit(Estimator)._repr_html_()


def test_tags():
    regressor, classifier = get_tags(LSTMRegressor()), get_tags(LSTMClassifier())
    assert is_regressor(LSTMRegressor())
    assert is_classifier(LSTMClassifier())
    assert regressor.target_tags.multi_output
    assert not regressor.target_tags.positive_only
    assert get_tags(LSTMRegressor(loss="poisson")).target_tags.positive_only
    assert not classifier.target_tags.multi_output
    assert classifier.classifier_tags.multi_label
    for tags in [regressor, classifier]:
        assert tags.input_tags.two_d_array
        assert tags.input_tags.three_d_array
        assert not tags.input_tags.sparse
        assert not tags.input_tags.allow_nan
        assert tags.target_tags.required
        assert not tags.non_deterministic


# ---------------------------------------------------------------------------------------------- failures leave no trace


BAD_CALLS = {
    "width": lambda model: model.fit([x[:, :1] for x in X[:-1]], Y),
    "NaN": lambda model: model.fit([*X[:-1], [[np.nan, 0.0]]], Y),
    "target": lambda model: model.fit(X, [[[1.0]]] * N),
    "weights": lambda model: model.fit(X, Y, -np.ones(N)),
    "validation": lambda model: model.fit(X, Y, X_val=X, y_val=Y[:-1]),
    "groups": lambda model: model.set_params(early_stopping=True).fit(X, Y, groups=np.zeros(N)),
    "layers": lambda model: model.set_params(hidden_layer_sizes=()).fit(X, Y),
    "parameter": lambda model: model.set_params(alpha=-1).fit(X, Y),
    "divergence": lambda model: model.set_params(learning_rate_init=1e300, solver="sgd", clip_norm=None).fit(X, Y),
    "partial width": lambda model: model.partial_fit([x[:, :1] for x in X], Y),
    "partial NaN": lambda model: model.partial_fit([*X[:-1], [[np.nan, 0.0]]], Y),
    "partial weights": lambda model: model.partial_fit(X, Y, sample_weight=np.zeros(N)),
    "partial layers": lambda model: model.set_params(hidden_layer_sizes=9).partial_fit(X, Y),
    "partial divergence": lambda model: model.set_params(
        learning_rate_init=1e300, solver="sgd", clip_norm=None
    ).partial_fit([x * 1e10 for x in X], Y),
}


@ESTIMATORS
@pytest.mark.parametrize("call", BAD_CALLS)
def test_a_failed_fit_leaves_the_model_as_it_was(Estimator, call):
    model = fit(Estimator)
    before, expected = vars(model).copy(), predictions(model)
    contents = {name: pickle.dumps(value) for name, value in before.items()}
    with pytest.raises(ValueError):  # noqa: PT011 - the words are tested with the bad input
        BAD_CALLS[call](model)
    after = vars(model)
    changed = {"early_stopping", "hidden_layer_sizes", "alpha", "learning_rate_init", "solver", "clip_norm"}
    assert set(after) == set(before)
    for name in set(after) - changed:
        assert pickle.dumps(after[name]) == contents[name], name
    assert_array_equal(predictions(model), expected)


@ESTIMATORS
def test_a_failed_first_fit_leaves_an_unfitted_model(Estimator):
    model = Estimator(**TINY)
    before = set(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit([*X[:-1], [[np.nan, 0.0]]], Y)
    with pytest.raises(ValueError, match="inconsistent"):
        model.partial_fit(X, Y[:-1])
    assert set(vars(model)) == before


def test_labels_of_a_failed_fit_are_forgotten():
    model = fit(LSTMClassifier)
    with pytest.raises(ValueError, match="Negative"):
        model.fit(X, np.array(["a", "b", "c"])[np.arange(N) % 3], -np.ones(N))
    assert_array_equal(model.classes_, [0, 1])
    with pytest.raises(ValueError, match="Negative"):
        model.partial_fit(X, Y, classes=[0, 1], sample_weight=-np.ones(N))
    assert not hasattr(model, "_all_classes")


# ---------------------------------------------------------------------------------------------- weights of classes


def test_class_weights_hold_where_a_batch_lacks_a_class():
    model = LSTMClassifier(4, max_iter=2, class_weight={1: 10.0})
    model.partial_fit(X, np.zeros(N), classes=[0, 1]).partial_fit(X, Y)
    assert_array_equal(model._class_factors, [1, 10])
    model.fit(X, Y, X_val=X[:3], y_val=[0, 0, 0])


def test_balanced_weights_count_what_is_trained_on():
    weights = np.where((Y == 1) & (np.arange(N) % 3 > 0), 0.0, 1.0)
    kept = np.flatnonzero(weights)
    parameters = {"class_weight": "balanced", "shuffle": False}
    left_out = LSTMClassifier(4, max_iter=2, random_state=0, **parameters).fit([X[i] for i in kept], Y[kept])
    assert_array_equal(
        predictions(LSTMClassifier(4, max_iter=2, random_state=0, **parameters).fit(X, Y, sample_weight=weights)),
        predictions(left_out),
    )
