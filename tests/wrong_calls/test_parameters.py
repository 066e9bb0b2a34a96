"""Wrong parameters of the estimators, and some that do not go together."""

import numpy as np
import pytest
from checks import ESTIMATORS
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError
from wrong_calls.shared import CUBE, INF, NAN, Y, assert_raises, make

from sklstm import LSTMClassifier, LSTMRegressor

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

VALUES = {
    "hidden_layer_sizes": [0, -1, 2.5, "64", None],
    "cell": ["LSTM", "transformer", None, 3],
    "activation": ["sigmoid", None],
    "recurrent_activation": ["tanh", None],
    "bidirectional": ["yes", None, 2],
    "pooling": ["average", None, True],
    "return_sequences": ["yes", None, 2],
    "skip_connection": ["yes", None, 2],
    "embedding_dim": [0, -1, 2.5, "8"],
    "missing": ["ignore", None, True],
    "dropout": [-0.1, 1, "a", None, NAN],
    "recurrent_dropout": [-0.1, 1, "a", None, NAN],
    "solver": ["lbfgs!", None, 3],
    "alpha": [-1e-9, "a", None, NAN],
    "l1_ratio": [-0.1, 1.1, "a", None, NAN],
    "batch_size": [0, -1, 2.5, "auto", None],
    "learning_rate": ["linear", 0.1, None],
    "learning_rate_init": [0, -0.1, "a", None, NAN],
    "power_t": [-0.1, "a", None, NAN],
    "max_iter": [0, -1, 2.5, None],
    "max_fun": [0, -1, 2.5, None],
    "average": ["yes", None, 2],
    "shuffle": ["yes", None, 2],
    "random_state": ["a", -1, 1.5],
    "tol": [-1e-9, None, "a"],
    "verbose": [-1, "yes", None],
    "warm_start": ["yes", None],
    "checkpoint": [True, 1, b"folder"],
    "momentum": [-0.1, 1, "a", None],
    "nesterovs_momentum": ["yes", None],
    "early_stopping": ["yes", None, 3],
    "validation_fraction": [0, 1, 1.5, -0.1, 3, None],
    "beta_1": [-0.1, 1, None],
    "beta_2": [-0.1, 1, None],
    "epsilon": [0, -1, None],
    "n_iter_no_change": [0, -1, 2.5, None],
    "clip_norm": [0, -1, "a"],
    "standardize": ["yes", None],
    "n_jobs": [0, 1.5, "a"],
    "max_memory": [0, -1, "a", NAN],
    "dtype": ["float16", np.float32, None],
}


OF_REGRESSION = {
    "loss": ["mse", None, 3],
    "quantile": [0, 1, "a", None],
    "delta": [0, -1, INF, "a", None],
}


def test_no_parameter_is_forgotten():
    assert set(VALUES | OF_REGRESSION) == set(LSTMRegressor().get_params())
    assert {*VALUES, "class_weight"} == set(LSTMClassifier().get_params())


def pairs(values):
    return [(name, value) for name, of_name in values.items() for value in of_name]


@pytest.mark.parametrize(
    ("Estimator", "name", "value"),
    [(Estimator, *pair) for Estimator in [LSTMRegressor, LSTMClassifier] for pair in pairs(VALUES)]
    + [(LSTMRegressor, *pair) for pair in pairs(OF_REGRESSION)],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_parameters_are_validated(Estimator, method, name, value):
    words = [f"The '{name}' parameter of {Estimator.__name__} must be", f"Got {value!r} instead"]
    call = getattr(make(Estimator, **{name: value}), method)
    assert_raises(lambda: call(CUBE, Y), InvalidParameterError, words)


@pytest.mark.parametrize("class_weight", ["auto", 1.0, [1, 2]])
def test_class_weight_is_validated(class_weight):
    model = make(LSTMClassifier, class_weight=class_weight)
    assert_raises(lambda: model.fit(CUBE, Y), InvalidParameterError, ["class_weight", "balanced"])


@ESTIMATORS
@pytest.mark.parametrize("sizes", [(), (0,), ("a",), (4, -1), (2.5,), [[3]], np.array([0])], ids=repr)
def test_hidden_layer_sizes(Estimator, sizes):
    words = ["hidden_layer_sizes must be positive numbers of units", repr(sizes)]
    assert_raises(lambda: make(Estimator, hidden_layer_sizes=sizes).fit(CUBE, Y), ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize("solver", ["adamw", "lbfgs"])
def test_solvers_without_an_l1_penalty(Estimator, solver):
    words = ["l1_ratio=0.5", f'solver="{solver}"', "set it to 0"]
    assert_raises(lambda: make(Estimator, solver=solver, l1_ratio=0.5).fit(CUBE, Y), ValueError, words)


@ESTIMATORS
def test_lbfgs_watches_nothing(Estimator):
    model = make(Estimator, solver="lbfgs")
    words = ['solver="lbfgs"', "another solver"]
    assert_raises(lambda: model.fit(CUBE, Y, X_val=CUBE, y_val=Y), ValueError, ["X_val", *words])
    model.set_params(early_stopping=True)
    assert_raises(lambda: model.fit(CUBE, Y), ValueError, ["early_stopping=True", *words])


@ESTIMATORS
def test_lbfgs_has_no_partial_fit(Estimator):
    assert not hasattr(make(Estimator, solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError) as raised:
        make(Estimator, solver="lbfgs").partial_fit(CUBE, Y)
    assert 'solver="lbfgs" needs all at once' in str(raised.value.__cause__)


@ESTIMATORS
@pytest.mark.parametrize("learning_rate", ["cosine", "one_cycle"])
def test_partial_fit_has_no_end(Estimator, learning_rate):
    words = [f'learning_rate="{learning_rate}"', "known end", "partial_fit", '"constant"']
    assert_raises(lambda: make(Estimator, learning_rate=learning_rate).partial_fit(CUBE, Y), ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
def test_lbfgs_drops_nothing(Estimator, name):
    words = [f"{name} does not go with", 'solver="lbfgs"', "set it to 0"]
    model = make(Estimator, solver="lbfgs", **{name: 0.2})
    with pytest.raises(ValueError, match=f"^{name} "):
        model.fit(CUBE, Y)
    assert_raises(lambda: model.fit(CUBE, Y), ValueError, words)


CHANGES = {
    "hidden_layer_sizes": 5,
    "dtype": "float64",
    "cell": "gru",
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "bidirectional": True,
    "pooling": "mean",
    "skip_connection": True,
}


@ESTIMATORS
@pytest.mark.parametrize("name", CHANGES)
def test_a_trained_network_keeps_its_shape(Estimator, name):
    words = [name, "cannot change", "warm_start=False"]
    model = make(Estimator, warm_start=True).fit(CUBE, Y).set_params(**{name: CHANGES[name]})
    assert_raises(lambda: model.fit(CUBE, Y), ValueError, words)
    assert_raises(lambda: model.partial_fit(CUBE, Y), ValueError, words)
    model.set_params(warm_start=False).fit(CUBE, Y)


@ESTIMATORS
def test_all_that_changed_is_named(Estimator):
    model = make(Estimator, warm_start=True).fit(CUBE, Y).set_params(hidden_layer_sizes=(4, 4), cell="rnn")
    with pytest.raises(ValueError, match=r"^hidden_layer_sizes, cell cannot change"):
        model.fit(CUBE, Y)


@pytest.mark.parametrize("change", [{"loss": "huber"}, {"delta": 2.0}, {"quantile": [0.1, 0.9]}], ids=str)
def test_a_trained_network_keeps_its_loss(change):
    model = make(LSTMRegressor, warm_start=True).fit(CUBE, Y).set_params(**change)
    for call in [model.fit, model.partial_fit]:
        assert_raises(lambda call=call: call(CUBE, Y), ValueError, [*change, "cannot change", "warm_start=False"])
    model.set_params(warm_start=False).fit(CUBE, Y)
