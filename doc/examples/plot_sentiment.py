"""
Sentiment: how favourable is a sentence?
========================================

Twenty people rated each of 3,708 sentences of product reviews from -4 to 4; a bidirectional LSTM with attention learns
their mean rating from the words. It stands beside ridge regression on counts of words, and on counts of words and
pairs of words, for sentences of reviews that none of them has seen.
"""

# %%
# Sentences of one review are about one product, so the five folds are made of whole reviews. The network holds out
# reviews too, to stop early: with metadata routing, ``groups`` reaches it through the Pipeline.
import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.dummy import DummyRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.metrics import root_mean_squared_error as rmse
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor
from sklstm.datasets import load_product_reviews
from sklstm.preprocessing import SequenceTokenizer

sklearn.set_config(enable_metadata_routing=True)
reviews = load_product_reviews()
texts, rating, review = reviews.data, reviews.target, reviews.review
WORD = r"(?u)\b\w+\b|[!?]"  # what a token is, for all models
folds = GroupKFold(5, shuffle=True, random_state=0)


def ridge(longest):
    """Ridge regression on words, and runs of up to so many words."""
    return make_pipeline(TfidfVectorizer(token_pattern=WORD, ngram_range=(1, longest), sublinear_tf=True), Ridge(1.0))


lstm = make_pipeline(
    SequenceTokenizer(token_pattern=WORD),
    LSTMRegressor(
        32,
        embedding_dim=32,
        bidirectional=True,
        pooling="attention",
        dropout=0.5,
        learning_rate_init=0.005,
        max_iter=30,
        n_iter_no_change=6,
        random_state=0,
    ).set_fit_request(groups=True),
)
models = {
    "mean rating": DummyRegressor(),
    "ridge, words": ridge(1),
    "ridge, words and pairs": ridge(2),
    "LSTM": lstm,
}
groups = {"groups": review}
found = {name: cross_val_predict(model, texts, rating, cv=folds, params=groups) for name, model in models.items()}
found["mean of the last two"] = (found["ridge, words and pairs"] + found["LSTM"]) / 2

# %%
# Which model is best, and is that different where a word turns the others round?
NEGATIONS = {"not", "t", "no", "never", "nothing", "without", "hardly", "neither", "nor", "cannot"}
words = TfidfVectorizer(token_pattern=WORD).build_analyzer()
negated = np.array([not NEGATIONS.isdisjoint(words(text)) for text in texts])
print(f"{negated.sum():,} of {len(texts):,} sentences hold a negation\n")
print(f"{'RMSE, reviews never seen':<26}{'all':>7}{'negated':>9}{'others':>8}{'R2':>8}{'sign':>7}")
for name, p in found.items():
    parts = [rmse(rating[part], p[part]) for part in (negated | True, negated, ~negated)]
    sign = np.mean((p > 0) == (rating > 0))
    print(f"{name:<26}{parts[0]:7.3f}{parts[1]:9.3f}{parts[2]:8.3f}{r2_score(rating, p):8.3f}{sign:7.1%}")

# %%
# With so few sentences, pairs of words are enough to learn most negations from, and the linear model that counts them is
# best by itself. The network, which has to learn a vector for each word first, errs in other places: the mean of both
# is a little better than either, at least in all. Ridge on single words can only add up, and loses most where there is
# a negation.
#
# What does the network look at? Ten short sentences with a negation, of reviews that are unseen again: those on which
# the network and ridge on words differ most, whichever is right. The darker a word, the more weight its state has in
# the mean that the output layer sees.
train, test = next(folds.split(texts, groups=review))
lstm.fit(texts[train], rating[train], groups=review[train])
counts = models["ridge, words"].fit(texts[train], rating[train])
short = [i for i in test if negated[i] and 4 <= len(words(texts[i])) <= 11]
answers = {"rated": rating[short], "LSTM": lstm.predict(texts[short]), "words": counts.predict(texts[short])}
shown = np.argsort(-abs(answers["LSTM"] - answers["words"]))[:10]
tokens = [words(texts[short[k]]) for k in shown]
weights = lstm[-1].attention_weights(lstm[:-1].transform(texts[np.take(short, shown)]))

figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
axis.set(xlim=(0, 80), ylim=(len(shown) - 0.4, -1), yticks=[], xticks=[])
axis.spines[:].set_visible(False)
for column, name in enumerate(answers):
    axis.text(6 * column + 5, -0.8, name, ha="right", fontsize=9, color="0.4")
for row, (k, sentence, share) in enumerate(zip(shown, tokens, weights, strict=True)):
    for column, value in enumerate(answers.values()):
        color = "#0072b2" if value[k] > 0 else "#d55e00"
        axis.text(6 * column + 5, row, f"{value[k]:+.1f}", ha="right", va="center", fontsize=9, color=color)
    left = 20
    for token, w in zip(sentence, np.ravel(share), strict=True):
        box = {"facecolor": plt.cm.Purples(0.8 * w / np.max(share)), "edgecolor": "none", "pad": 2}
        text_color = "white" if w > 0.7 * np.max(share) else "black"
        axis.text(left, row, token, family="monospace", fontsize=9, va="center", color=text_color, bbox=box)
        left += len(token) + 1
axis.set_title("What the network looks at, in sentences never seen")
plt.show()
