"""Weights of PyTorch's recurrent layers, from and to a `state_dict` of arrays."""

from collections.abc import Mapping

from ..layout import layers
from ..weights import check_names, checked
from ._frameworks import (
    GateOrder,
    check_convertible,
    raw_weights,
    scores_both_classes,
    second_less_first,
    set_raw_weights,
)

# Reset, update, new content: here new content, reset, update for the inputs, and as there for the state.
GRU = [1, 2, 0], [0, 1, 2]

PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def to_pytorch(model, *, rnn="rnn", linear="linear", embedding="embedding"):
    """The weights of a fitted model as PyTorch has them.

    They make a module the same function of raw data, if it has ``rnn = nn.LSTM(n_features, n_units, num_layers,
    batch_first=True, bidirectional=...)``, or `nn.GRU` or `nn.RNN`, and hands its states to ``linear = nn.Linear`` as
    the model does: those of each time step, or the last of each direction, or their mean or maximum over the time
    steps. The scales of inputs and targets are in the weights. The module's outputs are

    - of a classifier what `decision_function` returns;
    - of a regressor what `predict` returns, but for these losses: "poisson", their logarithm; "gaussian_nll" and
      several quantiles, the outputs o of the network, of which predictions are made afterwards
      (:doc:`/user_guide/weights`).

    Parameters
    ----------
    model : LSTMRegressor or LSTMClassifier
        A fitted one, with layers of one width, without `skip_connection`, ``pooling="attention"`` and
        ``missing="decay"``, and of what PyTorch's layers have: `cell` "lstm" or "gru" with their default activations,
        or "rnn" with `activation` "tanh" or "relu".

    rnn, linear, embedding : str, default="rnn", "linear", "embedding"
        What the module's layers are called; "" is the module itself. The embedding, which there is with
        `embedding_dim`, is an ``nn.Embedding(n, embedding_dim)`` of ``n = model.vocabulary_size_ + 1`` tokens; the last
        stands for all that are unknown.

    Returns
    -------
    state_dict : dict of str to ndarray
        In the model's `dtype`. ``{name: torch.from_numpy(array) for name, array in state_dict.items()}`` is what
        ``load_state_dict`` takes.

    Raises
    ------
    TypeError
        If `model` is not one of the two estimators.

    ValueError
        If PyTorch has no layer for it; the message names the parameter.

    See Also
    --------
    from_pytorch : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import to_pytorch
    >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 3)), np.arange(20) % 2
    >>> model = LSTMClassifier(8, max_iter=1, random_state=0).fit(X, y)
    >>> {name: array.shape for name, array in to_pytorch(model).items()}
    {'rnn.weight_ih_l0': (32, 3), 'rnn.weight_hh_l0': (32, 8), 'rnn.bias_ih_l0': (32,), 'rnn.bias_hh_l0': (32,),
     'linear.weight': (1, 8), 'linear.bias': (1,)}
    """
    gates = _gates(model)
    weights, found = raw_weights(model), {}
    if "embedding.W" in weights:
        found[_named(embedding, "weight")] = weights["embedding.W"]
    for name, suffix in _suffixes(model):
        W_x, W_h, b, b_h = gates.theirs(weights, name)
        for part, array in zip(PARTS, (W_x.T, W_h.T, b, b_h), strict=True):
            found[_named(rnn, f"{part}_{suffix}")] = array
    found[_named(linear, "weight")], found[_named(linear, "bias")] = weights["output.W"].T, weights["output.b"]
    return {name: checked(name, array, array.shape, model._network.dtype) for name, array in found.items()}


def from_pytorch(model, state_dict, *, rnn="rnn", linear="linear", embedding="embedding"):
    """Give a fitted model the weights of a PyTorch module.

    On raw data the model then has the module's outputs, in the sense of :func:`to_pytorch`. Its scales stay as they
    are: what the weights must be to read standardised inputs is computed from them.

    Parameters
    ----------
    model : LSTMRegressor or LSTMClassifier
        As :func:`to_pytorch` takes it, of the module's sizes. To make one, fit it to a few sequences with
        ``max_iter=1`` and, of a regressor, ``skip_connection=False``. It is changed in place.

    state_dict : dict of str to array
        What ``module.state_dict()`` returns; tensors need not be made arrays, if they are on the CPU. All weights of
        the model, and nothing else. For two classes the output layer may also have two outputs, of which softmax makes
        probabilities.

    rnn, linear, embedding : str, default="rnn", "linear", "embedding"
        What the module's layers are called; "" is the module itself.

    Returns
    -------
    model : LSTMRegressor or LSTMClassifier
        The one that was passed.

    Raises
    ------
    TypeError
        If `model` is not one of the two estimators, or `state_dict` not a dict.

    ValueError
        If PyTorch has no layer for the model, or if a weight is missing, unknown, of another shape or not finite. The
        model then stays as it was.

    See Also
    --------
    to_pytorch : The way there.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import from_pytorch, to_pytorch
    >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 3)), np.arange(20) % 2
    >>> one, other = (LSTMClassifier(8, max_iter=1, random_state=k).fit(X, y) for k in range(2))
    >>> one = from_pytorch(one, to_pytorch(other))
    >>> bool(np.allclose(one.decision_function(X), other.decision_function(X), atol=1e-6))
    True
    """
    gates, expected = _gates(model), to_pytorch(model, rnn=rnn, linear=linear, embedding=embedding)
    shapes = {name: array.shape for name, array in expected.items()}
    W, b = _named(linear, "weight"), _named(linear, "bias")
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"state_dict must be a dict of arrays, got {type(state_dict).__name__}.")
    check_names("state_dict", state_dict, expected)
    both = scores_both_classes(model, state_dict[b])
    if both:
        shapes |= {W: (2, *shapes[W][1:]), b: (2,)}
    theirs = {name: checked(name, state_dict[name], shape) for name, shape in shapes.items()}
    weights = {"output.W": theirs[W].T, "output.b": theirs[b]}
    if both:
        weights = {name: second_less_first(array) for name, array in weights.items()}
    if _named(embedding, "weight") in theirs:
        weights["embedding.W"] = theirs[_named(embedding, "weight")]
    for name, suffix in _suffixes(model):
        W_x, W_h, b, b_h = (theirs[_named(rnn, f"{part}_{suffix}")] for part in PARTS)
        weights |= gates.ours(name, W_x.T, W_h.T, b, b_h)
    return set_raw_weights(model, weights)


def _named(layer, part):
    """A key of the state_dict; "" is the module itself."""
    return f"{layer}.{part}" if layer else part


def _gates(model):
    """How PyTorch sorts the gates of a model, which is found to be one that it has layers for."""
    check_convertible(model, "PyTorch")
    architecture = model._network.architecture
    cell, activation, gate = architecture.cell, architecture.activation, architecture.recurrent_activation
    if activation not in (("tanh", "relu") if cell == "rnn" else ("tanh",)):
        raise ValueError(f'PyTorch has no layers for cell="{cell}" with activation="{activation}".')
    if cell != "rnn" and gate != "logistic":
        raise ValueError(f'PyTorch has no layers for cell="{cell}" with recurrent_activation="{gate}".')
    if len(set(architecture.hidden_layer_sizes)) > 1:
        raise ValueError(
            f"A recurrent module of PyTorch has layers of one width, but hidden_layer_sizes is "
            f"{architecture.hidden_layer_sizes}."
        )
    return GateOrder(cell, *GRU)


def _suffixes(model):
    """The names of the recurrent layers, here and as the ends of PyTorch's names."""
    return [(name, f"l{level}{'_reverse' * reverse}") for name, level, reverse in layers(model._network.architecture)]
