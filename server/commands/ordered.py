"""Orders for a face from the command line: their options, and the process that carries one out."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import msgspec

from latentcam.realtime_models import enrolment
from latentcam.realtime_models.enrolment import Covered, Doing, Done, Failed, News, Order
from latentcam.server.endings import orderly
from latentcam.server.errors import UsageError

CLEAR = "\r\x1b[K"


def order_options() -> argparse.ArgumentParser:
    """A parent parser: how a face is learned."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--minutes", type=float, help="of training; default: what the device needs, 45 at most"
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--tracker", type=Path, help="face_landmarker.task, if it lies elsewhere")
    parser.add_argument(
        "--segmenter", type=Path, help="selfie_segmenter.tflite, if it lies elsewhere"
    )
    parser.add_argument("--vgg", type=Path, help="ONNX file of VGG16: sharper, and slower")
    return parser


def whole_path(file: Path) -> str:
    """The file's path from the root. Raises UsageError if there is none."""
    if not file.is_file():
        raise UsageError(f"{file} does not exist, expected a video or a picture")
    return str(file.resolve())


def carry_out(order: Order) -> None:
    """Start the work, show on stderr how far it is, print the pack's folder on stdout. Raises
    UsageError with the sentence that the work ends with, and KeyboardInterrupt."""
    if order.minutes is not None and not 0 < order.minutes <= 600:
        raise UsageError(f"--minutes is {order.minutes:g}, expected above 0 and at most 600")
    if missing := enrolment.missing_packages():
        raise UsageError(
            f"this needs {', '.join(missing)}, not installed: pip install 'latentcam[enrol]'"
        )
    folder = enrolment.place(order)
    with (
        orderly(),
        subprocess.Popen(
            enrolment.command(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process,
    ):
        assert process.stdout is not None
        last: News | None = None
        try:
            for line in process.stdout:
                news = msgspec.json.decode(line, type=News)
                if sys.stderr.isatty() or not same_part(last, news):
                    show(news)
                last = news
        except KeyboardInterrupt:
            process.terminate()  # it keeps what it has
            print(f"{CLEAR}keeping what is done so far; the same command goes on", file=sys.stderr)
            process.wait()
            raise
    if isinstance(last, Failed):
        raise UsageError(last.message)
    if not isinstance(last, Done):
        raise UsageError(
            f"the work ended early, with status {process.returncode}: "
            f"`{' '.join(enrolment.command(folder))}` says why"
        )


def show(news: News) -> None:
    """A line on stderr that the next one replaces; a pack's folder on stdout."""
    if isinstance(news, Doing):
        left = "" if news.left_s is None else f", {minutes(news.left_s)} to go"
        end = "" if sys.stderr.isatty() else "\n"
        line = f"{news.step} {news.share:4.0%}{left}"
        print(f"{CLEAR if not end else ''}{line}", end=end, file=sys.stderr, flush=True)
    elif isinstance(news, Covered):
        begin = CLEAR if sys.stderr.isatty() else ""
        print(f"{begin}{news.pictures} pictures with a face", file=sys.stderr)
        for words in news.missing:
            print(f"better with {words}", file=sys.stderr)
    elif isinstance(news, Done):
        print(CLEAR if sys.stderr.isatty() else "", end="", file=sys.stderr)
        print(news.folder)


def same_part(a: News | None, b: News) -> bool:
    """Whether both tell of one tenth of one step: a log does not need each."""
    if not (isinstance(a, Doing) and isinstance(b, Doing) and a.step == b.step):
        return False
    return int(10 * a.share) == int(10 * b.share)


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
