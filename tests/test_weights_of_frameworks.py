"""Weights from and to PyTorch and Keras: networks of theirs on raw data, beside predictions and scores."""

import os

import numpy as np
import pytest
from checks import assert_same_bits, slow_to_converge
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline
from test_weights import fitted

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.export import from_keras, from_pytorch, to_keras, to_pytorch
from sklstm.preprocessing import SequenceScaler

os.environ.setdefault("KERAS_BACKEND", "jax")  # before Keras is imported

import keras
import torch
from keras import layers

pytestmark = slow_to_converge

ACTIVATIONS = {"logistic": "sigmoid", "identity": "linear"}  # Keras's names, where they are others


class Module(torch.nn.Module):
    """A model's network as PyTorch has it."""

    def __init__(self, model):
        super().__init__()
        self.pooling, self.by_step = model.pooling, model.return_sequences
        n_inputs, sizes = model.n_features_in_, model._network.architecture.hidden_layer_sizes
        if model.embedding_dim is not None:
            self.embedding = torch.nn.Embedding(model.vocabulary_size_ + 1, model.embedding_dim)
            n_inputs = model.embedding_dim
        kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[model.cell]
        options = {"nonlinearity": model.activation} if model.cell == "rnn" else {}
        self.rnn = kind(n_inputs, sizes[0], len(sizes), batch_first=True, bidirectional=model.bidirectional, **options)
        self.linear = torch.nn.Linear(sizes[0] * (1 + model.bidirectional), model.n_outputs_)

    def forward(self, x):
        if hasattr(self, "embedding"):
            x = self.embedding(x[:, :, 0].long())
        states, last = self.rnn(x)
        if self.by_step:
            return self.linear(states)
        if self.pooling == "last":
            h = last[0] if isinstance(last, tuple) else last
            states = torch.cat(list(h[-2:] if self.rnn.bidirectional else h[-1:]), dim=1)
        else:
            states = states.mean(dim=1) if self.pooling == "mean" else states.amax(dim=1)
        return self.linear(states)


def keras_network(model):
    """A model's network as Keras has it."""
    architecture = model._network.architecture
    kind = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[model.cell]
    # To draw them with JAX takes seconds.
    options = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    options["activation"] = ACTIVATIONS.get(model.activation, model.activation)
    if model.cell != "rnn":
        options["recurrent_activation"] = ACTIVATIONS.get(model.recurrent_activation, model.recurrent_activation)
    network = keras.Sequential()
    if model.embedding_dim is not None:
        network.add(layers.Reshape((-1,)))
        network.add(layers.Embedding(model.vocabulary_size_ + 1, model.embedding_dim, "zeros"))
    sizes = architecture.hidden_layer_sizes
    for level, n_units in enumerate(sizes):
        layer = kind(n_units, return_sequences=level < len(sizes) - 1 or architecture.wants_table, **options)
        network.add(layers.Bidirectional(layer) if model.bidirectional else layer)
    if model.pooling != "last":
        network.add({"mean": layers.GlobalAveragePooling1D, "max": layers.GlobalMaxPooling1D}[model.pooling]())
    network.add(layers.Dense(model.n_outputs_, kernel_initializer="zeros"))
    return network


class PyTorch:
    """A network of PyTorch's that takes and returns arrays, and its weights, as both frameworks' have them here."""

    to, back = staticmethod(to_pytorch), staticmethod(from_pytorch)

    def __init__(self, model, X):
        torch.manual_seed(0)
        self._module = Module(model)

    def get(self):
        return self._module.state_dict()

    def set(self, weights):
        self._module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})

    def __call__(self, X):
        with torch.no_grad():
            return self._module(torch.tensor(X, dtype=torch.float32)).numpy()


class Keras:
    to, back = staticmethod(to_keras), staticmethod(from_keras)

    def __init__(self, model, X):
        self._network = keras_network(model)
        self._network.build(X.shape)
        self.get, self.set = self._network.get_weights, self._network.set_weights
        rng = np.random.RandomState(0)
        self.set([0.4 * rng.normal(size=array.shape) for array in self.get()])

    def __call__(self, X):
        return self._network.predict(X.astype(np.float32), verbose=0)


FRAMEWORKS = pytest.mark.parametrize("Framework", [PyTorch, Keras])

CASES = {
    "lstm": {},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "classes": {"Estimator": LSTMClassifier},
    "stack": {"sizes": (4, 4)},
    "lstm, both directions": {"sizes": (4, 4), "bidirectional": True, "Estimator": LSTMClassifier},
    "gru, both directions": {"cell": "gru", "sizes": (4, 4), "bidirectional": True},
    "rnn, both directions": {"cell": "rnn", "bidirectional": True},
    "relu": {"cell": "rnn", "activation": "relu"},
    "mean": {"pooling": "mean"},
    "max": {"pooling": "max", "bidirectional": True},
    "time steps": {"return_sequences": True},
    "tokens": {"embedding_dim": 3, "cell": "gru"},
}
ONLY_PYTORCH = {
    "three layers": {"sizes": (4, 4, 4), "cell": "gru"},
    "as it is": {"standardize": False},
    "absolute error": {"loss": "absolute_error"},
    "one quantile": {"loss": "quantile", "quantile": [0.9]},
    "double precision": {"dtype": "float64"},
}
ONLY_KERAS = {
    "widths": {"sizes": (6, 3), "bidirectional": True},
    "activations": {"activation": "logistic", "recurrent_activation": "hard_sigmoid"},
    "gru with activations": {"cell": "gru", "activation": "identity", "recurrent_activation": "hard_sigmoid"},
}
ALL_CASES = {**CASES, **ONLY_PYTORCH, **ONLY_KERAS}
EVERY_CASE = pytest.mark.parametrize(
    ("Framework", "case"),
    [(PyTorch, case) for case in {**CASES, **ONLY_PYTORCH}] + [(Keras, case) for case in {**CASES, **ONLY_KERAS}],
)


def problem(case, seed=0):
    """A model, and raw sequences of one length, or of tokens of which some are unknown to it."""
    options = {"sizes": (5,), **ALL_CASES[case]}
    if options.get("Estimator") is not LSTMClassifier:
        options["skip_connection"] = False
    model, _ = fitted(seed, **options)
    rng = np.random.RandomState(seed)
    if "embedding_dim" in options:
        return model, rng.randint(model.vocabulary_size_ + 1, size=(4, 6, 1)).astype(np.float64)
    return model, 3 + rng.normal(size=(4, 6, 3)) * [1, 5, 0.3]


def predicted(model, X):
    """In the form of the frameworks' outputs."""
    y = model.decision_function(X) if isinstance(model, LSTMClassifier) else model.predict(X)
    return y.reshape(len(X), *([X.shape[1]] if model.return_sequences else []), -1)


def assert_close(actual, expected):
    assert np.ptp(expected) > 0.01 * np.abs(expected).max()
    assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@EVERY_CASE
def test_either_network_computes_the_same_with_the_weights_of_the_other(Framework, case):
    model, X = problem(case)
    network, before = Framework(model, X), model.get_weights()
    assert Framework.back(model, network.get()) is model
    assert_close(predicted(model, X), network(X))
    for name in [name for name in before if name.endswith(("shift", "scale"))]:
        assert_same_bits(model.get_weights()[name], before[name], name)
    network.set(Framework.to(model.set_weights(before)))
    assert_close(network(X), predicted(model, X))


@EVERY_CASE
def test_there_and_back(Framework, case):
    model, _ = problem(case)
    expected = model.get_weights()
    other = problem(case, seed=1)[0].set_weights({**problem(case, seed=1)[0].get_weights(), **scales_of(expected)})
    found = Framework.back(other, Framework.to(model)).get_weights()
    for name, part in expected.items():
        assert_allclose(found[name], part, rtol=1e-6, atol=1e-6 * np.abs(part).max(), err_msg=name)


def scales_of(weights):
    return {name: part for name, part in weights.items() if name.endswith(("shift", "scale"))}


# ------------------------------------------------------------------------------------------ what predictions are not


@pytest.mark.parametrize("to", [to_pytorch, to_keras])
def test_outputs_of_losses_that_are_not_linear(to):
    """The output layer alone: of counts the logarithm is in the weights, and else nothing."""
    for options in [{"loss": "gaussian_nll"}, {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}]:
        model, _ = fitted(sizes=(5,), skip_connection=False, **options)
        W, b = of_output_layer(to, model)
        assert_same_bits(W, model.get_weights()["output.W"])
        assert_same_bits(b, model.get_weights()["output.b"])
    model, _ = fitted(loss="poisson", sizes=(5,), skip_connection=False)
    W, b = of_output_layer(to, model)
    assert_same_bits(W, model.get_weights()["output.W"])
    assert_allclose(b, model.get_weights()["output.b"] + np.log(model.get_weights()["target.scale"]), rtol=1e-6)


def of_output_layer(to, model):
    weights = to(model)
    return weights[-2:] if to is to_keras else (weights["linear.weight"].T, weights["linear.bias"])


def test_layers_by_the_names_they_have_in_the_module():
    model, X = problem("tokens")
    names = {"rnn": "encoder.gru", "linear": "out", "embedding": "words"}
    state_dict = to_pytorch(model, **names)
    assert {name.rpartition(".")[0] for name in state_dict} == set(names.values())
    expected = model.predict(X)
    assert_allclose(from_pytorch(model, state_dict, **names).predict(X), expected, rtol=1e-6)
    assert list(to_pytorch(model)) == list(Module(model).state_dict())


# ------------------------------------------------------------------------------------------ errors


CANNOT = {
    'cell="peephole"': {"cell": "peephole"},
    "a skip connection, .*: fit one with skip_connection=False": {"skip_connection": True},
    'missing="decay"': {"missing": "decay", "gaps": True},
    'pooling="attention"': {"pooling": "attention"},
}
PYTORCH_CANNOT = {
    'cell="lstm" with activation="relu"': {"activation": "relu"},
    'cell="rnn" with activation="logistic"': {"cell": "rnn", "activation": "logistic"},
    'cell="gru" with recurrent_activation="hard_sigmoid"': {"cell": "gru", "recurrent_activation": "hard_sigmoid"},
    r"one width, but hidden_layer_sizes is \(5, 4\)": {"sizes": (5, 4)},
}


@pytest.mark.parametrize(
    ("Framework", "message"),
    [(PyTorch, message) for message in {**CANNOT, **PYTORCH_CANNOT}] + [(Keras, message) for message in CANNOT],
)
def test_a_model_that_they_have_no_layers_for(Framework, message):
    options = {"sizes": (5,), "skip_connection": False, **{**CANNOT, **PYTORCH_CANNOT}[message]}
    model, _ = fitted(**options)
    for call in (Framework.to, lambda model: Framework.back(model, {})):
        with pytest.raises(ValueError, match=message):
            call(model)


def test_gates_that_a_simple_network_has_not():
    model, _ = fitted(sizes=(5,), cell="rnn", recurrent_activation="hard_sigmoid", skip_connection=False)
    assert len(to_pytorch(model)) == 6


def with_two_outputs(Framework, weights, of_weight=2):
    """The same classifier, with an output for each of its two classes."""
    W, b = weights[-2:] if Framework is Keras else (weights["linear.weight"].T, weights["linear.bias"])
    W, b = np.hstack([W + 1, 3 * W + 1])[:, :of_weight], np.append(b, 3 * b)
    return [*weights[:-2], W, b] if Framework is Keras else {**weights, "linear.weight": W.T, "linear.bias": b}


@FRAMEWORKS
def test_two_classes_may_have_an_output_each(Framework):
    X, y = np.random.RandomState(0).normal(size=(20, 6, 3)), np.arange(20) % 2
    model = LSTMClassifier(5, max_iter=1, random_state=0).fit(X, y)
    scores, weights = model.decision_function(X), Framework.to(model)
    assert_close(Framework.back(model, with_two_outputs(Framework, weights)).decision_function(X), 2 * scores)
    regressor, _ = problem("lstm")
    for wrong, of_weight in [(model, 1), (regressor, 2)]:
        with pytest.raises(ValueError, match="must have the shape"):
            Framework.back(wrong, with_two_outputs(Framework, weights, of_weight))


def test_modules_themselves_have_no_prefix():
    model, X = problem("lstm")
    rnn = torch.nn.LSTM(3, 5, batch_first=True)
    state_dict = to_pytorch(model, rnn="")
    assert [*rnn.state_dict()] == [*state_dict][:4]
    assert_allclose(from_pytorch(model, state_dict, rnn="").predict(X), model.predict(X), rtol=1e-6)
    assert [*to_pytorch(model, linear="")][4:] == ["weight", "bias"]
    assert next(iter(to_pytorch(problem("tokens")[0], embedding=""))) == "weight"


def test_parameters_that_take_part_in_training():
    model, X = problem("lstm")
    network = PyTorch(model, X)
    from_pytorch(model, dict(network._module.named_parameters()))
    assert_close(predicted(model, X), network(X))


@pytest.mark.parametrize("options", [{"dtype": torch.bfloat16}, {"device": "meta"}], ids=str)
def test_tensors_that_numpy_cannot_read(options):
    model, _ = problem("lstm")
    state_dict = {**to_pytorch(model), "linear.bias": torch.zeros(1, requires_grad=True, **options)}
    with pytest.raises(
        ValueError, match=r"linear.bias must be an array of shape \(1,\) \(of a tensor, pass \.float\(\)\.cpu\(\)\): "
    ):
        from_pytorch(model, state_dict)


def test_a_gru_of_keras_that_resets_before():
    model, X = problem("gru")
    weights = keras.Sequential([layers.Input(X.shape[1:]), layers.GRU(5, reset_after=False), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"weights\[2\], layer_0 bias, has one axis: a GRU with reset_after=False"):
        from_keras(model, weights.get_weights())


@FRAMEWORKS
def test_a_pipeline_is_no_model(Framework):
    model, _ = problem("lstm")
    with pytest.raises(TypeError, match=r"got Pipeline; of a pipeline or a search, pass the fitted estimator inside"):
        Framework.to(make_pipeline(SequenceScaler(), model))
    with pytest.raises(ValueError, match="not fitted yet"):
        Framework.to(LSTMRegressor())


WRONG_STATE_DICTS = {
    r"state_dict lacks 'rnn.bias_hh_l0', 'linear.bias'": lambda w: {
        name: w[name] for name in list(w)[:-1] if name != "rnn.bias_hh_l0"
    },
    r"state_dict has 'rnn.weight_ih_l1', which is not among 'rnn.weight_ih_l0', ": lambda w: {
        **w,
        "rnn.weight_ih_l1": w["rnn.weight_ih_l0"],
    },
    r"rnn.weight_ih_l0 must have the shape \(20, 3\), got \(3, 20\)": lambda w: {
        **w,
        "rnn.weight_ih_l0": w["rnn.weight_ih_l0"].T,
    },
    r"linear.bias must be finite in float64, but holds nan at \[0\]": lambda w: {**w, "linear.bias": [np.nan]},
    r"weights\['output.b'\] must be finite in float32": lambda w: {**w, "linear.bias": [1e300]},
}
WRONG_LISTS = {
    "weights must hold 5 arrays, layer_0 kernel, .*, dense bias, got 4": lambda w: w[:-1],
    r"weights\[1\], layer_0 recurrent_kernel, must have the shape \(5, 20\), got \(1, 20\)": lambda w: [
        w[0], w[1][:1], *w[2:]
    ],
    r"weights\[4\], dense bias, must be finite": lambda w: [*w[:4], [np.inf]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("Framework", "message"),
    [(PyTorch, message) for message in WRONG_STATE_DICTS] + [(Keras, message) for message in WRONG_LISTS],
)
def test_wrong_weights_raise_and_change_nothing(Framework, message):
    model, X = problem("lstm")
    expected, wrong = model.predict(X), {**WRONG_STATE_DICTS, **WRONG_LISTS}[message]
    with pytest.raises(ValueError, match=message):
        Framework.back(model, wrong(Framework.to(problem("lstm", seed=1)[0])))
    assert_same_bits(model.predict(X), expected)


@FRAMEWORKS
def test_a_form_that_is_the_other_frameworks(Framework):
    model, _ = problem("lstm")
    other = Keras if Framework is PyTorch else PyTorch
    with pytest.raises(TypeError, match=r"must be a (dict|list) of arrays, got (dict|list)"):
        Framework.back(model, other.to(model))
