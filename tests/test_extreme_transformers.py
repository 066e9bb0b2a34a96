"""Transformers at the ends of the range of numbers: finite results, or an error that names the column."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.preprocessing import QuantileTransformer
from test_extreme_numbers import MAX, N, T, X

from sklstm import as_sequences
from sklstm.preprocessing import SequenceFeatures, SequenceImputer, SequenceResampler, SequenceScaler, TimeFeatures

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

FAR = np.sign(X) * MAX
RNG = np.random.default_rng(0)
NORMAL, UNIFORM = RNG.normal(size=(100, 20, 1)), RNG.random(size=(100, 20, 1))
METHODS = pytest.mark.parametrize("method", ["standard", "robust", "minmax", "quantile"])


@METHODS
@pytest.mark.parametrize("factor", [1e-200, 1e-30, 1e-12, 1e30, 1e150])
def test_what_is_scaled_does_not_depend_on_the_unit(method, factor):
    expected = SequenceScaler(method).fit_transform(X)
    least = {"standard": 1e-140, "robust": 1e-15, "minmax": 1e-15, "quantile": 1e-5}[method]
    scaler = SequenceScaler(method)
    if factor < least:
        with pytest.raises(ValueError, match=r"Column 1 of X has .* too little to scale .*multiply it"):
            scaler.fit(X * [1, factor])
    else:
        scaled = scaler.fit_transform(X * factor)
        assert_allclose(scaled.values, expected.values, atol=1e-6)
        assert_allclose(scaler.inverse_transform(scaled).values, as_sequences(X * factor).values, rtol=1e-6)


@METHODS
def test_values_that_are_too_far_apart_to_be_scaled_are_an_error(method):
    with pytest.raises(ValueError, match="Column 0 of X has values so large that their spread overflows"):
        SequenceScaler(method).fit(FAR)


TAILS = {
    "saturated probabilities": 1 / (1 + np.exp(-15 * NORMAL)),
    "p-values": UNIFORM**8,
    "heavy tails": np.exp(8 * NORMAL),
    "concentrations": 10.0 ** (12 * UNIFORM - 9),
    "times elapsed": np.where(UNIFORM < 0.9, 0, UNIFORM * 1e-3),
}


@METHODS
@pytest.mark.parametrize("values", TAILS.values(), ids=TAILS)
def test_tails_become_ties_at_worst(method, values):
    scaler = SequenceScaler(method)
    scaled = scaler.fit_transform(values).values
    assert np.isfinite(scaled).all()
    order = np.argsort(values.ravel())
    assert (np.diff(scaled.ravel()[order]) >= 0).all()
    atol = 1e-7 if method == "quantile" else 1e-12 * values.max()
    assert_allclose(scaler.inverse_transform(scaled.reshape(values.shape)).values, values.reshape(-1, 1), 1e-6, atol)


def test_times_elapsed_go_by_rank():
    gaps = np.where(UNIFORM < 0.3, np.nan, NORMAL)
    filled = SequenceImputer(add_elapsed=True).fit_transform(gaps)
    assert np.isfinite(SequenceScaler("quantile").fit_transform(filled).values).all()


@pytest.mark.parametrize(
    "values",
    [np.where(NORMAL > 0, 5e-8, 0), np.where(UNIFORM < 0.01, 1e-9 * np.exp(NORMAL), np.nan)],
    ids=["two values", "seldom seen"],
)
def test_small_units_that_would_be_ties_throughout_are_an_error(values):
    with pytest.raises(ValueError, match=r"Column 1 of X has .* too little to scale .*multiply it"):
        SequenceScaler("quantile").fit(np.dstack([NORMAL, values]))


@METHODS
@pytest.mark.parametrize("factor", [1, 4, 1e9])
def test_rounding_errors_are_constant(method, factor):
    noise = np.where(NORMAL > 0, 0.3, 0.1 + 0.2) * factor
    assert np.ptp(SequenceScaler(method).fit_transform(noise).values) < 1e-6


def test_half_of_the_values_may_lie_close_together_beside_others():
    scaled = SequenceScaler("robust").fit_transform(np.where(UNIFORM < 0.8, 1, 5 + NORMAL)).values
    assert_allclose(scaled[UNIFORM.ravel() < 0.8], 0)
    with pytest.raises(ValueError, match=r"spread is only .*e-17, which is too little"):
        SequenceScaler("robust").fit(np.where(UNIFORM < 0.8, 1e-17 * NORMAL, 5 + NORMAL))


@METHODS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_scaled_beyond_numbers_is_an_error_or_clipped(method, dtype):
    tiny, far = (X * [1, 1e-3]).astype(dtype), np.full((1, T, 2), [0, 0.99 * np.finfo(dtype).max], dtype=dtype)
    scaler = SequenceScaler(method).fit(tiny)
    if method != "quantile":
        with pytest.raises(ValueError, match="Column 1 of X has values so large that their scaled value overflows"):
            scaler.transform(far)
    assert SequenceScaler(method, clip=3.0).fit(tiny).transform(far).values[0, 1] in (1, 3)
    wide = SequenceScaler(method).fit((X * [1, 1e5]).astype(dtype))
    if method != "quantile":
        with pytest.raises(ValueError, match=r"Column 1 of X has .* their value in the units of training overflows"):
            wide.inverse_transform(far)


@METHODS
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-300, 1e30])
def test_constant_columns_become_one_number(method, constant):
    scaled = SequenceScaler(method).fit_transform(np.full((N, T, 1), constant)).values
    assert np.isfinite(scaled).all()
    assert np.ptp(scaled) == 0


def test_quantiles_of_single_values_are_those_of_double_ones():
    far = (X * 1e38).astype(np.float32)
    table = far.reshape(-1, 2).astype(np.float64)
    expected = QuantileTransformer(n_quantiles=len(table), output_distribution="normal").fit_transform(table)
    assert_allclose(SequenceScaler("quantile").fit_transform(far).values, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["sum", "mean", "std", "slope"])
def test_statistics_that_overflow_are_an_error(name):
    with pytest.raises(ValueError, match=f"Column 0 of X has values so large that their {name} overflows"):
        SequenceFeatures([name]).fit_transform(FAR)
    with pytest.raises(ValueError, match=f"Column 0 of X has values so large that their {name} overflows"):
        SequenceResampler(every=T, aggregate=name).fit_transform(FAR)


@pytest.mark.parametrize("name", ["sum", "mean", "std", "slope"])
def test_the_column_that_overflows_is_named(name):
    """Beside one that has a value as large, and where the statistic is of some columns only."""
    values = np.zeros((2, 4, 3))
    values[0, 3, 0] = {"sum": MAX, "mean": MAX, "std": 1e150, "slope": 1e150}[name]
    values[:, :, 2] = MAX / 3 * np.array([1, 1, -2.9, -2.9])
    with pytest.raises(ValueError, match=f"Column 2 of X has values so large that their {name} overflows"):
        SequenceFeatures([name]).fit_transform(values)
    with pytest.raises(ValueError, match=f"Column 2 of X has values so large that their {name} overflows"):
        SequenceResampler(every=4, aggregate={2: name}).fit_transform(values)
    with pytest.raises(ValueError, match="Column 2 of X has values so large that their sum overflows"):
        SequenceImputer().fit(values)


def test_a_sum_that_single_precision_does_not_hold_is_an_error():
    single = np.full((2, 4, 1), 3e38, dtype=np.float32)
    assert_allclose(SequenceFeatures(["sum"]).fit_transform(single), 1.2e39)
    columns = np.dstack([0 * single, single])
    with pytest.raises(ValueError, match="Column 1 of X has values so large that their sum overflows"):
        SequenceResampler(every=4, aggregate={1: "sum"}).fit_transform(columns)


def test_means_that_overflow_fill_nothing():
    with pytest.raises(ValueError, match="Column 0 of X has values so large that their sum overflows"):
        SequenceImputer().fit(FAR)
    with pytest.raises(ValueError, match="difference between two of them overflows"):
        SequenceImputer(strategy="linear").fit_transform([np.array([MAX, np.nan, -MAX])])


def test_lines_between_single_values_do_not_overflow():
    single = np.array([3e38, np.nan, -3e38], dtype=np.float32)
    assert_allclose(SequenceImputer(strategy="linear").fit_transform([single])[0].ravel(), [3e38, 0, -3e38])


@pytest.mark.parametrize("unit", [1e-200, 1e-30, 1e30, 1e200])
def test_times_of_any_unit(unit):
    sequences = as_sequences([np.array([1.0, np.nan, 3.0])], times=[np.arange(3) * unit])
    assert_allclose(SequenceImputer(strategy="linear").fit_transform(sequences)[0].ravel(), [1, 2, 3])
    assert_allclose(TimeFeatures(["time"]).fit_transform(sequences)[0][:, 1], np.arange(3) * unit)
    assert_allclose(SequenceFeatures(["slope"]).fit_transform(sequences), 1 / unit)
    assert_allclose(
        SequenceImputer(add_elapsed=True, elapsed_scale=unit).fit_transform(sequences)[0][1, 1], 1 - 1 / np.e
    )
    old = SequenceImputer(add_elapsed=True, elapsed_scale=5e-324).fit_transform(sequences)
    assert_allclose(old[0][:, 1], [0, 1, 0])


def test_times_beyond_what_their_differences_can_be_are_an_error():
    with pytest.raises(ValueError, match=r"times has -1e\+308 for sequence 0, time step 0.*larger unit"):
        as_sequences([np.ones(2)], times=[np.array([-1e308, 1e308])])


def test_times_that_single_precision_does_not_hold_are_an_error():
    single = as_sequences([np.array([1.0, np.nan], dtype=np.float32)], times=[np.array([0, 1e39])])
    for transformer in (
        TimeFeatures(),
        SequenceImputer(add_elapsed=True),
        SequenceImputer("constant", fill_value=1e39),
    ):
        with pytest.raises(ValueError, match=r"X is of float32, which cannot hold the times.*larger unit"):
            transformer.fit_transform(single)
