"""Weights by name: that they are all that predictions depend on, by which equations, and what set_weights minds."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from checks import assert_same_bits, slow_to_converge
from naive import logistic
from numpy.testing import assert_allclose
from scipy.special import softmax

from sklstm import LSTMClassifier, LSTMRegressor, weights

pytestmark = slow_to_converge

F = 3


def sequences(scale=1.0, lengths=(4, 1, 6, 3, 6)):
    rng = np.random.RandomState(0)
    return [3 + scale * rng.normal(size=(length, F)) * [1, 5, 0.3] for length in lengths]


def fitted(seed=0, Estimator=LSTMRegressor, sizes=(5, 4), scale=1.0, gaps=False, **parameters):
    """A model with weights drawn at random, on data of some scale."""
    X = sequences(scale)
    if "embedding_dim" in parameters:
        X = [np.arange(len(x)) for x in X]
    if gaps:
        X = [np.where(x > x.mean(), np.nan, x) for x in X]
    y = np.arange(len(X)) % 3 if Estimator is LSTMClassifier else scale * (2.0 * np.arange(len(X)) + 1)
    if parameters.get("return_sequences"):
        y = [np.full(len(x), target) for x, target in zip(X, y, strict=True)]
    model = Estimator(sizes, max_iter=1, random_state=seed, **parameters).fit(X, y)
    rng = np.random.RandomState(seed)
    drawn = {
        name: rng.uniform(0.1, 0.6, part.shape) * rng.choice([-1, 1], part.shape)
        for name, part in model.get_weights().items()
        if not name.endswith(("shift", "scale"))
    }
    return model.set_weights({**model.get_weights(), **drawn}), X


# ------------------------------------------------------------------------------------------ what the names mean


def lstm_step(part, x, h, c):
    i, f, g, o = np.split(x @ part["W_x"] + h @ part["W_h"] + part["b"], 4)
    peepholes = [part.get(name, 0) for name in ("p_i", "p_f", "p_o")]
    i, f = logistic(i + peepholes[0] * c), logistic(f + peepholes[1] * c)
    c = f * c + i * np.tanh(g)
    return logistic(o + peepholes[2] * c) * np.tanh(c), c


def gru_step(part, x, h, c):
    x_m, x_r, x_u = np.split(x @ part["W_x"] + part["b"], 3)
    h_r, h_u, h_q = np.split(h @ part["W_h"], 3)
    r, u = logistic(x_r + h_r), logistic(x_u + h_u)
    return (1 - u) * np.tanh(x_m + r * (h_q + part["b_q"])) + u * h, c


def rnn_step(part, x, h, c):
    return np.tanh(x @ part["W_x"] + h @ part["W_h"] + part["b"]), c


STEPS = {"lstm": lstm_step, "peephole": lstm_step, "gru": gru_step, "rnn": rnn_step}


def states(weights, layer, inputs, cell):
    part = {name.rpartition(".")[2]: w for name, w in weights.items() if name.rpartition(".")[0] == layer}
    h = c = np.zeros(len(part["W_h"]))
    found = []
    for x in inputs:
        h, c = STEPS[cell](part, x, h, c)
        found.append(h)
    return np.array(found)


def output(weights, x, cell, bidirectional):
    """The output for one sequence, from the weights alone."""
    inputs = (x - weights["input.shift"]) * weights["input.scale"]
    for level in range(2):
        ways = [states(weights, f"layer_{level}", inputs, cell)]
        if bidirectional:
            ways.append(states(weights, f"layer_{level}.reverse", inputs[::-1], cell)[::-1])
        inputs = np.hstack(ways)
    last = np.concatenate([ways[0][-1], *(way[0] for way in ways[1:])])
    return last @ weights["output.W"] + weights["output.b"]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", STEPS)
def test_a_prediction_follows_from_the_weights_by_the_equations(cell, bidirectional):
    model, X = fitted(cell=cell, bidirectional=bidirectional, skip_connection=False, dtype="float64")
    weights = model.get_weights()
    out = np.concatenate([output(weights, x, cell, bidirectional) for x in X])
    assert np.ptp(out) > 0.01
    assert_allclose(model.predict(X), out * weights["target.scale"] + weights["target.shift"], rtol=1e-12)


def test_scores_of_classes_follow_too():
    model, X = fitted(Estimator=LSTMClassifier, dtype="float64")
    scores = np.array([output(model.get_weights(), x, "lstm", False) for x in X])
    assert_allclose(model.predict_proba(X), softmax(scores, axis=1), rtol=1e-12)


def test_logarithms_of_counts_are_only_divided():
    model, X = fitted(loss="poisson", dtype="float64", skip_connection=False)
    weights = model.get_weights()
    assert "target.shift" not in weights
    out = np.concatenate([output(weights, x, "lstm", False) for x in X])
    assert_allclose(model.predict(X), np.exp(out) * weights["target.scale"], rtol=1e-12)


def test_means_and_deviations_follow_from_pairs_of_outputs():
    model, X = fitted(loss="gaussian_nll", dtype="float64", skip_connection=False)
    weights = model.get_weights()
    mean, spread = np.array([output(weights, x, "lstm", False) for x in X]).T
    y, std = model.predict(X, return_std=True)
    assert_allclose(y, mean * weights["target.scale"] + weights["target.shift"], rtol=1e-12)
    assert_allclose(std, np.exp(7 * np.tanh(spread / 14)) * weights["target.scale"], rtol=1e-12)


def test_quantiles_follow_from_the_first_and_gaps():
    model, X = fitted(loss="quantile", quantile=[0.1, 0.5, 0.9], dtype="float64", skip_connection=False)
    weights = model.get_weights()
    out = np.array([output(weights, x, "lstm", False) for x in X])
    out[:, 1:] = np.log(1 + np.exp(out[:, 1:]))
    expected = np.cumsum(out, axis=1) * weights["target.scale"] + weights["target.shift"]
    assert_allclose(model.predict(X), expected, rtol=1e-12)


def test_names_from_the_input_up():
    model, _ = fitted(cell="gru", sizes=(5,), missing="decay", gaps=True, pooling="attention", loss="gaussian_nll")
    assert {name: part.shape for name, part in model.get_weights().items()} == {
        "input.shift": (3,), "input.scale": (3,), "elapsed.scale": (3,), "decay.w": (3,), "decay.b": (3,),
        "layer_0.W_x": (6, 15), "layer_0.W_d": (3, 5), "layer_0.W_h": (5, 15), "layer_0.b_d": (5,),
        "layer_0.b": (15,), "layer_0.b_q": (5,),
        "attention.W": (5, 5), "attention.v": (5,), "attention.b": (5,),
        "output.W": (5, 2), "output.b": (2,), "target.shift": (1,), "target.scale": (1,),
    }  # fmt: skip
    assert list(model.get_weights())[0::17] == ["input.shift", "target.scale"]


def test_a_cell_of_ones_own_has_its_vectors_as_they_are(monkeypatch):
    monkeypatch.delitem(weights.VECTORS, "peephole")
    model, _ = fitted(cell="peephole")
    assert model.get_weights()["layer_1.v"].shape == (7 * 4,)
    assert_same_bits(model.get_weights()["layer_1.v"], model._network.part("layer_1.v"))


# ------------------------------------------------------------------------------------------ out and in


KINDS = {
    "regressor": {},
    "classifier": {"Estimator": LSTMClassifier},
    "peephole": {"cell": "peephole", "bidirectional": True},
    "changes": {"skip_connection": True},
    "gaps": {"missing": "decay", "gaps": True},
    "tokens": {"embedding_dim": 2},
    "attention": {"pooling": "attention"},
    "time steps": {"return_sequences": True, "dtype": "float64"},
    "quantiles": {"loss": "quantile", "quantile": [0.1, 0.5]},
    "counts": {"loss": "poisson"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_all_that_predictions_depend_on(kind):
    one, X = fitted(1, **KINDS[kind])
    other, _ = fitted(2, **KINDS[kind], scale=3.0)  # whose scales are others, too
    expected = np.concatenate(list(one.predict(X))).ravel() if kind == "time steps" else one.predict(X)
    assert other.set_weights(one.get_weights()) is other
    found = np.concatenate(list(other.predict(X))).ravel() if kind == "time steps" else other.predict(X)
    assert_same_bits(found, expected)
    for name, part in one.get_weights().items():
        assert_same_bits(other.get_weights()[name], part, name)


def test_weights_are_copies():
    model, X = fitted()
    expected, given = model.predict(X), model.get_weights()
    for part in given.values():
        part[...] = 0.5
    assert_same_bits(model.predict(X), expected)
    model.set_weights(given)
    replaced = model.predict(X)
    given["output.b"][...] = 1.0
    assert_same_bits(model.predict(X), replaced)


def test_what_others_hold_keeps_its_weights():
    model, X = fitted()
    expected, shallow = model.predict(X), copy.copy(model)
    model.set_weights({name: 0.5 + part for name, part in model.get_weights().items()})
    assert not np.array_equal(model.predict(X), expected)
    assert_same_bits(shallow.predict(X), expected)


def test_a_model_in_a_file_is_not_written_to(tmp_path):
    model, X = fitted()
    joblib.dump(model, tmp_path / "model.joblib")
    expected, mapped = model.predict(X), joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    given = mapped.get_weights()
    assert {type(part) for part in given.values()} == {np.ndarray}
    mapped.set_weights({**given, "output.b": given["output.b"] + 1})
    assert not np.array_equal(mapped.predict(X), expected)
    assert_same_bits(joblib.load(tmp_path / "model.joblib").predict(X), expected)


def test_replaced_weights_are_pickled():
    model, X = fitted()
    assert_same_bits(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64])
def test_weights_of_any_real_type_go_in(dtype):
    model, _ = fitted()
    given = {name: np.ones(part.shape, dtype) for name, part in model.get_weights().items()}
    for name, part in model.set_weights(given).get_weights().items():
        assert part.dtype == (np.float64 if name.endswith(("shift", "scale")) else np.float32)
        assert (part == 1).all()


def test_training_goes_on_from_the_weights_without_what_the_optimizer_knew():
    X, y = sequences(), np.arange(5.0)
    one, other = (LSTMRegressor(4, random_state=0, shuffle=False).partial_fit(X, y) for _ in range(2))
    first = other.get_weights()
    one.partial_fit(X, y)  # one step more is in its optimizer
    for model in (one, other):
        model.set_weights(first).partial_fit(X, y)
    assert_same_bits(one.predict(X), other.predict(X))
    assert not np.array_equal(one.get_weights()["layer_0.W_h"], first["layer_0.W_h"])


def test_a_warm_start_begins_at_the_weights():
    model, X = fitted(skip_connection=False, warm_start=True, learning_rate_init=1e-6, average=False)
    before = model.get_weights()
    model.fit(X, np.arange(5.0))
    for name, part in model.get_weights().items():
        assert_allclose(part, before[name], atol=1e-4)


# ------------------------------------------------------------------------------------------ errors


def without(weights, name):
    return {other: part for other, part in weights.items() if other != name}


def with_value(weights, name, value, place=0):
    part = weights[name].astype(np.float64)
    part.ravel()[place] = value
    return {**weights, name: part}


ERRORS = {
    r"weights lacks 'layer_0.b'. To replace some only, pass": lambda w: without(w, "layer_0.b"),
    r"weights has 'layer_2.b', which is not among 'input.shift', .*; it lacks 'output.b'": lambda w: {
        **without(w, "output.b"),
        "layer_2.b": w["layer_1.b"],
    },
    r"weights\['layer_1.W_h'\] must have the shape \(4, 16\), got \(16, 4\)": lambda w: {
        **w,
        "layer_1.W_h": w["layer_1.W_h"].T,
    },
    r"weights\['output.b'\] must have the shape \(1,\), got \(\)": lambda w: {**w, "output.b": 3.0},
    r"weights\['layer_0.W_x'\] must be finite in float32, but holds nan at \[0, 7\]": lambda w: with_value(
        w, "layer_0.W_x", np.nan, 7
    ),
    r"weights\['output.W'\] must be finite in float32, but holds 1e\+39 at": lambda w: with_value(w, "output.W", 1e39),
    r"weights\['output.b'\] must hold real numbers, got an array of type complex128": lambda w: {
        **w,
        "output.b": np.array([1j]),
    },
    r"weights\['output.b'\] must be an array of shape \(1,\)": lambda w: {**w, "output.b": [[1.0], [2.0, 3.0]]},
    r"weights\['input.scale'\] must be positive, but holds 0.0 at \[1\]": lambda w: with_value(w, "input.scale", 0, 1),
    r"weights\['target.scale'\] must be positive, but holds -1.0": lambda w: with_value(w, "target.scale", -1),
}


@pytest.mark.parametrize("message", ERRORS)
def test_wrong_weights_raise_and_change_nothing(message):
    model, X = fitted(skip_connection=False)
    before, expected, attributes = model.get_weights(), model.predict(X), dict(vars(model))
    other = {name: part + 1 for name, part in before.items()}
    with pytest.raises(ValueError, match=message):
        model.set_weights(ERRORS[message](other))
    assert vars(model) == attributes
    assert_same_bits(model.predict(X), expected)


def test_only_a_dict_has_names():
    model, _ = fitted()
    with pytest.raises(TypeError, match="must be a dict of arrays, as get_weights returns, got list"):
        model.set_weights(list(model.get_weights().values()))


def test_scales_of_0_say_what_was_never_seen():
    model, _ = fitted(missing="decay", gaps=True)
    given = {**model.get_weights(), "input.scale": np.zeros(F), "elapsed.scale": np.zeros(F)}
    model.set_weights(given)
    with pytest.raises(ValueError, match=r"weights\['elapsed.scale'\] must be 0 or more, but holds -2.0 at \[2\]"):
        model.set_weights(with_value(given, "elapsed.scale", -2, 2))


@pytest.mark.parametrize("method", ["get_weights", "set_weights"])
def test_only_a_fitted_model_has_weights(method):
    arguments = [{}] if method == "set_weights" else []
    with pytest.raises(ValueError, match="not fitted yet"):
        getattr(LSTMRegressor(), method)(*arguments)
