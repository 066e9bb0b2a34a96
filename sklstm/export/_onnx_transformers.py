"""Transformers of sequences as nodes of ONNX.

Each function takes a `Batch` and a fitted transformer, and gives the new values (batch, time, features), in the type of
the old ones.
"""

import numpy as np
from scipy.stats import norm

# The normal distribution's quantile function as ratios of polynomials (Wichura 1988, AS 241), good to 16 digits: of
# q = p - 1/2 near the middle, and further out of r = sqrt(-log(min(p, 1 - p))). Highest powers first.
CENTRAL_UP_TO, FAR_FROM = 0.425, 5.0
CENTRAL = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
     687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip

# How near to the least and the largest value scikit-learn's QuantileTransformer takes one for it.
NEAR = 1e-7

OPERATORS = {np.subtract: "Sub", np.true_divide: "Div", np.multiply: "Mul", np.add: "Add"}


def scaled(batch, scaler):
    """What `SequenceScaler` makes of values."""
    graph = batch.graph
    values = graph.cast(batch.X, np.float64)
    if scaler.method == "quantile":
        values = _normal_by_rank(graph, values, scaler.scaler_)
    else:
        for function, operand in scaler._operations():
            values = getattr(graph, OPERATORS[function])(values, operand.astype(np.float64))
    if scaler.clip is not None:
        limited = graph.Max(graph.Min(values, float(scaler.clip)), -float(scaler.clip))
        values = graph.Where(graph.IsNaN(values), np.nan, limited)
    return graph.cast(values, batch.dtype)


def _normal_by_rank(graph, values, transformer):
    """Of `QuantileTransformer`, for values in double precision."""
    quantiles = transformer.quantiles_
    rank = _rank(graph, values, quantiles, transformer.references_)
    rank = graph.Where(graph.Greater(graph.Add(values, NEAR), quantiles[-1]), 1.0, rank)
    rank = graph.Where(graph.Less(graph.Sub(values, NEAR), quantiles[0]), 0.0, rank)
    limit = norm.ppf(1 - (NEAR - np.spacing(1)))
    normal = graph.Max(graph.Min(_normal_quantile(graph, rank), limit), norm.ppf(NEAR - np.spacing(1)))
    return graph.Where(graph.IsNaN(values), np.nan, normal)


def _rank(graph, values, quantiles, references):
    """Where values (batch, time, features) are among the quantiles of each feature, between 0 and 1.

    Between two quantiles that is interpolated; at one that several references share, it is in their middle.
    """
    tables = [_distinct(column, references) for column in quantiles.T]
    # Filled up to a power of two, so that a search by halves always takes as many steps.
    width = 1 << max(len(table[0]) for table in tables).bit_length()
    filled = [[np.append(each, np.full(width - len(each), each[-1])) for each in table] for table in tables]
    at, low, high = (np.concatenate([table[k] for table in filled]) for k in range(3))
    past_the_end = np.concatenate([np.arange(width) >= len(table[0]) for table in tables])
    sought = graph.constant(np.where(past_the_end, np.inf, at))
    first = graph.constant(np.arange(len(tables)) * width)
    place = graph.Mul(graph.cast(graph.Greater(values, np.inf), np.int64), np.array(0))
    half = width // 2
    while half:
        further = graph.Add(place, np.array(half))
        reached = graph.LessOrEqual(graph.Gather(sought, graph.Add(first, further)), values)
        place = graph.Where(reached, further, place)
        half //= 2
    here = graph.Add(first, place)
    there = graph.Add(first, graph.Min(graph.Add(place, np.array(1)), np.array(width - 1)))
    at, low, high = graph.constant(at), graph.constant(low), graph.constant(high)
    start, end = graph.Gather(at, here), graph.Gather(at, there)
    from_, to = graph.Gather(high, here), graph.Gather(low, there)
    span = graph.Sub(end, start)
    slope = graph.Div(graph.Sub(to, from_), graph.Where(graph.Equal(span, 0.0), 1.0, span))
    between = graph.Add(graph.Mul(slope, graph.Sub(values, start)), from_)
    middle = graph.Mul(graph.Add(graph.Gather(low, here), from_), 0.5)
    return graph.Where(graph.Equal(values, start), middle, between)


def _distinct(quantiles, references):
    """The distinct quantiles, and the least and the largest reference of each."""
    at, first, counts = np.unique(quantiles, return_index=True, return_counts=True)
    return at, references[first], references[first + counts - 1]


def _normal_quantile(graph, p):
    q = graph.Sub(p, 0.5)
    tail = graph.Min(p, graph.Sub(1.0, p))
    r = graph.Sqrt(graph.Neg(graph.Log(graph.Max(tail, np.finfo(np.float64).tiny))))
    near = _ratio(graph, CENTRAL, graph.Sub(CENTRAL_UP_TO**2, graph.Mul(q, q)))
    middle, far = _ratio(graph, MIDDLE, graph.Sub(r, 1.6)), _ratio(graph, FAR, graph.Sub(r, FAR_FROM))
    outer = graph.Mul(graph.Sign(q), graph.Where(graph.LessOrEqual(r, FAR_FROM), middle, far))
    return graph.Where(graph.LessOrEqual(graph.Abs(q), CENTRAL_UP_TO), graph.Mul(q, near), outer)


def _ratio(graph, polynomials, x):
    above, below = (_polynomial(graph, coefficients, x) for coefficients in polynomials)
    return graph.Div(above, below)


def _polynomial(graph, coefficients, x):
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = graph.Add(graph.Mul(total, x), coefficient)
    return total


# ---------------------------------------------------------------------------------------------- gaps


def imputed(batch, imputer):
    """What `SequenceImputer` makes of values."""
    graph, gaps = batch.graph, imputer.features_with_missing_
    missing = graph.IsNaN(batch.X)
    parts = [graph.cast(_filled(batch, imputer, missing), batch.dtype)]
    if imputer.add_indicator and len(gaps):
        parts.append(graph.cast(graph.Gather(missing, gaps, axis=2), batch.dtype))
    if imputer.add_elapsed and len(gaps):
        elapsed = _elapsed(batch, imputer.elapsed_scale, missing)
        parts.append(graph.cast(graph.Gather(elapsed, gaps, axis=2), batch.dtype))
    return graph.Concat(*parts, axis=2)


def n_imputed(imputer):
    """How many features it returns."""
    return imputer._n_features + len(imputer.features_with_missing_) * (imputer.add_indicator + imputer.add_elapsed)


def _filled(batch, imputer, missing):
    graph, values = batch.graph, batch.graph.cast(batch.X, np.float64)
    known = imputer._fill()
    if imputer.strategy in ("forward", "linear"):
        seen = _last_seen(graph, values) if imputer.strategy == "forward" else _between(batch, values, missing)
        known = graph.Where(graph.IsNaN(seen), known, seen)
    return graph.Where(missing, known, values)


def _last_seen(graph, values, backwards=False):
    """The last value up to each step that is not NaN; NaN before the first."""

    def step(graph, before, now):
        last = graph.Where(graph.IsNaN(now[0]), before[0], now[0])
        return [last], [graph.Identity(last)]

    shape = graph.Shape(values)
    of_step = graph.Gather(shape, np.array([0, 2]))
    nothing = graph.Expand(np.float64(np.nan), of_step)
    state, sequence = [(nothing, np.float64)], [(values, np.float64)]
    return graph.scan(step, state, sequence, [np.float64], backwards=backwards)[1]


def _times_seen(batch, missing):
    """When values are seen, in double precision, NaN where they are not."""
    return batch.graph.Where(missing, np.nan, batch.clock())


def _elapsed(batch, scale, missing):
    graph, clock = batch.graph, batch.clock()
    last = _last_seen(graph, _times_seen(batch, missing))
    never = graph.IsNaN(last)
    since = graph.Sub(clock, last)
    if scale is None:
        return graph.Where(never, clock, since)
    return graph.Where(never, 1.0, graph.Sub(1.0, graph.Exp(graph.Div(graph.Neg(since), float(scale)))))


def _between(batch, values, missing):
    """What the straight line over time through the values before and after gives."""
    graph, clock = batch.graph, batch.clock()
    seen = _times_seen(batch, missing)
    before, after = _last_seen(graph, values), _last_seen(graph, values, backwards=True)
    start, end = _last_seen(graph, seen), _last_seen(graph, seen, backwards=True)
    before, after = (
        graph.Where(graph.IsNaN(before), after, before),
        graph.Where(graph.IsNaN(after), before, after),
    )
    span = graph.Sub(end, start)  # NaN at either end, 0 between steps at the same time
    spans = graph.Greater(span, 0.0)
    share = graph.Where(spans, graph.Div(graph.Sub(clock, start), graph.Where(spans, span, 1.0)), 0.0)
    return graph.Add(before, graph.Mul(share, graph.Sub(after, before)))


# ---------------------------------------------------------------------------------------------- features


def selected(batch, selector):
    """What `SequenceSelector` leaves of values."""
    return batch.graph.Gather(batch.X, selector.features_, axis=2)
