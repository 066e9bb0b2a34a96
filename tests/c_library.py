"""Headers of models compiled, and called from Python."""

import ctypes
import re
import subprocess

import numpy as np

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-Wdouble-promotion"]
C99 = ["cc", "-std=c99", "-O2", *STRICT, "-Wvla", "-Wstrict-prototypes"]


class Library:
    """Headers compiled into one shared object."""

    def __init__(self, folder, names):
        self.write_source(folder, names, folder / "all.c")
        command = [*C99, "-fPIC", "-shared", "-o", folder / "all.so", folder / "all.c", "-lm"]
        subprocess.run(command, check=True)
        self._library = ctypes.CDLL(str(folder / "all.so"))

    @staticmethod
    def write_source(folder, names, path):
        """Write a C file of functions that are called alike, whatever the model reads."""
        source = ["#include <stddef.h>", "#include <stdint.h>"]
        for name in names:
            text = (folder / f"{name}.h").read_text()
            arguments = re.search(rf"void {name}_step\({name}_state \*s, (.*), float y", text)[1]
            x, gap = ("(int32_t)x[0]" if "token" in arguments else "x"), (", gap" if "gap" in arguments else "")
            source.append(
                f'#include "{name}.h"\n'
                f"size_t size_{name}(void);\n"
                f"void reset_{name}(void *s);\n"
                f"void step_{name}(void *s, const float *x, float gap, float *y);\n"
                f"void steps_{name}(void *s, const float *x, size_t n, size_t width, float gap, float *y);\n"
                f"size_t size_{name}(void) {{ return sizeof({name}_state); }}\n"
                f"void reset_{name}(void *s) {{ {name}_reset(({name}_state *)s); }}\n"
                f"void step_{name}(void *s, const float *x, float gap, float *y)\n"
                f"{{ (void)gap; {name}_step(({name}_state *)s, {x}{gap}, y); }}\n"
                f"void steps_{name}(void *s, const float *x, size_t n, size_t width, float gap, float *y)\n"
                f"{{ for (; n > 0; n--, x += width) step_{name}(s, x, gap, y); }}\n"
            )
        path.write_text("\n".join(source))

    def state(self, name):
        """Room for a state, with whatever was there before."""
        function = getattr(self._library, f"size_{name}")
        function.restype = ctypes.c_size_t
        return np.full(function(), 0xA5, dtype=np.uint8)

    def reset(self, name, state):
        getattr(self._library, f"reset_{name}")(ctypes.c_void_p(state.ctypes.data))

    def step(self, name, state, x, gap, n_outputs):
        x, y = np.ascontiguousarray(x, dtype=np.float32), np.empty(n_outputs, dtype=np.float32)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (state, x, y)]
        getattr(self._library, f"step_{name}")(addresses[0], addresses[1], ctypes.c_float(gap), addresses[2])
        return y

    def steps(self, name, x, gap, n_outputs):
        """What is predicted from a whole sequence of (n_timesteps, n_features) whose gaps are all the same."""
        state, y = self.state(name), np.empty(n_outputs, dtype=np.float32)
        self.reset(name, state)
        x = np.ascontiguousarray(x, dtype=np.float32)
        n, width = (ctypes.c_size_t(size) for size in x.shape)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (state, x, y)]
        function = getattr(self._library, f"steps_{name}")
        function(addresses[0], addresses[1], n, width, ctypes.c_float(gap), addresses[2])
        return y
