"""The numbers that make a fitted model's predictions, by name: out of it as copies, into it all together or not at all.

Names and shapes are the network's own (`layout.parameter_shapes`), but for a cell's vectors, which are one array there,
and for what is not in the network: how inputs come into its units, and outputs into those of the targets.
"""

from collections.abc import Mapping
from copy import deepcopy

import numpy as np

from .layout import layers
from .losses import Poisson

# A cell's vectors in their order, and how many values a unit has in each. Those of a cell that is not here stay one, v.
VECTORS = {
    "lstm": {"b": 4},
    "peephole": {"b": 4, "p_i": 1, "p_f": 1, "p_o": 1},
    "gru": {"b": 3, "b_q": 1},
    "rnn": {"b": 1},
}


def weights_of(model):
    """Copies of all that a fitted model has learnt, a dict of str to ndarray."""
    return {name: np.array(part) for name, part in _parts(*_holders(model)).items()}


def with_weights(model, weights):
    """The attributes of a fitted model that has these weights in place of its own."""
    if not isinstance(weights, Mapping):
        raise TypeError(f"weights must be a dict of arrays, as get_weights returns, got {type(weights).__name__}.")
    network, shift, scale, loss = deepcopy(_holders(model))
    parts = _parts(network, shift, scale, loss)
    check_names("weights", weights, parts, " To replace some only, pass {**model.get_weights(), **those}.")
    for name, part in parts.items():
        part[...] = checked(f"weights[{name!r}]", weights[name], part.shape, part.dtype)
    _check_scales(parts, network.architecture)
    changed = {"_network": network, "_shift": shift, "_scale": scale, "_loss": loss}
    if model._partial_state is not None:
        rng, _ = model._partial_state
        changed["_partial_state"] = rng, None  # the optimizer's moments were those of other weights
    return changed


def check_names(argument, given, expected, advice=""):
    """Raise a ValueError unless a dict has exactly the expected names."""
    unknown = [repr(name) for name in given if name not in expected]
    missing = [repr(name) for name in expected if name not in given]
    complaints = []
    if unknown:
        complaints.append(f"has {', '.join(unknown)}, which is not among {', '.join(map(repr, expected))}")
    if missing:
        complaints.append(f"lacks {', '.join(missing)}")
    if complaints:
        raise ValueError(f"{argument} {'; it '.join(complaints)}.{advice}")


def checked(name, array, shape, dtype=np.float64):
    """An array of real, finite numbers of this shape, in this type; a ValueError says what else it is."""
    advice = ""
    if hasattr(array, "detach"):  # a tensor of PyTorch, which may take part in training
        array, advice = array.detach(), " (of a tensor, pass .float().cpu())"
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of shape {shape}, but its elements differ in length.") from error
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of shape {shape}{advice}: {error}") from error
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got an array of type {array.dtype}.")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}.")
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    if not np.isfinite(converted).all():
        place = np.unravel_index(np.argmin(np.isfinite(converted)), shape)
        raise ValueError(
            f"{name} must be finite in {np.dtype(dtype)}, but holds {array[place]} at {[*map(int, place)]}."
        )
    return converted


def _check_scales(parts, architecture):
    """Raise a ValueError for a negative scale, or for one of 0 where that does not mean what is never seen."""
    may_be_zero = {"input.scale": architecture.missing == "decay", "target.scale": False}
    for name in [name for name in parts if name.endswith(".scale")]:
        zero_is_right = may_be_zero.get(name, True)
        wrong = parts[name] < 0 if zero_is_right else parts[name] <= 0
        if wrong.any():
            place = np.argmax(wrong)
            raise ValueError(
                f"weights[{name!r}] must be {'0 or more' if zero_is_right else 'positive'}, but holds "
                f"{parts[name][place]} at [{place}]."
            )


def _holders(model):
    return model._network, model._shift, model._scale, model._loss


def _parts(network, shift, scale, loss):
    """Views of what holds the weights, by their public names."""
    inputs = _scales_of_inputs(network.architecture, shift, scale)
    return {**inputs, **network_parts(network), **_scales_of_targets(loss)}


def _scales_of_inputs(architecture, shift, scale):
    if architecture.embedding_dim is not None:
        return {}
    n = architecture.n_features
    parts = {"input.shift": shift[-n:], "input.scale": scale[-n:]}
    if architecture.skip_connection:
        parts |= {"change.shift": shift[:n], "change.scale": scale[:n]}
    if architecture.missing == "decay":
        parts["elapsed.scale"] = scale[:n]
    return parts


def network_parts(network):
    """From the input up."""
    order = ["embedding", "decay", *(name for name, _, _ in layers(network.architecture)), "attention", "output"]
    parts = {}
    for name in sorted(network.parts, key=lambda name: (order.index(name.rpartition(".")[0]), "W_x" not in name)):
        if name.startswith("layer") and name.endswith(".v"):
            parts |= _vectors(name.removesuffix(".v"), network)
        else:
            parts[name] = network.part(name)
    return parts


def _vectors(layer, network):
    v, n_units = network.part(f"{layer}.v"), len(network.part(f"{layer}.W_h"))
    parts, start = {}, 0
    for name, n in VECTORS.get(network.architecture.cell, {"v": len(v) // n_units}).items():
        parts[f"{layer}.{name}"] = v[start : start + n * n_units]
        start += n * n_units
    return parts


def _scales_of_targets(loss):
    if not loss.has_units:
        return {}
    parts = {"target.shift": loss._shift, "target.scale": loss._scale}
    if isinstance(loss, Poisson):
        del parts["target.shift"]  # logarithms of means are only divided
    return parts
