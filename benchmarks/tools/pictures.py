"""What is measured of pictures, uint8 [H, W, 3], or [H, W, 4] with colours multiplied by alpha."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from latentcam.realtime_models.arrays import Picture, Rgb
from latentcam.realtime_models.training.generator.losses import Box


def crop(picture: Picture, box: Box) -> Picture:
    size = picture.shape[0]
    top, bottom, left, right = (round(edge * size) for edge in box)
    return picture[top:bottom, left:right]


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio, dB; 138 of two equal pictures."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def laplacian_variance(picture: Picture, box: Box) -> float:
    """How much fine detail there is."""
    grey = crop(picture, box).astype(np.float64).mean(axis=2)
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(around - 4 * middle))


def frame_change(pictures: Sequence[Picture]) -> float:
    """Mean absolute second difference in time, in levels: what flickers, without steady motion."""
    stack = np.stack(pictures).astype(np.float32)
    return float(np.abs(stack[2:] - 2 * stack[1:-1] + stack[:-2]).mean())


def edge_band(alpha: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture ends in its background: alpha changes within 2 pixels."""
    image = Image.fromarray(alpha)
    most, least = (
        np.asarray(image.filter(f(5))) for f in (ImageFilter.MaxFilter, ImageFilter.MinFilter)
    )
    return np.asarray(most.astype(np.int16) - least > 4)


def save_sheet(path: Path, rows: Sequence[Sequence[Rgb]]) -> None:
    """Pictures of one size, in rows."""
    Image.fromarray(np.vstack([np.hstack(list(row)) for row in rows])).save(path)


def write_report(
    folder: Path, title: str, captions: Mapping[str, str], figures: Mapping[str, object]
) -> None:
    """An index.html of the figures and, with their captions, of those pictures that there are."""
    parts = [
        f"<h2>{text}</h2><img src='{name}' loading='lazy'>"
        for name, text in captions.items()
        if (folder / name).exists()
    ]
    folder.joinpath("index.html").write_text(
        f"<!doctype html><meta charset='utf-8'><title>{title}</title>"
        "<style>body{font:15px sans-serif;margin:2em}img{max-width:100%}</style>"
        f"<h1>{title}</h1><pre>{json.dumps(figures, indent=1)}</pre>{''.join(parts)}"
    )
