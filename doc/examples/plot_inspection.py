"""
What a network has learnt, and what it looks at
===============================================

Patients' vital signs, hour by hour, and the question who is about to deteriorate. One network answers it, another
forecasts the heart rate, and seven pictures show what they do. The data are synthetic, so that it is known what should
be found: the signs of a deterioration build up over the last 6 to 18 hours of a stay.
"""

# %%
# How the training went
# ---------------------
#
# An LSTM with attention behind a scaler. A tenth of the stays is held out, and the weights of the best epoch on these
# are kept.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import make_vital_signs
from sklstm.inspection import (
    AttentionDisplay,
    ForecastDisplay,
    GateDisplay,
    SaliencyDisplay,
    TrainingCurveDisplay,
    permutation_importance,
)
from sklstm.preprocessing import SequenceScaler

X, y = make_vital_signs(1500, random_state=0)
X_test, y_test = make_vital_signs(300, random_state=1)
network = LSTMClassifier(16, pooling="attention", max_iter=60, random_state=0)
model = make_pipeline(SequenceScaler("robust"), network).fit(X, y)
print(f"accuracy on other stays: {model.score(X_test, y_test):.2f}")
TrainingCurveDisplay.from_estimator(model)

# %%
# One stay of a patient who deteriorates: what the units keep
# -----------------------------------------------------------
#
# The stay is on top, each sign in its own standard deviations. Below, yellow gates are open and dark ones shut: where a
# forget gate is open, the unit keeps what it has stored. At the bottom is what is stored.
stay = int(np.flatnonzero((y_test == 1) & (X_test.lengths > 48))[0])
shown = {"sequence": stay, "time_name": "hour of the stay"}
GateDisplay.from_estimator(model, X_test, **shown)

# %%
# Where attention goes
# --------------------
#
# The output is made of a mean of the states, with these weights. They go to the last hours.
AttentionDisplay.from_estimator(model, X_test, **shown)

# %%
# What the prediction owes to each value
# --------------------------------------
#
# Red values raise the log odds of a deterioration, blue ones lower them, compared with an average stay.
SaliencyDisplay.from_estimator(model, X_test, **shown)

# %%
# Over all stays: which signs matter, and which hours
# ---------------------------------------------------
#
# One stay is an anecdote. By how much does the area under the ROC curve fall, when stays exchange a sign, or an hour?
by_sign = permutation_importance(model, X_test, y_test, scoring="roc_auc", random_state=0)
by_hour = permutation_importance(
    model,
    X_test,
    y_test,
    scoring="roc_auc",
    by="timestep",
    groups=[[-hour] for hour in range(18, 0, -1)],
    random_state=0,
)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.barh(by_sign.names, by_sign.importances_mean, xerr=by_sign.importances_std, color="#0072b2")
left.invert_yaxis()
left.set(xlabel="loss of AUROC", title="all hours of a sign")
right.bar(np.arange(-18, 0), by_hour.importances_mean, yerr=by_hour.importances_std, color="#0072b2")
right.set(
    xlabel="hour, counted from the end", ylabel="loss of AUROC", title="all signs of an hour", xticks=[-18, -12, -6, -1]
)

# %%
# A forecast, and how sure it is
# ------------------------------
#
# Another network forecasts, at every hour, the heart rate of the next, with a standard deviation. What is drawn an hour
# later is what came.
now, later = [stay[:-1] for stay in X], [stay[1:, 0] for stay in X]
forecaster = LSTMRegressor(
    16, return_sequences=True, loss="gaussian_nll", max_iter=30, learning_rate="cosine", random_state=0
).fit(now, later)
ForecastDisplay.from_estimator(
    forecaster,
    [stay[:-1] for stay in X_test],
    [stay[1:, 0] for stay in X_test],
    target_name="heart rate, beats/min",
    **shown,
)
plt.show()
