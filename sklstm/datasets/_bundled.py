"""The data sets that are part of the package: attributions are in their DESCR and in the file NOTICE."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ..sequences import Sequences, offsets_of

GLUCOSE_DESCR = """\
Continuous glucose monitoring of 19 people
------------------------------------------

:Sequences: 19, one a person, of 1,775 to 2,013 readings; 34,890 in all
:Features: glucose in the fluid between the cells, mg/dL, as a sensor under the skin reported it (Dexcom G4)
:Interval: 5 minutes, give or take seconds
:Diagnosis: 5 people "diabetic", 14 "pre-diabetic"

Adults went about their lives with a sensor for about a week. Recordings have gaps: sensors were off for minutes or
hours and, in two recordings, for 82 and for 417 days. A sequence is all readings of a person, so that
neighbours in it can lie on both sides of a gap. Its times tell; windows that must not cross a gap are made with
``sklstm.preprocessing.sliding_windows(..., max_gap=...)``.

Times are the local ones of the recording, without a time zone.

Source: Hall H., Perelman D., Breschi A., Limcaoco P., Kellogg R., McLaughlin T., Snyder M. (2018). Glucotypes reveal
new patterns of glucose dysregulation. PLOS Biology 16(7): e2005143. https://doi.org/10.1371/journal.pbio.2005143
Licence: Creative Commons Attribution 4.0 (CC BY 4.0). The 19 people are the selection that the package iglu
distributes as ``example_data_hall``. Changes made: the table was split by person, and times and readings were stored as
integers; no reading was changed, left out or reordered.
"""

JAPANESE_VOWELS_DESCR = """\
Japanese vowels: who is speaking?
---------------------------------

:Sequences: 640 utterances of two vowels, /ae/, spoken in succession: 270 for training, 370 for testing
:Time steps: 7 to 29, frames of 25.6 ms every 6.4 ms
:Features: 12 LPC cepstrum coefficients of a frame (linear prediction of order 12, sampled at 10 kHz)
:Target: the speaker, 1 to 9, all male. Training: 30 utterances each; testing: 31, 35, 88, 44, 29, 24, 40, 50 and 29

Utterances are in the publishers' order, which is by speaker: shuffle before splitting.

Source: Kudo M., Toyama J., Shimbo M. (1999). Multidimensional curve classification using passing-through regions.
Pattern Recognition Letters 20(11-13), 1103-1111. https://doi.org/10.1016/S0167-8655(99)00077-X
Data: UCI Machine Learning Repository, https://doi.org/10.24432/C5NS47
Licence: Creative Commons Attribution 4.0 (CC BY 4.0). Changes made: stored as integers, millionths of the published
numbers, which have six decimals at most; reading them back gives the published numbers.
"""

PRODUCT_REVIEWS_DESCR = """\
Sentences of product reviews, and how favourable they are
---------------------------------------------------------

:Texts: 3,708 sentences, of 300 customers' reviews of five products (DVD player, cameras, phone, music player); English,
    in lower case
:Target: the mean of 20 people's ratings of the sentence alone, from -4, extremely negative, to 4, extremely positive:
    2,128 sentences are above 0, 1,482 below, 98 at 0
:Groups: the review, 1 to 309, in which nine numbers are missing

Sentences are in the order of their reviews, a few of them left out by the publishers. Those of one review are about one
product, often in the same words: split by review.

Source: Hutto C. J., Gilbert E. (2014). VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
Text. Eighth International Conference on Weblogs and Social Media (ICWSM-14), Ann Arbor. The reviews were collected by
Hu M., Liu B. (2004). Mining and Summarizing Customer Reviews. KDD 2004. https://doi.org/10.1145/1014052.1014073
Data: amazonReviewSnippets_GroundTruth.txt of the package vaderSentiment 0.5
Licence: MIT, copyright (c) 2014 cjhutto; its text is in the file NOTICE. Changes made: ratings are stored as integers,
twentieths, reading them back gives the published numbers; a sentence's number within its review was left out. Texts and
order are as published.
"""


def _load(name):
    path = resources.files("sklstm.datasets") / "data" / name
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def load_glucose():
    """Load continuous glucose readings of 19 people (regression, forecasting).

    One reading about every five minutes for about a week a person, with real gaps; 34,890 readings in all. The data are
    part of the package: nothing is downloaded.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : Sequences of 19 sequences of shape (n_timesteps_i, 1)
            Glucose in mg/dL, float64; from 1,775 to 2,013 readings a person. Their times are when each was taken, in
            local time. Some neighbours are minutes, hours or, in one case, more than a year apart: make windows with
            ``sklstm.preprocessing.sliding_windows(..., max_gap=...)``, which keeps them from crossing gaps.
        person : ndarray of shape (19,), dtype str
            Identifiers of the study.
        diagnosis : ndarray of shape (19,), dtype str
            "diabetic" (5 people) or "pre-diabetic" (14 people).
        feature_names : list of str
            ``["glucose"]``.
        DESCR : str
            Description, source and licence.

    Notes
    -----
    The stored data differ from their source in form only: values are unsigned 16-bit integers (they are whole numbers),
    times are seconds, stored as differences, and the table is split by person.

    References
    ----------
    .. [1] H. Hall, D. Perelman, A. Breschi, P. Limcaoco, R. Kellogg, T. McLaughlin and M. Snyder, "Glucotypes reveal
       new patterns of glucose dysregulation", PLOS Biology 16(7): e2005143, 2018.
       :doi:`10.1371/journal.pbio.2005143`. CC BY 4.0.

    Examples
    --------
    >>> from sklstm.datasets import load_glucose
    >>> glucose = load_glucose()
    >>> glucose.data
    <Sequences: 19 of 1775 to 2013 time steps, 1 features, float64>
    >>> glucose.data[0][:3, 0], glucose.data.times[0]
    (array([93., 93., 93.]), np.datetime64('2014-02-03T03:42:12.000000000'))
    """
    stored = _load("glucose.npz")
    offsets = offsets_of(stored["lengths"])
    times = np.concatenate([
        start + np.cumsum(stored["step"][first:stop], dtype=np.int64)
        for start, first, stop in zip(stored["start"], offsets[:-1], offsets[1:], strict=True)
    ]).astype("datetime64[s]")  # fmt: skip
    values, names = stored["values"].astype(np.float64)[:, np.newaxis], ["glucose"]
    return Bunch(
        data=Sequences(values, offsets, feature_names=names, times=times),
        person=stored["person"],
        diagnosis=stored["diagnosis"],
        feature_names=names,
        DESCR=GLUCOSE_DESCR,
    )


@validate_params(
    {"subset": [StrOptions({"train", "test", "all"})], "return_X_y": ["boolean"]}, prefer_skip_nested_validation=True
)
def load_japanese_vowels(*, subset="train", return_X_y=False):
    """Load utterances of nine speakers (classification).

    640 utterances of 7 to 29 time steps, in the publishers' split of 270 for training and 370 for testing. The data are
    part of the package: nothing is downloaded.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which part to load; "all" is the training part followed by the test part.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : Sequences of sequences of shape (n_timesteps_i, 12)
            LPC cepstrum coefficients, without unit, float64.
        target : ndarray of int of shape (n_sequences,)
            The speaker, 1 to 9 as published.
        feature_names : list of str
            ``["lpc_1", ..., "lpc_12"]``.
        target_names : ndarray of shape (9,), dtype str
            Names of the speakers, ``"speaker 1"`` to ``"speaker 9"``: that of target ``k`` is ``target_names[k - 1]``.
        DESCR : str
            Description, source and licence.

    (data, target) : tuple of (Sequences, ndarray)
        If `return_X_y` is True.

    Raises
    ------
    ValueError
        If `subset` is not one of the names above.

    Notes
    -----
    The stored data differ from their source in form only: values are kept as integers, millionths of the published
    decimals, and read back as those decimals.

    References
    ----------
    .. [1] M. Kudo, J. Toyama and M. Shimbo, "Multidimensional curve classification using passing-through regions",
       Pattern Recognition Letters 20(11-13), 1103-1111, 1999. :doi:`10.1016/S0167-8655(99)00077-X`.
    .. [2] UCI Machine Learning Repository, Japanese Vowels, :doi:`10.24432/C5NS47`. CC BY 4.0.

    Examples
    --------
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> X
    <Sequences: 270 of 7 to 26 time steps, 12 features, float64>
    >>> y[:3], y[-3:]
    (array([1, 1, 1]), array([9, 9, 9]))
    """
    parts = [_load(f"japanese_vowels_{part}.npz") for part in ("train", "test") if subset in (part, "all")]
    values, lengths, speaker = (
        np.concatenate([part[key] for part in parts]) for key in ("values", "lengths", "speaker")
    )
    # Division, not multiplication by 1e-6: it rounds to the very float64 that the decimal stands for.
    names = [f"lpc_{k}" for k in range(1, 13)]
    data, target = Sequences(values / 1e6, offsets_of(lengths), feature_names=names), speaker.astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=names,
        target_names=np.array([f"speaker {k}" for k in range(1, 10)]),
        DESCR=JAPANESE_VOWELS_DESCR,
    )


def load_product_reviews():
    """Load sentences of product reviews and how favourable people found them (text: regression, classification).

    3,708 English sentences of 300 reviews, each rated by 20 people. The data are part of the package: nothing is
    downloaded.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of str of shape (3708,), dtype object
            The sentences, in lower case, for :class:`~sklstm.preprocessing.SequenceTokenizer`.
        target : ndarray of float of shape (3708,)
            The mean of 20 ratings from -4, extremely negative, to 4, extremely positive.
        review : ndarray of int of shape (3708,)
            The review that a sentence is from, 1 to 309: `groups` for splitting, since sentences of a review are alike.
        DESCR : str
            Description, source and licence.

    Notes
    -----
    The stored data differ from their source in form only: ratings are kept as integers, twentieths, and read back as
    the published decimals.

    References
    ----------
    .. [1] C. J. Hutto and E. Gilbert, "VADER: A parsimonious rule-based model for sentiment analysis of social media
       text", Eighth International Conference on Weblogs and Social Media (ICWSM-14), Ann Arbor, 2014. MIT licence.
    .. [2] M. Hu and B. Liu, "Mining and summarizing customer reviews", KDD 2004. :doi:`10.1145/1014052.1014073`.

    Examples
    --------
    >>> from sklstm.datasets import load_product_reviews
    >>> reviews = load_product_reviews()
    >>> reviews.data[22], reviews.target[22], reviews.review[22]
    ('for the price it is a well spent investment!', np.float64(2.2), np.int64(1))
    """
    stored = _load("product_reviews.npz")
    return Bunch(
        data=np.array(stored["texts"].tobytes().decode("ascii").split("\n"), dtype=object),
        target=stored["rating"] / 20,
        review=stored["review"].astype(np.int64),
        DESCR=PRODUCT_REVIEWS_DESCR,
    )
