"""Fitted models in files that run nothing when they are loaded, and that later versions read.

A file says what a model is in the words of its public parameters and of the format, not in those of its private
attributes: these may change. What a file may say is listed here, in `networks` and in `transformers`;
anything else is an error. No name in a file is ever imported.
"""

import numpy as np
import sklearn
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from .. import __version__
from ..atomic import snapshot
from ..classifier import LSTMClassifier
from ..preprocessing import SequenceFeatures, SequenceTokenizer, SequenceUnion, TimeFeatures
from ..preprocessing._statistics import STATISTICS, check_choice
from ..preprocessing._streams import does_nothing
from ..preprocessing._times import TIMES
from ..regressor import LSTMRegressor
from . import networks, storage
from .transformers import LEARNT, SCALERS
from .values import Reader, Writer, boolean, choice, integer, texts, values_of

__all__ = ["load", "save"]

FORMAT, FORMAT_NUMBER = "sklstm model", 1

MODELS = LSTMClassifier, LSTMRegressor
COMPOSITES = {Pipeline: "steps", SequenceUnion: "transformer_list"}  # and the parameter that holds their parts
CLASSES = {cls.__name__: cls for cls in (*MODELS, *COMPOSITES, *LEARNT)}
PLACEHOLDERS = "passthrough", "drop", None

# Those of transformers, beside what they have learnt.
ATTRIBUTES = {"n_features_in_", "feature_names_in_", "_n_features", "_fitted_on_table", "_is_fitted", "n_tokens_"}
ABOUT = {"_metadata_request", "_sklearn_output_config"}

METHODS = "fit", "partial_fit", "predict", "score", "transform", "inverse_transform"
# Parameters that a file does not hold: folders of the machine that fits.
OF_ONE_MACHINE = ("checkpoint",)

MOST_JOBS = 1024

NODE = "class", "parameters", "features", "learnt", "requests", "output"


def save(model, path):
    """Save a fitted model to a file that runs nothing when it is loaded, and that later versions read.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier, transformer or Pipeline
        A fitted estimator of this package, one of its transformers, or a :class:`~sklearn.pipeline.Pipeline` of them;
        scikit-learn's StandardScaler, RobustScaler, MinMaxScaler and QuantileTransformer may be steps, too. With all
        that it has: parameters, weights, names of features, curves, and what `partial_fit` goes on from.

    path : str or Path
        The file. One that is there is replaced once the new one is complete, for which its folder must be writable
        too; ``.sklstm`` is a good ending.

    Raises
    ------
    ValueError
        If the model holds what such a file cannot, such as a function or somebody else's transformer. The message
        names the step and the parameter.

    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    TypeError
        If `path` is not a path, but for example an open file.

    OSError
        If the file cannot be written, or is none but, for example, a pipe. One that was there is then still there.

    See Also
    --------
    load : Load it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import sklstm
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm.preprocessing import SequenceImputer
    >>> X, y = np.random.default_rng(0).normal(size=(60, 5, 2)), np.arange(60) % 2
    >>> model = make_pipeline(SequenceImputer(), sklstm.LSTMClassifier(4, max_iter=30, tol=1e-2, random_state=0))
    >>> path = Path(tempfile.mkdtemp()) / "model.sklstm"
    >>> sklstm.save(model.fit(X, y), path)
    >>> bool((sklstm.load(path).predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    path = storage.checked_path(path)
    writer = Writer()
    document = {
        "format": FORMAT,
        "format_number": FORMAT_NUMBER,
        "written_by": {"sklstm": __version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "model": _said_of(model, writer, "", type(model).__name__),
    }
    try:
        _model_of(document, writer.arrays)
    except ValueError as error:
        raise ValueError(f"The model could not be read again, and is not saved: {str(error).rstrip('.')}.") from error
    storage.write(path, document, writer.arrays)


def load(path):
    """Load a model from a file that :func:`save` has written, by this version or an earlier one.

    Nothing in the file is run, whoever wrote it: it holds numbers and texts, each of which is checked.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    model : LSTMRegressor, LSTMClassifier, transformer or Pipeline
        The fitted model. It predicts the same as the one that was saved: on the same kind of processor the same bits.

    Raises
    ------
    ValueError
        If the file is not one that `save` has written, is damaged, or comes from a version that is too new.

    TypeError
        If `path` is not a path, but for example an open file.

    OSError
        If the file cannot be opened.

    See Also
    --------
    save : Save it; with an example.
    """
    path = storage.checked_path(path)
    document, arrays = storage.read(path)
    try:
        return _model_of(document, arrays)
    except ValueError as error:
        raise ValueError(f"{path!r} cannot be loaded: {str(error).rstrip('.')}.") from error


def _model_of(document, arrays):
    """The model that a document and arrays are about; a ValueError if they are about none."""
    _check_format(document)
    reader = Reader(arrays)
    try:
        _, _, _, said = values_of(document, "the document", ["format", "format_number", "written_by", "model"])
        model = _read(said, reader, "")
        reader.end()
    except ValueError:
        raise
    except (TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        # What no check has foreseen is an error of the file as well.
        raise ValueError(f"it says what no model can be ({type(error).__name__}: {error})") from error
    return model


def _check_format(document):
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("it holds no model")
    number = integer(document.get("format_number"), "the format's number", 1)
    if number > FORMAT_NUMBER:
        written_by = document.get("written_by")
        version = written_by.get("sklstm") if isinstance(written_by, dict) else None
        raise ValueError(
            f"it was written by sklstm {str(version)[:20]}, in format {number}, but sklstm {__version__} reads formats "
            f"up to {FORMAT_NUMBER}. Install that version or a later one"
        )


# ---------------------------------------------------------------------------------------------- to a file


def _said_of(estimator, writer, prefix, name):
    """What there is to say of an estimator, which messages call by name, and its parameters with a prefix."""
    cls = type(estimator)
    if hasattr(estimator, "best_estimator_"):
        raise ValueError(f"{name} is a search, which sklstm.save does not know: save its best_estimator_.")
    if cls not in CLASSES.values():
        raise ValueError(
            f"{name} is {cls.__module__}.{cls.__qualname__}, which sklstm.save does not know: it takes estimators and "
            "transformers of sklstm, and pipelines of them. skops.io.dump takes more, and pickle and joblib nearly "
            "everything; but loading what they wrote is for files that you trust."
        )
    estimator = snapshot(estimator)
    if cls not in COMPOSITES:
        check_is_fitted(estimator)
    _check_nothing_is_left_out(estimator, name)
    requests, output = getattr(estimator, "_metadata_request", None), vars(estimator).get("_sklearn_output_config")
    return {
        "class": cls.__name__,
        "parameters": {
            parameter: _said_of_parameter(estimator, parameter, value, writer, f"{prefix}{parameter}")
            for parameter, value in estimator.get_params(deep=False).items()
            if parameter not in OF_ONE_MACHINE
        },
        "features": _said_of_features(estimator),
        "learnt": _said_of_what_was_learnt(estimator, writer, prefix),
        "requests": None if requests is None else _said_of_requests(requests, name),
        "output": None if output is None else output["transform"],
    }


def _check_nothing_is_left_out(estimator, name):
    cls, attributes = type(estimator), vars(estimator)
    known = {*estimator.get_params(deep=False), *ABOUT}
    known |= networks.ATTRIBUTES if cls in MODELS else {*ATTRIBUTES, *LEARNT.get(cls, ())}
    if "_skl_callbacks" in attributes:
        raise ValueError(f"{name} has callbacks, which cannot be saved: set_callbacks() takes them off.")
    if attributes.get("memory") is not None:
        raise ValueError(f"{name} has a memory, {attributes['memory']!r}, which cannot be saved: set it to None.")
    for attribute, value in attributes.items():
        if attribute not in known and not (attribute == "transformer_weights" and value is None):
            raise ValueError(f"{name} has an attribute {attribute!r}, which sklstm.save does not know: delete it.")


def _said_of_parameter(estimator, parameter, value, writer, name):
    if COMPOSITES.get(type(estimator)) != parameter:
        return writer.value(value, name)
    prefix = name.removesuffix(parameter)
    return [[step, _said_of_step(step, part, writer, prefix)] for step, part in value]


def _said_of_step(step, part, writer, prefix):
    if part is None or isinstance(part, str):
        return part
    if does_nothing(part):
        return "passthrough"  # as fitted unions have it
    return _said_of(part, writer, f"{prefix}{step}__", f"Step {f'{prefix}{step}'!r}")


def _said_of_features(estimator):
    if not hasattr(estimator, "n_features_in_") or type(estimator) in COMPOSITES:
        return None
    names = getattr(estimator, "feature_names_in_", None)
    return {
        "n_features_in": int(estimator.n_features_in_),
        "names": None if names is None else list(names),
        "from_table": getattr(estimator, "_fitted_on_table", None),
    }


def _said_of_what_was_learnt(estimator, writer, prefix):
    if type(estimator) in MODELS:
        return networks.state_of(estimator, writer, prefix)
    learnt = {}
    for attribute, check in LEARNT.get(type(estimator), {}).items():
        key, value = attribute.strip("_"), getattr(estimator, attribute)
        name = f"{prefix}{key}"
        if check is not None:
            learnt[key] = writer.value(value, name)
        elif isinstance(value, dict):
            if list(value.values()) != list(range(1, len(value) + 1)):
                raise ValueError(f"{name} must number its tokens from 1 on, in order, as fit does.")
            learnt[key] = list(value)
        else:
            learnt[key] = _said_of(value, writer, f"{name}__", name)
    return learnt


def _said_of_requests(requests, name):
    said = {method: {} for method in METHODS}
    for method, asked in requests._serialize().items():
        if method not in METHODS:
            raise ValueError(f"{name} has a metadata request of {method}, which cannot be saved.")
        said[method] = {parameter: alias for parameter, alias in asked.items() if alias is not None}
    return {method: asked for method, asked in said.items() if asked}


# ---------------------------------------------------------------------------------------------- from a file


def _read(said, reader, prefix):
    """The estimator that something is said of."""
    name = f"{prefix}model"
    cls, parameters, features, learnt, requests, output = values_of(said, name, NODE)
    cls = CLASSES[choice(cls, f"{prefix}class", CLASSES)]
    if not isinstance(parameters, dict):
        raise ValueError(f"{name} has no parameters")
    unknown = sorted(set(parameters) - set(cls._get_param_names()))
    if unknown:
        raise ValueError(f"{name} has a parameter {unknown[0]!r}, which {cls.__name__} does not know")
    estimator = cls(
        **{
            parameter: _read_steps(value, reader, prefix)
            if COMPOSITES.get(cls) == parameter
            else reader.value(value, f"{prefix}{parameter}")
            for parameter, value in parameters.items()
        }
    )
    _check_parameters(estimator, name)
    _read_features(estimator, features, prefix)
    _read_learnt(estimator, learnt, reader, prefix)
    _read_requests(estimator, requests, prefix)
    if output is not None:
        estimator.set_output(transform=choice(output, f"{prefix}output", ["default", "pandas", "polars"]))
    return estimator


def _read_steps(said, reader, prefix):
    if not isinstance(said, list) or not all(isinstance(step, list) and len(step) == 2 for step in said):
        raise ValueError(f"{prefix}steps must be a list of names and estimators")
    names = texts([name for name, _ in said], f"{prefix}steps")
    if not names or len(set(names)) < len(names) or any("__" in name for name in names):
        raise ValueError(f"{prefix}steps must have names, each its own, without __; got {names}")
    return [(name, part if part in PLACEHOLDERS else _read(part, reader, f"{prefix}{name}__")) for name, part in said]


def _check_parameters(estimator, name):
    validate_parameter_constraints(
        estimator._parameter_constraints,
        estimator.get_params(deep=False),
        caller_name=type(estimator).__name__,
    )
    for parameter in ("memory", *OF_ONE_MACHINE):
        if getattr(estimator, parameter, None) is not None:
            raise ValueError(f"{name} has a {parameter}, which would read and write other files")
    if abs(getattr(estimator, "n_jobs", None) or 0) > MOST_JOBS:
        raise ValueError(f"{name} has n_jobs={estimator.n_jobs}, which would start as many processes or threads")
    if isinstance(estimator, TimeFeatures):
        check_choice("features", estimator.features, TIMES)
    if isinstance(estimator, SequenceFeatures):
        check_choice("statistics", estimator.statistics, STATISTICS)


def _read_features(estimator, said, prefix):
    if type(estimator) in COMPOSITES or isinstance(estimator, SequenceTokenizer):
        return
    n_features_in, names, from_table = values_of(said, f"{prefix}features", ["n_features_in", "names", "from_table"])
    estimator.n_features_in_ = integer(n_features_in, f"{prefix}n_features_in_", 1)
    if names is not None:
        if len(texts(names, f"{prefix}feature_names_in_")) != estimator.n_features_in_:
            raise ValueError(f"{prefix}feature_names_in_ must be {estimator.n_features_in_} names")
        estimator.feature_names_in_ = np.array(names, dtype=object)
    if from_table is not None:
        estimator._fitted_on_table = boolean(from_table, f"{prefix}from_table")
        estimator._n_features = 1 if from_table else estimator.n_features_in_


def _read_learnt(estimator, said, reader, prefix):
    cls = type(estimator)
    if cls in MODELS:
        networks.restore(estimator, said, reader, prefix)
        return
    learnt = LEARNT.get(cls, {})
    keys = [attribute.strip("_") for attribute in learnt]
    for (attribute, check), value in zip(learnt.items(), values_of(said, f"{prefix}learnt", keys), strict=True):
        name = f"{prefix}{attribute.strip('_')}"
        if check is not None:
            value = check(value, name, reader, estimator)
        elif cls is SequenceTokenizer:
            tokens = texts(value, name)
            value = {token: number for number, token in enumerate(tokens, start=1)}
            estimator.n_tokens_ = len(tokens) + 1
        else:
            value = _read(value, reader, f"{name}__")
            if not isinstance(value, SCALERS) or value.n_features_in_ != estimator._n_features:
                raise ValueError(f"{name} must be a scaler of {estimator._n_features} features")
        setattr(estimator, attribute, value)
    if cls not in COMPOSITES and hasattr(cls, "__sklearn_is_fitted__"):
        estimator._is_fitted = True


def _read_requests(estimator, said, prefix):
    if said is None:
        return
    with sklearn.config_context(enable_metadata_routing=True):
        for method, asked in said.items():
            for alias in asked.values():
                if not isinstance(alias, bool | str):
                    raise ValueError(f"{prefix}requests of {method} must be texts, true or false")
            getattr(estimator, f"set_{choice(method, f'{prefix}requests', METHODS)}_request")(**asked)
