"""What a score owes to each feature, or to each time step, of sequences."""

from numbers import Integral

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.inspection._permutation_importance import _create_importances_bunch
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils import Bunch, _safe_indexing, check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, RealNotInt, StrOptions, validate_params
from sklearn.utils.parallel import Parallel, delayed

from ..real_numbers import JOBS, Interval
from ..sequences import Sequences
from ..steps import StepForm
from ..validation import as_sequences, is_list, is_table
from ._apart import behind_layout, names_of


@validate_params(
    {
        "estimator": [HasMethods(["fit"])],
        "X": "no_validation",
        "y": ["array-like", None],
        "scoring": [StrOptions(set(get_scorer_names())), callable, list, tuple, dict, None],
        "by": [StrOptions({"feature", "timestep"})],
        "groups": [dict, list, None],
        "align": [StrOptions({"end", "start"})],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": JOBS,
        "random_state": ["random_state"],
        "sample_weight": ["array-like", None],
        "max_samples": [Interval(Integral, 1, None, closed="left"), Interval(RealNotInt, 0, 1, closed="right")],
    },
    prefer_skip_nested_validation=True,
)
def permutation_importance(
    estimator,
    X,
    y,
    *,
    scoring=None,
    by="feature",
    groups=None,
    align="end",
    n_repeats=5,
    n_jobs=None,
    random_state=None,
    sample_weight=None,
    max_samples=1.0,
):
    """Importance of features or time steps: by how much a score falls when sequences exchange them.

    What :func:`sklearn.inspection.permutation_importance` is for tables, for sequences of any form, different lengths
    and missing values included, and for any fitted estimator that takes them.

    In each repeat the sequences are put into a random ring, and each gets the values of the next. Steps exchange places
    with steps at the same distance from the end (or from the start: `align`). Where a sequence is longer than the next
    one in the ring, its other steps get the values of the first one after that which has such steps; the only one that
    is long enough keeps its own. So each step's values stay the same over all sequences, only not whose they are, and
    a series stays in one piece as far as it goes. Times, and features that are not exchanged, stay where they are.

    Parameters
    ----------
    estimator : object
        A fitted estimator, Pipeline or search.

    X : array, data frame, list or Sequences
        The sequences to score, in any form that :func:`~sklstm.as_sequences` accepts; best others than those of
        training. It is left as it is, and scored in the same form, but for an array (n_sequences, n_timesteps,
        n_features) with gaps, which becomes `Sequences`: a last step that gets nothing but NaN would be padding. Rows
        that the first steps of a Pipeline lay out (:class:`~sklstm.preprocessing.ToSequences`) are sequences behind
        these. Texts have to be turned into numbers first, for the step behind the tokenizer.

    y : array-like
        The targets.

    scoring : str, callable, list, tuple or dict, default=None
        The score, or several, as in :func:`sklearn.inspection.permutation_importance`; None takes the estimator's own.
        For targets a time step, :func:`~sklstm.metrics.sequence_scorer` makes one.

    by : {"feature", "timestep"}, default="feature"
        What sequences exchange: the whole series of a feature, or all features of a time step.

    groups : dict or list of lists, default=None
        Features (numbers or names), or time steps, that are exchanged together, such as a measurement and its indicator
        of missing values, or the steps of a day: lists of them, or ``{name: list}``, where a lone one needs no list.
        None takes each by itself. Time steps are numbered as `align` says.

    align : {"end", "start"}, default="end"
        What time steps of sequences of different lengths are counted from: "end" for models that answer at the last
        step, where -1 is the last step of each sequence and -2 that before it; "start" where a time since the beginning
        means something, 0 being the first step.

    n_repeats : int, default=5
        How many times sequences exchange each feature or time step.

    n_jobs : int or None, default=None
        Number of features or time steps that are worked on at a time. Results do not depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines which sequences are drawn, and the rings. Pass an int for reproducible output.

    sample_weight : array-like of shape (n_sequences,), default=None
        Weights, which are passed to the score.

    max_samples : int or float, default=1.0
        How many sequences to draw, once, or which share of them.

    Returns
    -------
    result : Bunch, or dict of Bunch
        With several scores, a dict with the name of each. The attributes are:

        importances_mean : ndarray of shape (n_items,)
            Mean over the repeats, for each feature, time step (in the order of time) or group.
        importances_std : ndarray of shape (n_items,)
            Standard deviation over the repeats.
        importances : ndarray of shape (n_items, n_repeats)
            The score as it is, less the score after an exchange.
        names : ndarray of shape (n_items,)
            Names of the features ("x0", "x1" and so on, if they have none), numbers of the time steps, or names of the
            groups.

    Raises
    ------
    ValueError
        If X, `groups` or `max_samples` are not what they should be.

    See Also
    --------
    SaliencyDisplay : What one prediction owes to each value.

    Notes
    -----
    Features that go together stand in for each other: a network can do without one of them as long as it has the
    other, and neither seems important. Exchange them as a group. A time step that few sequences have moves the score of
    few.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.inspection import permutation_importance
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 2)) for n in rng.integers(4, 8, size=300)]
    >>> y = [x[-1, 1] for x in X]
    >>> model = LSTMRegressor(8, max_iter=40, random_state=0).fit(X[:200], y[:200])
    >>> result = permutation_importance(model, X[200:], y[200:], random_state=0)
    >>> result.importances_mean.round() + 0
    array([0., 2.])
    >>> result = permutation_importance(model, X[200:], y[200:], by="timestep", groups=[[-1], range(-7, -1)])
    >>> bool(result.importances_mean[0] > 1), bool(abs(result.importances_mean[1]) < 0.1)
    (True, True)
    """
    if isinstance(estimator, type):
        raise TypeError(f"estimator must be a fitted estimator, got the class {estimator.__name__}.")
    scorer = check_scoring(estimator, scoring=scoring)
    estimator, X = behind_layout(estimator, X)
    sequences = as_sequences(X)
    check_consistent_length(sequences, y, sample_weight)
    if not (is_list(X) or is_table(X)) and np.isnan(sequences.values).any():
        X = sequences  # in an array, a last step that gets nothing but NaN would be padding
    rng = check_random_state(random_state)
    rows = _drawn_rows(len(sequences), max_samples, rng)
    X, y, sequences = _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows), sequences[rows]
    weights = {} if sample_weight is None else {"sample_weight": _safe_indexing(sample_weight, rows)}
    # All items see the same rings, so that what differs between them is not the draw.
    rings = [_donors(sequences, rng.permutation(len(sequences)), align) for _ in range(n_repeats)]
    names, items = _items(sequences, by, groups, align)
    before = scorer(estimator, X, y, **weights)
    after = Parallel(n_jobs=n_jobs)(
        delayed(_scores)(estimator, X, sequences, y, weights, scorer, item, rings) for item in items
    )
    if isinstance(before, dict):
        return {
            name: _bunch(before[name], [[scores[name] for scores in repeats] for repeats in after], names)
            for name in before
        }
    return _bunch(before, after, names)


def _drawn_rows(n_sequences, max_samples, rng):
    if isinstance(max_samples, Integral):
        if max_samples > n_sequences:
            raise ValueError(f"max_samples={max_samples} is more than the {n_sequences} sequences of X.")
    else:
        max_samples = max(1, int(max_samples * n_sequences))
    if max_samples == n_sequences:
        return np.arange(n_sequences)
    return np.sort(rng.permutation(n_sequences)[:max_samples])


def _donors(sequences, ring, align):
    """The time step, a row of the values, that each one gets its values from."""
    lengths, offsets = sequences.lengths, sequences.offsets
    source = np.arange(len(sequences.values))
    for distance in range(lengths.max()):
        ring = ring[lengths[ring] > distance]
        steps = offsets[ring] + distance if align == "start" else offsets[ring + 1] - 1 - distance
        source[steps] = np.roll(steps, -1)
    return source


def _items(sequences, by, groups, align):
    """Names of what is exchanged, and for each the rows and the columns of the values."""
    if by == "feature":
        features = names_of(sequences.feature_names, sequences.n_features)
        names, groups = _groups(groups, features, Integral | str)
        named, rows = sequences.with_values(sequences.values, features), np.arange(len(sequences.values))
        return names, [np.ix_(rows, _columns(named, *group)) for group in zip(groups, names, strict=True)]
    position, columns = _positions(sequences, align), np.arange(sequences.n_features)
    names, groups = _groups(groups, np.unique(position), Integral)
    return names, [np.ix_(_rows_at(position, *group), columns) for group in zip(groups, names, strict=True)]


def _groups(groups, default, kind):
    """Names of the groups, and their members, each of a `kind`; by default, each feature or time step by itself."""
    if groups is None:
        return default, [[member] for member in default]
    members = [_members(group, kind) for group in (groups.values() if isinstance(groups, dict) else groups)]
    if not members or not all(members):
        raise ValueError(f"groups must be lists of features or time steps, or {{name: list}}, got {groups!r}.")
    names = groups if isinstance(groups, dict) else [" + ".join(map(str, each)) for each in members]
    return np.array(list(names), dtype=object), members


def _members(group, kind):
    """The members of a group in a list; nothing if it is no group."""
    try:
        members = [group] if isinstance(group, kind) else list(group)
    except TypeError:
        return []
    return members if all(isinstance(member, kind) and not isinstance(member, bool) for member in members) else []


def _columns(sequences, features, name):
    try:
        return np.concatenate([sequences.feature_indices(feature) for feature in features])
    except KeyError as error:
        raise ValueError(f"groups, {name!r}: {error.args[0]}") from error


def _positions(sequences, align):
    """The number of each time step: from 0 on or, aligned at the end, up to -1."""
    steps = np.arange(len(sequences.values))
    origin = sequences.offsets[:-1] if align == "start" else sequences.offsets[1:]
    return steps - np.repeat(origin, sequences.lengths)


def _rows_at(position, steps, name):
    unknown = np.setdiff1d(steps, position)
    if len(unknown):
        raise ValueError(
            f"groups, {name!r}: no sequence has a time step {unknown[0]}; they are numbered from {position.min()} to "
            f"{position.max()}."
        )
    return np.flatnonzero(np.isin(position, steps))


def _scores(estimator, X, sequences, y, weights, scorer, item, rings):
    rows, columns = item
    scores = []
    for source in rings:
        values = sequences.values.copy()
        values[item] = sequences.values[source[rows], columns]
        scores.append(scorer(estimator, _in_form(X, sequences, values), y, **weights))
    return scores


def _in_form(X, sequences, values):
    """Sequences of other values in the form of X."""
    if isinstance(X, Sequences):
        return sequences.with_values(values, sequences.feature_names)
    if is_list(X):
        return [_like(x, part) for x, part in zip(X, np.split(values, sequences.offsets[1:-1]), strict=True)]
    return _like(X, values.reshape(len(sequences), -1)) if is_table(X) else StepForm(X, sequences).restore(values)


def _like(given, values):
    """An array of other values, in the shape of a given one; or a data frame, if that is one."""
    if not hasattr(given, "columns"):
        return values.reshape(np.shape(given))
    if nw.dependencies.is_pandas_dataframe(given):
        return type(given)(values, index=given.index, columns=given.columns)
    frame = nw.from_native(given)
    return nw.from_numpy(values, schema=frame.columns, backend=frame.implementation).to_native()


def _bunch(before, after, names):
    return Bunch(names=names, **_create_importances_bunch(before, np.array(after, dtype=np.float64)))
