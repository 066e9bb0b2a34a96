"""
Speech: who is speaking?
========================

Nine men say two vowels, /ae/, and a bidirectional network with max pooling tells whose voice it is. A second one
answers at every time step, and shows how the decision comes about while the utterance is heard.
"""

# %%
# The publishers' split: 270 utterances of 7 to 26 time steps to learn from, 370 to be judged by. A time step is a frame
# of 12 numbers, of which 6.4 ms pass to the next. The opponents see each utterance's mean, minimum, maximum, standard
# deviation and last frame, summed up in a table; one is linear, one is not.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import SequenceFeatures

X, speaker = load_japanese_vowels(return_X_y=True)
X_test, speaker_test = load_japanese_vowels(subset="test", return_X_y=True)
print(X, X_test, sep="\n")


def network(**parameters):
    """A network of 64 units in each direction, or as the parameters say."""
    return LSTMClassifier(64, max_iter=60, random_state=0, **parameters)


def on_summaries(classifier):
    """A classifier of the utterances' summaries."""
    return make_pipeline(SequenceFeatures(["mean", "min", "max", "std", "last"]), StandardScaler(), classifier)


models = {
    "logistic regression, summaries": on_summaries(LogisticRegression()),
    "support vectors, summaries": on_summaries(SVC()),
    "LSTM, last state": network(),
    "LSTM, both directions, last states": network(bidirectional=True),
    "LSTM, both directions, max pooling": network(bidirectional=True, pooling="max"),
    "GRU, both directions, max pooling": network(cell="gru", bidirectional=True, pooling="max"),
}
for name, model in models.items():
    model.fit(X, speaker)
    n_right = np.sum(model.predict(X_test) == speaker_test)
    print(f"{name:<36}{n_right:4} of {len(speaker_test)} right, {n_right / len(speaker_test):.1%}")

# %%
# Whom does the network with max pooling mistake for whom?
figure, axis = plt.subplots(figsize=(5, 4.5), layout="constrained")
best = models["LSTM, both directions, max pooling"]
ConfusionMatrixDisplay.from_estimator(best, X_test, speaker_test, cmap="Blues", colorbar=False, ax=axis)
axis.set(xlabel="speaker, as predicted", ylabel="speaker", title="370 utterances never heard")

# %%
# Now a network that runs forwards and answers at every frame (``return_sequences=True``): its target is the speaker, at
# each of them. After how many frames is it right?
target = [np.full(n, k) for n, k in zip(X.lengths, speaker, strict=True)]
online = network(return_sequences=True).fit(X, target)
posteriors = online.predict_proba(X_test)
for heard in [1, 2, 4, 7]:
    answers = online.classes_[[p[heard - 1].argmax() for p in posteriors]]
    print(f"after {heard} frames, {6.4 * (heard - 1) + 25.6:.0f} ms: {np.mean(answers == speaker_test):.1%} right")

# %%
# Four utterances: the first, in the test part's order, of speakers 1, 3 and 8, and the one about which the network
# changes its mind most often.
changes = [np.count_nonzero(np.diff(p.argmax(axis=1))) for p in posteriors]
shown = [*(int(np.argmax(speaker_test == k)) for k in (1, 3, 8)), int(np.argmax(changes))]
figure, axes = plt.subplots(2, 4, figsize=(11, 4.5), sharex="col", layout="constrained", height_ratios=(1, 1.3))
for column, i in zip(axes.T, shown, strict=True):
    column[0].imshow(X_test[i].T, aspect="auto", origin="lower", cmap="RdBu_r", vmin=-1.5, vmax=1.5)
    column[0].set(title=f"speaker {speaker_test[i]}", yticks=[])
    lines = column[1].plot(posteriors[i], color="0.8")
    lines[np.searchsorted(online.classes_, speaker_test[i])].set(color="#0072b2", linewidth=2.5, zorder=3)
    column[1].set(xlabel="frame", ylim=(-0.02, 1.02))
axes[0, 0].set_ylabel("12 coefficients")
axes[1, 0].set_ylabel("probability of a speaker\n(blue: the right one)")
plt.show()
