"""Fitted models as ONNX graphs.

onnx and skl2onnx are optional, and what converts is imported with the first conversion: most programs never need it.
"""

from importlib.util import find_spec
from numbers import Integral

import numpy as np
from sklearn.pipeline import make_pipeline

# Read by ONNX Runtime from 1.10 on, of 2021.
DEFAULT_OPSET = 15

# The first that has sums over axes, and new axes, in today's form.
FIRST_OPSET = 13

# Lengths that are not known: those that padding with NaN tells.
UNKNOWN_LENGTHS = np.array([-1], np.int32)


def to_onnx(model, *, sequence_lens="optional", times=None, dtype="float32", target_opset=DEFAULT_OPSET):
    """Convert a fitted model, or a pipeline that ends in one, to ONNX.

    The graph computes in single precision what `predict`, and for a classifier `predict_proba`, compute. It has the
    inputs

    - ``X``: values, (batch, time, features), or (batch, time) if the first step was fitted on such a table. Of the
      first form, trailing time steps that are NaN in every feature are padding;
    - ``sequence_lens``, int32 (batch,): how many time steps each sequence has, in place of padding with NaN. What
      stands behind them in ``X`` is ignored, and a step that is NaN before the end is a gap. Where it is -1, padding
      tells. One length does not stand for those of several sequences: runtimes end with an error;
    - ``times``, float64 (batch, time), if asked for;

    and the outputs

    - of a regressor, ``predictions`` in double precision, of the shape that `predict` returns. With
      ``loss="gaussian_nll"`` also ``std``, the standard deviations;
    - of a classifier, ``label`` and ``probabilities``, the first as int64, as double precision if the labels are
      fractions, or as texts; with several labels a sequence it is 0 or 1 for each.

    Batch and time are of any size from 1 on: of no sequences, or of no time steps at all, (batch, 0, features),
    ONNX Runtime may end the process. With ``return_sequences=True`` there is a time axis behind that of the batch, with
    NaN for padding. A sequence that `predict` refuses, with a gap, an infinity, times that go back, or no time steps,
    has NaN, too. The label is then the least int64, NaN or an empty text.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier, Pipeline or fitted search
        The fitted model. In front of it, a pipeline may have :class:`~sklstm.preprocessing.SequenceImputer`,
        :class:`~sklstm.preprocessing.SequenceScaler`, :class:`~sklstm.preprocessing.SequenceSelector` and, over tables
        of one feature, transformers that skl2onnx can convert.

    sequence_lens : {"optional", "required"} or None, default="optional"
        Whether the graph has this input. "optional" makes it an initializer that may be overridden, of which ONNX
        Runtime warns when it loads the model, and which some other runtimes do not know. None leaves it out: then
        padding is with NaN.

    times : bool or None, default=None
        Whether the graph has the input `times`. None adds it where times count and the sequences of `fit` had some:
        with ``missing="decay"``, and behind an imputer with `add_elapsed` or ``strategy="linear"``. Without the input
        such an imputer takes a step for a unit of time. The unit of datetimes is hours.

    dtype : {"float32", "float64"}, default="float32"
        The type of ``X``.

    target_opset : int, default=15
        The version of ONNX's operators, from 13 to the latest that skl2onnx knows. That of the default, ONNX Runtime
        has known since 1.10.

    Returns
    -------
    converted : onnx.ModelProto
        The graph, checked. ``path.write_bytes(converted.SerializeToString())`` writes it to a file.

    Raises
    ------
    ImportError
        If onnx or skl2onnx are not installed.

    ValueError
        If a step, or the network's cell, cannot be converted, or a parameter is not what it should be.

    See Also
    --------
    sklstm.export.register_skl2onnx : For pipelines that skl2onnx is to convert.

    Notes
    -----
    Models with ``dtype="float64"`` are converted to single precision, too: ONNX Runtime has no recurrent layers in
    double precision. Inputs are standardised, and predictions brought to the units of the targets, in double precision
    in any case.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> from sklstm import LSTMRegressor, to_onnx
    >>> X = np.random.default_rng(0).normal(size=(100, 10, 3)).astype(np.float32)
    >>> model = LSTMRegressor(8, max_iter=5, random_state=0).fit(X, X[:, :, 0].mean(axis=1))
    >>> session = onnxruntime.InferenceSession(to_onnx(model, sequence_lens=None).SerializeToString())
    >>> predictions = session.run(None, {"X": X[:5]})[0]
    >>> np.allclose(predictions, model.predict(X[:5]), atol=1e-5)
    True
    """
    register_skl2onnx()
    dtype = str(dtype) if isinstance(dtype, np.dtype) else dtype
    _check_parameters(sequence_lens, times, dtype, target_opset)
    import onnx

    from ._onnx_converters import convertible, first_reader, time_counts

    steps, model = convertible(model)
    if times is None:
        times = model._has_times and (model.missing == "decay" or time_counts(steps))
    inputs = _inputs(first_reader(steps, model), sequence_lens, times, dtype)
    converted = _converted(make_pipeline(*steps, model), type(model).__name__, inputs, int(target_opset))
    _name_dimensions(converted.graph, sequence_lens)
    if sequence_lens == "optional" and "sequence_lens" in dict(inputs):
        converted.graph.initializer.append(onnx.numpy_helper.from_array(UNKNOWN_LENGTHS, "sequence_lens"))
    onnx.checker.check_model(converted, full_check=True)
    return converted


def _check_parameters(sequence_lens, times, dtype, target_opset):
    if not isinstance(sequence_lens, str | None) or sequence_lens not in ("optional", "required", None):
        raise ValueError(f'sequence_lens must be "optional", "required" or None, got {sequence_lens!r}.')
    if not isinstance(times, bool | np.bool_ | None):
        raise ValueError(f"times must be True, False or None, got {times!r}.")
    if not isinstance(dtype, str) or dtype not in ("float32", "float64"):
        raise ValueError(f'dtype must be "float32" or "float64", got {dtype!r}.')
    from skl2onnx import __max_supported_opset__ as last

    if not isinstance(target_opset, Integral) or not FIRST_OPSET <= target_opset <= last:
        raise ValueError(
            f"target_opset must be a whole number from {FIRST_OPSET} to {last}, the latest of this skl2onnx, got "
            f"{target_opset!r}."
        )


def _converted(pipeline, name, inputs, target_opset):
    from skl2onnx import convert_sklearn

    try:
        return convert_sklearn(pipeline, name, initial_types=inputs, target_opset=target_opset)
    except RuntimeError as error:  # also of what skl2onnx has no form for
        raise ValueError(f"{pipeline!r} cannot be converted to ONNX: {error}") from error


def _inputs(first, sequence_lens, times, dtype):
    """Names and types of the graph's inputs."""
    from skl2onnx.common import data_types

    of_values = data_types.FloatTensorType if dtype == "float32" else data_types.DoubleTensorType
    inputs = [("X", of_values(_shape_of_input(first)))]
    if not hasattr(first, "_n_features"):
        if times or sequence_lens == "required":
            raise ValueError(
                f"The first step, {first!r}, knows nothing of sequences: it reads a table alone. Leave times and "
                "sequence_lens out."
            )
        return inputs
    if sequence_lens is not None:
        inputs.append(("sequence_lens", data_types.Int32TensorType([None])))
    if times:
        inputs.append(("times", data_types.DoubleTensorType([None, None])))
    return inputs


def _shape_of_input(first):
    """Of the values, from what the first step was fitted on."""
    if hasattr(first, "_n_features"):
        return [None, None] if first._fitted_on_table else [None, None, first._n_features]
    return [None, first.n_features_in_]


def _name_dimensions(graph, sequence_lens):
    """Call the axes of inputs and outputs that may have any length by their names."""
    for value in [*graph.input, *graph.output]:
        if value.name == "sequence_lens" and sequence_lens == "optional":
            continue  # ONNX Runtime would take the length of the default for the batch's
        for dimension, name in zip(value.type.tensor_type.shape.dim, ("batch", "time"), strict=False):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name


def register_skl2onnx():
    """Tell skl2onnx how to convert the estimators and transformers of sequences.

    Afterwards ``skl2onnx.to_onnx`` and ``skl2onnx.convert_sklearn`` convert them, and pipelines with them, from a first
    input (batch, time, features). A second one of type int32 is taken for the sequences' lengths, one of double
    precision (batch, time) for the times of the steps: :func:`~sklstm.to_onnx` says what they are for. From an example
    in place of types, skl2onnx takes the number of time steps for that of all sequences.

    Raises
    ------
    ImportError
        If onnx or skl2onnx are not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import skl2onnx
    >>> from skl2onnx.common.data_types import FloatTensorType
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import register_skl2onnx
    >>> X = np.random.default_rng(0).normal(size=(40, 10, 3)).astype(np.float32)
    >>> model = LSTMClassifier(8, max_iter=5, random_state=0).fit(X, X[:, -1, 0] > 0)
    >>> register_skl2onnx()
    >>> converted = skl2onnx.to_onnx(model, initial_types=[("X", FloatTensorType([None, None, 3]))], target_opset=15)
    >>> [output.name for output in converted.graph.output]
    ['label', 'probabilities']
    """
    missing = [name for name in ("onnx", "skl2onnx") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"To convert models to ONNX, install {' and '.join(missing)}: pip install {' '.join(missing)}"
        )
    from ._onnx_converters import register

    register()
