"""What PyTorch's layers and Keras's have in common: what they can compute, of raw data, and how gates are sorted.

There a network reads the data as they are, and its outputs are predictions. Here it reads standardised inputs, and its
outputs are standardised targets. Both are linear, so that they go into the weights next to them, in double precision.
"""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ..fitted import FittedNetworkMixin
from ..layout import layers
from ..losses import Poisson

CELLS = ("lstm", "gru", "rnn")


def check_convertible(model, framework):
    """Raise an error unless `framework` has layers that compute what the model does."""
    if not isinstance(model, FittedNetworkMixin):
        raise TypeError(
            f"model must be an LSTMRegressor or an LSTMClassifier, got {type(model).__name__}; of a pipeline or a "
            "search, pass the fitted estimator inside."
        )
    check_is_fitted(model)
    architecture = model._network.architecture
    if architecture.skip_connection:
        raise ValueError(
            f"{framework} has no layers for a model with a skip connection, which skip_connection=True makes, and "
            '"auto" where it found that one helps: fit one with skip_connection=False.'
        )
    reasons = {
        f'cell="{architecture.cell}"': architecture.cell not in CELLS,
        'missing="decay"': architecture.missing == "decay",
        'pooling="attention"': architecture.pooling == "attention",
    }
    for parameter, is_so in reasons.items():
        if is_so:
            raise ValueError(f"{framework} has no layers for a model with {parameter}: fit one without.")


def raw_weights(model):
    """The weights, in double precision, with which the network maps raw data to predictions or scores."""
    weights = {name: part.astype(np.float64) for name, part in model.get_weights().items()}
    for name in _readers_of_values(model):
        weights[f"{name}.b"] -= (weights["input.shift"] * weights["input.scale"]) @ weights[f"{name}.W_x"]
        weights[f"{name}.W_x"] *= weights["input.scale"][:, np.newaxis]
    factor, summand = _from_outputs(model)
    weights["output.W"] *= factor
    weights["output.b"] = weights["output.b"] * factor + summand
    return weights


def set_raw_weights(model, weights):
    """The way back: give a model weights that map raw data to predictions or scores, and leave it its scales."""
    own = model.get_weights()
    for name in _readers_of_values(model):
        weights[f"{name}.b"] = weights[f"{name}.b"] + own["input.shift"] @ weights[f"{name}.W_x"]
        weights[f"{name}.W_x"] = weights[f"{name}.W_x"] / own["input.scale"][:, np.newaxis]
    factor, summand = _from_outputs(model)
    weights["output.W"] = weights["output.W"] / factor
    weights["output.b"] = (weights["output.b"] - summand) / factor
    return model.set_weights({**own, **weights})


def _readers_of_values(model):
    """The layers that read the data, and not the embeddings of tokens or the layers below."""
    if model._network.architecture.embedding_dim is not None:
        return []
    return [name for name, level, _ in layers(model._network.architecture) if level == 0]


def _from_outputs(model):
    """What brings the network's outputs to the units of the targets: a factor and a summand of each, or 1 and 0."""
    weights, loss = model.get_weights(), model._loss
    if isinstance(loss, Poisson):
        return 1.0, np.log(weights["target.scale"])
    # Of several outputs a target, those after the first are no linear function of it.
    if "target.scale" in weights and model.n_outputs_ == len(weights["target.scale"]):
        return weights["target.scale"], weights["target.shift"]
    return 1.0, 0.0


def scores_both_classes(model, bias):
    """Whether another library's classifier has an output for each of two classes, of which here one is enough."""
    has_one = is_classifier(model) and not model._multilabel and model.n_outputs_ == 1
    return has_one and getattr(bias, "shape", None) == (2,)


def second_less_first(array):
    """Of the outputs (last axis) of two classes one: the logistic function makes of it what softmax makes of both."""
    return array[..., 1:] - array[..., :1]


class GateOrder:
    """How another library sorts the gates of a layer, and what biases it has.

    There are two there, of the products with the inputs and with the state. In an LSTM and in a simple network only
    their sum counts, and the second is 0 on the way out. A GRU has, of the second, the new content's for itself: it is
    multiplied by the reset gate. There, too, the new content comes last.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
    inputs, state : lists of int
        For a GRU, which of our blocks of `W_x` and of `W_h` each of theirs is.
    """

    def __init__(self, cell, inputs, state):
        self._is_gru = cell == "gru"
        as_here = [*range({"lstm": 4, "gru": 3, "rnn": 1}[cell])]
        self._inputs, self._state = (inputs, state) if self._is_gru else (as_here, as_here)

    def theirs(self, weights, name):
        """W_x, W_h and both biases of a layer, sorted as they have them."""
        W_x, b = (_sorted(weights[f"{name}.{part}"], self._inputs) for part in ("W_x", "b"))
        b_h = np.zeros_like(b)
        if self._is_gru:
            b_h[-len(weights[f"{name}.b_q"]) :] = weights[f"{name}.b_q"]
        return W_x, _sorted(weights[f"{name}.W_h"], self._state), b, b_h

    def ours(self, name, W_x, W_h, b, b_h):
        """Our weights of a layer, by name, from those of `theirs`."""
        found, summed = {}, b_h.copy()
        if self._is_gru:
            n_units = len(W_h)
            found[f"{name}.b_q"], summed[-n_units:] = b_h[-n_units:], 0
        found[f"{name}.W_x"] = _sorted(W_x, np.argsort(self._inputs))
        found[f"{name}.W_h"] = _sorted(W_h, np.argsort(self._state))
        found[f"{name}.b"] = _sorted(b + summed, np.argsort(self._inputs))
        return found


def _sorted(array, order):
    """Blocks of columns in another order."""
    blocks = np.split(array, len(order), axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1)
