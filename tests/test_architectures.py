"""Directions, poolings, activations and embeddings: the forward pass against the twin, its bits, and the parameters."""

import naive
import numpy as np
import pytest
from checks import assert_same_bits, check_company
from numpy.testing import assert_allclose, assert_array_equal
from test_core import SCALE, SHIFT, TOLERANCES, assert_equals_twin, assert_glorot

from sklstm import Sequences
from sklstm import network as network_module
from sklstm._core import inference
from sklstm.layout import CELLS, Architecture
from sklstm.minibatch import Minibatch
from sklstm.network import TYPE_NAMES, Network

LENGTHS = [20, 17, 16, *naive.ragged_lengths(30, longest=40)]
ARCHITECTURES = pytest.mark.parametrize("architecture", naive.ARCHITECTURES.values(), ids=naive.ARCHITECTURES)


def problem(sizes, lengths=LENGTHS, **architecture):
    return naive.random_problem(3, sizes, 2, lengths, SHIFT, SCALE, **architecture)


# ---------------------------------------------------------------------------------------------- forward


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("sizes", [(5,), (17,), (6, 4), (3, 33, 2)], ids=str)
@ARCHITECTURES
def test_forward_equals_twin(architecture, sizes, dtype):
    assert_equals_twin(*problem(sizes, dtype=dtype, **architecture))


@pytest.mark.parametrize("pooling", ["last", "mean", "attention"])
@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_of_every_cell(cell, pooling):
    assert_equals_twin(*problem((6, 5), cell=cell, bidirectional=True, pooling=pooling))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("activation", naive.ACTIVATIONS)
@pytest.mark.parametrize("recurrent_activation", naive.RECURRENT_ACTIVATIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_activations(cell, recurrent_activation, activation, dtype):
    activations = {"activation": activation, "recurrent_activation": recurrent_activation}
    # Few steps, because what does not saturate may grow without bounds.
    assert_equals_twin(*problem((9, 5), naive.ragged_lengths(11), cell=cell, dtype=dtype, **activations))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_long_sequence(bidirectional):
    """Over several of the segments that both ways forward are cut into."""
    lengths = [500, 499, 3]
    assert_equals_twin(*problem((5, 4), lengths, bidirectional=bidirectional, pooling="attention"))
    assert_equals_twin(*problem((5, 4), lengths, bidirectional=bidirectional, return_sequences=True))


@pytest.mark.parametrize("values_dtype", ["float32", "float64"])
def test_tokens_of_either_type(values_dtype):
    """The first and the last that are known, and on either side of them those that are not."""
    network = naive.random_network(1, (4,), 2, n_tokens=5, embedding_dim=3)
    tokens = np.array([[0], [4], [5], [-1], [1e6], [-1e6], [2], [2]], dtype=values_dtype)
    assert_equals_twin(network, Sequences(tokens, [0, 3, 7, 8]), np.zeros(1), np.ones(1))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("skip_connection", [False, True])
def test_attention_weights(skip_connection, bidirectional):
    network, sequences, *standardisation = problem(
        (6, 5), pooling="attention", bidirectional=bidirectional, skip_connection=skip_connection
    )
    weights = network.attention_weights(sequences, *standardisation, 2)
    expected = [naive.attention(network, naive.hidden(network, x, *standardisation)[0]) for x in sequences]
    assert weights.shape == (len(sequences.values), 1)
    assert_allclose(weights[:, 0], np.concatenate(expected), rtol=1e-11)


# ---------------------------------------------------------------------------------------------- bits


@pytest.mark.parametrize("dtype", TOLERANCES)
@ARCHITECTURES
def test_bits_do_not_depend_on_the_company(architecture, dtype):
    check_company(*problem((17, 9), naive.ragged_lengths(20, longest=18), dtype=dtype, **architecture))


@ARCHITECTURES
def test_bits_do_not_depend_on_what_is_predicted_at_a_time(architecture, monkeypatch):
    network, *data = problem((6, 5), **architecture)
    expected = network.predict(*data, 2)
    for steps in [1, 40, 100]:
        monkeypatch.setattr(network_module, "PREDICTED_AT_A_TIME", steps)
        assert_same_bits(network.predict(*data, 2), expected, f"{steps} steps at a time")


@pytest.mark.parametrize("dropout", [None, naive.DROPOUT], ids=["whole", "dropout"])
@ARCHITECTURES
def test_bits_do_not_depend_on_threads(architecture, dropout):
    network, *data = problem((33, 8), dtype="float32", **architecture)

    def passes(n_threads):
        minibatch = Minibatch(network, *data, n_threads, input_gradient=True)
        _, out = minibatch.forward(np.arange(len(LENGTHS)), dropout)
        dx = minibatch.backward(np.ascontiguousarray(out - 0.5))
        return {"out": out, "gradient": minibatch.gradient, "dx": dx, "predictions": network.predict(*data, n_threads)}

    expected = passes(1)
    for n_threads in [2, 4, 2, 3]:
        for name, array in passes(n_threads).items():
            assert_same_bits(array, expected[name], f"{name} on {n_threads} threads")


def run(network, sequences, state=None, shift=SHIFT, scale=SCALE):
    """The top layer's h at every time step of sequences in falling order of length, and the state after the last."""
    layers = network.layout.levels[0][0].array
    packed = network.pack(network.layout, way_back=False, n_threads=1)
    size, _ = inference.state_size(layers)
    scratch = np.full((2, inference.scratch_size(layers)), np.nan, network.dtype)
    after = np.zeros((len(sequences), size), network.dtype) if state is None else state.copy()
    h = np.empty((len(sequences.values), network.architecture.n_top), network.dtype)
    starts = sequences.offsets[:-1]
    inference.run[TYPE_NAMES[network.dtype], TYPE_NAMES[sequences.dtype]](
        layers, network.parameters, packed, scratch, sequences.values, starts, sequences.lengths, shift, scale, after,
        state is None, h, 0, np.empty((0, 1), network.dtype), starts, 2,
    )  # fmt: skip
    return h, after


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("sizes", [(9,), (6, 17)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_a_state_that_is_handed_over(cell, sizes, dtype):
    """Sequences in two parts, cut anywhere, give the bits that they give in one."""
    network = naive.random_network(3, sizes, 2, dtype, cell)
    first = [33, 17, 16, 16, 15, 8, 7, 3, 2, 1, 1]
    second = [20, 17, 16, 16, 15, 5, 5, 4, 1, 1, 1]
    whole = naive.random_sequences(np.add(first, second), 3)
    expected, expected_state = run(network, whole)
    parts = [[x[:n] for x, n in zip(whole, first, strict=True)], [x[n:] for x, n in zip(whole, first, strict=True)]]
    found, state = [], None
    for part in parts:
        h, state = run(network, Sequences(np.concatenate(part), np.cumsum([0, *map(len, part)])), state)
        found.append(np.split(h, np.cumsum([len(x) for x in part])[:-1]))
    assert_same_bits(np.concatenate([np.concatenate(pair) for pair in zip(*found, strict=True)]), expected)
    assert_same_bits(state, expected_state)


def test_a_state_of_zeros_is_a_beginning():
    network = naive.random_network(3, (6, 5), 2)
    sequences = naive.random_sequences([9, 4, 1], 3)
    h, state = run(network, sequences)
    zeros = np.zeros_like(state)
    for actual, expected in zip(run(network, sequences, zeros), (h, state), strict=True):
        assert_allclose(actual, expected, rtol=1e-13)
    assert np.abs(run(network, sequences, zeros + 0.5)[0] - h).max() > 0.01


# ---------------------------------------------------------------------------------------------- parameters


@ARCHITECTURES
def test_initial_parameters(architecture):
    network = Network(Architecture(1 if "n_tokens" in architecture else 6, (40, 30), 8, **architecture))
    network.parameters.fill(np.nan)
    network.initialize(np.random.RandomState(0))
    n_directions = 1 + architecture.get("bidirectional", False)
    seen = set()
    for name, (where, _) in network.parts.items():
        part = network.part(name)
        assert np.isfinite(part).all()
        is_weight = name == "attention.v" or (name.endswith(("W", "W_x", "W_h", "W_d")) and name != "embedding.W")
        assert where.stop <= network.n_weights if is_weight else where.start >= network.n_weights
        if name.endswith("W_x"):
            assert_glorot(part, len(part), part.shape[1] // 4)
            seen.add(part.tobytes())
        elif name in ["output.W", "attention.W"]:
            assert_glorot(part, *part.shape)
        elif name.endswith(".b"):
            assert_array_equal(part, 0)
    assert len(seen) == 2 * n_directions  # no two layers or directions begin the same


def test_initial_embeddings():
    """Small, each of its own, and nothing for unknown tokens; no penalty is put on any."""
    network = Network(Architecture(1, (4,), 1, n_tokens=1000, embedding_dim=10))
    network.initialize(np.random.RandomState(0))
    W = network.part("embedding.W")
    assert_array_equal(W[-1], 0)
    assert_allclose([W[:-1].mean(), W[:-1].std()], [0, 0.1], atol=4e-3)
    assert len(np.unique(W[:-1], axis=0)) == 1000
    assert network.parts["embedding.W"][0].start >= network.n_weights
