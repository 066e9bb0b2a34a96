"""More than 2^31 input numbers, which no index of 32 bits reaches; zeros that are never written take no memory."""

import numpy as np
import pytest
from checks import assert_same_bits
from naive import random_network

from sklstm import Sequences
from sklstm.minibatch import Minibatch

F, T, N_LAST = 1 << 16, 8, 4
SHIFT, SCALE = np.zeros(F), np.ones(F)


@pytest.fixture(scope="module")
def last():
    return np.random.default_rng(0).normal(size=(N_LAST * T, F)).astype(np.float32)


@pytest.fixture(scope="module")
def values(last):
    """Zeros, and behind 2^31 of them the last sequences."""
    try:
        values = np.zeros((2**31 // F + N_LAST * T, F), dtype=np.float32)
    except MemoryError:
        pytest.skip("8.6 GB of addresses are not to be had")
    values[-len(last) :] = last
    return values


def sequences_of(values):
    return Sequences(values, np.arange(0, len(values) + 1, T))


@pytest.mark.parametrize("skip_connection", [False, True])
def test_gradients_behind_many_numbers(skip_connection, values, last):
    network = random_network(F, (2,), 1, "float32", skip_connection=skip_connection)
    results = []
    for table in [values, last]:
        sequences = sequences_of(table)
        minibatch = Minibatch(network, sequences, SHIFT, SCALE, n_threads=2)
        _, out = minibatch.forward(np.arange(len(sequences))[-N_LAST:])
        minibatch.backward(out)
        results.append((out, minibatch.gradient))
    for actual, expected in zip(*results, strict=True):
        assert_same_bits(actual, expected)


@pytest.mark.soak
def test_predictions_behind_many_numbers(values, last):
    network = random_network(F, (1,), 1, "float32")
    actual, expected = (network.predict(sequences_of(table), SHIFT, SCALE, 2) for table in [values, last])
    assert_same_bits(actual[-N_LAST:], expected)
