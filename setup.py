"""Build of the compiled core; everything else about the package is in pyproject.toml.

SKLSTM_DEBUG=1 in the environment builds with bounds checks and debug symbols.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("SKLSTM_DEBUG", "0") not in ("", "0")
CORE = Path("sklstm/_core")
BUILD = Path("build/cython-debug" if DEBUG else "build/cython")
CELLS = sorted(CORE.glob("cells/*.h"))

OPENMP_PROGRAM = """
#include <omp.h>
int main(void) { return omp_get_max_threads() < 1; }
"""


class BuildCore(build_ext):
    """Compiler flags by what the compiler can do, found out by compiling."""

    def build_extensions(self):
        # Without errno from sqrt and traps, loops over it and over selections vectorise; no result changes.
        compile_flags = ["-O1", "-g"] if DEBUG else ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"]
        link_flags = ["-Wl,-s"] if sys.platform == "linux" and not DEBUG else []
        if self.links(OPENMP_PROGRAM, ["-fopenmp"]):
            compile_flags.append("-fopenmp")
            link_flags.append("-fopenmp")
        else:
            warnings.warn("\n\n*** This compiler has no OpenMP: sklstm will use ONE THREAD. ***\n", stacklevel=1)
        for extension in self.extensions:
            extension.extra_compile_args += compile_flags
            extension.extra_link_args += link_flags
        super().build_extensions()

    def links(self, program, flags):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text(program)
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=flags)
                self.compiler.link_shared_object(objects, str(Path(folder) / "probe.so"), extra_postargs=flags)
            except Exception:  # whatever a compiler raises, it means no
                return False
            return True


def write_registry():
    """A header that includes every cell's file and lists what they define: a new cell is one new file."""
    lines = [f'#include "cells/{cell.name}"' for cell in CELLS]
    lines.append("#define CELLS(CELL) " + " ".join(f"CELL_{cell.stem}(CELL)" for cell in CELLS))
    text = "\n".join([*lines, ""])
    header = BUILD / "all_cells.h"
    header.parent.mkdir(parents=True, exist_ok=True)
    if not header.exists() or header.read_text() != text:
        header.write_text(text)
    return header


extensions = [
    Extension(
        f"sklstm._core.{source.stem}",
        [str(source)],
        include_dirs=[str(CORE), str(BUILD)],
        depends=[str(header) for header in [*CORE.glob("*.h"), *CELLS, write_registry()]],
    )
    for source in sorted(CORE.glob("*.pyx"))
]
if not extensions:
    raise FileNotFoundError(f"No Cython sources in {CORE}: this is not a whole copy of the project.")
setup(
    ext_modules=cythonize(
        extensions,
        build_dir=str(BUILD),
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "initializedcheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
        },
    ),
    cmdclass={"build_ext": BuildCore},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
