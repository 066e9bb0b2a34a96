"""Data that come with the package, which are as published, and data that are made up."""

import hashlib

import numpy as np
import pytest

from sklstm.datasets import (
    load_glucose,
    load_japanese_vowels,
    load_product_reviews,
    make_adding_problem,
    make_vital_signs,
)

# Bundled data


def test_glucose_is_as_published():
    glucose = load_glucose()
    lengths = [1846, 1796, 1783, 1863, 1803, 1796, 1846, 1820, 1776, 1835]
    lengths += [1799, 1775, 1801, 1797, 1821, 1936, 1830, 1954, 2013]
    assert glucose.data.lengths.tolist() == lengths
    assert glucose.data.values.shape == (34890, 1)
    assert glucose.data.dtype == np.float64
    assert glucose.data[0][:5, 0].tolist() == [93, 93, 93, 95, 96]
    assert (glucose.data.values.min(), glucose.data.values.max()) == (41, 303)
    assert [len(np.unique(glucose.person)), glucose.person[0], glucose.person[-1]] == [19, "1636-69-001", "2133-039"]
    assert dict(zip(*np.unique(glucose.diagnosis, return_counts=True), strict=True)) == {
        "diabetic": 5,
        "pre-diabetic": 14,
    }
    assert glucose.feature_names == ["glucose"]
    assert "CC BY 4.0" in glucose.DESCR
    assert "10.1371/journal.pbio.2005143" in glucose.DESCR


def test_glucose_times_ascend_and_keep_the_gaps():
    glucose = load_glucose()
    assert glucose.data.feature_names.tolist() == ["glucose"]
    times = [glucose.data[[i]].times.astype("M8[s]") for i in range(len(glucose.data))]
    assert [str(times[0][0]), str(times[0][-1])] == ["2014-02-03T03:42:12", "2015-04-02T15:08:06"]
    assert [str(times[-1][0]), str(times[-1][-1])] == ["2017-06-05T12:23:22", "2017-06-14T13:57:42"]
    steps = [np.diff(time).astype(int) for time in times]
    assert min(step.min() for step in steps) == 256
    assert np.median(np.concatenate(steps)) == 300
    assert steps[0].max() == 36_004_894  # 417 days
    assert [int((step > 600).sum()) for step in steps[:4]] == [5, 6, 0, 14]


def test_japanese_vowels_are_as_published():
    train, test = load_japanese_vowels(), load_japanese_vowels(subset="test")
    assert (len(train.data), train.data.lengths.min(), train.data.lengths.max()) == (270, 7, 26)
    assert (len(test.data), test.data.lengths.min(), test.data.lengths.max()) == (370, 7, 29)
    assert (train.data.n_features, train.data.dtype) == (12, np.float64)
    assert train.data[0].shape == (20, 12)
    assert train.data[0][:3, :3].tolist() == [
        [1.860936, -0.207383, 0.261557],
        [1.891651, -0.193249, 0.235363],
        [1.939205, -0.239664, 0.258561],
    ]
    assert (test.data.values.min(), test.data.values.max()) == (-1.69252, 1.982559)
    assert np.bincount(train.target).tolist() == [0] + [30] * 9
    assert np.bincount(test.target).tolist() == [0, 31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert train.target_names[train.target[-1] - 1] == "speaker 9"
    assert train.feature_names[11] == "lpc_12"
    assert "CC BY 4.0" in train.DESCR


def test_japanese_vowels_subset_all_is_train_then_test():
    X, y = load_japanese_vowels(subset="all", return_X_y=True)
    (X_train, y_train), (X_test, y_test) = (
        load_japanese_vowels(subset=subset, return_X_y=True) for subset in ("train", "test")
    )
    assert X[:270] == X_train
    assert X[270:] == X_test
    assert y.tolist() == [*y_train, *y_test]
    with pytest.raises(ValueError, match="subset"):
        load_japanese_vowels(subset="validation")


def test_product_reviews_are_as_published():
    reviews = load_product_reviews()
    assert reviews.data.shape == reviews.target.shape == reviews.review.shape == (3708,)
    assert reviews.data[0] == "troubleshooting ad-2500 and ad-2600 no picture scrolling b/w."
    assert reviews.data[-1].endswith("and now i'm out $ 300 for their piece of junk.")
    assert {type(text) for text in reviews.data} == {str}
    assert [reviews.target[k] for k in (0, 1, 8, -1)] == [-0.9, -0.15, 0.2, -2.75]
    assert (reviews.target.min(), reviews.target.max()) == (-3.7, 3.85)
    assert [int((np.sign(reviews.target) == sign).sum()) for sign in (-1, 0, 1)] == [1482, 98, 2128]
    assert (reviews.review.min(), reviews.review.max(), len(np.unique(reviews.review))) == (1, 309, 300)
    assert (np.diff(reviews.review) >= 0).all()
    assert hashlib.sha256("\n".join(reviews.data).encode()).hexdigest().startswith("6289d21a2be3c846")
    assert "MIT" in reviews.DESCR


# Generators


@pytest.mark.parametrize("n_timesteps", [2, 3, 50])
def test_adding_problem(n_timesteps):
    X, y = make_adding_problem(200, n_timesteps, random_state=0)
    assert (X.shape, X.dtype, y.shape) == ((200, n_timesteps, 2), np.float64, (200,))
    values, marks = X[:, :, 0], X[:, :, 1]
    half = n_timesteps // 2
    assert set(np.unique(marks)) <= {0, 1}
    assert (marks[:, :half].sum(axis=1) == 1).all()
    assert (marks[:, half:].sum(axis=1) == 1).all()
    assert marks.any(axis=0).all()
    assert values.min() >= 0
    assert 0.95 < values.max() < 1
    np.testing.assert_allclose(y, (values * marks).sum(axis=1), rtol=1e-15)
    again, _ = make_adding_problem(200, n_timesteps, random_state=0)
    other, _ = make_adding_problem(200, n_timesteps, random_state=1)
    np.testing.assert_array_equal(X, again)
    assert not np.array_equal(X, other)


def test_adding_problem_needs_two_steps():
    with pytest.raises(ValueError, match="n_timesteps"):
        make_adding_problem(3, 1)


def test_vital_signs_are_plausible_and_foretell_the_outcome():
    X, y = make_vital_signs(1000, random_state=0)
    assert (len(X), X.n_features, X.lengths.min(), X.lengths.max()) == (1000, 6, 12, 72)
    assert 0.25 < y.mean() < 0.35
    assert np.isfinite(X.values).all()
    np.testing.assert_allclose(X.values.mean(axis=0), [82, 122, 82, 18, 97, 36.9], rtol=0.05)
    assert X.values[:, 4].max() <= 100
    assert np.corrcoef(X.values[:, 1], X.values[:, 2])[0, 1] > 0.7
    assert (X.values[:, 2] < X.values[:, 1]).all()
    last = np.array([signs[-1] for signs in X])
    rise = last[y == 1].mean(axis=0) - last[y == 0].mean(axis=0)
    assert (np.sign(rise) == [1, -1, -1, 1, -1, 1]).all()
    assert rise[0] > 10
    # Hour to hour, not noise: the fluctuations' correlation.
    heart_rate = [signs[:, 0] - signs[:, 0].mean() for signs, outcome in zip(X, y, strict=True) if not outcome]
    lag = sum(x[1:] @ x[:-1] for x in heart_rate) / sum(x @ x for x in heart_rate)
    assert 0.6 < lag < 0.98


def test_vital_signs_parameters():
    X, y = make_vital_signs(50, min_hours=2, max_hours=3, event_rate=0, random_state=3)
    assert (set(X.lengths), y.sum()) == ({2, 3}, 0)
    assert make_vital_signs(50, min_hours=2, max_hours=3, event_rate=0, random_state=3)[0] == X
    assert make_vital_signs(50, event_rate=1.0)[1].sum() == 50
    with pytest.raises(ValueError, match="max_hours must be at least min_hours"):
        make_vital_signs(5, min_hours=10, max_hours=9)
    with pytest.raises(ValueError, match="event_rate"):
        make_vital_signs(5, event_rate=1.5)
