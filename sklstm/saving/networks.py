"""What a stored file says of a fitted network, and a fitted network from what it says.

The compiled core believes the sizes that it is told. So the architecture is compared with what the estimator's
parameters may be, and every array with what the architecture asks for, before there is a network.
"""

from dataclasses import asdict, fields
from numbers import Real

import numpy as np

from ..layout import Architecture, parameter_shapes
from ..losses import BinaryLogLoss, MultinomialLogLoss
from ..network import Network
from ..optimizers import SGD, Adam, RMSprop
from ..parameters import check_combinations, layer_sizes
from ..regressor import LSTMRegressor
from .values import boolean, choice, integer, number, values_of

# Of each optimizer: its numbers, what each may be, and its arrays, which are laid out like the parameters.
OPTIMIZERS = {
    "Adam": (
        Adam,
        {**dict.fromkeys(["learning_rate", "beta_1", "beta_2", "epsilon", "decay"], number), "n_steps": integer},
        ["first", "second"],
    ),
    "RMSprop": (RMSprop, {"learning_rate": number, "epsilon": number}, ["square"]),
    "SGD": (SGD, {"learning_rate": number, "momentum": number, "nesterovs_momentum": boolean}, ["velocity"]),
}
PLAIN = {number: float, integer: int, boolean: bool}

# What a fitted model has beside its parameters. What is not said of it in a file follows from what is.
ATTRIBUTES = frozenset(
    "n_features_in_ feature_names_in_ vocabulary_size_ skip_connection_ n_outputs_ out_activation_ n_layers_ classes_ "
    "loss_curve_ best_loss_ validation_loss_curve_ validation_scores_ best_validation_score_ n_iter_ t_ _allow_nan "
    "_fitted_on_table _n_features _has_times _loss _loss_made_of _n_targets _one_dimensional_target _multilabel "
    "_class_factors _shift _scale _network _partial_state".split()
)

CURVES = "loss_curve", "validation_loss_curve", "validation_scores"
BEST = "best_loss", "best_validation_score"
LEAST_SIZES = {"n_features": 1, "n_outputs": 1, "n_tokens": 0}
STATE = "architecture", "weights", "inputs", "targets", "history", "training"


def state_of(model, writer, prefix):
    """What there is to say of a fitted model, apart from its parameters and the names of its features."""
    network = model._network
    targets = _said_of_numbers if isinstance(model, LSTMRegressor) else _said_of_labels
    history = {name: writer.value(getattr(model, f"{name}_"), f"{prefix}{name}_") for name in CURVES + BEST}
    return {
        "architecture": {
            **asdict(network.architecture),
            "hidden_layer_sizes": list(network.architecture.hidden_layer_sizes),
        },
        "weights": {name: writer.array(network.part(name), f"{prefix}{name}") for name in network.parts},
        "inputs": {
            "have_times": model._has_times,
            "shift": writer.array(model._shift, f"{prefix}inputs.shift"),
            "scale": writer.array(model._scale, f"{prefix}inputs.scale"),
        },
        "targets": targets(model, writer, prefix),
        "history": {**history, "n_iter": int(model.n_iter_), "t": int(model.t_)},
        "training": _said_of_training(model, writer, prefix),
    }


def restore(model, state, reader, prefix):
    """Give a model with its parameters and the names of its features what `state_of` said of it."""
    said = dict(zip(STATE, values_of(state, f"{prefix}state", STATE), strict=True))
    architecture = _architecture(model, said["architecture"], prefix)
    network = _network(architecture, said["weights"], reader, prefix)
    _restore_inputs(model, architecture, said["inputs"], reader, prefix)
    restore_targets = _restore_numbers if isinstance(model, LSTMRegressor) else _restore_labels
    restore_targets(model, architecture.n_outputs, said["targets"], reader, prefix)
    model.n_outputs_, model.out_activation_ = architecture.n_outputs, model._loss.out_activation
    _restore_history(model, said["history"], reader, prefix)
    partial_state = _partial_state(network, said["training"], reader, prefix)
    model.n_layers_, model._network = len(architecture.hidden_layer_sizes) + 2, network
    model._partial_state, network.fixed = partial_state, True


# ---------------------------------------------------------------------------------------------- the network


def _architecture(model, said, prefix):
    """The architecture, if an estimator with such parameters could have it."""
    known = {field.name for field in fields(Architecture)}
    if not isinstance(said, dict) or not set(said) <= known:
        raise ValueError(f"{prefix}architecture may say {', '.join(sorted(known))}, got {', '.join(said)}")
    sizes = {name: integer(said.get(name), f"{prefix}{name}", low) for name, low in LEAST_SIZES.items()}
    # A later version may know of more, and then takes its default.
    parameters = {name: value for name, value in said.items() if name not in sizes}
    for name in "bidirectional", "return_sequences", "skip_connection":
        boolean(parameters.get(name), f"{prefix}{name}")
    if parameters.get("embedding_dim") is not None:
        integer(parameters["embedding_dim"], f"{prefix}embedding_dim", 1)
    like = type(model)(**parameters)
    like._validate_params()
    check_combinations(like)
    architecture = Architecture(**sizes, **{**parameters, "hidden_layer_sizes": layer_sizes(like.hidden_layer_sizes)})
    embeds = architecture.embedding_dim is not None
    if embeds != (architecture.n_tokens > 0) or (embeds and architecture.n_features != 1):
        raise ValueError(f"{prefix}architecture has an embedding that goes with no tokens, or tokens with none")
    return architecture


def _network(architecture, said, reader, prefix):
    weights, others = parameter_shapes(architecture)
    shapes = {**weights, **others}
    arrays = {
        name: reader.array(array, f"{prefix}{name}", architecture.dtype, shapes[name])
        for name, array in zip(shapes, values_of(said, f"{prefix}weights", shapes), strict=True)
    }
    network = Network(architecture)
    for name, array in arrays.items():
        network.part(name)[:] = array
    return network


# ---------------------------------------------------------------------------------------------- inputs and targets


def _restore_inputs(model, architecture, said, reader, prefix):
    have_times, shift, scale = values_of(said, f"{prefix}inputs", ["have_times", "shift", "scale"])
    if architecture.n_features != model._n_features:
        raise ValueError(f"{prefix}n_features is {architecture.n_features}, but the inputs have {model._n_features}")
    n_scaled = architecture.n_features
    if architecture.skip_connection or architecture.missing == "decay":
        n_scaled *= 2
    model._has_times = boolean(have_times, f"{prefix}inputs.have_times")
    model._allow_nan = architecture.missing == "decay"
    model._shift = reader.array(shift, f"{prefix}inputs.shift", np.float64, (n_scaled,))
    model._scale = reader.array(scale, f"{prefix}inputs.scale", np.float64, (n_scaled,))
    model.skip_connection_ = architecture.skip_connection
    if architecture.n_tokens:
        model.vocabulary_size_ = architecture.n_tokens


def _said_of_numbers(model, writer, prefix):
    loss, delta, quantile = model._loss_made_of
    return {
        "loss": loss,
        "delta": writer.value(delta, f"{prefix}delta"),
        "quantile": writer.value(quantile, f"{prefix}quantile"),
        "one_dimensional": model._one_dimensional_target,
        "shift": writer.array(model._loss._shift, f"{prefix}targets.shift"),
        "scale": writer.array(model._loss._scale, f"{prefix}targets.scale"),
    }


def _restore_numbers(model, n_outputs, said, reader, prefix):
    loss, delta, quantile, one_dimensional, shift, scale = values_of(
        said, f"{prefix}targets", ["loss", "delta", "quantile", "one_dimensional", "shift", "scale"]
    )
    delta, quantile = reader.value(delta, f"{prefix}delta"), reader.value(quantile, f"{prefix}quantile")
    like = LSTMRegressor(loss=loss, delta=delta, quantile=quantile)
    like._validate_params()
    model._loss, model._loss_made_of = like._new_loss(), like._loss_parameters()
    model._n_targets, left = divmod(n_outputs, model._loss.n_network_outputs(1))
    model._one_dimensional_target = boolean(one_dimensional, f"{prefix}targets.one_dimensional")
    if left or not model._n_targets or (model._one_dimensional_target and model._n_targets > 1):
        raise ValueError(f"{prefix}n_outputs is {n_outputs}, which does not go with the loss and the targets")
    model._loss._shift = reader.array(shift, f"{prefix}targets.shift", np.float64, (model._n_targets,))
    model._loss._scale = reader.array(scale, f"{prefix}targets.scale", np.float64, (model._n_targets,))


def _said_of_labels(model, writer, prefix):
    factors = None if model._multilabel else writer.array(model._class_factors, f"{prefix}class_factors")
    classes = writer.value(model.classes_, f"{prefix}classes_")
    return {"multilabel": model._multilabel, "classes": classes, "class_factors": factors}


def _restore_labels(model, n_outputs, said, reader, prefix):
    multilabel, classes, factors = values_of(said, f"{prefix}targets", ["multilabel", "classes", "class_factors"])
    model._multilabel = boolean(multilabel, f"{prefix}targets.multilabel")
    model.classes_ = reader.value(classes, f"{prefix}classes_")
    if not isinstance(model.classes_, np.ndarray) or model.classes_.ndim != 1:
        raise ValueError(f"{prefix}classes_ must be an array of one dimension")
    n_classes = len(model.classes_)
    if model._multilabel:
        model._loss, model._n_targets = BinaryLogLoss(multilabel=True), n_classes
    else:
        if n_classes < 2 or not np.array_equal(np.unique(model.classes_), model.classes_):
            raise ValueError(f"{prefix}classes_ must be two labels or more, different and in order")
        model._loss, model._n_targets = BinaryLogLoss() if n_classes == 2 else MultinomialLogLoss(n_classes), 1
        model._class_factors = reader.array(factors, f"{prefix}class_factors", np.float64, (n_classes,))
    if model._loss.n_network_outputs(model._n_targets) != n_outputs:
        raise ValueError(f"{prefix}n_outputs is {n_outputs}, which does not go with {n_classes} classes")


# ---------------------------------------------------------------------------------------------- training


def _restore_history(model, said, reader, prefix):
    *rest, n_iter, t = values_of(said, f"{prefix}history", [*CURVES, *BEST, "n_iter", "t"])
    values = {name: reader.value(each, f"{prefix}{name}_") for name, each in zip(CURVES + BEST, rest, strict=True)}
    for name, value in values.items():
        wanted = name in ("loss_curve", "best_loss")
        numbers = value if name in CURVES and value is not None else [value]
        is_list = isinstance(numbers, list) and len(numbers) > 0
        if not is_list or not all(_is_number(each) or (each is None and not wanted) for each in numbers):
            raise ValueError(f"{prefix}{name}_ must be numbers")
        setattr(model, f"{name}_", value)
    model.n_iter_, model.t_ = integer(n_iter, f"{prefix}n_iter_", 1), integer(t, f"{prefix}t_")


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def _said_of_training(model, writer, prefix):
    if model._partial_state is None:
        return None
    rng, optimizer = model._partial_state
    state = {"random_state": writer.value(rng, f"{prefix}random_numbers"), "optimizer": None}
    if optimizer is None:  # since set_weights
        return state
    kind = type(optimizer).__name__
    _, numbers, arrays = OPTIMIZERS[kind]
    said = {name: PLAIN[check](getattr(optimizer, name)) for name, check in numbers.items()}
    said.update({name: writer.array(getattr(optimizer, name), f"{prefix}optimizer.{name}") for name in arrays})
    return {**state, "optimizer": {"kind": kind, **said}}


def _partial_state(network, said, reader, prefix):
    if said is None:
        return None
    rng, said = values_of(said, f"{prefix}training", ["random_state", "optimizer"])
    rng = reader.value(rng, f"{prefix}random_numbers")
    if not isinstance(rng, np.random.RandomState) or not isinstance(said, dict | None):
        raise ValueError(f"{prefix}training must say a random state and an optimizer")
    if said is None:
        return rng, None
    cls, numbers, arrays = OPTIMIZERS[choice(said.get("kind"), f"{prefix}optimizer.kind", OPTIMIZERS)]
    optimizer = cls.__new__(cls)
    _, *values = values_of(said, f"{prefix}optimizer", ["kind", *numbers, *arrays])
    for name, value in zip([*numbers, *arrays], values, strict=True):
        where = f"{prefix}optimizer.{name}"
        if name in numbers:
            value = numbers[name](value, where)
        else:
            value = reader.array(value, where, network.dtype, network.parameters.shape, finite=False)
        setattr(optimizer, name, value)
    if cls is Adam:
        optimizer.n_decayed = network.n_weights
    return rng, optimizer
