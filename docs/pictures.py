"""Make the README's pictures again, with whatever pack is the default: `python -m docs.pictures`

talking.webp: four faces side by side that say the same sentence. page.webp: the page of `latentcam
serve`. camera.webp: the control page of `latentcam camera`, with what a call sees. The voice is the
page's sample, synthesised with espeak-ng. Needs `pip install ".[dev]"` and Chromium; CHROMIUM names
it if it is not /usr/bin/chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.opened import open_pack
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline

FOLDER = Path(__file__).resolve().parent
SAMPLE = FOLDER.parent / "client_demo" / "sample.mp3"
FPS = 25
LARGEST = 1_500_000  # bytes of the moving picture: it is in every clone
DESKTOP = {"width": 1280, "height": 800}
BROWSER = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("talking", "page", "camera"), help="one of them")
    parser.add_argument("--identities", help="four names, separated by commas")
    parser.add_argument("--seconds", type=float, default=4.0, help="of the moving picture")
    args = parser.parse_args()
    if args.only in (None, "talking"):
        save_talking(args.identities, args.seconds)
    if args.only in (None, "page"):
        save_page()
    if args.only in (None, "camera"):
        save_camera()


def save_talking(identities: str | None, seconds: float, side: int = 256) -> None:
    """Four columns of side x side, as small as quality 75 or less makes them."""
    opened = open_pack(DEFAULT_PACK)
    avatar, names = opened.avatar, list(opened.pack.card.identities)
    chosen = identities.split(",") if identities else names[:4]
    columns = []
    for seed, identity in enumerate(chosen):
        anchor = avatar.anchor(identity)
        ticks = perform_file(opened.performer, Timeline(FPS), SAMPLE, seed, Settings())
        rows = [
            Image.fromarray(composite(avatar.render(anchor, x))).resize((side, side))
            for _, x in zip(range(round(seconds * FPS)), ticks, strict=False)
        ]
        columns.append(rows)
    frames = [
        Image.fromarray(np.hstack([np.asarray(one) for one in row]))
        for row in zip(*columns, strict=True)
    ]
    for quality in (75, 65, 55, 45):
        data = io.BytesIO()
        first, *rest = frames
        first.save(
            data, "WEBP", save_all=True, append_images=rest, duration=1000 // FPS, loop=0,
            quality=quality,
        )  # fmt: skip
        if len(data.getvalue()) <= LARGEST:
            break
    (FOLDER / "talking.webp").write_bytes(data.getvalue())
    print(f"talking.webp: {', '.join(chosen)}, {len(data.getvalue())} bytes")


def save_page() -> None:
    """As it is before a call: while one runs, a busy machine would be warned of in the picture."""
    with running("serve") as address, chromium() as browser:
        page = browser.new_page(viewport=DESKTOP, color_scheme="light")
        page.goto(address)
        page.wait_for_selector("body[data-resting]", timeout=120_000)
        page.evaluate("rest.pause(), rest.currentTime = 0")  # where it does not blink
        page.wait_for_timeout(1000)
        save_shot(page, "page.webp")


def save_camera() -> None:
    options = ("--device", "none", "--mic", str(SAMPLE))
    with running("camera", *options) as address, chromium() as browser:
        page = browser.new_page(viewport=DESKTOP, color_scheme="light")
        page.goto(address)
        page.wait_for_timeout(5000)
        save_shot(page, "camera.webp")


SEEN = "[...document.images].every(i => i.complete || i.getBoundingClientRect().top > innerHeight)"


def save_shot(page: Any, name: str) -> None:
    page.wait_for_function(SEEN, timeout=120_000)  # portraits are drawn when they are asked for
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.save(FOLDER / name, "WEBP", quality=85)
    print(f"{name}: {(FOLDER / name).stat().st_size} bytes")


@contextlib.contextmanager
def running(*command: str) -> Iterator[str]:
    """A command of latentcam's with a page; yields the page's address."""
    words: Sequence[str] = (sys.executable, "-m", "latentcam", *command, "--port", "0")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=path, args=BROWSER)
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    main()
