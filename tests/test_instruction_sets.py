"""Every instruction set that the machine has: each in a process of its own, because it is chosen at import."""

import os

import naive
import numpy as np
import pytest
import test_core
import test_gradients
import test_memory
import test_optimizers
import test_products
from checks import check_company, run_python, slow_to_converge
from numpy.testing import assert_allclose

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._core import kernels
from sklstm.minibatch import Minibatch

VARIABLE = "SKLSTM_INSTRUCTION_SET"
TOLERANCES = {"float64": 1e-11, "float32": 5e-5}
SHIFT, SCALE = test_core.SHIFT, test_core.SCALE


# ---------------------------------------------------------------------------------------------- in each process


def check_all():
    """The tests' own checks, of which each instruction set could fail any."""
    check_functions()
    check_predictions()
    check_gradients()
    check_optimizers()
    check_training()
    test_memory.test_the_same_bits_in_any_memory("lstm", (40, 17), "float32")


def check_functions():
    for dtype, absolute, exp_limit in [(np.float32, 2.4e-7, 87), (np.float64, 4.5e-16, 708)]:
        long_double_is_longer = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps
        for name in ["tanh", "logistic"]:
            if dtype == np.float32 or long_double_is_longer:
                test_core.test_error_bounds(name, dtype, absolute, exp_limit)
        for n in [1, 3, 4, 7, 16, 37]:
            test_core.test_nan_and_infinity_in_any_lane(dtype, n)
        test_core.test_tanh_near_zero_is_the_identity(dtype)


def check_predictions():
    for dtype in TOLERANCES:
        for n_units in test_products.UNITS:
            test_products.test_any_size_equals_the_twin(n_units, dtype)
        for n_features, sizes in [(1, (1,)), (5, (17,)), (9, (65,)), (40, (7, 33, 5)), (3, (257,))]:
            network = naive.random_network(n_features, sizes, 2, dtype)
            sequences = naive.random_sequences(
                naive.ragged_lengths(40, longest=18 if sizes != (257,) else 4), n_features
            )
            check_company(network, sequences, *test_products.standardisation(n_features))


def check_gradients():
    for sizes, lengths in [((5, 4), naive.ragged_lengths(11)), ((1,), [4] * 9), ((9,), [7, 7, 2, 2, 7, 1])]:
        test_gradients.Problem(sizes, lengths).check()
    for sizes in [(19,), (33, 17), (63,)]:
        test_gradients.Problem(sizes, naive.ragged_lengths(11)).check(at_most=30)
    for case in test_gradients.LONG_SUMS:
        test_gradients.test_gradients_of_long_sums("lstm", case)
    for case in test_gradients.SHAPES:
        test_gradients.test_gradients_of_float32_equal_those_of_float64("lstm", case)


def check_optimizers():
    for dtype in TOLERANCES:
        for size in [5, 37, 20_003]:
            test_optimizers.test_adam_equals_twin(0.9, 0.999, 1e-8, dtype, size)
            for nesterov in [False, True]:
                test_optimizers.test_sgd_equals_twin(0.9, nesterov, dtype, size)
            test_optimizers.test_adamw_equals_twin(dtype, size)
            test_optimizers.test_rmsprop_equals_twin(dtype, size)
            test_optimizers.test_clip(1.0, dtype, size)
            for make in test_optimizers.OPTIMIZERS.values():
                test_optimizers.test_steps_do_not_depend_on_threads(make, dtype, size)


def fitted(Estimator, dtype):
    """A short fit to a sum over ragged sequences."""
    sequences = naive.random_sequences(naive.ragged_lengths(80, longest=70), 3)
    y = np.array([x[-3:, 0].sum() for x in sequences])
    y = y if Estimator is LSTMRegressor else y > 0
    return sequences, Estimator(
        (17, 9), skip_connection=False, max_iter=5, batch_size=20, dtype=dtype, random_state=0, n_jobs=2
    ).fit(sequences, y)


def check_training():
    for dtype in TOLERANCES:
        for Estimator in [LSTMRegressor, LSTMClassifier]:
            _, model = fitted(Estimator, dtype)
            assert model.loss_curve_[-1] < 0.95 * model.loss_curve_[0]
            assert np.isfinite(model._network.parameters).all()


def results():
    """Numbers that every instruction set must agree on, by name."""
    found = {}
    for dtype in TOLERANCES:
        for sizes in [(5,), (33, 17), (257,)]:
            network = naive.random_network(3, sizes, 2, dtype)
            sequences = naive.random_sequences(naive.ragged_lengths(45, longest=70), 3)
            minibatch = Minibatch(network, sequences, SHIFT, SCALE, 2, input_gradient=True)
            order, out = minibatch.forward(np.arange(45))
            dout = np.ascontiguousarray(np.random.RandomState(0).normal(size=out.shape)[order], dtype=dtype)
            found[f"{dtype} {sizes} dx"] = minibatch.backward(dout)
            for name in network.parts:
                found[f"{dtype} {sizes} {name}"] = network.part(name, minibatch.gradient)
            found[f"{dtype} {sizes} outputs"] = network.predict(sequences, SHIFT, SCALE, 2)
        for Estimator in [LSTMRegressor, LSTMClassifier]:
            sequences, model = fitted(Estimator, dtype)
            predict = model.predict if Estimator is LSTMRegressor else model.predict_proba
            found[f"{dtype} {Estimator.__name__} loss"] = np.array(model.loss_curve_)
            found[f"{dtype} {Estimator.__name__} predictions"] = predict(sequences)
    return found


def main(path):
    """Check everything, and leave the results in a file."""
    check_all()
    np.savez(path, **results())
    print(kernels.INSTRUCTION_SET)


# ---------------------------------------------------------------------------------------------- tests


@slow_to_converge
@pytest.mark.parametrize("instruction_set", kernels.INSTRUCTION_SETS)
def test_checks_hold_and_results_agree(instruction_set, tmp_path):
    """With those of the set that this process runs on."""
    path = tmp_path / "results.npz"
    code = f"import test_instruction_sets; test_instruction_sets.main({str(path)!r})"
    assert run_python(code, PYTHONWARNINGS="ignore", **{VARIABLE: instruction_set}) == instruction_set
    expected = results()
    with np.load(path) as actual:
        assert set(actual.files) == set(expected)
        for name, right in expected.items():
            tolerance = TOLERANCES[name.split()[0]]
            assert_allclose(actual[name], right, rtol=0, atol=tolerance * np.abs(right).max(), err_msg=name)


def test_the_best_is_the_default():
    names = ["baseline", "avx2", "avx512"]
    assert names[: len(kernels.INSTRUCTION_SETS)] == kernels.INSTRUCTION_SETS  # each machine has those before its best
    code = "from sklstm._core.kernels import INSTRUCTION_SET; print(INSTRUCTION_SET)"
    assert run_python(code, **{VARIABLE: None}) == kernels.INSTRUCTION_SETS[-1]
    assert run_python(code, **{VARIABLE: ""}) == kernels.INSTRUCTION_SETS[-1]
    assert (os.environ.get(VARIABLE) or kernels.INSTRUCTION_SETS[-1]) == kernels.INSTRUCTION_SET


def test_an_unknown_set_is_refused():
    code = "try:\n    import sklstm\nexcept ImportError as error:\n    print(error)"
    message = run_python(code, **{VARIABLE: "no such set"})
    assert f"{VARIABLE}='no such set' is not available" in message
    assert f"take one of {', '.join(kernels.INSTRUCTION_SETS)}, or unset it" in message
