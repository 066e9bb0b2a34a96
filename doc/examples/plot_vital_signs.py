"""
Vital signs, hour by hour
=========================

At every hour of a stay, what will heart rate and blood pressure be an hour later, and how sure is that? One network
answers at all time steps of stays of different lengths, though a third of the measurements that it learns from are
missing. The data are synthetic.
"""

# %%
# Each hour's target is the next hour's measurement. Of the targets to learn from, a third is taken away: NaN.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import root_mean_squared_error as rmse

from sklstm import LSTMRegressor
from sklstm.datasets import make_vital_signs

SIGNS = ["heart rate, beats/min", "systolic pressure, mmHg"]
stays, _ = make_vital_signs(600, min_hours=24, random_state=0)
X, y = [stay[:-1] for stay in stays], [stay[1:, :2] for stay in stays]
rng = np.random.default_rng(0)
y_gaps = [np.where(rng.uniform(size=hours.shape) < 1 / 3, np.nan, hours) for hours in y]
train, test = slice(0, 500), slice(500, 600)

# %%
# ``loss="gaussian_nll"`` learns a standard deviation beside each mean.
model = LSTMRegressor(
    32, return_sequences=True, loss="gaussian_nll", early_stopping=True, max_iter=60, random_state=0
).fit(X[train], y_gaps[train])
mean, std = model.predict(X[test], return_std=True)

actual, forecast, deviation = np.concatenate(y[test]), np.concatenate(mean), np.concatenate(std)
persistence = np.concatenate(X[test])[:, :2]
for k, sign in enumerate(SIGNS):
    within = np.mean(abs(actual - forecast)[:, k] < 1.96 * deviation[:, k])
    print(
        f"{sign}: error {rmse(actual[:, k], forecast[:, k]):.2f}, of persistence "
        f"{rmse(actual[:, k], persistence[:, k]):.2f}; {within:.0%} within the 95 % range"
    )

# %%
# One stay, with what was forecast an hour before each measurement.
stay = int(np.argmax([len(hours) for hours in mean]))
hours = np.arange(1, len(mean[stay]) + 1)
figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
for k, (axis, sign) in enumerate(zip(axes, SIGNS, strict=True)):
    m, s = mean[stay][:, k], std[stay][:, k]
    axis.fill_between(hours, m - 1.96 * s, m + 1.96 * s, color="#0072b2", alpha=0.2, linewidth=0, label="95 % range")
    axis.plot(hours, m, color="#0072b2", label="forecast an hour before")
    axis.plot(hours, y[test][stay][:, k], "o", color="#d55e00", markersize=4, label="measured")
    axis.set_ylabel(sign)
axes[0].legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, 1.25))
axes[1].set_xlabel("hour of the stay")
plt.show()
