"""What the units of a layer do at each time step."""

import numpy as np
from sklearn.utils._param_validation import HasMethods, StrOptions, validate_params

from ..layout import CELLS
from ..minibatch import Minibatch
from ..real_numbers import WHOLE
from ._apart import prepare


@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict"])],
        "X": "no_validation",
        "layer": [WHOLE],
        "direction": [StrOptions({"forward", "backward"})],
    },
    prefer_skip_nested_validation=True,
)
def gate_activations(estimator, X, *, layer=0, direction="forward"):
    """Compute the gates and states of a layer's units at every time step.

    Parameters
    ----------
    estimator : estimator object
        A fitted `LSTMRegressor` or `LSTMClassifier`, or a pipeline or search that ends in one.

    X : array, data frame, list or Sequences
        Sequences in any form that the estimator accepts.

    layer : int, default=0
        Which of the stacked layers, counted from the input; -1 is the last.

    direction : {"forward", "backward"}, default="forward"
        Which half of a layer that reads in both directions.

    Returns
    -------
    activations : list of dict of str to ndarray of shape (n_timesteps_i, n_units)
        For each sequence, by name: of an LSTM "input gate", "forget gate", "candidate", "output gate", "cell state" and
        "hidden state"; of a GRU "candidate", "reset gate", "update gate" and "hidden state"; of a simple RNN "hidden
        state". Gates are between 0 (closed) and 1 (open). Time steps are in the order of `X`, in both directions.

    Raises
    ------
    ValueError
        If there is no such layer, or the estimator reads in one direction only.

    See Also
    --------
    GateDisplay : Draws them.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import make_vital_signs
    >>> from sklstm.inspection import gate_activations
    >>> X, y = make_vital_signs(50, random_state=0)
    >>> model = LSTMClassifier(8, max_iter=5, random_state=0).fit(X, y)
    >>> activations = gate_activations(model, X[:2])
    >>> activations[0]["forget gate"].shape == (len(X[0]), 8)
    True
    """
    model, X = prepare(estimator, X)
    sequences = model._check_sequences(X, reset=False)
    architecture = model._network.architecture
    sizes, reverse = architecture.hidden_layer_sizes, direction == "backward"
    if not -len(sizes) <= layer < len(sizes):
        raise ValueError(f"layer={layer}, but the network has {len(sizes)} layers, counted from 0.")
    if reverse and not architecture.bidirectional:
        raise ValueError('direction="backward" needs an estimator that was fitted with bidirectional=True.')
    # Up to this layer, with an output at every time step: then its h is kept of all of them.
    sizes = sizes[: layer % len(sizes) + 1]
    network = model._network.derived(hidden_layer_sizes=sizes, return_sequences=True, pooling="last")
    minibatch = Minibatch(network, sequences, model._shift, model._scale, n_threads=1)
    return [_activations(minibatch, row, reverse) for row in range(len(sequences))]


def _activations(minibatch, row, reverse):
    architecture = minibatch.network.architecture
    n_units = architecture.hidden_layer_sizes[-1]
    minibatch.forward(np.array([row]))
    names = CELLS[architecture.cell]["shown"]
    columns = np.concatenate(minibatch.kept(reverse), axis=1)
    activations = {
        name: columns[:, k * n_units : (k + 1) * n_units].astype(np.float64)
        for k, name in enumerate(names)
        if name != "-"
    }
    hidden = minibatch.table[:, reverse * n_units : (reverse + 1) * n_units]
    return {**activations, "hidden state": hidden.astype(np.float64)}
