"""Texts into sequences of numbers."""

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ..real_numbers import Interval

# What decides how CountVectorizer takes a text apart.
ANALYSIS = "analyzer", "lowercase", "strip_accents", "preprocessor", "tokenizer", "token_pattern"

UNKNOWN = "<unknown>"


class SequenceTokenizer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    r"""Turn texts into sequences of numbers, one a token, for a model with an embedding layer.

    Parameters mean what they mean in :class:`~sklearn.feature_extraction.text.CountVectorizer`, whose code takes the
    texts apart; but here tokens keep their order, and those that are not in the vocabulary their places.

    Number 0 stands for all rare and unknown tokens. The others count from 1, the most frequent token, on.

    Parameters
    ----------
    analyzer : {"word", "char"}, default="word"
        Whether a token is a word or a character.

    lowercase : bool, default=True
        Whether to turn the texts into lower case.

    strip_accents : {"ascii", "unicode"}, callable or None, default=None
        How to remove accents, if at all.

    preprocessor : callable, default=None
        What prepares a text, in place of `lowercase` and `strip_accents`.

    tokenizer : callable, default=None
        What turns a prepared text into a list of words, in place of `token_pattern`.

    token_pattern : str, default=r"(?u)\b\w+\b"
        What a word is, as a regular expression. In CountVectorizer it has two letters at least; but "I" and the "t" of
        "don't" are part of a sentence.

    min_df : int or float, default=2
        Tokens in fewer texts are rare: a number of texts, or a share of them. With 1 no token of the training texts is
        rare, so that the number 0, which every new token becomes later, is never trained.

    max_features : int or None, default=None
        The size of the vocabulary, which the most frequent tokens make up. None sets no limit.

    max_length : int or None, default=None
        The longest sequence. None sets no limit.

    truncate : {"start", "end"}, default="end"
        The part of a longer text that is left out.

    Attributes
    ----------
    vocabulary_ : dict
        The number of each token, but for the number 0.

    n_tokens_ : int
        How many numbers there are, 0 included: the rows of an embedding.

    See Also
    --------
    sklearn.feature_extraction.text.CountVectorizer : Counts of tokens, without their order.

    Notes
    -----
    A text without tokens becomes one unknown token, since a sequence needs a time step.

    Examples
    --------
    >>> from sklstm.preprocessing import SequenceTokenizer
    >>> tokenizer = SequenceTokenizer().fit(["The cat sat.", "The dog sat on the cat.", "A dog!"])
    >>> tokenizer.vocabulary_
    {'the': 1, 'cat': 2, 'dog': 3, 'sat': 4}
    >>> tokenizer.transform(["The dog barks.", "Cat"])
    [array([1, 3, 0], dtype=int32), array([2], dtype=int32)]
    >>> tokenizer.inverse_transform([[1, 3, 0]])
    [array(['the', 'dog', '<unknown>'], dtype=object)]
    """

    _parameter_constraints: dict = {
        **{name: CountVectorizer._parameter_constraints[name] for name in (*ANALYSIS, "min_df", "max_features")},
        "analyzer": [StrOptions({"word", "char"})],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "truncate": [StrOptions({"start", "end"})],
    }

    def __init__(
        self,
        *,
        analyzer="word",
        lowercase=True,
        strip_accents=None,
        preprocessor=None,
        tokenizer=None,
        token_pattern=r"(?u)\b\w+\b",
        min_df=2,
        max_features=None,
        max_length=None,
        truncate="end",
    ):
        self.analyzer = analyzer
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.token_pattern = token_pattern
        self.min_df = min_df
        self.max_features = max_features
        self.max_length = max_length
        self.truncate = truncate

    def fit(self, X, y=None):
        """Learn the vocabulary.

        Parameters
        ----------
        X : iterable of str
            The texts: a list, a one-dimensional array, a column of a data frame.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted tokenizer.
        """
        self.fit_transform(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Learn the vocabulary and turn the texts into sequences of numbers.

        Parameters
        ----------
        X : iterable of str
            The texts: a list, a one-dimensional array, a column of a data frame.

        y : None
            Ignored.

        Returns
        -------
        sequences : list of ndarray of shape (n_timesteps_i,)
            The numbers of each text's tokens, int32.
        """
        provisional = defaultdict(count(1).__next__)  # by first appearance; text of every token would take memory
        sequences = self._sequences(X, provisional.__getitem__)
        tokens = [UNKNOWN, *provisional]
        counts = np.bincount(np.concatenate(sequences), minlength=len(tokens))
        n_texts = np.bincount(np.concatenate([np.unique(sequence) for sequence in sequences]), minlength=len(tokens))
        min_df = self.min_df if isinstance(self.min_df, Integral) else self.min_df * len(sequences)
        kept = [number for number in range(1, len(tokens)) if n_texts[number] >= min_df]
        if not kept:
            raise ValueError(f"No token is in as many of the {len(sequences)} texts as min_df={self.min_df} asks for.")
        kept = sorted(kept, key=lambda number: (-counts[number], tokens[number]))[: self.max_features]
        final = np.zeros(len(tokens), dtype=np.int32)
        final[kept] = np.arange(1, len(kept) + 1)
        numbers = [final[sequence] for sequence in sequences]
        vocabulary = {tokens[number]: i for i, number in enumerate(kept, start=1)}
        vars(self).update(vocabulary_=vocabulary, n_tokens_=len(kept) + 1)  # both or none, whenever Ctrl-C comes
        return numbers

    def transform(self, X):
        """Turn texts into sequences of numbers.

        Parameters
        ----------
        X : iterable of str
            The texts: a list, a one-dimensional array, a column of a data frame.

        Returns
        -------
        sequences : list of ndarray of shape (n_timesteps_i,)
            The numbers of each text's tokens, int32.
        """
        check_is_fitted(self)
        return self._sequences(X, lambda token: self.vocabulary_.get(token, 0))

    def _sequences(self, X, number):
        """The `number` of each token of each text."""
        shape = (0,) if isinstance(X, type) else getattr(X, "shape", (0,))
        if isinstance(X, str | bytes | dict | type) or not isinstance(X, Iterable) or len(shape) != 1:
            what = type(X).__name__ if len(shape) == 1 else f"{type(X).__name__} of shape {shape}"
            raise ValueError(
                f"X must be an iterable of texts, such as a list or one column of a data frame, got {what}."
            )
        try:
            analyze = CountVectorizer(**{name: getattr(self, name) for name in ANALYSIS}).build_analyzer()
        except (re.error, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(
                f"token_pattern must be a regular expression, got {self.token_pattern!r}: {error}."
            ) from error
        part = slice(self.max_length) if self.truncate == "end" else slice(-(self.max_length or 0), None)
        sequences = []
        for i, text in enumerate(X):
            if not isinstance(text, str):
                raise ValueError(f"X must hold texts, but element {i} is {text!r}. Fill it in, or leave it out.")
            numbers = [number(token) for token in list(analyze(text))[part]]
            sequences.append(np.array(numbers or [0], dtype=np.int32))
        if not sequences:
            raise ValueError("X holds no texts: at least one is needed.")
        return sequences

    def inverse_transform(self, X):
        """Turn sequences of numbers into tokens.

        Parameters
        ----------
        X : list of array-like of shape (n_timesteps_i,)
            Sequences of numbers, as `transform` returns them.

        Returns
        -------
        texts : list of ndarray of shape (n_timesteps_i,)
            The tokens of each text; "<unknown>" for 0.
        """
        names = self.get_feature_names_out()
        if isinstance(X, str | bytes | dict | type) or not isinstance(X, Iterable) or getattr(X, "ndim", 1) == 0:
            raise ValueError(f"X must be a list of sequences of numbers, as transform returns them, got {X!r}.")
        texts = []
        for i, sequence in enumerate(X):
            try:
                numbers = np.asarray(sequence)
            except (TypeError, ValueError):
                numbers = np.empty(0, dtype=object)
            if numbers.dtype.kind not in "iu" or ((numbers < 0) | (numbers >= len(names))).any():
                raise ValueError(f"Sequence {i} of X must hold whole numbers from 0 to {len(names) - 1}.")
            texts.append(names[numbers])
        return texts

    def get_feature_names_out(self, input_features=None):
        """Get the token that each number stands for, from 0 on.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        tokens : ndarray of shape (n_tokens,)
            The tokens; the first is "<unknown>".
        """
        check_is_fitted(self)
        return np.array([UNKNOWN, *self.vocabulary_], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags
