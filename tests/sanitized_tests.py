"""All tests but those that cannot be under sanitizers: ``make sanitize-tests``; arguments are pytest's."""

import sys

import pytest

# Why each of them cannot, as seen.
LEFT_OUT = {}


def main():
    arguments = ["--pyargs", "-o", "timeout=1800", "-W", "error::pytest.PytestUnraisableExceptionWarning"]
    return pytest.main([*arguments, *(f"--deselect={name}" for name in LEFT_OUT), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
