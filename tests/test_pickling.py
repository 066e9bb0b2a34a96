"""Pickle, joblib and skops: models come back whole, from memory maps and on other instruction sets, too."""

import pickle

import joblib
import numpy as np
import pytest
import skops.io
from checks import assert_same_bits, run_python, slow_to_converge
from numpy.testing import assert_allclose
from store_models import CUBE, INPUTS, MODELS, NUMBERS, WORDS, fitted, predictions

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._core import kernels

pytestmark = slow_to_converge

NETWORK = "sklstm.network.Network"


@pytest.mark.parametrize("name", MODELS)
def test_pickle_and_skops(name):
    model, X = fitted(name), INPUTS[MODELS[name][1]]
    stored = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=stored)
    assert all(each.startswith("sklstm.") for each in types)
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException):
        skops.io.loads(stored)
    for loaded in [skops.io.loads(stored, trusted=types), pickle.loads(pickle.dumps(model))]:
        assert_same_bits(predictions(loaded, X), predictions(model, X))


def test_skops_needs_few_types():
    types = skops.io.get_untrusted_types(data=skops.io.dumps(fitted("gru")))
    assert types == ["sklstm.losses.AbsoluteError", NETWORK, "sklstm.regressor.LSTMRegressor"]
    model = fitted("lstm")
    types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    optimizer = "sklstm.optimizers.Adam"
    assert types == ["sklstm.losses.SquaredError", NETWORK, optimizer, "sklstm.regressor.LSTMRegressor"]
    loaded = skops.io.loads(skops.io.dumps(model), trusted=types).partial_fit(CUBE, NUMBERS)
    assert_same_bits(loaded.predict(CUBE), model.partial_fit(CUBE, NUMBERS).predict(CUBE))


@pytest.mark.parametrize("Estimator", [LSTMRegressor, LSTMClassifier])
def test_a_memory_map_stays_as_it_is_whatever_is_trained_from_it(Estimator, tmp_path):
    y = NUMBERS if Estimator is LSTMRegressor else WORDS
    model = Estimator(4, max_iter=2, random_state=0, warm_start=True).fit(CUBE, y).partial_fit(CUBE, y)
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    content = path.read_bytes()
    for train in ["partial_fit", "fit"]:
        mapped, other = joblib.load(path, mmap_mode="r"), joblib.load(path)
        weights = mapped._network.parameters
        assert isinstance(weights, np.memmap)
        assert not weights.flags.writeable
        assert_same_bits(predictions(mapped, CUBE), predictions(model, CUBE))
        for each in [mapped, other]:
            getattr(each, train)(CUBE, y)
        assert_same_bits(predictions(mapped, CUBE), predictions(other, CUBE))
        assert mapped._network.parameters.flags.writeable
    assert path.read_bytes() == content


FRESH = """
import numpy as np, joblib, sklstm
from sklstm._core import kernels
X = np.load("X.npy")
models = [sklstm.load("model.sklstm"), joblib.load("model.joblib"), joblib.load("model.joblib", mmap_mode="r")]
np.save("predicted.npy", [model.predict_proba(X) for model in models])
print(kernels.INSTRUCTION_SET)
"""


@pytest.mark.parametrize("instruction_set", kernels.INSTRUCTION_SETS)
def test_another_process_on_any_instruction_set_predicts_the_same(instruction_set, tmp_path):
    model = fitted("attention")
    model.save(tmp_path / "model.sklstm")
    joblib.dump(model, tmp_path / "model.joblib")
    np.save(tmp_path / "X.npy", CUBE)
    code = f"import os; os.chdir({str(tmp_path)!r})\n{FRESH}"
    assert run_python(code, SKLSTM_INSTRUCTION_SET=instruction_set) == instruction_set
    predicted, expected = np.load(tmp_path / "predicted.npy"), predictions(model, CUBE)
    for each in predicted:
        assert_same_bits(each, predicted[0])
    assert_allclose(predicted[0], expected, rtol=1e-6)
    if instruction_set == kernels.INSTRUCTION_SET:
        assert_same_bits(predicted[0], expected)


def test_files_are_about_as_large_as_the_weights():
    model = LSTMRegressor(64, max_iter=1, random_state=0).fit(CUBE, NUMBERS)
    assert len(pickle.dumps(model)) < model._network.parameters.nbytes + 3000
