"""All tests but those that cannot be under sanitizers: ``make sanitize-tests``; arguments are pytest's."""

import sys

import pytest

QUARANTINE = "AddressSanitizer keeps what was freed for a while, which counts as memory that is used"
FRAMES = "functions have larger frames then, and these threads small stacks"

# Why each of them cannot, as seen.
LEFT_OUT = {
    "tests/test_leaks.py::test_fits_leave_nothing_in_memory": QUARANTINE,
    "tests/test_same_bits.py::test_same_bits_in_any_process": FRAMES,
    "tests/test_out_of_core.py::TestMemory::test_a_part_of_the_memory_for_a_copy_suffices": QUARANTINE,
}


def main():
    arguments = ["--pyargs", "-o", "timeout=1800", "-W", "error::pytest.PytestUnraisableExceptionWarning"]
    return pytest.main([*arguments, *(f"--deselect={name}" for name in LEFT_OUT), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
