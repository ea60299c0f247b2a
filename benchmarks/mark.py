"""Does the mark last, and is it seen where it is not? `python -m latentcam.benchmarks.mark SPEECH`

Every face of a pack says the speech, as in a call (as large as the pack draws it) and as on a
camera (1280x720); its marked pictures go through what happens to pictures, into a file, and
`latentcam verify` reads that. For each of the two and each change:

found: of the files, how many certainly have the mark, and of how many the session is read rightly.
z: how clearly, the median and the least; from 7.7 on it is certain, in a minute of video from 8.0.

With `--unmarked FILES`, videos and pictures without a mark are searched, with the mark's own key
and with others, drawn: a file is as independent of one as of another. Given are the clearest that
was found by accident; how many of the places that were tried are clearer than a few levels, beside
what a normal distribution would have; and the chance that a file seems certain, from the median of
the clearest: z² / 2 of a normal z has the tail of an exponential distribution.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.arrays import Picture
from latentcam.realtime_models.mark import waves
from latentcam.realtime_models.mark_search import CHANCES, SIDE, SIZES, detail, differences, places
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.opened import open_pack
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.composition import I420, Composer, planes
from latentcam.stream.errors import MediaError
from latentcam.stream.marked_file import CERTAIN, means_of, verdict_on
from latentcam.stream.marker import Marker
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline

FPS = 25
MARK = 0x5EA1ED
CAMERA = 1280, 720
REALTIME = {
    "libvpx": {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0"},
    "libx264": {"preset": "veryfast", "tune": "zerolatency"},
}

LEVELS = (4.0, 4.5, 5.0, 5.5, 6.0)  # of z, above which places are counted

Change = Callable[[av.VideoFrame], av.VideoFrame]


@dataclass(frozen=True, slots=True)
class Attack:
    """What happens to the pictures, one by one, and how the file is encoded. codec: none is a file
    of the first picture. bits: a second. shown: times a second, in a recording of FPS."""

    name: str
    change: Change
    codec: str | None = "libx264"
    bits: int = 500_000
    shown: int = FPS


def same(frame: av.VideoFrame) -> av.VideoFrame:
    return frame


def scaled(frame: av.VideoFrame, share: float) -> av.VideoFrame:
    width, height = (round(n * share / 2) * 2 for n in (frame.width, frame.height))
    return frame.reformat(width, height, "yuv420p", interpolation="BILINEAR", threads=1)


def cropped(frame: av.VideoFrame) -> av.VideoFrame:
    """A tenth of the width and of the height is gone, unevenly."""
    rgb = frame.to_ndarray(format="rgb24")
    top, left = (round(0.07 * n) for n in rgb.shape[:2])
    height, width = (round(0.45 * n) * 2 for n in rgb.shape[:2])
    return as_yuv(rgb[top : top + height, left : left + width])


def on_a_desktop(frame: av.VideoFrame) -> av.VideoFrame:
    """A window, 700 of 1080 lines high, before text on white and a dark bar."""
    width = round(700 * frame.width / frame.height)
    shown = frame.reformat(width, 700, "rgb24", interpolation="BILINEAR", threads=1)
    screen = np.full((1080, 1920, 3), 245, np.uint8)
    screen[:60] = 40
    letters = np.random.default_rng(1).random((1080 // 20, 1920 // 8)) < 0.4
    screen[:, :, :] -= np.uint8(180) * np.kron(letters, TEXT)[:1080, :1920, None]
    screen[170:870, 90 : 90 + width] = shown.to_ndarray()
    return as_yuv(screen)


TEXT = np.zeros((20, 8), np.uint8)  # a letter
TEXT[4:14, 1:3] = TEXT[4:6, 1:7] = TEXT[9:11, 3:6] = 1


def turned(frame: av.VideoFrame) -> av.VideoFrame:
    """As in a mirror."""
    return as_yuv(frame.to_ndarray(format="rgb24")[:, ::-1])


def brighter(frame: av.VideoFrame) -> av.VideoFrame:
    rgb = frame.to_ndarray(format="rgb24").astype(np.float32) / 255
    return as_yuv(np.round(255 * np.minimum(1.15 * rgb**0.8, 1)).astype(np.uint8))


def as_jpeg(frame: av.VideoFrame) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(file, "JPEG", quality=60)
    return file.getvalue()


def through_jpeg(frame: av.VideoFrame) -> av.VideoFrame:
    from PIL import Image

    return as_yuv(np.asarray(Image.open(io.BytesIO(as_jpeg(frame)))))


def as_yuv(rgb: NDArray[Any]) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return frame.reformat(format="yuv420p", threads=1)


def small_and_cropped(frame: av.VideoFrame) -> av.VideoFrame:
    return scaled(cropped(frame), 0.5)


ATTACKS = (
    Attack("VP8, 500 kbit/s", same, "libvpx"),
    Attack("H.264, 500 kbit/s", same),
    Attack("half the size, H.264", partial(scaled, share=0.5)),
    Attack("a tenth cropped, H.264", cropped),
    Attack("every picture through JPEG 60, H.264", through_jpeg),
    Attack("screen recording, 30 to 25 fps, 2 Mbit/s", on_a_desktop, bits=2_000_000, shown=30),
    Attack("cropped, half the size, VP8 at 250 kbit/s", small_and_cropped, "libvpx", 250_000),
    Attack("brighter and flatter, H.264", brighter),
    Attack("a third of the size, H.264", partial(scaled, share=1 / 3)),
    Attack("one picture, JPEG 60", same, None),
    Attack("mirrored, H.264", turned),
)


def write(folder: Path, pictures: Sequence[I420], attack: Attack) -> Path:
    """The file that an attack makes of the pictures."""
    path = folder / ("film.mkv" if attack.codec else "film.jpg")
    step = attack.shown / FPS
    frames = (
        attack.change(av.VideoFrame.from_ndarray(pictures[int(n * step)], format="yuv420p"))
        for n in range(int(len(pictures) / step))
    )
    if attack.codec is None:
        path.write_bytes(as_jpeg(next(frames)))
        return path
    rate = str(attack.bits)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(attack.codec, rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.pix_fmt, stream.bit_rate, stream.thread_count = "yuv420p", attack.bits, 1
        stream.time_base = Fraction(1, FPS)
        stream.options = {
            **REALTIME[attack.codec], "maxrate": rate, "minrate": rate, "bufsize": rate,
        }  # fmt: skip
        for index, frame in enumerate(frames):
            if index == 0:
                stream.width, stream.height = frame.width, frame.height
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def marked(composer: Composer, faces: Sequence[Picture], marker: Marker) -> list[I420]:
    return [marker.camera(composer(face)) for face in faces]


def lasting(
    pictures: Sequence[Sequence[I420]], attacks: Sequence[Attack]
) -> Iterator[dict[str, Any]]:
    """A row for each attack on several films."""
    for attack in attacks:
        found, read, zs = 0, 0, []
        for film in pictures:
            with tempfile.TemporaryDirectory() as folder:
                verdict = verdict_on(write(Path(folder), film, attack))
            found += verdict.log10_chance <= CERTAIN
            read += verdict.marks == [MARK]
            zs.append(max(finding.z for finding in verdict.findings))
        yield {
            "attack": attack.name, "n": len(pictures), "found": found, "read": read,
            "z_p50": round(float(np.median(zs)), 1), "z_least": round(min(zs), 1),
        }  # fmt: skip


def psnr(pictures: Sequence[I420], clean: Sequence[I420]) -> float:
    """dB, of luma."""
    errors = [
        np.mean((planes(a)[0].astype(np.float32) - planes(b)[0]) ** 2)
        for a, b in zip(pictures, clean, strict=True)
    ]
    return 10 * math.log10(255**2 / float(np.mean(errors)))


def cost(height: int, width: int, count: int = 500) -> dict[str, float]:
    """Milliseconds a picture."""
    marker, luma = Marker(MARK), np.full((height, width), 100, np.uint8)
    marker.luma(luma)
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        marker.luma(luma)
        took.append(1000 * (time.perf_counter() - begun))
    p50, p95, p99 = (round(float(np.percentile(took, p)), 3) for p in (50, 95, 99))
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def accidents(files: Sequence[Path], keys: int, seconds: float) -> dict[str, Any]:
    """Clearest places in files without a mark, by the mark's key and by others."""
    own, others, above, searched = [], [], np.zeros(len(LEVELS), np.int64), 0
    for path in files:
        try:
            layers = [detail(mean) for mean, _ in means_of(path, seconds)]
        except MediaError:
            continue
        searched += len(layers)
        best = np.full(1 + keys, -np.inf)
        turns = [np.ones(len(waves().phases), np.complex64), *map(_turn, range(keys))]
        for layer, size in itertools.product(layers, SIZES):
            found = differences(layer, size)
            for key, turn in enumerate(turns):
                z = places(found * turn)
                best[key] = max(best[key], z.max())
                above += [int((z > level).sum()) for level in LEVELS]
        own.append(best[0])
        others += list(best[1:])
    whole = np.array([*own, *others])
    threshold = math.sqrt(2 * (math.log(CHANCES) - CERTAIN * math.log(10)))
    median = float(np.median(whole))
    beyond = (threshold**2 - median**2) / 2 - math.log(math.log(2))
    tries = searched * len(SIZES) * SIDE**2 * (1 + keys)
    return {
        "files": len(own), "keys": 1 + keys, "searches": len(whole), "tries": tries,
        "z_own": round(float(max(own)), 2), "z_all": round(float(whole.max()), 2),
        "z_p50": round(median, 2), "threshold": round(threshold, 2),
        "log10_chance": round(-beyond / math.log(10), 1), "log10_bound": CERTAIN,
        "places_above": {
            str(level): (int(count), round(tries * math.erfc(level / math.sqrt(2)) / 2, 1))
            for level, count in zip(LEVELS, above, strict=True)
        },
    }  # fmt: skip


def _turn(key: int) -> NDArray[np.complex64]:
    """To another key's phases."""
    count = len(waves().phases)
    angles = np.random.default_rng(key).uniform(0, 2 * np.pi, count)
    return np.asarray(np.exp(1j * angles), np.complex64)


def survival(args: argparse.Namespace) -> dict[str, Any]:
    """How faint the mark is, and what of it is left after each attack."""
    opened = open_pack(args.avatar, "auto")
    said = perform_file(opened.performer, Timeline(FPS), args.speech, 1, Settings())
    controls = list(itertools.islice(said, args.ticks))
    background = Backgrounds().first
    films: dict[str, list[list[I420]]] = {"call": [], "camera": []}
    decibels = []
    for name in opened.pack.card.identities[: args.faces]:
        anchor = opened.avatar.anchor(name)
        faces = [opened.avatar.render(anchor, x).copy() for x in controls]
        side = len(faces[0])
        for kind, size in (("call", (side, side)), ("camera", CAMERA)):
            composer = Composer(*size, background)
            film = marked(composer, faces, Marker(MARK))
            films[kind].append(film)
            decibels.append(psnr(film[:1], [composer(faces[0])]))
    found: dict[str, Any] = {"psnr_db": round(min(decibels), 2)}
    print(f"PSNR of luma at least {found['psnr_db']} dB")
    for kind, several in films.items():
        found[kind] = []
        print(f"{kind}, {several[0][0].shape[1]}x{len(several[0][0]) * 2 // 3}")
        for row in lasting(several, ATTACKS):
            found[kind].append(row)
            print(
                f"  {row['attack']:42} found {row['found']:2} of {row['n']}, session read "
                f"{row['read']:2}, z {row['z_p50']:5} (least {row['z_least']})", flush=True,
            )  # fmt: skip
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], parents=[avatar_options()]
    )
    parser.add_argument("speech", type=Path, help="a file with a voice in it")
    parser.add_argument("--ticks", type=int, default=100, help="of it that are said")
    parser.add_argument("--faces", type=int, default=12, help="of the pack's; 0: none")
    parser.add_argument("--unmarked", type=Path, nargs="*", default=[], help="files without a mark")
    parser.add_argument("--keys", type=int, default=10, help="drawn besides the mark's own")
    args = parser.parse_args(argv)
    card = machine_card()
    print_card(card)
    result: dict[str, Any] = {"benchmark": "mark", "card": card}
    result["cost"] = {f"{w}x{h}": cost(h, w) for w, h in ((256, 256), (512, 512), CAMERA)}
    print(f"a picture costs {result['cost']}", flush=True)
    if args.faces:
        result |= survival(args)
    if args.unmarked:
        result["unmarked"] = accidents(args.unmarked, args.keys, 60.0)
        print(result["unmarked"])
    print_json(result)


if __name__ == "__main__":
    main()
