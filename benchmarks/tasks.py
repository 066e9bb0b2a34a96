"""Tasks on which defaults are judged: data in a fixed split, and the error that counts. One function a task.

A function takes the folder with the data that cannot be bundled, and returns a `Task`. To add one, add its function to
`TASKS`.
"""

from dataclasses import dataclass
from importlib import import_module

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from sklstm import as_sequences
from sklstm.datasets import (
    fetch_physionet_2012,
    fetch_physionet_2019,
    load_glucose,
    load_japanese_vowels,
    make_adding_problem,
)
from sklstm.preprocessing import SequenceTokenizer, sliding_windows

LOCALES = "en_GB fr_FR de_AT it_IT es_ES nl_NL fi_FI et_EE hr_HR ga_IE".split()  # one a language


@dataclass
class Task:
    """Training and test data.

    `groups` are those of the training sequences; with an `embedding_dim` the sequences are tokens.
    """

    X_train: object
    y_train: np.ndarray
    X_test: object
    y_test: np.ndarray
    error: object  # from the truth and the prediction, the less the better
    error_name: str
    groups: np.ndarray | None = None
    is_classifier: bool = False
    embedding_dim: int | None = None


def wrong(y, predicted):
    """Share of wrong answers, from the probabilities of the classes 0, 1, ..."""
    return 1 - accuracy_score(y, predicted.argmax(axis=1))


def wrong_order(y, predicted):
    """Share of pairs of a positive and a negative that are put in the wrong order: 1 - AUROC."""
    return 1 - roc_auc_score(y, predicted[:, 1])


def glucose(folder):
    """Glucose half an hour ahead from two hours of readings; people are either trained or tested on."""
    data = load_glucose()
    X, y, person = sliding_windows(data.data, window=24, gap=5, step=6, max_gap=np.timedelta64(10, "m"))
    X = X.to_array()
    train, test = next(GroupShuffleSplit(1, test_size=6, random_state=0).split(X, groups=person))
    return Task(X[train], y[train], X[test], y[test], root_mean_squared_error, "RMSE, mg/dL", groups=person[train])


def japanese_vowels(folder):
    """Which of nine men speaks."""
    (X, y), (X_test, y_test) = (load_japanese_vowels(subset=part, return_X_y=True) for part in ("train", "test"))
    return Task(X, y - 1, X_test, y_test - 1, wrong, "1 - accuracy", is_classifier=True)


def basic_motions(folder):
    """Standing, walking, running or badminton, from a watch's accelerometer and gyroscope."""
    from sktime.datasets import load_basic_motions

    X, y = load_basic_motions(split="train", return_X_y=True, return_type="numpy3d")
    X_test, y_test = load_basic_motions(split="test", return_X_y=True, return_type="numpy3d")
    classes, y = np.unique(y, return_inverse=True)
    X, X_test = (X.transpose(0, 2, 1) for X in (X, X_test))  # sktime's have the features before the time steps
    return Task(X, y, X_test, np.searchsorted(classes, y_test), wrong, "1 - accuracy", is_classifier=True)


def icu_mortality(folder):
    """PhysioNet 2012: death in hospital from the first 48 hours in intensive care."""
    icu = fetch_physionet_2012(folder, download_if_missing=False)
    X = [np.column_stack([x, np.tile(static, (len(x), 1))]) for x, static in zip(icu.data, icu.static, strict=True)]
    train, test = train_test_split(np.arange(len(X)), test_size=0.2, stratify=icu.target, random_state=0)
    X = filled(X, train)
    y = icu.target
    return Task(X[train], y[train], X[test], y[test], wrong_order, "1 - AUROC", is_classifier=True)


def icu_heart_rate(folder):
    """PhysioNet 2019: the heart rate of a stay's last hour from all hours before."""
    sepsis = fetch_physionet_2019(folder, download_if_missing=False)
    heart_rate = sepsis.feature_names.index("HR")
    stays = [x for x in sepsis.data if len(x) > 1 and not np.isnan(x[-1, heart_rate])]
    y = np.array([x[-1, heart_rate] for x in stays])
    train, test = train_test_split(np.arange(len(stays)), train_size=4000, test_size=4000, random_state=0)
    X = filled([x[:-1] for x in stays], train)
    return Task(X[train], y[train], X[test], y[test], root_mean_squared_error, "RMSE, beats/min")


def oil_temperature(folder):
    """ETTh1: a transformer's oil temperature in the next 24 hours from the last 96.

    Twelve months to train, four that are left alone, four to test, as is usual; in the training part's units.
    """
    temperature = np.loadtxt(folder / "ett" / "ETTh1.csv", delimiter=",", skiprows=1, usecols=7)
    month, window = 30 * 24, 96
    train, test = temperature[: 12 * month], temperature[16 * month - window : 20 * month]
    parts = []
    for part, step in [(train, 2), (test, 1)]:
        X, y, _ = sliding_windows([(part - train.mean()) / train.std()], window=window, horizon=24, step=step)
        parts += [X, y]
    # Windows overlap: early stopping holds out whole months.
    groups = np.arange(0, 2 * len(parts[0]), 2) // month
    return Task(*parts, mean_squared_error, "MSE", groups=groups)


def adding_problem(folder):
    """Two numbers among a hundred are marked: their sum."""
    X, y = make_adding_problem(2000, 100, random_state=0)
    X_test, y_test = make_adding_problem(1000, 100, random_state=1)
    return Task(X, y, X_test, y_test, root_mean_squared_error, "RMSE")


def digits(folder):
    """Handwritten digits of 8 × 8 pixels, read row by row."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X.reshape(-1, 8, 8), y, test_size=1 / 3, stratify=y, random_state=0)
    return Task(X, y, X_test, y_test, wrong, "1 - accuracy", is_classifier=True)


def surnames(folder):
    """Which of ten languages a surname is from, letter by letter.

    The names are Faker's; those of several languages are left out.
    """
    languages = {}
    for locale in LOCALES:
        for name in set(import_module(f"faker.providers.person.{locale}").Provider.last_names):
            languages.setdefault(name, []).append(locale)
    names = sorted(name for name, its in languages.items() if len(its) == 1)
    y = np.array([LOCALES.index(languages[name][0]) for name in names])
    names, names_test, y, y_test = train_test_split(names, y, test_size=0.2, stratify=y, random_state=0)
    tokenizer = SequenceTokenizer(analyzer="char").fit(names)
    X, X_test = (as_sequences(tokenizer.transform(part)) for part in (names, names_test))
    return Task(X, y, X_test, y_test, wrong, "1 - accuracy", is_classifier=True, embedding_dim=16)


TASKS = {
    "glucose": glucose,
    "Japanese vowels": japanese_vowels,
    "basic motions": basic_motions,
    "ICU mortality": icu_mortality,
    "ICU heart rate": icu_heart_rate,
    "oil temperature": oil_temperature,
    "adding problem": adding_problem,
    "digits": digits,
    "surnames": surnames,
}


def filled(sequences, train):
    """Sequences without gaps: each feature's last value carried forward, whether it is new, and for how long not.

    Typing errors are cut off at the training sequences' first and last percentile; what was never measured takes their
    mean, and a feature that none of them has is left out.
    """
    known = np.concatenate([sequences[i] for i in train])
    there = ~np.isnan(known).all(axis=0)
    bounds = np.nanpercentile(known[:, there], [1, 99], axis=0)
    mean = np.nanmean(np.clip(known[:, there], *bounds), axis=0)
    result = []
    for x in sequences:
        x = x[:, there]
        measured = ~np.isnan(x)
        hours = np.arange(len(x))[:, np.newaxis]
        last = np.maximum.accumulate(np.where(measured, hours, -1))
        carried = np.take_along_axis(np.clip(x, *bounds), np.maximum(last, 0), axis=0)
        result.append(np.concatenate([np.where(last >= 0, carried, mean), measured, hours - last], axis=1))
    return as_sequences(result)
