"""Make the README's picture: four faces side by side that say the same sentence.

`python -m docs.talking SPEECH docs/talking.webp` (needs Pillow, part of the extra `dev`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.opened import open_pack
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline

FPS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("speech", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--identities", default="Amara,Tom,Mei,Ingrid")
    parser.add_argument("--seconds", type=float, default=4.0)
    args = parser.parse_args()
    opened = open_pack(DEFAULT_PACK)
    avatar, performer = opened.avatar, opened.performer
    columns = []
    for seed, identity in enumerate(args.identities.split(",")):
        ticks = perform_file(performer, Timeline(FPS), args.speech, seed, Settings())
        anchor = avatar.anchor(identity)
        count = round(args.seconds * FPS)
        columns.append(
            [avatar.render(anchor, x) for _, x in zip(range(count), ticks, strict=False)]
        )
    frames = [Image.fromarray(np.hstack(row)) for row in zip(*columns, strict=True)]
    first, *rest = frames
    first.save(
        args.out, save_all=True, append_images=rest, duration=1000 // FPS, loop=0, quality=70
    )


if __name__ == "__main__":
    main()
