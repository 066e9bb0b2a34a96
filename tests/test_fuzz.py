"""What is fuzzed for minutes by `tests/fuzz/run.py` holds for the seeds and for a few mutations of them."""

import os
import random
import socket
import subprocess
from contextlib import suppress

import numpy as np
import pytest
from checks import slow_to_converge
from fuzz import targets
from fuzz.targets import TARGETS
from fuzz.watch import Misdeed, only_reads

N_MUTATIONS = {"checkpoint": 4, "frames": 30, "load": 30, "load-bytes": 60, "state": 30}  # others are faster


def scramble(data, rng):
    """Bytes with some others, more or fewer in one place."""
    at, n = rng.randrange(len(data) + 1), rng.choice([0, 1, 1, 4])
    return data[:at] + rng.randbytes(rng.choice([0, 1, 1, 4, 30])) + data[at + n :]


@slow_to_converge
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_are_no_faults(name, tmp_path, monkeypatch):
    target, rng = TARGETS[name], random.Random(name)
    monkeypatch.setattr(os, "fsync", lambda file: None)
    for data in target.seeds():
        target(data, tmp_path)
    for _ in range(N_MUTATIONS.get(name, 100)):
        data = rng.choice(target.seeds())
        if target.mutate is None:
            data = scramble(data, rng)
        else:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("warnings.warn", lambda *args, **kwargs: None)  # of members of the same name
                data = target.mutate(data, rng, lambda data: scramble(data, rng))
        target(data, tmp_path)


MISDEEDS = {
    "run": lambda path: exec("1"),
    "evaluate": lambda path: eval("1"),
    "import": lambda path: __import__("this_module_is_not_there"),
    "write": lambda path: open(path / "x", "w").close(),
    "read elsewhere": lambda path: open(__file__).close(),
    "remove": lambda path: os.remove(path / "there"),
    "shell": lambda path: os.system("true"),
    "process": lambda path: subprocess.run(["true"], check=True),
    "connect": lambda path: socket.socket().close(),
    "read above": lambda path: open(path / ".." / "x").close(),
    "read beside": lambda path: open(f"{path}.other").close(),
}


@pytest.mark.parametrize("misdeed", MISDEEDS.values(), ids=MISDEEDS)
def test_misdeeds_are_seen(misdeed, tmp_path):
    (tmp_path / "there").touch()

    def do():
        with suppress(ImportError, FileNotFoundError):
            misdeed(tmp_path)

    def do_and_refuse():
        do()
        raise ValueError

    with only_reads(tmp_path):
        (tmp_path / "there").read_bytes()
    for act in (do, do_and_refuse):
        (tmp_path / "there").touch()
        with pytest.raises(Misdeed, match="led to"), only_reads(tmp_path):
            act()


def test_memory_is_noticed_after_a_peak_too(tmp_path, monkeypatch):
    monkeypatch.setattr(targets, "MOST_MEMORY", 40_000)
    target = targets.Target(lambda data, folder: np.ones(1 << 23), list)
    for _ in range(2):
        with pytest.raises(MemoryError, match="0 bytes took 6"):
            target(b"", tmp_path)
