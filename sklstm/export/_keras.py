"""Weights of Keras's recurrent layers, from and to the list that a Keras model's `get_weights` returns."""

import numpy as np

from ..layout import layers
from ..weights import checked
from ._frameworks import (
    GateOrder,
    check_convertible,
    raw_weights,
    scores_both_classes,
    second_less_first,
    set_raw_weights,
)

# Update, reset, new content: here new content, reset, update for the inputs, and reset, update, new content for the
# state.
GRU = [2, 1, 0], [1, 0, 2]


def to_keras(model):
    """The weights of a fitted model as Keras has them.

    They make a Keras model the same function of raw data, if its layers are, from the input to the output,

    - with `embedding_dim`, ``Embedding(n, embedding_dim)`` of ``n = model.vocabulary_size_ + 1`` tokens, of which the
      last stands for all that are unknown;
    - for each of `hidden_layer_sizes` an ``LSTM(n_units)``, a ``GRU(n_units)`` with ``reset_after=True``, Keras's
      default, or a ``SimpleRNN(n_units)``, with the model's `activation` and `recurrent_activation` (Keras calls
      "logistic" "sigmoid", and "identity" "linear"), with ``return_sequences=True`` where the next layer or the
      pooling needs it, and in a `Bidirectional` if the model is;
    - with `pooling` "mean" or "max", ``GlobalAveragePooling1D()`` or ``GlobalMaxPooling1D()``;
    - ``Dense(model.n_outputs_)``, without an activation.

    The scales of inputs and targets are in the weights. The outputs are

    - of a classifier what `decision_function` returns; ``activation="sigmoid"`` or ``"softmax"`` of the dense layer,
      as ``model.out_activation_`` has it, makes them probabilities;
    - of a regressor what `predict` returns, but for these losses: "poisson", their logarithm; "gaussian_nll" and
      several quantiles, the outputs o of the network, of which predictions are made afterwards
      (:doc:`/user_guide/weights`).

    Parameters
    ----------
    model : LSTMRegressor or LSTMClassifier
        A fitted one of `cell` "lstm", "gru" or "rnn", without `skip_connection`, ``pooling="attention"`` and
        ``missing="decay"``.

    Returns
    -------
    weights : list of ndarray
        For the Keras model's ``set_weights``, in the model's `dtype`.

    Raises
    ------
    TypeError
        If `model` is not one of the two estimators.

    ValueError
        If Keras has no layer for it; the message names the parameter.

    See Also
    --------
    from_keras : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import to_keras
    >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 3)), np.arange(20) % 2
    >>> model = LSTMClassifier(8, max_iter=1, random_state=0).fit(X, y)
    >>> [array.shape for array in to_keras(model)]
    [(3, 32), (8, 32), (32,), (8, 1), (1,)]
    """
    return [checked(name, array, array.shape, model._network.dtype) for name, array in _named(model)]


def from_keras(model, weights):
    """Give a fitted model the weights of a Keras model.

    On raw data the model then has the Keras model's outputs, in the sense of :func:`to_keras`. Its scales stay as they
    are: what the weights must be to read standardised inputs is computed from them.

    Parameters
    ----------
    model : LSTMRegressor or LSTMClassifier
        As :func:`to_keras` takes it, of the Keras model's sizes. To make one, fit it to a few sequences with
        ``max_iter=1`` and, of a regressor, ``skip_connection=False``. It is changed in place.

    weights : list of array
        What the Keras model's ``get_weights`` returns, of layers as :func:`to_keras` lists them. For two classes the
        dense layer may also have two outputs, of which softmax makes probabilities.

    Returns
    -------
    model : LSTMRegressor or LSTMClassifier
        The one that was passed.

    Raises
    ------
    TypeError
        If `model` is not one of the two estimators, or `weights` not a list.

    ValueError
        If Keras has no layer for the model, or if the weights are not as many as they should be, of another shape or
        not finite. The model then stays as it was.

    See Also
    --------
    to_keras : The way there.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import from_keras, to_keras
    >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 3)), np.arange(20) % 2
    >>> one, other = (LSTMClassifier(8, max_iter=1, random_state=k).fit(X, y) for k in range(2))
    >>> one = from_keras(one, to_keras(other))
    >>> bool(np.allclose(one.decision_function(X), other.decision_function(X), atol=1e-6))
    True
    """
    expected = _named(model)
    if not isinstance(weights, list | tuple):
        raise TypeError(f"weights must be a list of arrays, got {type(weights).__name__}.")
    if len(weights) != len(expected):
        raise ValueError(
            f"weights must hold {len(expected)} arrays, {', '.join(name for name, _ in expected)}, got {len(weights)}."
        )
    shapes = [like.shape for _, like in expected]
    both = scores_both_classes(model, weights[-1])
    if both:
        shapes[-2:] = [(*shapes[-2][:-1], 2), (2,)]
    theirs = iter(
        _checked(f"weights[{k}], {name},", array, shape)
        for k, (array, (name, _), shape) in enumerate(zip(weights, expected, shapes, strict=True))
    )
    found, gates = {}, GateOrder(model._network.architecture.cell, *GRU)
    if model._network.architecture.embedding_dim is not None:
        found["embedding.W"] = next(theirs)
    for name, _, _ in layers(model._network.architecture):
        W_x, W_h, biases = next(theirs), next(theirs), next(theirs)
        b, b_h = biases if biases.ndim == 2 else (biases, np.zeros_like(biases))
        found |= gates.ours(name, W_x, W_h, b, b_h)
    found["output.W"], found["output.b"] = map(second_less_first, theirs) if both else theirs
    return set_raw_weights(model, found)


def _checked(name, array, shape):
    if name.endswith(" bias,") and len(shape) == 2 and getattr(array, "ndim", None) == 1:
        raise ValueError(
            f"{name} has one axis: a GRU with reset_after=False computes something else. Build and train it with "
            "reset_after=True."
        )
    return checked(name, array, shape)


def _named(model):
    """Pairs of a name that says which weight it is, and an array in double precision."""
    check_convertible(model, "Keras")
    cell = model._network.architecture.cell
    weights, gates, found = raw_weights(model), GateOrder(cell, *GRU), []
    if "embedding.W" in weights:
        found.append(("embedding", weights["embedding.W"]))
    for name, _, _ in layers(model._network.architecture):
        W_x, W_h, b, b_h = gates.theirs(weights, name)
        biases = np.stack([b, b_h]) if cell == "gru" else b
        kinds = ("kernel", "recurrent_kernel", "bias")
        found += [(f"{name} {kind}", array) for kind, array in zip(kinds, (W_x, W_h, biases), strict=True)]
    return [*found, ("dense kernel", weights["output.W"]), ("dense bias", weights["output.b"])]
