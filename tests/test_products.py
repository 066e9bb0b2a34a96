"""Predictions of layers and inputs of any size: as the twin's, and with the same bits in any company."""

import pickle

import naive
import numpy as np
import pytest
from checks import check_company
from numpy.testing import assert_allclose

from sklstm import LSTMRegressor
from sklstm._core import kernels
from sklstm.network import TYPE_NAMES, Network

TOLERANCES = {"float64": 1e-12, "float32": 2e-5}
# No multiple of a vector (2 to 16 numbers) or of a panel of two.
UNITS = [1, 3, 5, 17, 33, 63, 65, 257]
FEATURES = [*range(1, 10), 40]


def standardisation(n_features):
    rng = np.random.RandomState(4)
    return rng.normal(size=n_features), rng.uniform(0.5, 2, size=n_features)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("n_units", UNITS)
def test_any_size_equals_the_twin(n_units, dtype):
    """In batches that leave every remainder of a tile of rows, over more steps than are taken together."""
    for n_features in FEATURES:
        n = 9 if n_units < 257 else 37
        lengths = [20, 17, 16, *naive.ragged_lengths(n - 3, longest=6)]
        network = naive.random_network(n_features, (n_units,), 1 + n_features % 3, dtype)
        sequences = naive.random_sequences(lengths, n_features)
        shift, scale = standardisation(n_features)
        expected = naive.outputs(network, sequences, shift, scale)
        out = network.predict(sequences, shift, scale, 2)
        tolerance = TOLERANCES[dtype] * np.abs(expected).max()
        assert_allclose(out, expected, rtol=0, atol=tolerance, err_msg=f"{n_features} features")


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(
    ("n_features", "sizes"),
    [
        *zip([1, 2, 3, 4, 5, 7, 9], [(n,) for n in UNITS[:-1]], strict=True),
        (6, (8, 64)),
        (40, (7, 16, 5)),
        (3, (64, 33)),
    ],
    ids=str,
)
def test_bits_do_not_depend_on_the_company(n_features, sizes, dtype):
    network = naive.random_network(n_features, sizes, 2, dtype)
    sequences = naive.random_sequences(naive.ragged_lengths(40, longest=18), n_features)
    check_company(network, sequences, *standardisation(n_features))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("n_outputs", [1, 33])
def test_bits_of_a_wide_layer_do_not_depend_on_the_company(n_outputs, dtype):
    network = naive.random_network(3, (257,), n_outputs, dtype)
    sequences = naive.random_sequences(naive.ragged_lengths(40, longest=5), 3)
    check_company(network, sequences, *standardisation(3))


def test_bits_of_equal_lengths_do_not_depend_on_the_company():
    """Blocks in which every tile of rows is full to the last step."""
    network = naive.random_network(3, (33,), 2, "float32")
    check_company(network, naive.random_sequences([17] * 40, 3), *standardisation(3))


def test_the_check_itself_sees_one_bit(monkeypatch):
    network = naive.random_network(2, (3,), 1, "float32")
    right = type(network).predict

    def wrong(self, sequences, *args):
        out = right(self, sequences, *args)
        if len(sequences) == 5:
            out[2] = np.nextafter(out[2], np.float32(np.inf))
        return out

    monkeypatch.setattr(type(network), "predict", wrong)
    with pytest.raises(AssertionError, match="5 shuffled, on 1 threads"):
        check_company(network, naive.random_sequences([2] * 8, 2), *standardisation(2))


@pytest.mark.parametrize("n_terms", [1, 40, 191, 192, 193, 500])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_equal_numpy(dtype, n_terms):
    """Products and sums of outer products, for tiles and panels that are just full and just not."""
    rng = np.random.default_rng(0)
    panel, name = kernels.PANELS[dtype], TYPE_NAMES[np.dtype(dtype)]
    for n_rows in range(1, 18):
        for n_columns in {1, panel - 1, panel, panel + 1, 2 * panel + 3}:
            a = rng.standard_normal((n_rows, n_terms)).astype(dtype)
            b = rng.standard_normal((n_terms, n_columns)).astype(dtype)
            expected = a.astype(np.float64) @ b
            tolerance = 20 * np.finfo(dtype).eps * np.sqrt(n_terms) * 3
            packed = np.full(-(-n_columns // panel) * panel * n_terms, np.nan, dtype)
            kernels.pack_matrix[name](b, packed)
            product = np.full((n_rows, n_columns), np.nan, dtype)
            kernels.multiply[name](a, packed, product)
            np.testing.assert_allclose(product, expected, atol=tolerance)
            total = np.ones((n_rows, n_columns), dtype)
            kernels.add_outer_products[name](np.ascontiguousarray(a.T), b, total, np.empty(kernels.SCRATCH, dtype))
            np.testing.assert_allclose(total, 1 + expected, atol=tolerance)


def test_weights_are_packed_once_for_a_fitted_model(monkeypatch):
    """Also for a copy that was stored and read, and anew after more training."""
    model = LSTMRegressor(4, max_iter=2, early_stopping=False, random_state=0).fit(np.ones((9, 5, 1)), np.arange(9.0))
    model = pickle.loads(pickle.dumps(model))
    calls = []
    pack = Network.pack
    monkeypatch.setattr(Network, "pack", lambda *args, **kwargs: calls.append(1) or pack(*args, **kwargs))
    first = model.predict(np.ones((1, 5, 1)))
    model.predict(np.ones((1, 5, 1)))
    assert len(calls) == 1
    model.partial_fit(np.ones((9, 5, 1)), np.arange(9.0))
    assert model.predict(np.ones((1, 5, 1))) != first
