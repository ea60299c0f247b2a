"""Sheets of pictures with a name beside each row, and plots of spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latentcam.realtime_models.arrays import Rgb

MARGIN = 96  # pixels, for the rows' names
LARGEST = 160  # pixels of a picture on a sheet


def save_sheet(path: Path, rows: Mapping[str, Sequence[Rgb]], side: int = LARGEST) -> None:
    """A row of pictures per name, scaled down to at most `side`; the path's suffix is the format.

    Rows may differ in length.
    """
    size = min(side, next(iter(rows.values()))[0].shape[0])
    wide = max(len(pictures) for pictures in rows.values())
    sheet = Image.new("RGB", (MARGIN + wide * size, len(rows) * size), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (name, pictures) in enumerate(rows.items()):
        pen.text((4, row * size + size // 2 - 6), name, fill="black")
        for column, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(small, (MARGIN + column * size, row * size))
    sheet.save(path, quality=88)


def save_spectra(path: Path, spectra: Mapping[str, NDArray[np.floating]], title: str) -> None:
    """Singular values, or a share of a variance, of several points or components."""
    import matplotlib

    matplotlib.use("Agg")  # no screen is needed
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, values in spectra.items():
        axes.plot(np.arange(1, len(values) + 1), values, label=name)
    axes.set(title=title, xlabel="component", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)
