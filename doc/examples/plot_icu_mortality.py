"""
Death in intensive care
=======================

The first 48 hours of 4,000 stays in intensive care, with gaps wherever nothing was measured: who will die in hospital?
An LSTM reads the stays as they are, beside a logistic regression on each stay's summary (mean, minimum, maximum, last
value and count of every variable). Both are judged by five-fold cross-validation.

The data are those of the PhysioNet challenge of 2012. They are downloaded into scikit-learn's data folder (8 MB), or
read from a folder of yours: ``python plot_icu_mortality.py --data-home FOLDER``.
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import fetch_physionet_2012
from sklstm.preprocessing import SequenceFeatures, SequenceResampler, SequenceScaler, add_static

parser = argparse.ArgumentParser()
parser.add_argument("--data-home", default=None)
try:
    icu = fetch_physionet_2012(parser.parse_known_args()[0].data_home)
except OSError as error:
    print(f"This example needs the data of the PhysioNet challenge of 2012, which could not be had.\n{error}")
    sys.exit(0)

# Age, sex and the like stand at every hour.
X, y = add_static(icu.data, icu.static, [f"{name} at admission" for name in icu.static_names]), icu.target
missing = np.isnan(X.values).mean()
print(f"{len(X):,} stays, {y.mean():.0%} died in hospital, {missing:.0%} of the hourly values are missing")

# %%
# Values go by their rank among those of the training stays, which typing errors (a temperature of -17 degrees) do no
# harm, and become means of four hours. The gaps that remain are left to the network (``missing="decay"``): it sees the
# last value, on its way back to the mean, and what is measured. With 42 features and 4,000 stays, a strong penalty
# keeps it from learning the stays by heart.
lstm = make_pipeline(
    SequenceScaler("quantile", clip=2.5),
    SequenceResampler(every=4.0),
    LSTMClassifier(
        missing="decay",
        learning_rate_init=0.003,
        alpha=0.3,
        validation_fraction=0.2,
        n_iter_no_change=6,
        max_iter=50,
        random_state=0,
    ),
)

# %%
# The opponent sees the same stays, summed up by the mean, minimum, maximum, last value and count of each variable.
logistic = make_pipeline(
    SequenceFeatures(["mean", "min", "max", "last", "count"]),
    SimpleImputer(),
    StandardScaler(),
    LogisticRegression(C=0.01, max_iter=2000),
)

# %%
# Five folds, the same for both.
folds = StratifiedKFold(5, shuffle=True, random_state=0)
figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model in {"logistic regression on summaries": logistic, "LSTM on the stays": lstm}.items():
    risk = cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    aurocs = [roc_auc_score(y[test], risk[test]) for _, test in folds.split(X, y)]
    print(f"{name:<34} AUROC {np.mean(aurocs):.4f} (folds from {min(aurocs):.3f} to {max(aurocs):.3f})")
    false_alarms, found, _ = roc_curve(y, risk)
    axes.plot(false_alarms, found, label=f"{name}: {np.mean(aurocs):.3f}")
axes.plot([0, 1], [0, 1], color="0.8", zorder=0)
axes.set(xlabel="survivors given an alarm", ylabel="deaths foreseen", title="Death in hospital, five folds")
axes.set_aspect("equal")
axes.legend(frameon=False, loc="lower right")
figure.savefig("icu_mortality.svg")
plt.show()

# sphinx_gallery_thumbnail_path = 'benchmarks/icu_mortality.svg'

# %%
# What comes out, for the 4,000 stays of set A:
#
# .. code-block:: none
#
#    4,000 stays, 14% died in hospital, 72% of the hourly values are missing
#    logistic regression on summaries   AUROC 0.8367 (folds from 0.827 to 0.853)
#    LSTM on the stays                  AUROC 0.8367 (folds from 0.816 to 0.851)
#
# .. image:: /benchmarks/icu_mortality.svg
#    :alt: Receiver operating characteristic of both models
