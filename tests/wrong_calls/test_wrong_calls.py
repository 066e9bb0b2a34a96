"""Every wrong call of the tables raises its kind of error, with words that say what is wrong, and changes nothing."""

import pickle

import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from wrong_calls import estimators, files, looking, sequences, streams, transformers
from wrong_calls.shared import assert_says, state_of_all

TABLES = {
    table.__name__.rpartition(".")[2]: table.CASES
    for table in [sequences, estimators, transformers, files, streams, looking]
}
CASES = {f"{area}: {name}": case for area, cases in TABLES.items() for name, case in cases.items()}
KINDS = ValueError, TypeError, IndexError, KeyError, NotFittedError, InvalidParameterError


def test_there_are_many():
    assert len(CASES) == sum(map(len, TABLES.values())) > 500


@pytest.fixture(scope="module")
def state():
    """The bytes of all that the calls share."""
    return pickle.dumps(state_of_all())


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
@pytest.mark.parametrize("case", CASES)
def test_a_wrong_call(case, state):
    call, kind, words = CASES[case]
    with pytest.raises(kind) as raised:
        call()
    assert type(raised.value) in KINDS or isinstance(raised.value, OSError)
    assert_says(raised.value, words)
    assert pickle.dumps(state_of_all()) == state
