"""
A bedside monitor, minute by minute
===================================

A patient's vital signs arrive minute by minute, with gaps. After each minute a stream of the fitted pipeline says how
likely a collapse within the hour is. It remembers what the network needs of the past, so that the last minute costs
what the first did. The replay is drawn as a monitor; ``python plot_bedside_monitor.py --live`` draws it as it goes.
"""

# %%
# Patients
# --------
#
# They are made up, and nothing about real ones can be learned from them. Strain rises from 0; at 1, the patient
# collapses and the record ends. With it, heart and breath go faster, pressure and oxygen saturation fall, in each
# patient differently. Some are strained for a while and recover. All have levels of their own, and fluctuate within
# minutes and within hours. Pressure is measured every ten minutes, and sensors come off now and then: a quarter of the
# values is NaN.
import argparse
from time import perf_counter
from timeit import repeat

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import lfilter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline

import sklstm
from sklstm import LSTMClassifier
from sklstm.preprocessing import SequenceImputer, SequenceScaler

SIGNS = ["heart rate", "pressure", "breaths", "oxygen"]
PRESSURE, AHEAD = 1, 60


def make_strain(rng, outcome):
    """Strain at each minute of a stay of 6 to 12 hours."""
    minutes = np.arange(rng.integers(360, 720))
    rise = rng.uniform(120, 300)
    if outcome == "collapse":
        return np.clip(1 - (minutes[-1] - minutes) / rise, 0, 1) ** 2
    if outcome == "recovery":
        peak, height = rng.integers(120, minutes[-1]), rng.uniform(0.3, 0.7)
        return height * np.clip(1 - abs(minutes - peak) / (0.6 * rise), 0, 1) ** 2
    return np.zeros(len(minutes))


def make_patient(rng, outcome):
    """Vital signs at each minute, and whether the patient collapses within the hour after it."""
    strain = make_strain(rng, outcome)
    n = len(strain)
    level = rng.normal([80, 88, 17, 96], [15, 12, 4, 2])
    response = rng.normal([30, -28, 9, -7], [10, 8, 3, 2.5])
    within_hours = lfilter([0.18], [1, -0.984], rng.normal(size=(n, 4)), axis=0) * [6, 5, 1.5, 0.8]
    within_minutes = rng.normal(size=(n, 4)) * [3, 4, 2, 0.8]
    signs = level + strain[:, np.newaxis] * response + within_hours + within_minutes
    signs[:, 3] = np.minimum(signs[:, 3], 100)
    signs[np.arange(n) % 10 != rng.integers(10), PRESSURE] = np.nan
    for start in np.flatnonzero(rng.random(n) < 1 / 240):
        signs[start : start + rng.integers(5, 60), rng.integers(4)] = np.nan
    soon = (outcome == "collapse") & (np.arange(n) >= n - AHEAD)
    return signs.round(1), soon.astype(int)


rng = np.random.default_rng(0)
outcomes = rng.choice(["nothing", "recovery", "collapse"], p=[0.4, 0.3, 0.3], size=600)
X, y = zip(*[make_patient(rng, outcome) for outcome in outcomes], strict=True)
train, val, test = slice(0, 400), slice(400, 500), slice(500, 600)
n_minutes = sum(map(len, y))
print(f"{len(X)} patients, {n_minutes:,} minutes, {sum(map(np.sum, y)) / n_minutes:.1%} of them before a collapse")

# %%
# Model
# -----
#
# Nothing in it may look ahead: scales are those of training, gaps are filled by the last value, with how old it is
# beside it, and the network reads forwards. Its opponent, a logistic regression, gets the same inputs of the minute,
# and has no way to know how the patient was before.
model = make_pipeline(
    SequenceScaler(clip=5.0),
    SequenceImputer(add_elapsed=True, elapsed_scale=30.0),
    LSTMClassifier(32, cell="gru", return_sequences=True, early_stopping=True, n_iter_no_change=5, random_state=0),
).fit(X[train], y[train])
risk = [minutes[:, 1] for minutes in model.predict_proba(X)]

inputs = model[:-1].transform(X)
logistic = LogisticRegression(max_iter=1000).fit(inputs[train].values, np.concatenate(y[train]))
truth = np.concatenate(y[test])
for name, of_test in {
    "network": np.concatenate(risk[test]),
    "logistic regression": logistic.predict_proba(inputs[test].values)[:, 1],
}.items():
    print(f"{name:<20} average precision {average_precision_score(truth, of_test):.2f}, by chance {truth.mean():.2f}")

# %%
# The alarm line is chosen on patients of whom the network has learnt nothing: one in two hundred of their minutes
# without a collapse ahead is above it.
line = np.quantile(np.concatenate(risk[val])[np.concatenate(y[val]) == 0], 0.995)
above = [minutes >= line for minutes in risk[test]]
called = [minutes[-AHEAD:] for minutes, outcome in zip(above, outcomes[test], strict=True) if outcome == "collapse"]
ahead = [AHEAD - minutes.argmax() for minutes in called if minutes.any()]
others = [minutes.any() for minutes, outcome in zip(above, outcomes[test], strict=True) if outcome != "collapse"]
print(
    f"Of {len(called)} collapses {len(ahead)} have an alarm in the hour before, half of them {np.median(ahead):.0f} "
    f"minutes ahead or more.\nOf {len(others)} other patients {sum(others)} have an alarm."
)

# %%
# Monitor
# -------
#
# It has what it was shown, and nothing that is still to come. The digits are the latest of the last ten minutes.
COLOURS = ["#4ade80", "#f87171", "#facc15", "#38bdf8", "white"]
LIMITS = [(40, 150), (30, 130), (0, 40), (80, 101), (0, 100)]
plt.style.use("dark_background")
plt.rcParams["font.size"] = 13


class Monitor:
    """Vital signs and the risk so far."""

    def __init__(self, n_minutes):
        figure, self.axes = plt.subplots(5, figsize=(8, 7), sharex=True, height_ratios=[1, 1, 1, 1, 1.8])
        figure.subplots_adjust(left=0.1, right=0.87, bottom=0.09, top=0.95, hspace=0.2)
        figure.align_ylabels()
        self.rows, self.curves, self.digits = [], [], []
        for axis, name, colour, limits in zip(self.axes, [*SIGNS, "risk in %"], COLOURS, LIMITS, strict=True):
            marker = "o" if name == SIGNS[PRESSURE] else ""
            self.curves += axis.plot([], [], color=colour, linewidth=1.5, marker=marker, markersize=4)
            self.digits.append(axis.text(1.03, 0.5, "", color=colour, size=26, va="center", transform=axis.transAxes))
            axis.set(ylabel=name, ylim=limits, xlim=(0, (n_minutes + 5) / 60))
            axis.spines[["top", "right"]].set_visible(False)
        self.axes[-1].axhline(100 * line, color="orange", linestyle="--")
        self.axes[-1].set_xlabel("hours")

    def add(self, row, risk):
        """Take in a minute."""
        self.rows.append([*row, 100 * risk])

    def mark(self, what, colour):
        """Say what happens now, across all signs."""
        for axis in self.axes:
            axis.axvline(len(self.rows) / 60, color=colour)
        place = self.axes[0].get_xaxis_transform()
        self.axes[0].text(len(self.rows) / 60, 1.05, what, color=colour, size=11, ha="center", transform=place)

    def draw(self):
        """Bring the picture up to now."""
        for column, curve, digits in zip(np.array(self.rows).T, self.curves, self.digits, strict=True):
            curve.set_data(np.arange(1, len(column) + 1) / 60, column)
            latest = column[-10:][~np.isnan(column[-10:])]
            digits.set_text(f"{latest[-1]:.0f}" if len(latest) else "--")


# %%
# Replay
# ------
#
# The longest record of the test patients who collapse. A step takes a row as it comes, and gives the risk from all rows
# so far.
parser = argparse.ArgumentParser()
parser.add_argument("--live", action="store_true", help="draw as it goes, every five minutes")
live = parser.parse_known_args()[0].live

record = max((X[i] for i in range(500, 600) if outcomes[i] == "collapse"), key=len)
monitor, stream = Monitor(len(record)), sklstm.stream(model)
replayed, seconds, called = [], [], False
for row in record:
    start = perf_counter()
    now = stream.step(row)[1]
    seconds.append(perf_counter() - start)
    replayed.append(now)
    monitor.add(row, now)
    if now >= line and not called:
        monitor.mark("alarm", "orange")
        called = True
    if live and len(replayed) % 5 == 0:
        monitor.draw()
        plt.pause(0.001)
monitor.mark("collapse", "red")
monitor.draw()

# %%
# What was said minute by minute is what the model says of the whole record. So a study of past records needs no replay:
# one call tells what the alarms would have been. It would be the slower way to ask for the last minute alone.
whole = model.predict_proba([record])[0][:, 1]
print("The same risks, bit by bit:", bool((replayed == whole).all()))
again = repeat(lambda: model.predict_proba([record]), number=1, repeat=60)
print("Time for the risk at a minute, the fastest of 60:")
for what, times in {"step, first hour": seconds[:60], "step, last hour": seconds[-60:], "predict_proba": again}.items():
    print(f"{what:<16}{1e6 * min(times):6.0f} µs")
plt.show()
