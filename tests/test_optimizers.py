"""Optimizers, clipping and the penalty over flat buffers of parameters, against NumPy."""

import numpy as np
import pytest
from checks import assert_same_bits
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._core import optimizers as core
from sklstm.optimizers import SGD, Adam, RMSprop

TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
# Less than a vector, and a remainder of one; and several of the chunks of 4096 that threads take, the last one short.
SIZES = pytest.mark.parametrize("size", [5, 37, 4096, 4097, 20_003])


def steps(optimizer, dtype, size=37, n_threads=1, n_steps=10):
    """Parameters before and after some steps with given gradients, and the gradients."""
    rng = np.random.RandomState(0)
    parameters = rng.normal(size=size).astype(dtype)
    gradients = rng.normal(size=(n_steps, size)).astype(dtype)
    gradients[:, 3] = 0  # no step, and no 0 / 0
    optimizer = optimizer(parameters)
    before = parameters.astype(np.float64)
    for gradient in gradients:
        optimizer.step(parameters, gradient, n_threads)
    return before, parameters, gradients.astype(np.float64)


@SIZES
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("beta_1", "beta_2", "epsilon"), [(0.9, 0.999, 1e-8), (0.0, 0.5, 0.1), (0.5, 0.0, 1e-8)])
def test_adam_equals_twin(beta_1, beta_2, epsilon, dtype, size):
    before, after, gradients = steps(lambda p: Adam(p, 0.01, beta_1, beta_2, epsilon), dtype, size, 2)
    expected, m, v, size_of_sums = before.copy(), 0, 0, 1 + np.abs(before)
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        change = 0.01 * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        expected -= change
        size_of_sums += np.abs(change)  # where beta_2 is 0, a gradient near zero makes for a step of hundreds
    assert after[3] == before[3]
    assert (np.abs(after - expected) <= 0.1 * TOLERANCES[dtype] * size_of_sums).all()


@SIZES
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_adamw_equals_twin(dtype, size):
    n_decayed = 2 * size // 3  # of several chunks, in the midst of one
    before, after, gradients = steps(lambda p: Adam(p, 0.01, 0.9, 0.999, 1e-8, 0.5, n_decayed), dtype, size, 2)
    expected, m, v = before.copy(), 0, 0
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        expected[:n_decayed] *= 1 - 0.01 * 0.5
        expected -= 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert_allclose(after, expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


@SIZES
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_rmsprop_equals_twin(dtype, size):
    before, after, gradients = steps(lambda p: RMSprop(p, 0.01, 1e-3), dtype, size, 2)
    expected, square = before.copy(), 0
    for g in gradients:
        square = 0.9 * square + 0.1 * g**2
        expected -= 0.01 * g / (np.sqrt(square) + 1e-3)
    assert after[3] == before[3]
    assert_allclose(after, expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


@SIZES
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_equals_twin(momentum, nesterov, dtype, size):
    before, after, gradients = steps(lambda p: SGD(p, 0.05, momentum, nesterov), dtype, size, 2)
    expected, velocity = before.copy(), 0
    for g in gradients:
        velocity = momentum * velocity - 0.05 * g
        # Nesterov's step looks ahead: it goes on by the velocity that it has just gained.
        expected += momentum * velocity - 0.05 * g if nesterov else velocity
    assert_allclose(after, expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


OPTIMIZERS = {
    "adam": lambda p: Adam(p, 0.1, 0.9, 0.999, 1e-8),
    "adamw": lambda p: Adam(p, 0.1, 0.9, 0.999, 1e-8, 0.5, len(p) // 2),
    "rmsprop": lambda p: RMSprop(p, 0.1, 1e-8),
    "sgd": lambda p: SGD(p, 0.1, 0.9, False),
    "nesterov": lambda p: SGD(p, 0.1, 0.9, True),
}


@SIZES
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_do_not_depend_on_threads(make, dtype, size):
    _, expected, _ = steps(make, dtype, size, n_threads=1)
    for n_threads in [2, 3, 2]:
        assert_same_bits(steps(make, dtype, size, n_threads)[1], expected, f"on {n_threads} threads")


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_forgetful_optimizer_starts_afresh(make):
    gradients = np.random.RandomState(0).normal(size=(3, 5))
    used, fresh = np.zeros(5), np.zeros(5)
    optimizer = make(used)
    for gradient in gradients:
        optimizer.step(used, gradient, 1)
    optimizer.forget()
    used[:] = 0
    optimizer.step(used, gradients[0], 1)
    make(fresh).step(fresh, gradients[0], 1)
    assert_array_equal(used, fresh)


@SIZES
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e3])
def test_clip(max_norm, dtype, size):
    before = np.random.RandomState(0).normal(size=size).astype(dtype)
    norm = np.linalg.norm(before.astype(np.float64))
    expected = before * max_norm / norm if norm > max_norm else before
    results = []
    for n_threads in [1, 2, 3]:
        gradient = before.copy()
        results.append((core.clip(gradient, max_norm, n_threads), gradient))
        assert results[-1][0] == results[0][0]
        assert_same_bits(gradient, results[0][1], f"on {n_threads} threads")
    assert_allclose(results[0][0], norm, rtol=1e-13)
    if norm <= max_norm:
        assert_same_bits(results[0][1], before)
    else:
        assert_allclose(results[0][1], expected, rtol=1e-6 if dtype == "float32" else 1e-14)


def test_clip_sums_in_double():
    """In single precision the squares would overflow at 2e19, and vanish below 1e-23."""
    for size in [1e25, 1e-25]:
        gradient = np.full(4, size, dtype=np.float32)
        assert_allclose(core.clip(gradient, size, 1), 2 * size, rtol=1e-6)
        assert_allclose(gradient, size / 2, rtol=1e-6)
    gradient = np.zeros(4)
    assert core.clip(gradient, 1.0, 1) == 0
    assert_array_equal(gradient, 0)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.3), (0.2, 0.0), (0.2, 0.3)])
def test_penalty_is_on_weights_alone(l1, l2, dtype):
    rng = np.random.RandomState(0)
    parameters, gradient = rng.normal(size=(2, 30)).astype(dtype)
    parameters[4] = 0
    before = gradient.copy()
    value = core.add_penalty(parameters, gradient, 20, l1, l2)
    weights = parameters[:20].astype(np.float64)
    assert_allclose(value, l1 * np.abs(weights).sum() + l2 / 2 * np.sum(weights**2), rtol=1e-13)
    expected = before[:20] + l1 * np.sign(weights) + l2 * weights
    assert_allclose(gradient[:20], expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])
    assert gradient[4] == before[4]
    assert_array_equal(gradient[20:], before[20:])


def test_derivative_of_the_penalty():
    rng = np.random.RandomState(0)
    parameters, gradient = rng.normal(size=10), np.zeros(10)
    core.add_penalty(parameters, gradient, 10, 0.2, 0.3)
    for k in range(10):
        values = []
        for step in [1e-6, -1e-6]:
            moved = parameters.copy()
            moved[k] += step
            values.append(core.add_penalty(moved, np.zeros(10), 10, 0.2, 0.3))
        assert_allclose(gradient[k], (values[0] - values[1]) / 2e-6, rtol=1e-7)
