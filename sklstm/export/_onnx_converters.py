"""What skl2onnx has to know about the estimators and transformers of sequences.

Every step of a pipeline takes the values, the lengths of the sequences and, if there are any, the times of the time
steps, and hands all three on: whether NaN is padding or a gap is known at the first one only.
"""

import itertools

import numpy as np

from ..classifier import LSTMClassifier
from ..losses import GaussianNLL
from ..pipelines import take_apart
from ..preprocessing import SequenceImputer, SequenceScaler, SequenceSelector, SequenceUnion
from ..preprocessing._base import SequenceTransformer
from ..preprocessing._streams import single_steps
from ..regressor import LSTMRegressor
from ._onnx_graph import Batch, Graph
from ._onnx_network import (
    NetworkGraph,
    check_network,
    classes_of,
    labels,
    predictions,
    probabilities,
    standard_deviations,
)
from ._onnx_transformers import imputed, n_imputed, scaled, selected

# What each transformer makes of a batch's values, and how many features it returns.
TRANSFORMERS = {
    SequenceImputer: (imputed, n_imputed),
    SequenceScaler: (scaled, lambda scaler: scaler._n_features),
    SequenceSelector: (selected, lambda selector: len(selector.features_)),
}


def register():
    """Register all of them."""
    from skl2onnx import update_registered_converter

    update_registered_converter(
        LSTMRegressor, "SklstmLSTMRegressor", _regressor_shapes, _convert_regressor, parser=_parse_regressor
    )
    update_registered_converter(
        LSTMClassifier,
        "SklstmLSTMClassifier",
        _classifier_shapes,
        _convert_classifier,
        parser=_parse_classifier,
        options={"zipmap": [False]},  # which skl2onnx asks of every classifier
    )
    for transformer, (values_of, width_of) in TRANSFORMERS.items():
        update_registered_converter(
            transformer,
            f"Sklstm{transformer.__name__}",
            _transformer_shapes(width_of),
            _transformer_converter(values_of),
            parser=_parse_transformer,
        )
    update_registered_converter(
        SequenceUnion, "SklstmSequenceUnion", _union_shapes, _convert_union, parser=_parse_union
    )


def convertible(estimator):
    """The steps before a model, and the model, all of which have a converter."""
    steps, model = take_apart(estimator)
    if not _has_converter(model):
        raise ValueError(
            f"The model {model!r} cannot be converted to ONNX: only LSTMRegressor and LSTMClassifier themselves can."
        )
    check_network(model._network.architecture)
    behind_ours = False
    for step in steps:
        _check_step(step, behind_ours)
        behind_ours = behind_ours or _is_ours(step)
    return steps, model


def first_reader(steps, model):
    """What reads the values first: it knows how many features they have."""
    first = [*steps, model][0]
    reader = _reader_in(first)
    if reader is None:
        raise ValueError(f"{first!r} only repeats features: leave it out, or give a part a transformer.")
    return reader


def _reader_in(step):
    """What reads the values first; None where all parts of a union hand everything on."""
    if not isinstance(step, SequenceUnion):
        return step
    readers = (_reader_in(steps[0]) for steps in _parts(step) if steps)
    return next((reader for reader in readers if reader is not None), None)


def time_counts(steps):
    """Whether steps look at how far apart the time steps are."""
    for step in steps:
        if isinstance(step, SequenceUnion) and any(map(time_counts, _parts(step))):
            return True
        if isinstance(step, SequenceImputer) and (step.add_elapsed or step.strategy == "linear"):
            return True
    return False


def _parts(union):
    """The steps of each part of a union; none of one that hands everything on."""
    return [single_steps(part) for _, part in union.transformer_list if part != "drop"]


def _is_ours(step):
    return isinstance(step, SequenceTransformer | SequenceUnion)


def _has_converter(estimator):
    from skl2onnx import supported_converters
    from skl2onnx._supported_operators import sklearn_operator_name_map

    return sklearn_operator_name_map.get(type(estimator)) in supported_converters()


def _check_step(step, behind_ours):
    if not _has_converter(step):
        raise ValueError(
            f"The step {step!r} cannot be converted to ONNX. Leave it out of the pipeline, and do what it does before "
            "the graph is run."
        )
    if behind_ours and not _is_ours(step):
        raise ValueError(
            f"The step {step!r}, which knows nothing of sequences, can be converted to ONNX only in front of those "
            "that do. Put it there, or take SequenceScaler or SequenceImputer."
        )
    if isinstance(step, SequenceUnion):
        for each in itertools.chain(*_parts(step)):
            _check_step(each, behind_ours=True)


# ---------------------------------------------------------------------------------------------- estimators


def _parse(scope, model, inputs, outputs):
    """Declare an operator of skl2onnx with outputs (name, type)."""
    from skl2onnx._supported_operators import sklearn_operator_name_map

    operator = scope.declare_local_operator(sklearn_operator_name_map[type(model)], model)
    operator.inputs = inputs
    for name, kind in outputs:
        operator.outputs.append(scope.declare_local_variable(name, kind))
    return operator.outputs


def _parse_regressor(scope, model, inputs, custom_parsers=None):
    from skl2onnx.common.data_types import DoubleTensorType

    names = ["predictions", "std"] if isinstance(model._loss, GaussianNLL) else ["predictions"]
    return _parse(scope, model, inputs, [(name, DoubleTensorType()) for name in names])


def _parse_classifier(scope, model, inputs, custom_parsers=None):
    from skl2onnx.common import data_types

    kinds = {"i": data_types.Int64TensorType, "f": data_types.DoubleTensorType, "O": data_types.StringTensorType}
    kind = kinds[classes_of(model).dtype.kind]
    return _parse(scope, model, inputs, [("label", kind()), ("probabilities", data_types.FloatTensorType())])


def _rows(operator):
    """The axes before those of the outputs: of the batch and, where there is an output at each step, of time."""
    batch, time = operator.inputs[0].type.shape[:2]
    return [batch, time] if operator.raw_operator._network.architecture.return_sequences else [batch]


def _regressor_shapes(operator):
    model = operator.raw_operator
    shape = _rows(operator)
    if not model._one_dimensional_target:
        shape.append(model._n_targets)
    if model._is_of_quantiles():
        shape.append(len(model._loss.quantiles))
    for output in operator.outputs:
        output.type.shape = shape


def _classifier_shapes(operator):
    rows, model = _rows(operator), operator.raw_operator
    labels_, probabilities_ = operator.outputs
    probabilities_.type.shape = [*rows, len(model.classes_)]
    labels_.type.shape = probabilities_.type.shape if model._multilabel else rows


def _convert_regressor(scope, operator, container):
    model = operator.raw_operator
    batch = _batch(scope, operator, container)
    network = NetworkGraph(batch, model)
    found = [predictions(batch.graph, network, model)]
    if isinstance(model._loss, GaussianNLL):
        found.append(standard_deviations(batch.graph, network, model))
    _name_outputs(batch.graph, operator, found)


def _convert_classifier(scope, operator, container):
    model = operator.raw_operator
    batch = _batch(scope, operator, container)
    network = NetworkGraph(batch, model)
    functions = [labels, probabilities]
    _name_outputs(batch.graph, operator, [function(batch.graph, network, model) for function in functions])


def _batch(scope, operator, container):
    """The inputs of an operator of skl2onnx: the values first, then lengths and times, which types tell apart."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int32TensorType

    values, *others = operator.inputs
    kinds = {FloatTensorType: np.float32, DoubleTensorType: np.float64}
    rank = len(values.type.shape)
    if type(values.type) not in kinds or rank not in (2, 3):
        raise ValueError(
            f"{type(operator.raw_operator).__name__} needs an input of float32 or float64 (batch, time, features), got "
            f"{values.type!r}."
        )
    lens = [each.full_name for each in others if isinstance(each.type, Int32TensorType)]
    times = [each.full_name for each in others if isinstance(each.type, DoubleTensorType)]
    return Batch(
        Graph(scope, container),
        values.full_name,
        kinds[type(values.type)],
        rank,
        lens[0] if lens else None,
        times[0] if times else None,
    )


def _name_outputs(graph, operator, names):
    for name, output in zip(names, operator.outputs, strict=True):
        graph.Identity(name, outputs=[output.full_name])


# ---------------------------------------------------------------------------------------------- transformers


def _parse_transformer(scope, model, inputs, custom_parsers=None):
    """The new values, the lengths and, if there are any, the times."""
    from skl2onnx.common.data_types import DoubleTensorType, Int32TensorType

    outputs = [("transformed", type(inputs[0].type)()), ("lens", Int32TensorType())]
    if any(isinstance(each.type, DoubleTensorType) for each in inputs[1:]):
        outputs.append(("step_times", DoubleTensorType()))
    return _parse(scope, model, inputs, outputs)


def _transformer_shapes(width_of):
    def shapes(operator):
        (batch, time), width = operator.inputs[0].type.shape[:2], width_of(operator.raw_operator)
        values, lens, *times = operator.outputs
        is_table = len(operator.inputs[0].type.shape) == 2 and width == 1
        values.type.shape = [batch, time] if is_table else [batch, time, width]
        lens.type.shape = [batch]
        for each in times:
            each.type.shape = [batch, time]

    return shapes


def _transformer_converter(values_of):
    def convert(scope, operator, container):
        batch = _batch(scope, operator, container)
        graph = batch.graph
        values = batch.where_there(values_of(batch, operator.raw_operator), np.nan)
        if len(operator.outputs[0].type.shape) == 2:
            values = graph.Squeeze(values, np.array([2]))
        _name_outputs(graph, operator, [values, batch.lens, *([batch.times] if batch.times else [])])

    return convert


def _parse_union(scope, model, inputs, custom_parsers=None):
    """The values of each part side by side, and lengths and times."""
    from skl2onnx._parse import _parse_sklearn

    parts = []
    for steps in _parts(model):
        part = inputs
        for step in steps:
            part = _parse_sklearn(scope, step, part, custom_parsers)
        parts.append(part)
    others = max(parts, key=len)[1:]  # what came without lengths has them behind a step
    outputs = [
        ("union", type(inputs[0].type)()),
        *((f"{each.raw_name}_of_union", type(each.type)()) for each in others),
    ]
    return _parse(scope, model, [part[0] for part in parts] + others, outputs)


def _union_shapes(operator):
    parts, others = _parts_of_union(operator)
    rows = parts[0].type.shape[:2]
    widths = [part.type.shape[2] if len(part.type.shape) == 3 else 1 for part in parts]
    operator.outputs[0].type.shape = [*rows, sum(widths)]
    for output, other in zip(operator.outputs[1:], others, strict=True):
        output.type.shape = other.type.shape


def _parts_of_union(operator):
    n_others = len(operator.outputs) - 1
    inputs = list(operator.inputs)
    return inputs[: len(inputs) - n_others], inputs[len(inputs) - n_others :]


def _convert_union(scope, operator, container):
    graph = Graph(scope, container)
    parts, others = _parts_of_union(operator)
    columns = [
        part.full_name if len(part.type.shape) == 3 else graph.Unsqueeze(part.full_name, np.array([2]))
        for part in parts
    ]
    _name_outputs(graph, operator, [graph.Concat(*columns, axis=2), *(each.full_name for each in others)])
