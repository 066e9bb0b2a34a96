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

import numpy as np
from sklearn.base import clone
from sklearn.datasets import get_data_home
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import fetch_physionet_2012, fetch_physionet_2019, load_japanese_vowels, make_adding_problem
from sklstm.preprocessing import sliding_windows


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
    was measured. Learning rate, minibatch and features by earlier trials, judged on the 800.
    """
    sepsis = fetch_physionet_2019(folder, download_if_missing=False)
    targets = [sepsis.feature_names.index(name) for name in ("HR", "SBP", "MAP", "Resp", "O2Sat")]
    stays = list(sepsis.data)[:12_000]
    train, val, test = slice(7200), slice(7200, 8000), slice(8000, None)
    known = np.concatenate(stays[train])
    there = ~np.isnan(known).all(axis=0)
    bounds = np.nanpercentile(known[:, there], [0.1, 99.9], axis=0)  # beyond are typing errors
    mean = np.nanmean(np.clip(known[:, there], *bounds), axis=0)
    X = [hourly_features(np.clip(x[:-1, there], *bounds), mean, n_vitals=8) for x in stays]
    y = [x[1:, targets] for x in stays]

    model = LSTMRegressor(return_sequences=True, learning_rate_init=0.005, batch_size=64, max_iter=8)
    fits = [
        clone(model).set_params(random_state=seed).fit(X[train], y[train], X_val=X[val], y_val=y[val]).predict(X[test])
        for seed in range(n_seeds)
    ]
    fits = [np.concatenate(fit) for fit in fits]
    y_test = np.concatenate(y[test])
    last = np.concatenate([carried_forward(x)[0][:-1, targets] for x in stays[test]])
    last = np.where(np.isnan(last), np.nanmean(known[:, targets], axis=0), last)

    def error(predicted):
        return np.mean(np.sqrt(np.nanmean((predicted - y_test) ** 2, axis=0)) / np.nanstd(y_test, axis=0))

    return {
        "mean of the fits": error(np.mean(fits, axis=0)),
        "each fit": [error(fit) for fit in fits],
        "last values": error(last),
    }


def hourly_features(x, mean, n_vitals):
    """A stay without gaps: last values, what is new, how old the rest is, the vitals' means so far, and the hour."""
    last, age = carried_forward(x)
    measured = ~np.isnan(x)
    so_far = np.where(measured, x - mean, 0)[:, :n_vitals].cumsum(axis=0)
    so_far /= np.maximum(measured[:, :n_vitals].cumsum(axis=0), 1)
    hour = np.log1p(np.arange(len(x)))
    return np.column_stack([np.where(np.isnan(last), mean, last), measured, np.exp(-age / 4), so_far, hour])


def carried_forward(x):
    """Each feature's last value and how many steps old it is; NaN and inf before the first.

    Time is the last axis but one: one sequence, or an array of equally long ones.
    """
    step = np.arange(x.shape[-2])[:, np.newaxis]
    last = np.maximum.accumulate(np.where(np.isnan(x), -1, step), axis=-2)
    return np.take_along_axis(x, np.maximum(last, 0), axis=-2), np.where(last >= 0, step - last, np.inf)


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

    Every fourth hour, values as normal scores among the training stays, what is new and how old the rest is, and what
    is known of the patient. In each fold the units and the penalty by a grid search within the training stays; features
    and learning rate by earlier trials on the same 4,000 stays. Log-odds are averaged.
    """
    icu = fetch_physionet_2012(folder, download_if_missing=False)
    X, static, y = icu.data.values.reshape(len(icu.target), 48, -1), icu.static, icu.target
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # what was never measured stays NaN
        summary = [np.nanmean(X, axis=1), np.nanmin(X, axis=1), np.nanmax(X, axis=1)]
    summary = np.column_stack([*summary, carried_forward(X)[0][:, -1], (~np.isnan(X)).sum(axis=1), static])

    model = LSTMClassifier(
        learning_rate_init=0.003, validation_fraction=0.2, n_iter_no_change=6, max_iter=50, random_state=0
    )
    grid = {"hidden_layer_sizes": [(32,), (64,)], "alpha": [0.1, 0.3, 1.0]}
    fits, boosting = [], []
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    for train, test in folds:
        Z = four_hourly(X, static, train)
        search = GridSearchCV(model, grid, scoring="roc_auc", cv=3, refit=False).fit(Z[train], y[train])
        best = clone(model).set_params(**search.best_params_)
        fits.append([
            clone(best).set_params(random_state=seed).fit(Z[train], y[train]).decision_function(Z[test])
            for seed in range(n_seeds)
        ])  # fmt: skip
        trees = HistGradientBoostingClassifier(random_state=0).fit(summary[train], y[train])
        boosting.append(trees.predict_proba(summary[test])[:, 1])

    def area(predicted):
        return np.mean([roc_auc_score(y[test], fold) for (_, test), fold in zip(folds, predicted, strict=True)])

    return {
        "mean of the fits": area([np.mean(fold, axis=0) for fold in fits]),
        "each fit": [area(fold) for fold in zip(*fits, strict=True)],
        "gradient boosting on summaries": area(boosting),
    }


def four_hourly(X, static, train):
    """Every fourth hour of stays without gaps, in units that the training stays give."""

    def scores(table, known):
        """Normal scores by rank, which typing errors do no harm."""
        ranks = QuantileTransformer(n_quantiles=200, subsample=None, output_distribution="normal").fit(known)
        return np.clip(ranks.transform(table), -2.33, 2.33)

    n_features = X.shape[2]
    values, age = carried_forward(X)
    values = scores(values.reshape(-1, n_features), X[train].reshape(-1, n_features)).reshape(X.shape)
    unit = static[:, 3, np.newaxis] == [1, 2, 3, 4]
    person = np.column_stack([scores(static, static[train]), unit])
    steps = np.concatenate(
        [values, ~np.isnan(X), np.exp(-age / 6), np.repeat(person[:, np.newaxis], X.shape[1], axis=1)], axis=2
    )
    return np.nan_to_num(steps)[:, 3::4]


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
        "AUROC at most 0.005 below gradient boosting's",
        lambda ours, fits, boosting: ours >= boosting - 0.005,
    ),
    "vital signs": Application(vital_signs, "relative RMSE of at most 0.626", lambda ours, *_: ours <= 0.626),
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
