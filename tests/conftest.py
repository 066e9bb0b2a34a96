"""How OpenMP waits in the tests, how much hypothesis tries, accidents for them, and a console."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Threads that wait at the end of a parallel region spin, as a rule. Where another process holds a core (a parallel
# test run, a busy build machine), each of the tests' thousands of tiny regions then takes 10 ms instead of 0.01.
# To be set before anything loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from sklstm.training import Trainer

# Continuous integration always tries the same examples; `pytest --hypothesis-profile=soak` looks for new ones.
SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large], "database": None}
settings.register_profile("quick", max_examples=25, derandomize=True, **SLOW)
settings.register_profile("soak", max_examples=2000, print_blob=True, **SLOW)
settings.load_profile("quick")


@pytest.fixture
def raise_in(monkeypatch):
    """Let a method of `Trainer` raise an error instead of its n-th call."""

    def arrange(name, n, error=KeyboardInterrupt):
        method, calls = getattr(Trainer, name), []

        def failing(self, *args, **kwargs):
            calls.append(name)
            if len(calls) == n:
                raise error
            return method(self, *args, **kwargs)

        monkeypatch.setattr(Trainer, name, failing)

    return arrange


@pytest.fixture
def diverges_in_epoch_3(monkeypatch):
    """Let training's third epoch end with weights that are not finite."""
    epoch, count = Trainer.epoch, []

    def diverging(self):
        loss = epoch(self)
        count.append(loss)
        if len(count) == 3:
            self.network.parameters[:] = np.nan
            return np.nan
        return loss

    monkeypatch.setattr(Trainer, "epoch", diverging)


@pytest.fixture
def wide_console(monkeypatch):
    """Let rich print whole lines, also where an earlier test has made it a console."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("rich._console", None)
