"""Times of several functions that take turns, and the machine that they were taken on."""

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np

BURST = 5  # calls in a row; the first of them pays for the caches, and for threads of others that still spin

PACKAGES = ["sklstm", "numpy", "scipy", "scikit-learn", "torch", "skorch", "keras", "jax", "onnxruntime"]


def interleaved(functions, seconds):
    """Times in seconds of each function, called in turns in short bursts, so that noise hits all alike."""
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 2 * (BURST - 1):
        for name, function in functions.items():
            burst = [seconds_of(function) for _ in range(BURST)]
            times[name] += burst[1:]
    return times


def in_turns(functions, repeats):
    """The same for functions that take seconds: one call each, several times."""
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(seconds_of(function))
    return times


def seconds_of(function):
    """Seconds that one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def summary(times):
    """Median and quartiles."""
    return {"median": float(np.median(times)), "quartiles": [float(q) for q in np.quantile(times, [0.25, 0.75])]}


def machine():
    """What the numbers depend on."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }
