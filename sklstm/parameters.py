"""The estimators' parameters: what each may be, which go together, and what is made of them."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Options, StrOptions

from .layout import ACTIVATIONS, CELLS, POOLINGS, RECURRENT_ACTIVATIONS
from .optimizers import SGD, Adam, RMSprop
from .real_numbers import JOBS, Interval
from .schedules import Cosine, InverseScaling, OneCycle

UNITS = Interval(Integral, 1, 1_000_000, closed="both")  # more have weights that no memory holds

CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "cell": [StrOptions(set(CELLS))],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "recurrent_activation": [StrOptions(set(RECURRENT_ACTIVATIONS))],
    "bidirectional": ["boolean"],
    "pooling": [StrOptions(set(POOLINGS))],
    "return_sequences": ["boolean"],
    "skip_connection": ["boolean"],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
    "missing": [StrOptions({"error", "decay"})],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
    "solver": [StrOptions({"adam", "adamw", "rmsprop", "sgd", "lbfgs"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "cosine", "one_cycle"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "average": ["boolean"],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "checkpoint": [str, os.PathLike, None],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean", StrOptions({"auto"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "standardize": ["boolean"],
    "n_jobs": JOBS,
    "max_memory": [Interval(Real, 0, None, closed="neither"), None],
    "dtype": [StrOptions({"float32", "float64"})],
}


def check_combinations(model):
    """Raise a ValueError where two parameters do not go together."""
    if model.l1_ratio and model.solver in ("adamw", "lbfgs"):
        reason = "decays the weights instead of a penalty" if model.solver == "adamw" else "needs a smooth penalty"
        raise ValueError(
            f'l1_ratio={model.l1_ratio} does not go with solver="{model.solver}", which {reason}: set it to 0, or '
            "choose another solver."
        )
    if model.solver == "lbfgs" and (model.dropout or model.recurrent_dropout):
        name = "dropout" if model.dropout else "recurrent_dropout"
        raise ValueError(f'{name} does not go with solver="lbfgs", which needs the same loss every time: set it to 0.')
    if model.solver == "lbfgs" and model.checkpoint is not None:
        raise ValueError(
            'checkpoint does not go with solver="lbfgs", whose state cannot be taken up again: leave it out, or choose '
            "another solver."
        )
    if model.return_sequences and model.pooling != "last":
        raise ValueError(
            f'pooling="{model.pooling}" makes one of all time steps, but return_sequences=True asks for an output '
            "at each: leave one of them out."
        )
    if model.skip_connection not in (False, "auto") and model.embedding_dim is not None:
        raise ValueError(
            "skip_connection=True takes the last inputs to the output layer as numbers, but with embedding_dim "
            "they are tokens: leave one of them out."
        )
    if model.missing == "decay":
        _check_goes_with_decay(model)


def _check_goes_with_decay(model):
    reasons = {
        "bidirectional": "read backwards, the last value that was observed is one of the future",
        "skip_connection": "the output layer would see inputs that are missing",
        "embedding_dim": "tokens are never missing",
    }
    for name, reason in reasons.items():
        value = getattr(model, name)
        if value not in (False, None, "auto"):
            raise ValueError(f'{name}={value} does not go with missing="decay": {reason}. Leave one of them out.')


def layer_sizes(hidden_layer_sizes):
    """The units of each layer."""
    try:
        sizes = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object))
    except ValueError:
        sizes = np.empty(0)
    if sizes.ndim != 1 or not len(sizes) or not all(UNITS.is_satisfied_by(size) for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes must be positive numbers of units, up to {UNITS.right}, got {hidden_layer_sizes!r}."
        )
    return tuple(int(size) for size in sizes)


def make_optimizer(model, network):
    """What takes the steps, with `solver="lbfgs"` nothing."""
    parameters, rate = network.parameters, model.learning_rate_init
    if model.solver == "lbfgs":
        return None
    if model.solver == "sgd":
        return SGD(parameters, rate, model.momentum, model.nesterovs_momentum)
    if model.solver == "rmsprop":
        return RMSprop(parameters, rate, model.epsilon)
    decay = model.alpha if model.solver == "adamw" else 0.0
    return Adam(parameters, rate, model.beta_1, model.beta_2, model.epsilon, decay, network.n_weights)


def make_schedule(model, n_rows):
    """The learning rate as a function of the sequences seen, or None where it is not one of them alone."""
    rate, end = model.learning_rate_init, model.max_iter * n_rows
    return {
        "invscaling": InverseScaling(rate, model.power_t),
        "cosine": Cosine(rate, end),
        "one_cycle": OneCycle(rate, end),
    }.get(model.learning_rate)
