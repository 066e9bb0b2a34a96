"""
Speech: who is speaking?
========================

Nine men say two vowels, /ae/, and a bidirectional network with max pooling tells whose voice it is, beside other
networks and two classifiers of summaries. Another one answers at every time step, and shows how the decision comes
about while the utterance is heard.
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
    return LSTMClassifier(64, random_state=0, **parameters)


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
# All of them are within four utterances of one another, which is chance: what tells these voices apart is in the frames
# rather than in their order. Whom does the network with max pooling mistake for whom?
figure, axis = plt.subplots(figsize=(5, 4.5), layout="constrained")
pooled = models["LSTM, both directions, max pooling"]
ConfusionMatrixDisplay.from_estimator(pooled, X_test, speaker_test, cmap="Blues", colorbar=False, ax=axis)
axis.set(xlabel="speaker, as predicted", ylabel="speaker", title="370 utterances never heard")
plt.show()

# %%
# Now a network that runs forwards and answers at every frame (``return_sequences=True``): its target is the speaker, at
# each of them. After how many frames is it right? Even its last answer is right less often than those of the networks
# above, which were trained for the end alone.
target = [np.full(n, k) for n, k in zip(X.lengths, speaker, strict=True)]
online = network(return_sequences=True).fit(X, target)
posteriors = online.predict_proba(X_test)
for heard in [1, 2, 4, 7]:
    answers = online.classes_[[p[heard - 1].argmax() for p in posteriors]]
    print(f"after frame {heard}, {6.4 * (heard - 1) + 25.6:.0f} ms: {np.mean(answers == speaker_test):.1%} right")
answers = online.classes_[[p[-1].argmax() for p in posteriors]]
print(f"after the last frame: {np.mean(answers == speaker_test):.1%} right")

# %%
# Two ordinary utterances, the first ones of speakers 3 and 7, and the two about which the network changes its mind most
# often. Above, what it hears: each coefficient in standard deviations from its mean, from -2 (blue) to 2 (red).

# sphinx_gallery_thumbnail_number = 2
changes = [np.count_nonzero(np.diff(p.argmax(axis=1))) for p in posteriors]
shown = [*(int(np.argmax(speaker_test == k)) for k in (3, 7)), *np.argsort(changes, kind="stable")[:-3:-1]]
scaler = StandardScaler().fit(X.values)
figure, axes = plt.subplots(2, 4, figsize=(11, 4.5), sharex="col", layout="constrained", height_ratios=(1, 1.3))
for (above, below), i in zip(axes.T, shown, strict=True):
    above.imshow(scaler.transform(X_test[i]).T, aspect="auto", cmap="RdBu_r", vmin=-2, vmax=2)
    above.set(title=f"speaker {speaker_test[i]}", yticks=[])
    right = np.searchsorted(online.classes_, speaker_test[i])
    below.plot(np.delete(posteriors[i], right, axis=1), color="0.75")
    below.plot(posteriors[i][:, right], color="#0072b2", linewidth=2.5)
    below.set(xlabel="frame", ylim=(-0.02, 1.02))
axes[0, 0].set_ylabel("12 coefficients")
axes[1, 0].set_ylabel("probability of each speaker\n(blue: the right one)")
plt.show()
