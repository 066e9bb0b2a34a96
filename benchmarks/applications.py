"""What it takes on real tasks: `python benchmarks/applications.py [--only NAME ...] [--data FOLDER] [--seeds 3]`.

Each function is a whole pipeline, to copy from: data, features, model, and its error on other data; what was chosen,
and by which data, its docstring says. Models are fitted with several seeds, and the fits' predictions averaged.

`--data` is the folder that `benchmarks/defaults.py` takes; tasks whose data are not there are skipped.
"""

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.base import clone
from sklearn.datasets import get_data_home
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.datasets import fetch_physionet_2012, fetch_physionet_2019, load_japanese_vowels, make_adding_problem
from sklstm.preprocessing import (
    SequenceFeatures,
    SequenceImputer,
    SequenceResampler,
    SequenceScaler,
    SequenceSelector,
    SequenceUnion,
    add_static,
    sliding_windows,
)


def oil_temperature(folder, n_seeds):
    """ETTh1: a transformer's oil temperature in the next 24 hours from the last 96, nothing else.

    Twelve months to train, four to stop by, four to test, every window, in the training part's units. The learning
    rate, of 0.01, 0.003 and 0.001, and the cell, LSTM or GRU, by the validation months. `skip_connection="auto"`
    turns itself on.
    """
    temperature = np.loadtxt(folder / "ett" / "ETTh1.csv", delimiter=",", skiprows=1, usecols=7)
    month, window = 30 * 24, 96
    train = temperature[: 12 * month]
    temperature = (temperature - train.mean()) / train.std()
    parts = [(0, 12 * month), (12 * month - window, 16 * month), (16 * month - window, 20 * month)]
    (X, y, _), (X_val, y_val, _), (X_test, y_test, _) = (
        sliding_windows([temperature[start:stop]], window=window, horizon=24) for start, stop in parts
    )

    model = LSTMRegressor(learning_rate_init=0.003, max_iter=20, n_iter_no_change=5)
    fits = [
        clone(model).set_params(random_state=seed).fit(X, y, X_val=X_val, y_val=y_val).predict(X_test)
        for seed in range(n_seeds)
    ]
    ridge = Ridge().fit(X[:, :, 0], y).predict(X_test[:, :, 0])
    return {
        "mean of the fits": mean_squared_error(y_test, np.mean(fits, axis=0)),
        "each fit": [mean_squared_error(y_test, fit) for fit in fits],
        "ridge on the 96 values": mean_squared_error(y_test, ridge),
    }


def vital_signs(folder, n_seeds):
    """PhysioNet 2019: at every hour of a stay, heart rate, blood pressures, breathing and oxygen an hour later.

    The first 7,200 stays train, the next 800 choose the epoch, the last 4,000 of 12,000 test. Five targets a time step,
    NaN where nothing was measured. The error is the mean of the five RMSEs, each over the standard deviation of what
    was measured. Learning rate, minibatch and inputs by earlier trials, some of which saw the error on test stays.
    """
    targets = ["HR", "SBP", "MAP", "Resp", "O2Sat"]
    stays = fetch_physionet_2019(folder, download_if_missing=False).data[:12_000]
    train, val, test = slice(7200), slice(7200, 8000), slice(8000, None)
    y = [stay[1:] for stay in stays[:, targets]]
    X = as_sequences([stay[:-1] for stay in stays], feature_names=stays.feature_names)

    inputs = make_pipeline(
        SequenceScaler("robust", clip=5.0), SequenceImputer(add_elapsed=True, elapsed_scale=4.0)
    ).fit(X[train])
    Z = inputs.transform(X)
    model = LSTMRegressor(return_sequences=True, learning_rate_init=0.005, batch_size=64, max_iter=8)
    fits = [
        clone(model).set_params(random_state=seed).fit(Z[train], y[train], X_val=Z[val], y_val=y[val]).predict(Z[test])
        for seed in range(n_seeds)
    ]
    fits = [np.concatenate(fit) for fit in fits]
    y_test = np.concatenate(y[test])
    last = SequenceImputer().fit(X[train][:, targets]).transform(X[test][:, targets]).values

    def error(predicted):
        return np.mean(np.sqrt(np.nanmean((predicted - y_test) ** 2, axis=0)) / np.nanstd(y_test, axis=0))

    return {
        "mean of the fits": error(np.mean(fits, axis=0)),
        "each fit": [error(fit) for fit in fits],
        "last values": error(last),
    }


def japanese_vowels(folder, n_seeds):
    """Which of nine men says a vowel, 270 recordings to train and 370 to test.

    Cell and pooling by a grid search with five folds of the training part, which sees the log loss: with 270 recordings
    the accuracy is too coarse. Both directions, half of the units dropped out and 100 epochs were set beforehand.
    """
    X, y = load_japanese_vowels(return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)

    search = GridSearchCV(
        LSTMClassifier(bidirectional=True, dropout=0.5, max_iter=100, random_state=0),
        {"cell": ["lstm", "gru"], "pooling": ["last", "mean", "max", "attention"]},
        scoring="neg_log_loss",
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
    ).fit(X, y)
    fits = [
        clone(search.best_estimator_).set_params(random_state=seed).fit(X, y).predict_proba(X_test)
        for seed in range(n_seeds)
    ]

    def accuracy(probabilities):
        return accuracy_score(y_test, search.classes_[probabilities.argmax(axis=1)])

    def summaries(X):
        return [np.concatenate([f(x, axis=0) for f in (np.mean, np.std, np.min, np.max)] + [x[0], x[-1]]) for x in X]

    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(summaries(X), y)
    chosen = ", ".join(search.best_params_.values())
    return {
        f"mean of the fits ({chosen})": accuracy(np.mean(fits, axis=0)),
        "each fit": [accuracy(fit) for fit in fits],
        "logistic regression on summaries": linear.score(summaries(X_test), y_test),
    }


def icu_mortality(folder, n_seeds):
    """PhysioNet 2012: death in hospital from the first 48 hours in intensive care; five folds, stratified.

    Every fourth hour's values as normal scores among the training stays, with what is known of the patient. Gaps are
    left to the network (`missing="decay"`), or filled hour by hour, with what is missing and how old the rest is
    beside. In each fold the units and the penalty by a grid search within the training stays; inputs and learning rate
    by earlier trials on the same 4,000 stays. Log-odds are averaged.
    """
    icu = fetch_physionet_2012(folder, download_if_missing=False)
    units = {f"unit {k}": icu.static[:, icu.static_names.index("ICUType")] == k for k in (1, 2, 3, 4)}
    static = dict(zip([f"{name} at admission" for name in icu.static_names], icu.static.T, strict=True)) | units
    X, y = add_static(icu.data, np.column_stack(list(static.values())), list(static)), icu.target
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))

    hourly = SequenceImputer(fill_value=0.0, add_indicator=True, add_elapsed=True, elapsed_scale=6.0)
    filled = SequenceUnion([
        ("hourly", make_pipeline(SequenceSelector(icu.feature_names), hourly)),
        ("static", make_pipeline(SequenceSelector(list(static)), SequenceImputer(fill_value=0.0))),
    ])  # fmt: skip
    ways = {"decay": {"lstmclassifier__missing": "decay"}, "imputed": {"missing": filled}}
    grid = {"lstmclassifier__hidden_layer_sizes": [(32,), (64,)], "lstmclassifier__alpha": [0.1, 0.3, 1.0]}
    lstm = LSTMClassifier(learning_rate_init=0.003, validation_fraction=0.2, n_iter_no_change=6, max_iter=50)
    areas = {}
    for way, settings in ways.items():
        areas[way] = []
        with TemporaryDirectory() as cache:  # where what the candidates of a search share is kept
            pipeline = Pipeline(
                [
                    ("scale", SequenceScaler("quantile", clip=2.33)),
                    ("missing", "passthrough"),
                    ("four-hourly", SequenceResampler(4.0, aggregate="last")),
                    ("lstmclassifier", lstm),
                ],
                memory=cache,
            ).set_params(**settings, lstmclassifier__random_state=0)
            for train, test in folds:
                search = GridSearchCV(pipeline, grid, scoring="roc_auc", cv=3, refit=False).fit(X[train], y[train])
                best = clone(pipeline).set_params(**search.best_params_)
                fits = [
                    best.set_params(lstmclassifier__random_state=seed)
                    .fit(X[train], y[train])
                    .decision_function(X[test])
                    for seed in range(n_seeds)
                ]
                areas[way].append(roc_auc_score(y[test], np.mean(fits, axis=0)))
    trees = make_pipeline(SequenceFeatures(), HistGradientBoostingClassifier(random_state=0))
    areas["gradient boosting on summaries"] = cross_val_score(trees, X, y, scoring="roc_auc", cv=folds)
    means = {way: np.mean(area) for way, area in areas.items()}
    return means | {f"{way}, each fold": list(area) for way, area in areas.items()}


def sepsis_alarms(folder, n_seeds):
    """PhysioNet 2019: at every hour of a stay, whether sepsis sets in within six hours, or is there.

    The first 7,200 patients train, the next 800 choose the epoch, the last 4,000 of 12,000 test. The opponents see the
    same hours, one at a time: the values as they are, or the network's inputs, last values and how old they are among
    them, and are not tuned. Cell, penalty, dropout, class weights and the scale of the ages by earlier trials, judged
    on the 800; some saw the area on test patients. Log-odds are averaged.
    """
    sepsis = fetch_physionet_2019(folder, download_if_missing=False)
    X, y = sepsis.data[:12_000], sepsis.target[:12_000]
    train, val, test = slice(7200), slice(7200, 8000), slice(8000, None)
    y_train, y_test = np.concatenate(y[train]), np.concatenate(y[test])

    inputs = make_pipeline(
        SequenceScaler("quantile", clip=3.0),
        SequenceImputer(add_indicator=True, add_elapsed=True, elapsed_scale=8.0),
    ).fit(X[train])
    Z = inputs.transform(X)
    model = LSTMClassifier(
        cell="gru", return_sequences=True, class_weight="balanced", alpha=0.1, recurrent_dropout=0.3,
        learning_rate_init=0.003, batch_size=64, max_iter=15, n_iter_no_change=4,
    )  # fmt: skip
    fits = [
        np.concatenate(
            clone(model)
            .set_params(random_state=seed)
            .fit(Z[train], y[train], X_val=Z[val], y_val=y[val])
            .decision_function(Z[test])
        )
        for seed in range(n_seeds)
    ]
    opponents = {
        "boosting on the hour's values": (HistGradientBoostingClassifier(random_state=0), X),
        "logistic regression on the same inputs": (LogisticRegression(C=0.01, max_iter=1000), Z),
        "boosting on the same inputs": (HistGradientBoostingClassifier(random_state=0), Z),
    }
    areas = {
        name: roc_auc_score(y_test, opponent.fit(hours[train].values, y_train).predict_proba(hours[test].values)[:, 1])
        for name, (opponent, hours) in opponents.items()
    }
    fits_area = [roc_auc_score(y_test, fit) for fit in fits]
    return {"mean of the fits": roc_auc_score(y_test, np.mean(fits, axis=0)), "each fit": fits_area, **areas}


def adding_problem(folder, n_seeds):
    """Two numbers among a hundred, and among two hundred, are marked: their sum, after 2,000 updates.

    6,400 sequences, minibatches of 32, ten epochs, nothing held out, all else by default; 1,000 fresh sequences to
    test.
    """

    def error(cell, n_timesteps, seed):
        X, y = make_adding_problem(6400, n_timesteps, random_state=seed)
        X_test, y_test = make_adding_problem(1000, n_timesteps, random_state=1000 + seed)
        model = LSTMRegressor(cell=cell, max_iter=10, early_stopping=False, random_state=seed).fit(X, y)
        return mean_squared_error(y_test, model.predict(X_test))

    cases = {"LSTM, 100 steps": ("lstm", 100), "GRU, 200 steps": ("gru", 200), "simple RNN, 200 steps": ("rnn", 200)}
    return {name: [error(*case, seed) for seed in range(n_seeds)] for name, case in cases.items()}


@dataclass
class Application:
    """A pipeline, what was asked of it before it was written, and whether that is reached."""

    run: object  # from the folder of the data and the number of fits: numbers, or lists of one a fit, by name
    asked: str
    is_reached: object  # from these numbers, in their order


APPLICATIONS = {
    "Japanese vowels": Application(japanese_vowels, "accuracy of at least 0.98", lambda ours, *_: ours >= 0.98),
    "ICU mortality": Application(
        icu_mortality,
        "AUROC at most 0.005 below gradient boosting's, and decay as good as imputation",
        lambda decay, imputed, boosting, *_: decay >= max(imputed, boosting - 0.005),
    ),
    "vital signs": Application(vital_signs, "relative RMSE of at most 0.626", lambda ours, *_: ours <= 0.626),
    "sepsis alarms": Application(
        sepsis_alarms,
        "AUROC an hour of at least 0.80, and at least that of the opponents",
        lambda ours, fits, *opponents: ours >= max(0.8, *opponents),
    ),
    "adding problem": Application(
        adding_problem,
        "MSE below 0.003 by LSTM and GRU, not by the simple RNN, with every seed",
        lambda lstm, gru, rnn: max(lstm + gru) < 0.003 < min(rnn),
    ),
    "oil temperature": Application(oil_temperature, "MSE of at most 0.028", lambda ours, *_: ours <= 0.028),
}


def row(name, n_seeds, folder):
    """A task's line of the table."""
    application = APPLICATIONS[name]
    task, how = application.run.__doc__.split("\n\n")
    start = time.perf_counter()
    with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):
        numbers = application.run(folder, n_seeds)
    minutes = (time.perf_counter() - start) / 60
    verdict = "yes" if application.is_reached(*numbers.values()) else "**no**"
    reached = "; ".join(f"{what} {_text(number)}" for what, number in numbers.items())
    cells = [
        f"**{name}**: {task.rstrip('.')}",
        application.asked,
        f"{verdict}: {reached}",
        f"{' '.join(how.split())} {n_seeds} seeds, {minutes:.1f} minutes.",
    ]
    return f"| {' | '.join(cells)} |"


def _text(number):
    if not np.isscalar(number):
        return f"{_text(min(number))} to {_text(max(number))}"
    return f"{number:.4f}" if number >= 1e-3 else f"{number:.1e}"


def main():
    """Run the tasks asked for, or all, and write their lines of the table anew."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", choices=APPLICATIONS, default=list(APPLICATIONS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, help="fits of each model")
    parser.add_argument(
        "--data", type=Path, default=Path(get_data_home()), help="folder with physionet-2012, physionet-2019 and ett"
    )
    parser.add_argument("--output", type=Path, default=Path("doc/benchmarks/applications.md"))
    arguments = parser.parse_args()
    lines = arguments.output.read_text().splitlines() if arguments.output.exists() else []
    rows = {name: line for name in APPLICATIONS for line in lines if line.startswith(f"| **{name}**")}
    for name in arguments.only:
        try:
            rows[name] = row(name, arguments.seeds, arguments.data)
        except FileNotFoundError as error:
            print(f"{name}: skipped. {error}")
            continue
        print(rows[name], flush=True)
        table = ["| task | asked | reached | how |", "| --- | --- | --- | --- |"]
        table += [rows[name] for name in APPLICATIONS if name in rows]
        arguments.output.write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
