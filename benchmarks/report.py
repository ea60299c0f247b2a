"""The short set of benchmarks as a page to read: `latentcam bench` writes it."""

from __future__ import annotations

import asyncio
import base64
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latentcam.benchmarks.capacity import OLDEST, capacity
from latentcam.benchmarks.decode import measure as decode
from latentcam.benchmarks.glass_to_glass import measure
from latentcam.benchmarks.pipeline import pipeline
from latentcam.benchmarks.tools.link import Script
from latentcam.benchmarks.tools.machine_card import as_json, machine_card
from latentcam.benchmarks.tools.plots import save_capacity, save_scenes, save_stages
from latentcam.benchmarks.tools.served import served
from latentcam.benchmarks.verdict import verdict
from latentcam.realtime_models.avatar_pack import load_pack

PICTURES = 200  # decoded one by one

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>latentcam on this machine</title>
<style>{style}</style>
</head>
<body>
{body}</body>
</html>
"""
STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid #8886; padding: 0.25rem 0.6rem; text-align: left; }
img { background: white; max-width: 100%; }
"""

SCENES: tuple[tuple[str, Script | None, float], ...] = (  # and the strength of the face's life
    ("loopback", None, 1.0),
    ("loopback, a still face", None, 0.0),
    ("2 % loss", Script(loss=0.02), 1.0),
    ("5 % loss, 30 ms jitter", Script(loss=0.05, jitter=0.03), 1.0),
)


def write_report(
    page: Path,
    avatar: str,
    decoder: str,
    fps: int,
    seconds: float,
    most: int,
    say: Callable[[str], None],
) -> None:
    """Measure for about seconds * (4 + most) and a minute, and write the page as HTML; beside it
    the same as Markdown, its plots and figures.json. say gets a line before every step, and at the
    end the verdict."""
    folder = page.parent
    found: dict[str, Any] = {"card": machine_card(), "avatar": avatar, "fps": fps}
    look_ahead = load_pack(avatar).card.motion.look_ahead_s
    found["look_ahead_ms"] = look_ahead * 1000
    say("a picture")
    [found["picture"]] = decode(decoder, "pack", load_pack(avatar), [1], PICTURES, {})
    say(f"a file: {seconds:.0f} s of voice to a video")
    found["pipeline"] = pipeline(avatar, decoder, fps, seconds)
    found["scenes"] = {}
    options = ["--avatar", avatar, "--decoder", decoder, "--fps", str(fps)]
    for name, script, life in SCENES:
        say(f"a call: {name}")
        with served(*options) as server:
            found["scenes"][name] = asyncio.run(
                measure(server, seconds, fps, look_ahead, script, patient=False, life=life)
            )
    say(f"calls at once: up to {most}")
    found["capacity"] = capacity(avatar, decoder, fps, seconds, most)
    save_stages(folder / "stages.png", found["scenes"]["loopback"])
    save_scenes(folder / "ages.png", found["scenes"])
    save_capacity(folder / "capacity.png", found["capacity"]["steps"])
    (folder / "figures.json").write_text(as_json(found))
    text = as_markdown(found)
    page.with_suffix(".md").write_text(text, "utf-8")
    page.write_text(as_html(text, folder), "utf-8")
    for sentence in verdict(found):
        say(sentence)


def as_markdown(found: dict[str, Any]) -> str:
    """The page: tables of what was measured, and what each figure means."""
    card, file, places = found["card"], found["pipeline"], found["capacity"]["places"]
    first = found["scenes"]["loopback"]
    picture = found["picture"]
    ceiling = (
        f", {picture['share']:.0%} of what the machine's own matrix product reaches"
        if "share" in picture
        else ""
    )
    lines = [
        "# latentcam on this machine",
        "",
        *(f"**{sentence}**\n" for sentence in verdict(found)),
        f"{card['cpu']}, {card['cores']} cores ({card['units'] or 'no wide units'}), load "
        f"{card['load']} when it began; {card['system']}, Python {card['python']}, commit "
        f"{card['commit']}. Avatar `{found['avatar']}`, {found['fps']} frames a second, decoder "
        f"{file['decoder']}.",
        "",
        "## A picture",
        "",
        f"Decoding takes {picture['p50_ms']} ms (p50; p95 {picture['p95_ms']} ms), "
        f"{picture['gmac']} GMAC{ceiling}.",
        "",
        "## A call",
        "",
        "Age: from the last sample of a tick leaving the caller to that tick's frame, decoded, in "
        "the caller's hands. Onset, of a still face: from the first packet of a sentence leaving "
        "to the first frame whose mouth moves. Skew: by how much the returned voice is later than "
        f"the lips. The motion model's look-ahead, {found['look_ahead_ms']:.0f} ms, is in onset "
        "and skew, not in the age.",
        "",
        "| link | age p50 | p95 | p99 | frames | onset p50 | skew p50 | 95 % of skews within |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, scene in found["scenes"].items():
        age, skew = scene["age"], scene["skew"]
        lines.append(
            f"| {name} | {_ms(age['p50_ms'])} | {_ms(age['p95_ms'])} | {_ms(age['p99_ms'])} "
            f"| {scene['frames']} of {scene['of']} | {_ms(scene['onset']['p50_ms'])} "
            f"| {_ms(skew['p50_ms'], sign='+')} | {_ms(skew['p95_of_size_ms'])} |"
        )
    lines += [
        "",
        "![Age by link](ages.png)",
        "",
        f"The first picture came {first['first_frame_ms']} ms after the offer. Where the time goes "
        "on loopback:",
        "",
        "| stage | p50 | p95 | what |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {stage['p50_ms']} ms | {stage['p95_ms']} ms | {stage['what']} |"
            for name, stage in first["stages"].items()
        ),
        "",
        "![Stages](stages.png)",
        "",
        "## Calls at once",
        "",
        f"{places} session(s) held: p95 age within {OLDEST:.0f} ms and 98 of 100 ticks shown, with "
        "the callers on the same machine.",
        "",
        "| sessions | age p50 | p95 | frames | server, cores |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {s['sessions']} | {s['age']['p50_ms']} ms | {s['age']['p95_ms']} ms "
            f"| {s['frames']} of {s['of']} | {s['server_cores']} |"
            for s in found["capacity"]["steps"]
        ),
        "",
        "![Capacity](capacity.png)",
        "",
        "## A file",
        "",
        f"{file['speech_s']:.0f} s of speech became a video at {file['times_real_time']} times "
        "real time (above 1, it is made faster than it plays): "
        + ", ".join(
            f"{stage} {file['ms_per_frame'][stage]} ms" for stage in ("motion", "decode", "encode")
        )
        + f" a frame, after {file['open_s']} s of opening the avatar.",
        "",
    ]
    return "\n".join(lines)


def as_html(page: str, folder: Path) -> str:
    """The page in one file that any browser shows: its plots, which lie in folder, are in it."""
    from markdown_it import MarkdownIt

    def inlined(found: re.Match[str]) -> str:
        data = base64.b64encode((folder / found[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{data}"'

    body = MarkdownIt("commonmark").enable("table").render(page)
    return TEMPLATE.format(style=STYLE, body=re.sub(r'src="([\w.]+\.png)"', inlined, body))


def _ms(value: float, sign: str = "") -> str:
    return "–" if math.isnan(value) else f"{value:{sign}} ms"
