"""Which face would one rather wear? Pairs to vote on without knowing which is which.

    python -m latentcam.benchmarks.blind_sheet make --source OLD=PACK --source NEW=PACK \\
        --source RENDER=FOLDER --out DIR
    python -m latentcam.benchmarks.blind_sheet count --out DIR

A source is an avatar pack, or a folder of renders as `training.looks.render` writes them. `make`
draws pairs of different sources, before the same room, somebody of each at the same moment of a
spoken sample where both can be told what to do, side by side in random order, as pair_000.png and
so on, and writes key.json, which voters do not see. A face is also liked for who it is: with
--same-face both sides show one of those whom both packs name. Voters write A or B for each pair
into votes.csv (pair,vote), which is made with the votes empty. `count` prints how often each source
was preferred to each other one, with the Wilson interval.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import av
import numpy as np
from PIL import Image
from scipy.stats import binomtest

from latentcam.benchmarks.tools.renders import read_renders
from latentcam.realtime_models.arrays import Control, Picture
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.realtime_models.errors import LatentcamError
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.backgrounds import Background, room
from latentcam.stream.composition import Composer
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline

SAMPLE = Path(__file__).resolve().parent.parent / "client_demo" / "sample.mp3"
FPS = 25
SIDE = 512  # pixels of each picture of a pair
GAP = 16

Draw = Callable[[str, np.random.Generator, Control], Picture]
"""Draws a named face; a render shows whoever it shows and does what it does, whatever was asked."""


@dataclass(frozen=True, slots=True)
class Source:
    """names: of the faces; ("",) if nobody can be asked for."""

    names: tuple[str, ...]
    draw: Draw


def pack_source(folder: str) -> Source:
    pack = load_pack(folder)
    avatar = Avatar(pack, open_decoder("auto", pack))
    wide = len(avatar.basis.axes)

    def draw(name: str, rng: np.random.Generator, x: Control) -> Picture:
        all_axes = np.zeros(wide, np.float32)
        all_axes[: len(x)] = x
        picture: Picture = avatar.render(avatar.anchor(name), all_axes)
        return picture

    return Source(pack.card.identities, draw)


def render_source(folder: Path) -> Source:
    renders = read_renders(folder)

    def draw(name: str, rng: np.random.Generator, x: Control) -> Picture:
        return renders[int(rng.integers(len(renders)))].picture(SIDE)

    return Source(("",), draw)


def source(text: str) -> tuple[str, Source]:
    """An argument's type: NAME=PACK or NAME=FOLDER of renders."""
    name, equals, place = text.partition("=")
    if not (name and equals and place):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected NAME=PACK or NAME=FOLDER")
    try:
        if (Path(place) / "factors").is_dir():
            return name, render_source(Path(place))
        return name, pack_source(place)
    except (LatentcamError, FileNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def spoken() -> list[Control]:
    """What a face does that says the page's sample, over FACE_AXES."""
    performer = Performer(load_pack(DEFAULT_PACK))
    said = perform_file(performer, Timeline(FPS), SAMPLE, 0, Settings())
    return [x[: len(FACE_AXES)] for x in said]


class Room:
    """Shows a picture of any size as a call does, before the same room whatever was behind it:
    voters are not to know a source by its backdrop."""

    def __init__(self) -> None:
        self._compose = Composer(SIDE, SIDE, Background("room", room()))

    def __call__(self, picture: Picture) -> Image.Image:
        shown = av.VideoFrame.from_ndarray(self._compose(picture), "yuv420p")
        return Image.fromarray(shown.to_ndarray(format="rgb24"))


def shown_names(one: Source, other: Source, rng: np.random.Generator, same: bool) -> list[str]:
    """Whom two sources show: anybody; same: one of those whom both have, if there are any."""
    both = [name for name in one.names if name in other.names]
    if same and both:
        return 2 * [both[int(rng.integers(len(both)))]]
    return [names[int(rng.integers(len(names)))] for names in (one.names, other.names)]


def make(
    sources: dict[str, Source],
    xs: Sequence[Control],
    count: int,
    seed: int,
    out: Path,
    same: bool = False,
) -> None:
    """count pairs of every two sources, at random moments of xs. same: see `shown_names`."""
    shown = Room()
    rng = np.random.default_rng(seed)
    wanted = [pair for pair in combinations(sources, 2) for _ in range(count)]
    out.mkdir(parents=True, exist_ok=True)
    key = {}
    for number, index in enumerate(rng.permutation(len(wanted))):
        names = list(wanted[index])
        rng.shuffle(names)
        x = xs[int(rng.integers(len(xs)))]
        sheet = Image.new("RGB", (2 * SIDE + GAP, SIDE), "white")
        pair_of = [sources[name] for name in names]
        people = shown_names(pair_of[0], pair_of[1], rng, same)
        for side, (one, who) in enumerate(zip(pair_of, people, strict=True)):
            sheet.paste(shown(one.draw(who, rng, x)), (side * (SIDE + GAP), 0))
        pair = f"pair_{number:03d}"
        sheet.save(out / f"{pair}.png")
        key[pair] = {"A": names[0], "B": names[1]}
    (out / "key.json").write_text(json.dumps(key, indent=1))
    with (out / "votes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("pair", "vote"), *((pair, "") for pair in key)])


def count_votes(out: Path) -> list[str]:
    """A line for every two sources. Raises ValueError for what is no table of votes, and for a vote
    that is neither A nor B."""
    key = json.loads((out / "key.json").read_text())
    won: dict[tuple[str, str], int] = {}
    with (out / "votes.csv").open(newline="") as file:
        rows = csv.DictReader(file, restval="")
        if not {"pair", "vote"} <= set(rows.fieldnames or ()):
            raise ValueError(f"votes.csv has the columns {rows.fieldnames}, expected pair and vote")
        for row in rows:
            vote = row["vote"].strip().upper()
            if row["pair"] not in key or vote not in ("A", "B", ""):
                raise ValueError(
                    f"votes.csv has {row['vote']!r} for {row['pair']!r}, expected A or B for "
                    "one of the pairs"
                )
            if vote:
                better = key[row["pair"]][vote]
                worse = key[row["pair"]]["AB".replace(vote, "")]
                won[better, worse] = won.get((better, worse), 0) + 1
    lines = []
    for a, b in combinations(sorted({name for pair in won for name in pair}), 2):
        votes = won.get((a, b), 0), won.get((b, a), 0)
        if of := sum(votes):
            low, high = binomtest(votes[0], of).proportion_ci(0.95, "wilson")
            lines.append(
                f"{a} preferred to {b}: {votes[0]} of {of} "
                f"({votes[0] / of:.0%}, 95 % interval {low:.0%} to {high:.0%})"
            )
    return lines


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("make", "count"))
    parser.add_argument("--source", type=source, action="append", default=[], metavar="NAME=PACK")
    parser.add_argument("--pairs", type=int, default=20, help="of every two sources")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--same-face", action="store_true", help="on both sides, one whom both packs name"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    if args.what == "make":
        sources = dict(args.source)
        if len(sources) < 2:
            parser.error(f"got {len(sources)} sources, expected two or more of different names")
        make(sources, spoken(), args.pairs, args.seed, args.out, args.same_face)
        return
    try:
        print("\n".join(count_votes(args.out)) or "no votes yet")
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
