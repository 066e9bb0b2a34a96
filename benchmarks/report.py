"""The results as Markdown tables and figures for the documentation."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

COLOURS = {"sklstm": "#1f5fa8", "PyTorch": "#d1602a", "Keras on JAX": "#8a5ca8", "ONNX Runtime": "#5a8f3c"}


def write_report(results, folder):
    """Write `tables.md` and the figures into the folder, from those sections that have been run."""
    sections = [section(results[name], folder) for name, section in SECTIONS.items() if name in results]
    Path(folder, "tables.md").write_text("\n\n".join([_machine(results), *sections]) + "\n")


def write_defaults(results, folder):
    """Write `defaults.md` into the folder: errors of the defaults beside PyTorch's, task by task."""
    lines, ratios = [], []
    for name, row in results["tasks"].items():
        shortest, longest = row["lengths"]
        steps = longest if shortest == longest else f"{shortest} to {longest}"
        ours, peer = np.mean(row["sklstm"]), np.mean(row["PyTorch"])
        ratios.append(ours / peer if ours and peer else np.nan)  # without an error there is no ratio
        lines.append(
            [
                f"**{name}**: {row['description']}",
                f"{row['n_train']:,} × {steps} × {row['n_features']}; {row['n_test']:,}",
                row["error"],
                _spread(row["sklstm"]),
                _spread(row["PyTorch"]),
                f"{ratios[-1]:.2f}" if np.isfinite(ratios[-1]) else "",
            ]
        )
    header = ["task", "sequences × steps × features; tested on", "error", "sklstm", "PyTorch", "ratio"]
    n_seeds = sorted({len(row["sklstm"]) for row in results["tasks"].values()})
    text = f"{_machine(results)} {' or '.join(map(str, n_seeds))} seeds, mean ± standard deviation. sklstm has its "
    text += (
        'defaults, among them `skip_connection="auto"`, which finds out where the last values tell much of the target.'
    )
    overall = f"Ratios: geometric mean {np.exp(np.nanmean(np.log(ratios))):.2f}, median {np.nanmedian(ratios):.2f}."
    Path(folder, "defaults.md").write_text(f"{text}\n\n{_table(header, lines)}\n\n{overall}\n")


def _machine(results):
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    text = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, "
    text += f"{versions}."
    if results.get("missing"):
        text += f" Not installed, and left out: {', '.join(results['missing'])}."
    return text


def _spread(errors):
    spread = np.std(errors, ddof=min(1, len(errors) - 1))
    digits = int(np.clip(1 - np.floor(np.log10(max(spread, 1e-9))), 0, 4))
    return f"{np.mean(errors):.{digits}f} ± {spread:.{digits}f}"


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _ms(time):
    low, high = (1e3 * q for q in time["quartiles"])
    digits = 3 if time["median"] < 1e-3 else 2 if time["median"] < 1e-2 else 1
    return f"{1e3 * time['median']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _best(row, library):
    """The library's times at its better number of threads."""
    times = [time for time in row["times"] if time["library"] == library]
    return min(times, key=lambda time: time["median"]) if times else None


def _ratio(row, library):
    peer = _best(row, library)
    return peer["median"] / _best(row, "sklstm")["median"] if peer else None


def _ours(row, n_threads):
    return next(t for t in row["times"] if t["library"] == "sklstm" and t["threads"] == n_threads)


def _comparison(rows, peers, with_share):
    header = ["batch × steps × features, units", "sklstm, 1 thread, ms", "sklstm, 2 threads, ms"]
    header += [f"{peer}, ms" for peer in peers] + [f"times faster than {peer}" for peer in peers]
    header += ["share of one core's peak"] if with_share else []
    lines = []
    for row in rows:
        line = [row["name"], _ms(_ours(row, 1)), _ms(_ours(row, 2))]
        line += [_ms(_best(row, peer)) for peer in peers] + [f"{_ratio(row, peer):.2f}" for peer in peers]
        line += [f"{row['share']:.0%}"] if with_share else []
        lines.append(line)
    return _table(header, lines)


def _peers(rows):
    return sorted({time["library"] for row in rows for time in row["times"]} - {"sklstm"}, key=list(COLOURS).index)


def _bars(rows, title, file):
    peers = _peers(rows)
    if not peers:
        return ""
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    places = np.arange(len(rows))
    width = 0.8 / len(peers)
    for k, peer in enumerate(peers):
        bars = axes.bar(
            places + (k - (len(peers) - 1) / 2) * width, [_ratio(row, peer) for row in rows], width, label=peer,
            color=COLOURS[peer],
        )  # fmt: skip
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.axhline(1, color="0.3", linewidth=1)
    axes.set_xticks(places, [row["name"].replace(", ", "\n") for row in rows], fontsize=8)
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 4, 8], [1, 2, 4, 8])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(title, loc="left")
    axes.set_ylabel("times faster than")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(peers), loc="lower right", bbox_to_anchor=(1, 1))
    _save(figure, file)
    return f"![Times faster](benchmarks/{file.name})"


def _save(figure, file):
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def _steps(rows, folder):
    bars = _bars(rows, "A training step", folder / "steps.svg")
    figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
    names = [row["name"] for row in rows][::-1]
    shares = axes.barh(names, [100 * row["share"] for row in rows][::-1], color=COLOURS["sklstm"])
    axes.bar_label(shares, fmt="%.0f %%", fontsize=8)
    axes.axvline(100, color="0.3", linewidth=1)
    axes.set(title="Products' share of one core's sgemm, over the whole step", xlabel="%")
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, folder / "share.svg")
    speedup = [[row["name"], f"{_ours(row, 1)['median'] / _ours(row, 2)['median']:.2f}"] for row in rows]
    return (
        "### A training step\n\n"
        + _comparison(rows, _peers(rows), with_share=True)
        + f"\n\n{bars}\n\n![Share of peak](benchmarks/share.svg)\n\nTwo threads against one:\n\n"
        + _table(["batch × steps × features, units", "times faster"], speedup)
    )


def _predictions(rows, folder):
    bars = _bars(rows, "A prediction", folder / "predictions.svg")
    table = _comparison(rows, _peers(rows), with_share=False)
    return f"### Predictions\n\n{table}\n\n{bars}"


def _streams(result, folder):
    times = [f"{row['median'] / result['one'][0]['median']:.1f}" for row in result["one"]]
    one = [[*row, ratio] for row, ratio in zip(_microseconds(result["one"]), times, strict=True)]
    many = []
    for row in result["many"]:
        share = row["batch"]["median"] / row["streams"]["median"]
        many.append([row["threads"], _ms(row["streams"]), _ms(row["batch"]), f"{share:.0%}"])
    in_c = [[row["name"], *(f"{1e6 * row[kind]:.2g}" for kind in ["floats", "int8"])] for row in result["in_c"]]
    parts = [
        "### One time step at a time",
        "One stream of 12 features, 64 units, called from Python:",
        _table(["library", "a step, µs", "99th percentile, µs", "times the first"], one),
        "The same network in other forms:",
        _table(["streams", "a step, µs", "99th percentile, µs"], _microseconds(result["forms"])),
        "All steps of many streams, and of as many sequences predicted at once with an output at each step, "
        f"{result['many'][0]['name']}:",
        _table(["threads", "streams, ms", "batch, ms", "speed of the streams"], many),
    ]
    if in_c:
        parts.append("A step of an exported C header with 8 features (`cc -O2`, the best of 20 runs of 500 steps):")
        parts.append(_table(["cell, units", "floats, µs", "int8, µs"], in_c))
    return "\n\n".join(parts)


def _microseconds(rows):
    """Name, median with quartiles and 99th percentile of each row."""
    lines = []
    for row in rows:
        low, high = (1e6 * q for q in row["quartiles"])
        lines.append([row["name"], f"{1e6 * row['median']:.2f} ({low:.2f} to {high:.2f})", f"{1e6 * row['p99']:.2f}"])
    return lines


def _cells(result, folder):
    return (
        "### A training step of every cell\n\n"
        + _cell_table(result["steps"])
        + "\n\nMore than the plain LSTM, whose time is 1 (a second direction doubles the work; a fifth is dropped):\n\n"
        + _variant_table(result["variants"])
    )


def _cell_table(rows):
    peers = _peers(rows)
    header = ["cell", "batch × steps × features, units", "sklstm, 1 thread, ms", "sklstm, 2 threads, ms"]
    header += [f"{peer}, ms" for peer in peers] + [f"times faster than {peer}" for peer in peers]
    lines = []
    for row in rows:
        there = [peer for peer in peers if _best(row, peer)]
        line = [row["problem"]["cell"], row["name"], _ms(_ours(row, 1)), _ms(_ours(row, 2))]
        line += [_ms(_best(row, peer)) if peer in there else "has none" for peer in peers]
        lines.append(line + [f"{_ratio(row, peer):.2f}" if peer in there else "" for peer in peers])
    return _table(header, lines)


def _variant_table(rows):
    header = ["with", *(f"{row['name']}, {n} thread{'s' * (n > 1)}" for row in rows for n in (1, 2))]
    medians = [{(time["variant"], time["threads"]): time["median"] for time in row["times"]} for row in rows]
    names = list(dict.fromkeys(name for name, _ in medians[0] if name != "plain"))
    return _table(
        header,
        [[name, *(f"{m[name, n] / m['plain', n]:.2f}" for m in medians for n in (1, 2))] for name in names],
    )


def _ragged(rows, folder):
    lines = [
        [row["name"], f"{row['filled']:.2f}", f"{row['ragged']['median'] / row['full']['median']:.2f}"] for row in rows
    ]
    header = ["batch × steps × features, units", "share of steps that exist", "time, full lengths = 1"]
    return "### Sequences of different lengths\n\nLengths spread evenly from 1 to the full one.\n\n" + _table(
        header, lines
    )


def _slope(sizes, times):
    """Exponent of the power law through the upper half of the sizes: 1 is linear."""
    upper = slice(len(sizes) // 2, None)
    return np.polyfit(np.log(sizes[upper]), np.log(times[upper]), 1)[0]


def _scaling(result, folder):
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    lines = []
    for axes, (by, label) in zip(
        panels, [("n_steps", "time steps"), ("n_sequences", "sequences"), ("epochs", "epochs")], strict=True
    ):
        for n_threads, style in [(1, "o-"), (2, "s--")]:
            rows = [row for row in result[by] if row.get("threads", 1) == n_threads]
            if rows:
                sizes, times = np.array([row[by] for row in rows]), np.array([1e3 * row["median"] for row in rows])
                axes.loglog(
                    sizes, times, style, color=COLOURS["sklstm"], label=f"{n_threads} thread{'s' * (n_threads > 1)}"
                )
                lines.append([label, n_threads, f"{_slope(sizes, times):.2f}"])
        axes.set(xlabel=label, ylabel="ms")
        axes.set_xticks(sizes[::2], sizes[::2])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    _save(figure, folder / "scaling.svg")
    table = _table(["grows with", "threads", "exponent (1 is linear)"], lines)
    return (
        "### Growth\n\nA step of 32 × 48 × 12 with 64 units, longer or with more sequences; a fit of 320 such "
        f"sequences for more epochs.\n\n![Growth](benchmarks/scaling.svg)\n\n{table}"
    )


def _seconds(rows, header):
    ours = rows[0]["median"]
    return _table(
        ["", "seconds", "relative to sklstm", *header],
        [
            [row["library"], f"{row['median']:.2f}", f"{row['median'] / ours:.1f}", *(f"{row[k]:.3f}" for k in header)]
            for row in rows
        ],
    )


def _fits(rows, folder):
    text = "### A whole fit\n\n`fit` on 2,000 × 48 × 12, 64 units, minibatches of 32, 10 epochs. scikit-learn's "
    return text + "perceptron sees the same numbers side by side, without time.\n\n" + _seconds(rows, [])


def _grid_search(rows, folder):
    text = "### A grid search\n\n`GridSearchCV` on the Japanese vowels: 24 candidates, 5 folds, `n_jobs=2`.\n\n"
    return text + _seconds(rows, ["accuracy"])


def _memory(rows, folder):
    free = rows[0]["median"]
    lines = [
        [row["limit"], f"{row['median']:.2f}", f"{row['median'] / free:.2f}", f"{row['peak']:.0f}"] for row in rows
    ]
    return (
        "### Long sequences in little memory\n\nOne step over 32 × 10,000 × 8 with 64 units; the peak is that of a "
        "whole process that fits them, data and Python included.\n\n"
        + _table(["`max_memory`", "seconds", "relative", "peak of the process, MB"], lines)
    )


def _footprint(result, folder):
    return (
        f"### Size\n\nImporting sklstm takes {1e3 * result['import']:.0f} ms beyond `sklearn.neural_network`; it is "
        f"{result['installed'] / 1e6:.1f} MB installed, data sets included."
    )


def _overhead(result, folder):
    times = [[name, f"{1e6 * time['median']:.0f}"] for name, time in result["times"].items()]
    profile = [[name, f"{part['python']:.0f}", f"{part['core']:.0f}"] for name, part in result["profile"].items()]
    return (
        "### Python's share\n\n"
        + _table(["one thread", "microseconds"], times)
        + "\n\nSteps like the first, each over other sequences, by cProfile, whose own cost is on Python's side:\n\n"
        + _table(["sequences", "microseconds in Python", "in the compiled core"], profile)
    )


def _single_kernels(rows, folder):
    products = ["forward product", "backward product", "weights' gradients", "sgemm"]
    cells = ["cell forward", "cell backward"]
    once_a_step = ["packing", "Adam"]
    units = [(products, 1e-9, ".0f", "GFLOP/s"), (cells, 1e9, ".2f", "ns a unit"), (once_a_step, 1e6, ".1f", "µs")]
    lines = [
        [row["name"], *(f"{factor * row[name]:{form}}" for names, factor, form, _ in units for name in names)]
        for row in rows
    ]
    header = [f"{name}, {unit}" for names, _, _, unit in units for name in names]
    text = "### Each kernel alone\n\nOne thread, eight rows, operands in the caches; sgemm is a large product of BLAS. "
    text += "Packing the weights and the step of Adam go over the whole network.\n\n"
    return text + _table(["batch × steps × features, units", *header], lines)


SECTIONS = {
    "steps": _steps,
    "predictions": _predictions,
    "streams": _streams,
    "cells": _cells,
    "ragged": _ragged,
    "scaling": _scaling,
    "fits": _fits,
    "grid_search": _grid_search,
    "memory": _memory,
    "footprint": _footprint,
    "overhead": _overhead,
    "single_kernels": _single_kernels,
}
