"""A fitted model as C source: its equations for one time step, and its weights."""

import os
import re
from pathlib import Path

from sklearn.utils._param_validation import HasMethods, validate_params

from ..saving.storage import checked_path, written_whole

NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")


@validate_params(
    {
        "model": [HasMethods(["fit"])],
        "path": [str, os.PathLike],
        "name": [str, None],
        "int8": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def to_c(model, path, *, name=None, int8=False):
    """Write a fitted model as a C99 header, for microcontrollers and other programs without Python.

    The header holds the weights and, for a model called ``glucose``, ::

        glucose_state state;                       /* one for each sequence that goes on */
        glucose_reset(&state);                     /* begins a sequence */
        glucose_step(&state, x, y);                /* takes one time step, and predicts from the sequence so far */

    It needs a C99 or C++ compiler and the standard library's mathematics, allocates nothing, and keeps nothing but in
    the state that it is passed.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier, Pipeline or search
        A fitted model, but one with ``bidirectional=True``, which reads a sequence from its end. Before it in a
        pipeline, there may be :class:`~sklstm.preprocessing.SequenceScaler` (but for ``method="quantile"``) and
        :class:`~sklstm.preprocessing.SequenceImputer` (but for ``strategy="linear"``). Of a fitted search, its best
        estimator is written.

    path : str or path-like
        The file to write, mostly ``*.h``. One that is there is replaced, once the new one is complete.

    name : str, default=None
        What the names in the header begin with, so that several models fit into one program: an ASCII letter, then
        letters, digits and single underscores. None takes the name of the file, without its suffix. Names of models in
        one program must differ in more than capitals.

    int8 : bool, default=False
        Whether to write weights as whole numbers from -127 to 127 with a scale a row (a row being what makes one unit's
        input to one gate, or one output): about a quarter of the size, and predictions that differ a little. Biases,
        scales and states stay floats.

    Raises
    ------
    ValueError
        If the model cannot be written (it reads backwards, its cell or a step of its pipeline has no C source, or its
        numbers do not fit into a float), or if the name is none in C.

    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    Notes
    -----
    ``y`` gets what `predict` returns for the sequence so far or, of classifiers, `predict_proba`: flattened, for the
    last time step with ``return_sequences=True``. ``x`` are the features in the units of `fit`; the model's own
    standardisation is part of the header. With ``embedding_dim`` the step takes a token, an ``int32_t``, in place of
    ``x``. With ``missing="decay"``, or behind an imputer, values that are NaN are missing; and where times count (with
    ``missing="decay"`` or ``add_elapsed=True``), models fitted to sequences with times take one more argument, ``gap``:
    the time since the step before, in the units of the times (hours for datetimes), which is ignored at a first step,
    and finite and not negative at others. Any other NaN stays in the state, and in what is predicted, until the reset.

    All numbers are floats. Predictions differ from those in Python by their rounding: around one part in a million of
    the spread of the targets, or of their mean if that is larger.

    Examples
    --------
    >>> import numpy as np
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklstm import LSTMRegressor, to_c
    >>> X = np.random.default_rng(0).normal(size=(50, 12, 2))
    >>> model = LSTMRegressor(8, cell="gru", random_state=0).fit(X, X[:, -3, 0])
    >>> path = Path(tempfile.mkdtemp()) / "third_last.h"
    >>> to_c(model, path)
    >>> print(path.read_text()[:48])
    /* third_last: a network for one time step at a
    """
    # `import sklstm` should not wait for what comes with these.
    from ..pipelines import take_apart
    from ._c_header import Header

    path = Path(checked_path(path))
    steps, model = take_apart(model)
    text = Header(steps, model, _checked_name(name, path), int8).text()
    with written_whole(path) as file:
        file.write(text.encode("ascii"))


def _checked_name(name, path):
    source = "name" if name is not None else "the file's name, which names are made of unless name is passed,"
    name = path.stem if name is None else name
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{source} must be an ASCII letter, then letters, digits and single underscores, as C wants it, got "
            f"{name!r}."
        )
    return name
