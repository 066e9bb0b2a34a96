"""What dropout leaves out: how much, of what, and when it is the same.

The networks here are linear with weights of zero and one, so that the outputs show the masks.
"""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm.minibatch import Minibatch

SHIFT, SCALE = np.zeros(1), np.ones(1)
P = 0.3
N, T, H = 40, 12, 24  # sequences, steps, units
COPIES = 16  # of a unit in the layer above: that the output layer's mask drops them all is out of the question


def outputs(parts, sizes, between=0.0, recurrent=0.0, seed=1, n_threads=1, bidirectional=False, lengths=(T,) * N):
    """(steps, units) of the top layers' h, dropped as the output layer sees it, with these parts of the parameters."""
    n_top = (1 + bidirectional) * sizes[-1]
    network = naive.random_network(
        1, sizes, n_top, cell="rnn", activation="identity", return_sequences=True, bidirectional=bidirectional
    )
    network.parameters.fill(0)
    for name, value in {"output.W": np.eye(n_top), **parts}.items():
        network.part(name)[:] = value
    minibatch = Minibatch(network, naive.random_sequences(lengths, 1), SHIFT, SCALE, n_threads)
    dropout = {"seed": seed, "between": between, "recurrent": recurrent}
    return minibatch.forward(np.arange(len(lengths)), dropout)[1]


def output_mask(**options):
    """(N T, H) what the output layer's mask multiplies ones by."""
    return outputs({"layer_0.v": 1}, (H,), between=P, **options)


def masks_between(level, **options):
    """(N T, directions, H) whether a layer above others sees the ones that these give."""
    ways = ["", ".reverse"] if options.get("bidirectional") else [""]
    n_below = len(ways) * H
    copies = np.tile(np.eye(n_below), COPIES)
    parts = {f"layer_{level - 1}{way}.v": 1 for way in ways} | {f"layer_{level}{way}.W_x": copies for way in ways}
    out = outputs(parts, (H,) * level + (COPIES * n_below,), between=P, **options)
    return (out != 0).reshape(-1, len(ways), COPIES, n_below).any(axis=2)


def recurrent_factors(layer=0, n_layers=1, **options):
    """(N, T, H) of each step's h: one, and what is left of the h before."""
    parts = {f"layer_{layer}.v": 1, f"layer_{layer}.W_h": np.eye(H)}
    parts |= {f"layer_{above}.W_x": np.eye(H) for above in range(layer + 1, n_layers)}
    return outputs(parts, (H,) * n_layers, recurrent=P, **options).reshape(N, T, H)


def assert_independent(a, b):
    """Masks that agree as often as chance would have it: within four standard deviations."""
    chance = P**2 + (1 - P) ** 2
    assert_allclose(np.mean(a == b), chance, rtol=0, atol=4 * np.sqrt(chance * (1 - chance) / np.size(a)))


def assert_rate(kept):
    assert_allclose(np.mean(kept), 1 - P, rtol=0, atol=4 * np.sqrt(P * (1 - P) / np.size(kept)))


def test_the_share_that_is_dropped():
    factors = output_mask()
    assert_allclose(np.unique(factors), [0, 1 / (1 - P)])
    assert_rate(factors != 0)
    assert_rate(masks_between(1))
    assert_rate(recurrent_factors()[:, -1] > 1)
    # No sequence and no unit is spared.
    for axis in [0, 1]:
        assert_allclose((factors != 0).mean(axis=axis), 1 - P, rtol=0, atol=0.35)


def test_the_mean_is_preserved():
    parts = {"layer_0.v": 1, "layer_1.W_x": np.eye(H)}
    for out, n_masks in [(output_mask(), 1), (outputs(parts, (H, H), between=P), 2)]:
        deviation = np.sqrt((1 - P) ** -n_masks - 1)
        assert_allclose(out.mean(), 1, rtol=0, atol=4 * deviation / np.sqrt(out.size))


def test_the_recurrent_mask_is_constant_over_time():
    """h_t = 1 + m h_{t-1}: units stay at one, or grow by the same factor at every step."""
    h = recurrent_factors()
    growing = np.add.accumulate((1 - P) ** -np.arange(T, dtype=float))
    dropped = h[:, 1] == 1
    assert 0 < dropped.mean() < 1
    expected = np.where(dropped[:, np.newaxis], 1, growing[np.newaxis, :, np.newaxis])
    assert_allclose(h, expected, rtol=1e-12)


def test_the_recurrent_mask_differs_between_sequences_layers_directions_and_seeds():
    kept = recurrent_factors()[:, -1] > 1
    assert_independent(kept[1::2], kept[::2])
    assert_independent(kept, recurrent_factors(seed=2)[:, -1] > 1)
    first, second = (recurrent_factors(layer, 2)[:, -1] > 1 for layer in range(2))
    assert_array_equal(first, kept)
    assert_independent(first, second)
    parts = {
        f"layer_0{way}.{name}": value for way in ["", ".reverse"] for name, value in [("v", 1), ("W_h", np.eye(H))]
    }
    both = outputs(parts, (H,), recurrent=P, bidirectional=True).reshape(N, T, 2, H)
    assert_independent(both[:, -1, 0] > 1, both[:, 0, 1] > 1)
    assert_array_equal(both[:, -1, 0] > 1, kept)


@pytest.mark.parametrize("name", ["between", "output"])
def test_other_masks_differ_between_sequences_steps_and_seeds(name):
    def kept(seed):
        mask = masks_between(1, seed=seed) if name == "between" else output_mask(seed=seed) != 0
        return mask.reshape(N, T, H)

    mask = kept(1)
    assert_independent(mask[1::2], mask[::2])
    assert_independent(mask[:, 1::2], mask[:, ::2])
    assert_independent(mask, kept(4321))
    assert_array_equal(mask, kept(1))


def test_masks_of_layers_differ():
    first, second = masks_between(1).reshape(-1, H), masks_between(2).reshape(-1, H)
    assert_rate(second)
    for a, b in [(first, second), (first, output_mask() != 0), (second, output_mask() != 0)]:
        assert_independent(a, b)


def test_both_directions_see_the_same_inputs():
    """Of sequences of one length and of several, each of their time steps."""
    for lengths in [(T,) * N, naive.ragged_lengths(N, longest=T)]:
        kept = masks_between(1, bidirectional=True, lengths=lengths)
        assert_rate(kept[:, 0])
        assert_array_equal(kept[:, 0], kept[:, 1])


def test_inputs_of_the_network_are_never_dropped():
    out = outputs({"layer_0.W_x": np.ones((1, COPIES))}, (COPIES,), between=P)
    assert (out != 0).any(axis=1).all()
    assert not (out != 0).all(axis=1).all()


def test_masks_depend_neither_on_threads_nor_on_the_cut_of_time(monkeypatch):
    lengths = naive.ragged_lengths(N, longest=30)
    sizes, parts = (H, H), {"layer_0.v": 1, "layer_0.W_h": np.eye(H) / 2, "layer_1.W_x": np.eye(H)}
    expected = outputs(parts, sizes, between=P, recurrent=P, lengths=lengths)
    assert_array_equal(outputs(parts, sizes, between=P, recurrent=P, lengths=lengths, n_threads=2), expected)
    monkeypatch.setattr("sklstm.minibatch.SEGMENT_STEPS", 7)
    assert_array_equal(outputs(parts, sizes, between=P, recurrent=P, lengths=lengths), expected)


def test_a_rate_of_zero_drops_nothing():
    network = naive.random_network(1, (5, 4), 2)
    minibatch = Minibatch(network, naive.random_sequences([3, 9, 1], 1), SHIFT, SCALE, 1)
    expected = minibatch.forward(np.arange(3))[1]
    assert_array_equal(minibatch.forward(np.arange(3), {"seed": 3, "between": 0.0, "recurrent": 0.0})[1], expected)
