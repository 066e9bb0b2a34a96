"""
Death in intensive care
=======================

The first 48 hours of 4,000 stays in intensive care, with gaps wherever nothing was measured: who will die in hospital?
An LSTM reads the hours as they come, beside a logistic regression on each stay's summary (mean, minimum, maximum, last
value and count of every variable). Both are judged by five-fold cross-validation.

The data are those of the PhysioNet challenge of 2012. They are downloaded into scikit-learn's data folder (8 MB), or
read from a folder of yours: ``python plot_icu_mortality.py --data-home FOLDER``.
"""

import argparse
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import fetch_physionet_2012

parser = argparse.ArgumentParser()
parser.add_argument("--data-home", default=None)
try:
    icu = fetch_physionet_2012(parser.parse_known_args()[0].data_home)
except OSError as error:
    print(f"This example needs the data of the PhysioNet challenge of 2012, which could not be had.\n{error}")
    sys.exit(0)

# Every stay has 48 hours, so one array holds them all; age, sex and the like stand at every hour.
static = np.repeat(icu.static[:, np.newaxis], 48, axis=1)
X = np.concatenate([icu.data.values.reshape(len(icu.data), 48, -1), static], axis=2)
y = icu.target
print(f"{len(X):,} stays, {y.mean():.0%} died in hospital, {np.isnan(X).mean():.0%} of the hourly values are missing")


# %%
# What was last seen stays until it is measured again; what was never seen takes the mean of the training stays. Two
# more features a variable say whether the value is new, and for how many hours it is not. Typing errors (a temperature
# of -17 degrees) are cut off at the training stays' first and last percentile.
class FillGaps(TransformerMixin, BaseEstimator):
    """Last value carried forward, whether it was measured, and the hours since."""

    def fit(self, X, y=None):
        self.bounds_ = np.nanpercentile(X, [1, 99], axis=(0, 1))
        self.mean_ = np.nanmean(np.clip(X, *self.bounds_), axis=(0, 1))
        return self

    def transform(self, X):
        measured = ~np.isnan(X)
        hours = np.arange(X.shape[1])[:, np.newaxis]
        last = np.maximum.accumulate(np.where(measured, hours, -1), axis=1)
        filled = np.take_along_axis(np.clip(X, *self.bounds_), np.maximum(last, 0), axis=1)
        filled = np.where(last >= 0, filled, self.mean_)
        return np.concatenate([filled, measured, hours - last], axis=2)


# With 126 features and 4,000 stays, a slow learning rate and a strong penalty keep the network from learning the stays
# by heart.
lstm = make_pipeline(
    FillGaps(),
    LSTMClassifier(learning_rate_init=0.001, alpha=1.0, validation_fraction=0.2, max_iter=50, random_state=0),
)


# %%
# The opponent sees the same stays, summed up.
def summary(X):
    """Mean, minimum, maximum, last value and count of each variable."""
    measured = ~np.isnan(X)
    last_hour = X.shape[1] - 1 - measured[:, ::-1].argmax(axis=1)
    last = np.take_along_axis(X, last_hour[:, np.newaxis], axis=1)[:, 0]
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # variables never measured stay NaN
        parts = [np.nanmean(X, axis=1), np.nanmin(X, axis=1), np.nanmax(X, axis=1)]
    return np.column_stack([*parts, last, measured.sum(axis=1)])


logistic = make_pipeline(
    FunctionTransformer(summary),
    SimpleImputer(),
    StandardScaler(),
    LogisticRegression(C=0.01, max_iter=2000),
)

# %%
# Five folds, the same for both.
folds = StratifiedKFold(5, shuffle=True, random_state=0)
figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model in {"logistic regression on summaries": logistic, "LSTM on hours": lstm}.items():
    risk = cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    aurocs = [roc_auc_score(y[test], risk[test]) for _, test in folds.split(X, y)]
    print(f"{name:<34} AUROC {np.mean(aurocs):.4f} (folds from {min(aurocs):.3f} to {max(aurocs):.3f})")
    false_alarms, found, _ = roc_curve(y, risk)
    axes.plot(false_alarms, found, label=f"{name}: {np.mean(aurocs):.3f}")
axes.plot([0, 1], [0, 1], color="0.8", zorder=0)
axes.set(xlabel="survivors given an alarm", ylabel="deaths foreseen", title="Death in hospital, five folds")
axes.set_aspect("equal")
axes.legend(frameon=False, loc="lower right")
plt.show()
