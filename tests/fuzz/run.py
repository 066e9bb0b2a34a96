"""Fuzz what reads files and converts data: `python tests/fuzz/run.py load -runs=50000`.

The first argument is a target of `targets.py`, or `all` for one after the other; the others are libFuzzer's
(https://llvm.org/docs/LibFuzzer.html). Its last lines say how many inputs were tried and how much of the package they
reached. An input that is a fault is written to the working directory, and the exit code is not 0; the same command with
the path of that file tries it again.
"""

import os
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

SLOWEST = 5  # seconds an input may take
LONGEST = 100_000  # bytes an input may have


def main():
    """Fuzz the target that the command line names."""
    name, *options = sys.argv[1:]
    if name == "all":
        for each in _targets():
            print(f"\n{each}", flush=True)
            subprocess.run([sys.executable, __file__, each, *options], check=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        _fuzz(name, options, Path(folder))


def _targets():
    import atheris

    sys.path.insert(0, str(Path(__file__).parents[1]))
    with atheris.instrument_imports(include=["sklstm"]):
        from fuzz.targets import TARGETS
    return TARGETS


def _fuzz(name, options, folder):
    import atheris

    target = _targets()[name]
    os.fsync = lambda file: None  # it takes most of the time
    warnings.simplefilter("ignore")
    corpus = folder / "corpus"
    corpus.mkdir()
    for k, seed in enumerate(target.seeds()):
        (corpus / str(k)).write_bytes(seed)

    def mutate(data, max_size, seed):
        return target.mutate(data, random.Random(seed), lambda data: atheris.Mutate(data, LONGEST))[:max_size]

    mutator = {} if target.mutate is None else {"custom_mutator": mutate}
    limits = [f"-timeout={SLOWEST}", f"-max_len={LONGEST}", "-rss_limit_mb=2048", "-print_final_stats=1"]
    paths = [] if any(Path(option).is_file() for option in options) else [str(corpus)]
    atheris.Setup([sys.argv[0], *limits, *options, *paths], lambda data: target(data, folder), **mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
