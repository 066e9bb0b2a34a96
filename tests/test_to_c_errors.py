"""Models and names that no header is written for, and what becomes of the file."""

import pytest
from c_models import ONE_TARGET, X, fitted, regressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import to_c
from sklstm.export import _c_cells
from sklstm.preprocessing import SequenceImputer, SequenceScaler, TimeFeatures

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")


def test_a_search_gives_its_best_model(tmp_path):
    search = GridSearchCV(regressor(), {"cell": ["gru", "rnn"]}, cv=2).fit(X, ONE_TARGET)
    to_c(search, tmp_path / "model.h")
    to_c(search.best_estimator_, tmp_path / "best.h", name="model")
    assert (tmp_path / "model.h").read_text() == (tmp_path / "best.h").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2nd", "name must be an ASCII letter"),
        ("a-b", "got 'a-b'"),
        ("", "got ''"),
        ("größe", "got 'größe'"),
        ("_a", "got '_a'"),
        ("a__b", "got 'a__b'"),
        ("a\n", "got 'a"),
        (None, "the file's name, .* got 'my-model'"),
    ],
)
def test_names_that_c_would_not_take(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        to_c(fitted(regressor(), X, ONE_TARGET), tmp_path / "my-model.h", name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (regressor(bidirectional=True), "bidirectional=True: it reads sequences from their end"),
        (make_pipeline(SequenceScaler("quantile"), regressor()), 'step SequenceScaler .* method="quantile" has no C'),
        (
            make_pipeline(SequenceImputer("linear"), regressor()),
            'SequenceImputer before the model with strategy="linear" needs',
        ),
        (make_pipeline(TimeFeatures(), regressor()), "The step TimeFeatures before the model has no C source"),
    ],
)
def test_models_that_cannot_be_written(tmp_path, model, message):
    with pytest.raises(ValueError, match=message):
        to_c(model.fit(X, ONE_TARGET), tmp_path / "model.h")


def test_what_is_not_a_fitted_model(tmp_path):
    with pytest.raises(NotFittedError):
        to_c(regressor(), tmp_path / "model.h")
    with pytest.raises(ValueError, match="an LSTMRegressor or an LSTMClassifier"):
        to_c(SequenceScaler().fit(X), tmp_path / "model.h")


def test_a_cell_without_c_source_is_an_error_that_says_which_have_one(tmp_path, monkeypatch):
    monkeypatch.delitem(_c_cells.CELLS, "gru")
    with pytest.raises(ValueError, match='no C source for cell="gru", only for lstm, peephole, rnn'):
        to_c(fitted(regressor(cell="gru"), X, ONE_TARGET), tmp_path / "model.h")


def test_a_file_stays_as_it_was_where_writing_fails(tmp_path, monkeypatch):
    model, path = fitted(regressor(), X, ONE_TARGET), tmp_path / "model.h"
    path.write_text("before")
    monkeypatch.setattr("os.fsync", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        to_c(model, path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
