"""Sequences of token numbers, which an embedding turns into vectors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.preprocessing import SequenceTokenizer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

N, N_TRAIN = 300, 200

# One 0 and one 1 among other tokens; which of them comes first is what the target says.
rng = np.random.default_rng(0)
TOKENS = [rng.permutation([0, 1, *rng.integers(2, 7, size=length)]) for length in rng.integers(1, 8, size=N)]
Y = np.array([np.argmax(x == 0) < np.argmax(x == 1) for x in TOKENS]).astype(int)


def make(Estimator, **parameters):
    defaults = {"hidden_layer_sizes": 4, "embedding_dim": 3, "max_iter": 3, "random_state": 0, "n_jobs": 1}
    return Estimator(**{**defaults, **parameters})


def predictions(model, X):
    return model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)


@ESTIMATORS
def test_the_order_of_tokens_is_learnt(Estimator):
    model = make(Estimator, hidden_layer_sizes=8, embedding_dim=4, max_iter=40).fit(TOKENS[:N_TRAIN], Y[:N_TRAIN])
    assert model.score(TOKENS[N_TRAIN:], Y[N_TRAIN:]) > 0.95
    assert model.vocabulary_size_ == 7
    assert model.n_features_in_ == 1


@ESTIMATORS
def test_only_the_identity_of_a_token_counts(Estimator):
    # With the rows of the embedding renamed along with the tokens, everything is the same: 6 is not more than 5.
    model = make(Estimator).fit(TOKENS, Y)
    other = np.array([3, 6, 0, 1, 5, 2, 4])
    renamed = pickle.loads(pickle.dumps(model))
    renamed._network.part("embedding.W")[other] = model._network.part("embedding.W")[:7]
    renamed._network.fixed = True
    assert_array_equal(predictions(renamed, [other[x] for x in TOKENS]), predictions(model, TOKENS))
    assert len(np.unique(predictions(model, [[token] for token in range(7)]))) >= 7


@ESTIMATORS
def test_unknown_tokens_are_alike(Estimator):
    model = make(Estimator).fit(TOKENS, Y)
    expected = predictions(model, [[0, 7, 1]])
    for unknown in [8, 1000, 2**31, 2**40, 1e15]:
        assert_array_equal(predictions(model, [[0, unknown, 1]]), expected)
    assert not np.array_equal(predictions(model, [[0, 6, 1]]), expected)
    # Later calls to partial_fit add none.
    model.partial_fit([x + 3 for x in TOKENS], Y)
    assert model.vocabulary_size_ == 7
    assert_array_equal(predictions(model, [[0, 7, 1]]), predictions(model, [[0, 9, 1]]))


@ESTIMATORS
def test_gaps_in_the_numbers_are_unknown(Estimator):
    """As is what only sequences without weight have, or those held out."""
    X = [x + 3 for x in TOKENS]
    rare = np.array([0, 1, *range(2, N)])
    X[0], X[1] = np.array([0, 3, 4]), np.array([11, 3, 4])
    model = make(Estimator).fit(X[1:], Y[1:], sample_weight=rare[1:] > 1, X_val=X[:1], y_val=Y[:1])
    assert model.vocabulary_size_ == 12
    expected = predictions(model, [[3, 99, 4]])
    for unseen in [0, 1, 2, 10, 11]:
        assert_array_equal(predictions(model, [[3, unseen, 4]]), expected)
    assert not np.array_equal(predictions(model, [[3, 9, 4]]), expected)


@ESTIMATORS
def test_a_number_too_high_for_a_table(Estimator):
    with pytest.raises(
        ValueError, match=r"numbers below 10000000, without gaps.* sequence 1, time step 2 is 1000000000000000.0"
    ):
        make(Estimator).fit([[0, 1], [1, 0, 1e15]], [0, 1])


FORMS = {
    "int8": lambda x: [part.astype(np.int8) for part in x],
    "float16": lambda x: [part.astype(np.float16) for part in x],
    "columns": lambda x: [part[:, np.newaxis] for part in x],
    "lists": lambda x: [part.tolist() for part in x],
    "Sequences": as_sequences,
    "padded": lambda x: np.array([[*part, *[np.nan] * (9 - len(part))] for part in x])[:, :, np.newaxis],
}


@ESTIMATORS
@pytest.mark.parametrize("form", FORMS)
def test_forms(Estimator, form):
    X_in = FORMS[form](TOKENS)
    model = make(Estimator).fit(X_in, Y)
    assert_array_equal(predictions(model, X_in), predictions(make(Estimator).fit(TOKENS, Y), TOKENS))
    assert_array_equal(predictions(clone(model).set_params(n_jobs=2).fit(X_in, Y), X_in), predictions(model, TOKENS))


@ESTIMATORS
def test_tables_of_tokens(Estimator):
    table = np.random.default_rng(1).integers(0, 5, size=(N, 6))
    y = table[:, 2] > 1
    expected = predictions(make(Estimator).fit(list(table), y), list(table))
    for X_in in [table, table.astype(np.uint8), np.asfortranarray(table), table.tolist(), pd.DataFrame(table)]:
        model = make(Estimator).fit(X_in, y)
        assert_array_equal(predictions(model, X_in), expected)
        assert model.n_features_in_ == 6


@ESTIMATORS
@pytest.mark.parametrize(
    "parameters",
    [
        {"bidirectional": True, "pooling": "max"},
        {"cell": "gru", "pooling": "attention", "dropout": 0.2},
        {"hidden_layer_sizes": (4, 3), "recurrent_dropout": 0.2},
        {"solver": "lbfgs"},
    ],
    ids=str,
)
def test_with_other_architectures(Estimator, parameters):
    model = make(Estimator, **parameters).fit(TOKENS, Y)
    expected = predictions(model, TOKENS)
    assert_array_equal(predictions(model, TOKENS[3:4])[0], expected[3])
    assert_array_equal(predictions(pickle.loads(pickle.dumps(model)), TOKENS), expected)
    assert_array_equal(predictions(make(Estimator, **parameters, n_jobs=2).fit(TOKENS, Y), TOKENS), expected)


def test_a_label_a_token():
    # Which token came before: nothing but memory tells.
    y = [np.array([0, *part[:-1]]) == 1 for part in TOKENS]
    model = make(LSTMClassifier, hidden_layer_sizes=8, max_iter=40, return_sequences=True)
    model.fit(TOKENS[:N_TRAIN], y[:N_TRAIN])
    assert model.score(TOKENS[N_TRAIN:], y[N_TRAIN:]) > 0.98


def test_tokens_are_not_standardised():
    model = make(LSTMClassifier).fit(TOKENS, Y)
    assert_array_equal([model._shift, model._scale], [[0], [1]])
    assert_array_equal(
        make(LSTMClassifier, standardize=False).fit(TOKENS, Y).predict_proba(TOKENS), model.predict_proba(TOKENS)
    )


def test_a_pipeline_of_texts():
    # The same words in every text: only their order tells.
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    texts = np.array([["the cat bit the dog", "the dog bit the cat"][label] for label in y], dtype=object)
    model = make_pipeline(
        SequenceTokenizer(), LSTMClassifier(8, max_iter=20, random_state=0, n_jobs=1, embedding_dim=2)
    )
    grid = {"lstmclassifier__embedding_dim": [2, 8], "sequencetokenizer__max_length": [1, None]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(texts, y)
    assert search.best_score_ == 1
    assert search.best_params_["sequencetokenizer__max_length"] is None
    assert search.cv_results_["mean_test_score"][[0, 2]].max() < 0.7
    assert_array_equal(search.predict(["the dog bit the cat", "a cat bit that dog"]), [1, 0])
    assert search.best_estimator_[-1].vocabulary_size_ == search.best_estimator_[0].n_tokens_


WRONG = {
    "negative": ([0, -1], ["whole numbers from 0", "sequence 1, time step 1 is -1.0"]),
    "fractional": ([0, 1, 0.5], ["whole numbers from 0", "sequence 1, time step 2 is 0.5"]),
    "NaN": ([0, np.nan], ["NaN", "sequence 1, time step 1"]),
    "infinity": ([0, np.inf], ["infinity", "sequence 1, time step 1"]),
    "text": (["a", "b"], ["equence 1 of X", "real numbers"]),
    "empty": ([], ["Sequence 1", "no time steps"]),
    "two features": (np.zeros((3, 2)), ["Sequence 1 of X has 2 features"]),
}


@ESTIMATORS
@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_token(Estimator, case):
    sequence, words = WRONG[case]
    X_in = [TOKENS[0], np.array(sequence), *TOKENS[2:]]
    model = make(Estimator).fit(TOKENS, Y)
    for call in [
        lambda: model.fit(X_in, Y),
        lambda: model.predict(X_in),
        lambda: model.partial_fit(X_in, Y),
        lambda: model.fit(TOKENS, Y, X_val=X_in, y_val=Y),
    ]:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words follow
            call()
        for word in words:
            assert word in str(caught.value)


@ESTIMATORS
def test_several_features_are_no_tokens(Estimator):
    with pytest.raises(ValueError, match=r"With embedding_dim, X holds sequences of tokens.*2 features"):
        make(Estimator).fit(np.zeros((N, 3, 2)), Y)
    with pytest.raises(ValueError, match="embedding_dim cannot change"):
        make(Estimator, warm_start=True).fit(TOKENS, Y).set_params(embedding_dim=5).fit(TOKENS, Y)
    assert_allclose(make(Estimator).fit([[0], [1]], [0, 1]).predict([[0]]).shape, 1)
