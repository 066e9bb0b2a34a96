"""Predictions of layers and inputs of any size: as the twin's, and with the same bits in any company."""

import naive
import numpy as np
import pytest
from checks import check_company
from numpy.testing import assert_allclose

TOLERANCES = {"float64": 1e-12, "float32": 2e-5}
# No multiple of a vector (2 to 16 numbers) or of a panel of two; 257 units take 32 sequences a block.
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
