"""Plots of what was measured. matplotlib comes with `pip install latentcam[bench]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no screen is needed
from matplotlib import pyplot as plt  # noqa: E402

INK, LIGHT, WARN = "#2f3e9e", "#9aa5e0", "#b3541e"


def save_soak(path: Path, points: list[dict[str, Any]], found: dict[str, Any]) -> None:
    """Age, skew, memory and drops over the minutes of a call."""
    minutes = [point["at_s"] / 60 for point in points]
    figure, axes = plt.subplots(4, 1, sharex=True, figsize=(9, 9), layout="constrained")
    for name, colour in (("age_p95", LIGHT), ("age_p50", INK)):
        axes[0].plot(minutes, [p[name] for p in points], color=colour, label=name[-3:])
    axes[0].set(ylabel="age, ms", ylim=(0, None), title="One call, a point every ten seconds")
    axes[0].legend(loc="upper right")
    axes[1].axhspan(-20, 20, color="#e8ebf8")
    axes[1].plot(minutes, [p["skew_p50"] for p in points], color=INK)
    axes[1].set(ylabel="voice later than lips, ms", ylim=(-45, 45))
    axes[2].plot(minutes, [p["rss"] for p in points], color=INK)
    most = max(p["rss"] for p in points)
    axes[2].set(ylabel="server memory, MiB", ylim=(0, 1.2 * most))
    axes[2].annotate(
        f"{found['rss_growth']:+.1%}", (0.98, 0.1), xycoords="axes fraction", ha="right"
    )
    axes[3].bar(minutes, [p["dropped"] for p in points], width=0.16, color=WARN)
    axes[3].set(ylabel="ticks not shown", xlabel="minutes", ylim=(0, None))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def save_capacity(path: Path, steps: list[dict[str, Any]]) -> None:
    """Age and frames by the number of sessions."""
    sessions = [step["sessions"] for step in steps]
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 6), layout="constrained")
    for name, colour in (("p95", LIGHT), ("p50", INK)):
        ages = [step["age"][f"{name}_ms"] for step in steps]
        axes[0].plot(sessions, ages, "o-", color=colour, label=name)
    axes[0].axhline(150, color=WARN, linewidth=1)
    axes[0].set(ylabel="age, ms", ylim=(0, None))
    axes[0].legend(loc="upper left")
    shares = [100 * step["frames"] / max(1, step["of"]) for step in steps]
    axes[1].bar(sessions, shares, width=0.5, color=INK)
    axes[1].set(ylabel="ticks shown, %", xlabel="sessions", xticks=sessions, ylim=(0, 105))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def save_stages(path: Path, scene: dict[str, Any]) -> None:
    """One call's stages, one after the other: p50, and p95 as a whisker."""
    stages = {name: s for name, s in scene["stages"].items() if name != "age"}
    rest = max(0.0, scene["age"]["p50_ms"] - scene["stages"]["age"]["p50_ms"])
    names = [*stages, "caller and transport"]
    values = [*(s["p50_ms"] for s in stages.values()), rest]
    whiskers = [*(s["p95_ms"] - s["p50_ms"] for s in stages.values()), 0.0]
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    axes.barh(names, values, xerr=[[0.0] * len(values), whiskers], color=INK, ecolor=LIGHT)
    axes.invert_yaxis()
    axes.set(xlabel="ms, p50; the whisker ends at p95", xlim=(0, None))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def save_scenes(path: Path, scenes: dict[str, dict[str, Any]]) -> None:
    """Ages by what the link did."""
    figure, axes = plt.subplots(figsize=(8, 0.7 * len(scenes) + 1), layout="constrained")
    names = list(scenes)
    for name, colour in (("p99", "#d5daf3"), ("p95", LIGHT), ("p50", INK)):
        ages = [scene["age"][f"{name}_ms"] for scene in scenes.values()]
        axes.barh(names, ages, color=colour, label=name)
    axes.invert_yaxis()
    axes.set(xlabel="age, ms", xlim=(0, None))
    axes.legend(loc="upper right")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def save_fleet(
    path: Path, samples: list[tuple[float, list[int]]], places: int, recoveries: list[float]
) -> None:
    """How full the replicas of a simulated cluster are, how evenly, and how soon callers whose
    replica died talk again."""
    hours = [second / 3600 for second, _ in samples]
    figure, axes = plt.subplots(3, 1, figsize=(8, 9), layout="constrained")
    axes[0].plot(hours, [len(s) * places for _, s in samples], color=LIGHT, label="places")
    axes[0].plot(hours, [sum(s) for _, s in samples], color=INK, label="sessions")
    axes[0].set(ylabel="in all", xlabel="hours", ylim=(0, None))
    axes[0].legend(loc="lower center")
    lows, highs = [min(s) for _, s in samples], [max(s) for _, s in samples]
    axes[1].fill_between(hours, lows, highs, step="mid", color=LIGHT, label="fewest to most")
    axes[1].plot(hours, [sum(s) / len(s) for _, s in samples], color=INK, label="mean")
    axes[1].set(ylabel="sessions of a replica", xlabel="hours", ylim=(0, places + 0.5))
    axes[1].legend(loc="lower center")
    axes[2].hist(recoveries, bins=60, color=INK)
    axes[2].axvline(3.0, color=WARN, linewidth=1)
    axes[2].set(
        ylabel="callers", xlabel="s from a replica's death to the face again", xlim=(0, None)
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def save_codecs(path: Path, rows: list[dict[str, Any]]) -> None:
    """How near a face comes by the rate, of latents and of video, without loss and with some."""
    colours = dict(zip(sorted({row["codec"] for row in rows}), (LIGHT, WARN, INK), strict=False))
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for codec, colour in colours.items():
        for loss, line in ((0.0, "-"), (0.05, "--")):
            of = sorted(
                (r["kbit_s"], r["face"])
                for r in rows
                if r["codec"] == codec and r["loss"] == loss
            )  # fmt: skip
            rates, near = zip(*of, strict=True)
            axes.plot(
                rates, near, f"o{line}", color=colour,
                label=f"{codec}, {loss:.0%} of the packets lost",
            )  # fmt: skip
    axes.set(xscale="log", xlabel="kbit/s, with all headers", ylabel="PSNR of the face, dB")
    axes.grid(visible=True, which="both", color="#e8ebf8")
    axes.legend(loc="upper right")
    figure.savefig(path, dpi=110)
    plt.close(figure)
