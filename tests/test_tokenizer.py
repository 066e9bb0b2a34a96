"""Texts to token numbers: which tokens there are, in what order, and what becomes of all others."""

import pickle
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_set_params,
    check_valid_tag_types,
)

from sklstm import LSTMClassifier, as_sequences
from sklstm.preprocessing import SequenceTokenizer

TEXTS = ["The cat sat.", "The dog sat on the cat!", "", "A dog isn't a CAT", "?!"]


def numbers(sequences):
    assert all(sequence.dtype == np.int32 and sequence.ndim == 1 for sequence in sequences)
    return [sequence.tolist() for sequence in sequences]


def test_numbers_in_the_order_of_the_text():
    tokenizer = SequenceTokenizer()
    # "cat" and "the" are there three times, "a" twice but in one text only.
    assert numbers(tokenizer.fit_transform(TEXTS)) == [[2, 1, 4], [2, 3, 4, 0, 2, 1], [0], [0, 3, 0, 0, 0, 1], [0]]
    assert tokenizer.vocabulary_ == {"cat": 1, "the": 2, "dog": 3, "sat": 4}
    assert tokenizer.n_tokens_ == 5
    assert numbers(tokenizer.transform(["sat, Sat unseen", "the-dog"])) == [[4, 4, 0], [2, 3]]


def test_fitting_and_transforming_are_the_same_as_both_at_once():
    for parameters in ({}, {"min_df": 1}, {"max_features": 2}, {"analyzer": "char"}, {"max_length": 3}):
        tokenizer, other = SequenceTokenizer(**parameters), SequenceTokenizer(**parameters)
        assert numbers(tokenizer.fit_transform(iter(TEXTS))) == numbers(other.fit(iter(TEXTS)).transform(iter(TEXTS)))
        assert tokenizer.vocabulary_ == other.vocabulary_


FORMS = {
    "tuple": tuple,
    "objects": lambda texts: np.array(texts, dtype=object),
    "strings": np.array,
    "Series": lambda texts: pd.Series(texts, index=range(5, 0, -1)),
    "string Series": lambda texts: pd.Series(texts, dtype="string"),
    "polars": pl.Series,
    "generator": iter,
}


@pytest.mark.parametrize("form", FORMS)
def test_any_iterable_of_texts(form):
    expected = SequenceTokenizer().fit_transform(TEXTS)
    assert numbers(SequenceTokenizer().fit_transform(FORMS[form](TEXTS))) == numbers(expected)


# ---------------------------------------------------------------------------------------------- the vocabulary


@pytest.mark.parametrize(
    ("parameters", "vocabulary"),
    [
        ({"min_df": 1}, ["cat", "the", "a", "dog", "sat", "isn", "on", "t"]),
        ({"min_df": 3}, ["cat"]),
        ({"min_df": 0.4}, ["cat", "the", "dog", "sat"]),
        ({"min_df": 0.41}, ["cat"]),
        ({"min_df": 0.0, "max_features": 3}, ["cat", "the", "a"]),
        ({"max_features": 3}, ["cat", "the", "dog"]),
        ({"max_features": 99}, ["cat", "the", "dog", "sat"]),
        ({"lowercase": False}, ["The", "cat", "dog", "sat"]),
        ({"lowercase": False, "min_df": 1, "max_features": 2}, ["The", "cat"]),
        ({"token_pattern": r"\b[a-z]{3}\b"}, ["cat", "the", "dog", "sat"]),
        ({"tokenizer": str.split}, ["the", "cat", "dog"]),
        ({"tokenizer": lambda text: iter(text.split())}, ["the", "cat", "dog"]),
        ({"preprocessor": str.upper}, ["CAT", "THE", "DOG", "SAT"]),
        ({"analyzer": "char", "max_features": 3}, [" ", "t", "a"]),
        ({"max_length": 2}, ["dog", "the"]),
        ({"max_length": 2, "truncate": "start"}, ["cat"]),
    ],
)
def test_vocabulary(parameters, vocabulary):
    tokenizer = SequenceTokenizer(**parameters).fit(TEXTS)
    assert tokenizer.vocabulary_ == {token: i for i, token in enumerate(vocabulary, start=1)}
    assert tokenizer.n_tokens_ == len(vocabulary) + 1
    assert_array_equal(tokenizer.get_feature_names_out(), ["<unknown>", *vocabulary])


@pytest.mark.parametrize("strip_accents", ["ascii", "unicode", None])
def test_accents(strip_accents):
    vocabulary = SequenceTokenizer(strip_accents=strip_accents).fit(["café crème", "cafe Crème"]).vocabulary_
    assert vocabulary == ({"crème": 1} if strip_accents is None else {"cafe": 1, "creme": 2})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("analyzer", ["word", "char"])
def test_counts_are_those_of_count_vectorizer(analyzer, seed):
    rng = np.random.default_rng(seed)
    words = ["ab", "Ba", "abba", "x", "é", "it's", "A1", "..."]
    texts = [" ".join(rng.choice(words, size=rng.integers(1, 9))) for _ in range(30)]
    tokenizer = SequenceTokenizer(analyzer=analyzer, min_df=12)
    sequences = tokenizer.fit_transform(texts)
    pattern = {"token_pattern": tokenizer.token_pattern} if analyzer == "word" else {}
    vectorizer = CountVectorizer(analyzer=analyzer, min_df=12, **pattern)
    counts = vectorizer.fit_transform(texts).toarray()
    assert tokenizer.vocabulary_.keys() == vectorizer.vocabulary_.keys()
    for token, number in tokenizer.vocabulary_.items():
        expected = counts[:, vectorizer.vocabulary_[token]]
        assert_array_equal([Counter(sequence.tolist())[number] for sequence in sequences], expected)
    totals = np.bincount(np.concatenate(sequences))[1:]
    assert (np.diff(totals) <= 0).all()


@pytest.mark.parametrize(
    ("max_length", "truncate", "expected"),
    [(2, "end", [1, 2]), (2, "start", [2, 1]), (4, "end", [1, 2, 2, 1]), (9, "start", [1, 2, 2, 1])],
)
def test_the_longest_sequence(max_length, truncate, expected):
    tokenizer = SequenceTokenizer(analyzer="char", max_length=max_length, truncate=truncate).fit(["aba", "aba"])
    assert numbers(tokenizer.transform(["abba", "b", ""])) == [expected, [2], [0]]


# ---------------------------------------------------------------------------------------------- back to tokens


def test_tokens_of_numbers():
    tokenizer = SequenceTokenizer()
    texts = tokenizer.inverse_transform(tokenizer.fit_transform(TEXTS))
    assert [text.tolist() for text in texts] == [
        ["the", "cat", "sat"],
        ["the", "dog", "sat", "<unknown>", "the", "cat"],
        ["<unknown>"],
        ["<unknown>", "dog", "<unknown>", "<unknown>", "<unknown>", "cat"],
        ["<unknown>"],
    ]
    assert_array_equal(tokenizer.inverse_transform(np.array([[1, 4], [0, 3]])), [["cat", "sat"], ["<unknown>", "dog"]])


@pytest.mark.parametrize("sequence", [[0, 5], [-1], [1.0], [[1], [2, 3]]])
def test_numbers_of_no_token(sequence):
    tokenizer = SequenceTokenizer().fit(TEXTS)
    with pytest.raises(ValueError, match="Sequence 1 of X must hold whole numbers from 0 to 4"):
        tokenizer.inverse_transform([[0], sequence])


@pytest.mark.parametrize("X", [3, "text", np.array(3), {1: 2}])
def test_no_list_of_numbers(X):
    tokenizer = SequenceTokenizer().fit(TEXTS)
    with pytest.raises(ValueError, match="X must be a list of sequences of numbers, as transform returns them, got"):
        tokenizer.inverse_transform(X)


@pytest.mark.parametrize("pattern", ["(", "[", r"\w{99999999999}", None, "(" * 5000])
def test_patterns_that_are_none(pattern):
    with pytest.raises(ValueError, match="token_pattern must be a regular expression, got "):
        SequenceTokenizer(token_pattern=pattern).fit(TEXTS)


# ---------------------------------------------------------------------------------------------- as scikit-learn's


@pytest.mark.parametrize(
    "check",
    [
        check_do_not_raise_errors_in_init_or_set_params,
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_set_params,
        check_mixin_order,
        check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learns_checks(check):
    # The others feed tables of numbers.
    check("SequenceTokenizer", SequenceTokenizer())


def test_tags():
    tags = get_tags(SequenceTokenizer())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit
    assert tags.transformer_tags.preserves_dtype == []


def test_clone_and_pickle():
    tokenizer = SequenceTokenizer(analyzer="char", max_length=2).fit(TEXTS)
    again = pickle.loads(pickle.dumps(tokenizer))
    assert numbers(again.transform(TEXTS)) == numbers(tokenizer.transform(TEXTS))
    copy = clone(tokenizer)
    assert copy.get_params() == tokenizer.get_params()
    assert not hasattr(copy, "vocabulary_")


def test_no_data_frames_come_out():
    with sklearn.config_context(transform_output="pandas"):
        assert numbers(SequenceTokenizer().fit_transform(["a b", "b a"])) == [[1, 2], [2, 1]]
    assert not hasattr(SequenceTokenizer(), "set_output")


def one_hot(sequences):
    return [np.eye(3)[sequence] for sequence in sequences]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_pipeline_learns_what_needs_the_order():
    # The same words in every text: counts of tokens would tell nothing.
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=60)
    texts = [" so ".join(["left right", "right left"][label].split()) for label in y]
    model = make_pipeline(
        SequenceTokenizer(max_features=2), FunctionTransformer(one_hot), LSTMClassifier(4, max_iter=20, random_state=0)
    )
    search = GridSearchCV(model, {"sequencetokenizer__max_length": [1, None]}, cv=2).fit(texts, y)
    assert search.best_score_ == 1


def test_sequences_of_tokens():
    tokens = as_sequences(SequenceTokenizer().fit_transform(TEXTS))
    assert tokens.lengths.tolist() == [3, 6, 1, 6, 1]
    assert tokens.n_features == 1


# ---------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("X", "what"),
    [
        ("one text", "got str"),
        (b"bytes", "got bytes"),
        ({"a": "text"}, "got dict"),
        (None, "got NoneType"),
        (7, "got int"),
        (pd.DataFrame({"text": TEXTS}), r"got DataFrame of shape \(5, 1\)"),
        (pl.DataFrame({"text": TEXTS}), r"got DataFrame of shape \(5, 1\)"),
        (np.array([TEXTS]), r"got ndarray of shape \(1, 5\)"),
        (np.array("text"), r"got ndarray of shape \(\)"),
    ],
)
def test_other_than_an_iterable_of_texts(X, what):
    tokenizer = SequenceTokenizer()
    with pytest.raises(ValueError, match=f"X must be an iterable of texts.*one column of a data frame, {what}"):
        tokenizer.fit(X)
    with pytest.raises(ValueError, match="X must be an iterable of texts"):
        tokenizer.fit(TEXTS).transform(X)


@pytest.mark.parametrize("text", [None, np.nan, pd.NA, 3, b"bytes", ["the", "cat"]], ids=repr)
def test_other_than_texts(text):
    with pytest.raises(ValueError, match="X must hold texts, but element 5 is"):
        SequenceTokenizer().fit([*TEXTS, text])


def test_nothing_to_learn():
    with pytest.raises(ValueError, match="X holds no texts"):
        SequenceTokenizer().fit([])
    with pytest.raises(ValueError, match="No token is in as many of the 2 texts as min_df=2 asks for"):
        SequenceTokenizer().fit(["a b", "c d"])
    with pytest.raises(ValueError, match="No token is in as many of the 1 texts"):
        SequenceTokenizer(min_df=1).fit(["?!"])


def test_before_fit():
    for call in ("transform", "inverse_transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(SequenceTokenizer(), call)(TEXTS)


@pytest.mark.parametrize(
    "parameters",
    [
        {"analyzer": "char_wb"},
        {"min_df": 0},
        {"min_df": 1.5},
        {"max_features": 0},
        {"max_length": 0},
        {"truncate": "middle"},
        {"lowercase": "yes"},
        {"strip_accents": "all"},
        {"tokenizer": "split"},
        {"token_pattern": 3},
    ],
    ids=str,
)
def test_parameters_are_checked(parameters):
    with pytest.raises(InvalidParameterError, match=f"The '{next(iter(parameters))}' parameter"):
        SequenceTokenizer(**parameters).fit(TEXTS)
