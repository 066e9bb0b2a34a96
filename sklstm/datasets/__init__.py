"""Sequence data: three small real sets that come with the package, readers for two large ones, and generators."""

from ._bundled import load_glucose, load_japanese_vowels, load_product_reviews
from ._generators import make_adding_problem, make_vital_signs
from ._physionet import fetch_physionet_2012, fetch_physionet_2019

__all__ = [
    "fetch_physionet_2012",
    "fetch_physionet_2019",
    "load_glucose",
    "load_japanese_vowels",
    "load_product_reviews",
    "make_adding_problem",
    "make_vital_signs",
]
