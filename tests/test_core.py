"""The forward pass, transcendental functions and the layout of parameters, against NumPy."""

import naive
import numpy as np
import pytest
from checks import in_table_order
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import Sequences
from sklstm._core import kernels
from sklstm.layout import CELLS, Architecture
from sklstm.minibatch import Minibatch
from sklstm.network import Network
from sklstm.threads import single_threaded_blas

TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
SHIFT, SCALE = np.array([0.3, -1.0, 0.1]), np.array([0.5, 2.0, 1.5])


def forward(network, sequences, shift=SHIFT, scale=SCALE, rows=None, n_threads=2):
    """Minibatch.forward, put back into the order of `rows`; if there is an output at each step, of all rows."""
    minibatch = Minibatch(network, sequences, shift, scale, n_threads)
    rows = np.arange(len(sequences)) if rows is None else rows
    order, out = minibatch.forward(rows)
    assert_array_equal(np.sort(order), np.sort(rows))
    assert (np.diff(sequences.lengths[order]) <= 0).all()
    if network.architecture.return_sequences:
        return in_table_order(minibatch, out)
    result = np.empty_like(out)
    result[np.argsort(rows)] = out[np.argsort(order)]
    return result


def assert_equals_twin(network, sequences, shift=SHIFT, scale=SCALE):
    with single_threaded_blas():  # NumPy's own threads only get in the way of products this small
        expected = naive.outputs(network, sequences, shift, scale)
    tolerance = TOLERANCES[network.dtype.name]
    for out in [forward(network, sequences, shift, scale), network.predict(sequences, shift, scale, 2)]:
        assert out.dtype == network.dtype
        assert_allclose(out, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


# ---------------------------------------------------------------------------------------------- forward


def test_every_cell_has_a_twin():
    assert set(naive.CELLS) == set(CELLS)


# Widths around the vector widths (4 to 16 numbers), stacks that widen and narrow, and 256 units.
@pytest.mark.parametrize(
    "sizes",
    [(H,) for H in [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 65, 70]]
    + [(5, 3), (3, 9), (1, 17, 2), (33, 70, 8), (256,), (4, 260)],
    ids=str,
)
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS)
def test_forward_equals_twin(cell, dtype, sizes):
    network = naive.random_network(3, sizes, 2, dtype, cell)
    assert_equals_twin(network, naive.random_sequences(naive.ragged_lengths(11), 3))


@pytest.mark.parametrize(
    "lengths",
    [
        [1],
        [9],
        [1] * 5,
        [4] * 8,
        [4] * 9,
        [1, 2, 3, 4, 5, 6, 7, 8],
        [8, 7, 6, 5, 4, 3, 2, 1],
        [1, 30, 1],
        naive.ragged_lengths(16),
        naive.ragged_lengths(32),
        naive.ragged_lengths(33),
        naive.ragged_lengths(70),
    ],
    ids=lambda lengths: f"{len(lengths)}_up_to_{max(lengths)}",
)
@pytest.mark.parametrize("cell", CELLS)
def test_batches_equal_twin(cell, lengths):
    """One sequence, one step, blocks that are just full and just not."""
    assert_equals_twin(naive.random_network(3, (6, 5), 2, cell=cell), naive.random_sequences(lengths, 3))


@pytest.mark.parametrize("n_outputs", [1, 2, 17])
@pytest.mark.parametrize("n_features", [1, 2, 40])
def test_sizes_of_input_and_output(n_features, n_outputs):
    network = naive.random_network(n_features, (9,), n_outputs)
    sequences = naive.random_sequences(naive.ragged_lengths(9), n_features)
    assert_equals_twin(network, sequences, np.zeros(n_features), np.ones(n_features))


@pytest.mark.parametrize("values_dtype", ["float32", "float64"])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_type_of_values_and_of_computing_are_independent(dtype, values_dtype):
    network = naive.random_network(3, (10,), 2, dtype)
    assert_equals_twin(network, naive.random_sequences(naive.ragged_lengths(9), 3, values_dtype))


def test_rows_of_a_minibatch_are_chosen_and_ordered():
    """Any rows in any order, of a part of a longer table of values."""
    network = naive.random_network(3, (6,), 2)
    sequences = naive.random_sequences(naive.ragged_lengths(20), 3)[4:]
    rows = np.array([11, 3, 7, 0, 15, 8, 2, 14, 6])
    expected = naive.outputs(network, sequences, SHIFT, SCALE)
    assert_allclose(forward(network, sequences, rows=rows), expected[rows], rtol=1e-12)
    assert_allclose(network.predict(sequences, SHIFT, SCALE, 1), expected, rtol=1e-12)


def test_equal_lengths_keep_their_order():
    network = naive.random_network(3, (6,), 2)
    minibatch = Minibatch(network, naive.random_sequences([2, 3, 2, 3, 2], 3), SHIFT, SCALE, 1)
    assert_array_equal(minibatch.forward(np.array([4, 3, 2, 1, 0]))[0], [3, 1, 4, 2, 0])


def test_standardised_in_double():
    """A mean that is large beside the standard deviation costs no digits, though the network computes in single."""
    network = naive.random_network(3, (8,), 1, "float32")
    sequences = naive.random_sequences(naive.ragged_lengths(9), 3)
    sequences = Sequences(sequences.values * 1e-3 + 1e6, sequences.offsets)
    assert_equals_twin(network, sequences, np.full(3, 1e6), np.full(3, 1e3))


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_far_inputs_saturate(dtype):
    """Inputs that would overflow are clipped, and the outputs stay finite."""
    network = naive.random_network(3, (8,), 1, dtype)
    values = np.array([[1e300, -1e300, 1e10], [1, 2, 3], [-1e12, 3e38, -1e8]])
    with np.errstate(over="ignore"):
        assert_equals_twin(network, Sequences(values, [0, 2, 3]))


def test_long_sequence_forgets_nothing_between_steps():
    """500 steps: states pass from each step to the next in either of predict's two buffers."""
    assert_equals_twin(naive.random_network(3, (5, 4), 2), naive.random_sequences([500, 499, 3], 3))


def test_workspace_is_reused_without_a_trace():
    """The same outputs from memory full of NaN, of a larger minibatch, and of one with as many steps elsewhere."""
    network = naive.random_network(3, (6, 5), 2)
    sequences = naive.random_sequences([5, 1, 3, 3, 9, 9, 9, 2, 4, 6, 6, 7], 3)
    minibatch = Minibatch(network, sequences, SHIFT, SCALE, 1)
    rows = np.array([0, 1])  # lengths 5, 1; after 3, 3
    expected = forward(network, sequences, rows=rows)
    minibatch.forward(np.arange(12))
    minibatch.backward(np.ones((12, 2)))
    minibatch.forward(np.array([2, 3]))
    minibatch.backward(np.ones((2, 2)))
    assert_array_equal(minibatch.forward(rows)[1], expected)
    for memory in [minibatch._work, minibatch._state, minibatch._packed, minibatch._scratch]:
        memory.fill(np.nan)
    assert_array_equal(minibatch.forward(rows)[1], expected)


# ---------------------------------------------------------------------------------------------- transcendentals


def all_magnitudes(dtype):
    """Numbers of every exponent and both signs: bit patterns at a prime stride (float), at random (double)."""
    if dtype == np.float32:
        x = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(dtype)
    else:
        x = np.random.RandomState(0).randint(0, 2**64, 300_000, dtype=np.uint64).view(dtype)
    near = np.random.RandomState(1).uniform(-1, 1, 300_000)
    special = [0.0, -0.0, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny, np.finfo(dtype).max]
    x = np.concatenate([x[np.isfinite(x)], near, 20 * near, 720 * near, special, np.negative(special)])
    return x.astype(dtype)


def in_more_digits(name, x):
    x = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        return np.tanh(x) if name == "tanh" else 1 / (1 + np.exp(-x))


# Measured: 2.53 units in the last place at most, for float over every 16th bit pattern. vmath.h promises 4.
# Below -87 (double: -708) logistic stops at its value there, 1.6e-38 (3e-308), as exp would overflow: 0 for a gate.
@pytest.mark.parametrize("name", ["tanh", "logistic"])
@pytest.mark.parametrize(
    ("dtype", "absolute", "exp_limit"), [(np.float32, 2.4e-7, 87), (np.float64, 4.5e-16, 708)], ids=["float", "double"]
)
def test_error_bounds(name, dtype, absolute, exp_limit):
    if dtype == np.float64 and np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        pytest.skip("long double has no more digits than double here")
    x = all_magnitudes(dtype)
    y = np.empty_like(x)
    getattr(kernels, name)(x, y)
    exact = in_more_digits(name, x)
    error = np.abs(y - exact)
    assert error.max() <= absolute
    near = x >= -exp_limit if name == "logistic" else np.full(len(x), True)
    unit = np.spacing(np.abs(exact[near]).astype(dtype)).astype(exact.dtype)
    assert (error[near] / unit).max() <= 4
    assert (error[~near] <= 2 * np.finfo(dtype).tiny).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 3, 4, 7, 16, 37])
def test_nan_and_infinity_in_any_lane(dtype, n):
    """A NaN stays one and touches no neighbour, wherever it meets a vector or the loop's remainder."""
    for at in range(n):
        x = np.linspace(-3, 3, n).astype(dtype)
        clean = {name: np.empty_like(x) for name in ["tanh", "logistic"]}
        for name, y in clean.items():
            getattr(kernels, name)(x, y)
        for value, limits in [(np.nan, (np.nan, np.nan)), (np.inf, (1, 1)), (-np.inf, (-1, 0))]:
            x[at] = value
            for (name, expected), limit in zip(clean.items(), limits, strict=True):
                y = np.empty_like(x)
                getattr(kernels, name)(x, y)
                assert_allclose(y[at], limit, rtol=0, atol=2 * np.finfo(dtype).tiny)
                assert_array_equal(np.delete(y, at), np.delete(expected, at))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_near_zero_is_the_identity(dtype):
    x = np.array([np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny / 8, np.finfo(dtype).tiny, 1e-20], dtype)
    y = np.empty_like(x)
    for sign in [1, -1]:
        kernels.tanh(sign * x, y)
        assert_array_equal(y, sign * x)


# ---------------------------------------------------------------------------------------------- layout


@pytest.mark.parametrize("sizes", [(1,), (7,), (5, 3), (3, 9, 4)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_parts_cover_the_parameters_once(cell, sizes):
    network = Network(Architecture(6, sizes, 2, cell, "float32"))
    covered = np.zeros(len(network.parameters), dtype=int)
    for name, (where, shape) in network.parts.items():
        covered[where] += 1
        part = network.part(name)
        assert part.shape == shape
        assert np.shares_memory(part, network.parameters)
        is_weight = name.endswith(("W", "W_x", "W_h"))
        assert where.stop <= network.n_weights if is_weight else where.start >= network.n_weights
    assert_array_equal(covered, 1)
    n_gates, n_vectors = CELLS[cell]["n_gates"], len(CELLS[cell]["initial"])
    expected = {"output.W": (sizes[-1], 2), "output.b": (2,)}
    for k, (F, H) in enumerate(zip([6, *sizes], sizes, strict=False)):
        expected[f"layer_{k}.W_x"], expected[f"layer_{k}.W_h"] = (F, n_gates * H), (H, n_gates * H)
        expected[f"layer_{k}.v"] = (n_vectors * H,)
    assert {name: shape for name, (_, shape) in network.parts.items()} == expected


@pytest.mark.parametrize("sizes", [(1,), (40,), (30, 50)], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS)
def test_initial_parameters(cell, dtype, sizes):
    network = Network(Architecture(6, sizes, 3, cell, dtype))
    network.parameters[:] = np.nan
    network.initialize(np.random.RandomState(0))
    assert np.isfinite(network.parameters).all()
    assert_array_equal(network.part("output.b"), 0)
    assert_glorot(network.part("output.W"), sizes[-1], 3)
    for k, (F, H) in enumerate(zip([6, *sizes], sizes, strict=False)):
        assert_glorot(network.part(f"layer_{k}.W_x"), F, H)
        gates = np.split(network.part(f"layer_{k}.W_h").astype(np.float64), CELLS[cell]["n_gates"], axis=1)
        for gate in gates:
            assert_allclose(gate @ gate.T, np.eye(H), atol=1e-13 if dtype == "float64" else 1e-6)
        if H > 1 and len(gates) > 1:
            assert not np.allclose(gates[0], gates[1])
        assert_array_equal(network.part(f"layer_{k}.v"), np.repeat(CELLS[cell]["initial"], H))


def assert_glorot(W, n_in, n_out):
    """Within the bounds, and spread over them: of 200 numbers and more, some are near either bound."""
    bound = np.sqrt(6 / (n_in + n_out))
    assert np.abs(W).max() <= bound * (1 + 1e-6)
    if W.size >= 200:
        assert min(W.max(), -W.min()) > 0.9 * bound
        assert abs(W.mean()) < 0.2 * bound


def test_forget_gate_starts_open():
    network = Network(Architecture(2, (3,), 1))
    network.initialize(np.random.RandomState(0))
    assert_array_equal(network.part("layer_0.v"), [0] * 3 + [1] * 3 + [0] * 6)  # i, f, g, o


def test_initial_parameters_follow_the_seed():
    networks = [naive.random_network(3, (4, 5), 2, seed=seed) for seed in [0, 0, 1]]
    assert_array_equal(networks[0].parameters, networks[1].parameters)
    assert not np.array_equal(networks[0].parameters, networks[2].parameters)
