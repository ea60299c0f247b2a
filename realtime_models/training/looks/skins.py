"""Clean skins and cloths out of the atlases.

`python -m latentcam.realtime_models.training.looks.skins --cache DIR`

The heads' textures have hair painted on the skull and cloth on the neck. Here each becomes a bare
skin (`bare/<name>.jpg`, `bump/<name>.jpg` for its normals) and, apart, its clothes' mask
(`cloth/<name>.png`), so that any person can wear any hair and, with `maps.npz`, any clothes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from scipy import ndimage

from latentcam.realtime_models.training.looks.bank import BALD, azimuth_of, hairline
from latentcam.realtime_models.training.looks.rig import Bank

F32 = npt.NDArray[np.float32]

MAP = 1024  # the size of maps in UV space
DETAIL = "White_F_3"  # pores and hue variation of a scalp and a neck without paint


def bake(faces: npt.NDArray[np.int32], uv: F32, values: F32, size: int = MAP) -> F32:
    """Values of vertices, [n, c], drawn into the atlas, [size, size, c]; nan where nothing lies."""
    picture = np.full((size, size, values.shape[1]), np.nan, np.float32)
    for face, corner in zip(faces, uv * size - 0.5, strict=True):
        low = np.maximum(np.floor(corner.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(corner.max(0)).astype(int) + 1, size)
        if (high <= low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        (ax, ay), (bx, by), (cx, cy) = corner
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        v = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
        w = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
        u = 1 - v - w
        inside = (u > -0.3) & (v > -0.3) & (w > -0.3)  # a little over the edge: no seams
        value = u[..., None] * values[face[0]] + v[..., None] * values[face[1]]
        value = value + w[..., None] * values[face[2]]
        fresh = inside & np.isnan(picture[low[1] : high[1], low[0] : high[0], 0])
        sure = (u > -1e-3) & (v > -1e-3) & (w > -1e-3)
        picture[low[1] : high[1], low[0] : high[0]][fresh | sure] = value[fresh | sure]
    return picture


def blurred(picture: F32, radius: float) -> F32:
    """Gaussian blur of [h, w] or [h, w, c] by channel."""
    if picture.ndim == 3:
        return np.stack([blurred(picture[..., c], radius) for c in range(picture.shape[2])], -1)
    low, high = float(picture.min()), float(picture.max() + 1e-6)
    # Pillow blurs 8-bit pictures, and float ones not at all: scale, then three box blurs by sums.
    result = (picture - low) / (high - low)
    size = max(1, int(radius * 1.2))
    for _ in range(3):
        for axis in (0, 1):
            pad = [(size + 1, size) if a == axis else (0, 0) for a in (0, 1)]
            total = np.cumsum(np.pad(result, pad, mode="edge"), axis, dtype=np.float64)
            n = result.shape[axis]
            upper = np.take(total, np.arange(2 * size + 1, 2 * size + 1 + n), axis)
            lower = np.take(total, np.arange(n), axis)
            result = ((upper - lower) / (2 * size + 1)).astype(np.float32)
    return (result * (high - low) + low).astype(np.float32)


def filled(picture: F32, known: F32) -> F32:
    """The picture with unknown places (weight 0) taken smoothly from known ones."""
    result, weight = picture * known[..., None], known.copy()
    done, cover = result.copy(), weight.copy()
    for radius in (3, 8, 20, 50, 120, 300):
        soft = blurred(picture * known[..., None], radius)
        share = blurred(known, radius)
        fresh = np.clip(1 - cover, 0, 1)[..., None]
        ok = np.clip(share * 8, 0, 1)[..., None]
        done += fresh * ok * soft / np.maximum(share, 1e-4)[..., None]
        cover += np.clip(1 - cover, 0, 1) * ok[..., 0]
    return np.asarray(done / np.maximum(cover, 1e-4)[..., None], np.float32)


def load(path: Path, size: int) -> F32:
    """A picture as float32 [size, size, 3] in [0, 1]."""
    picture = Image.open(path).convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(np.asarray(picture, np.float32) / 255, np.float32)


def load_array(picture: F32, size: int) -> F32:
    """A picture float32 [n, n, 3] at another size."""
    return np.stack(
        [
            np.asarray(
                Image.fromarray(picture[..., c], mode="F").resize(
                    (size, size), Image.Resampling.BOX
                )
            )
            for c in range(3)
        ],
        -1,
    )


def large(mask: F32, size: int) -> F32:
    """A mask at another size, smoothly."""
    picture = Image.fromarray(mask.astype(np.float32), mode="F")
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC), np.float32)


def maps(bank: Bank) -> dict[str, F32]:
    """Where things are in the atlas, float32 [MAP, MAP]: height, azimuth, scalp, face, torso…"""
    model = bank["head_rest"][[i for i, n in enumerate(bank.names) if n in BALD]].mean(0)
    weights = bank["weights"]
    values = np.concatenate(
        [model, bank["scalp"][:, None], weights[:, 1:3].sum(1, keepdims=True)], 1
    ).astype(np.float32)
    baked = bake(bank["head_faces"], bank["head_uv"], values)
    used = ~np.isnan(baked[..., 0])
    x, y, z, scalp, head = (np.nan_to_num(baked[..., c]) for c in range(5))
    azimuth = azimuth_of(np.stack([x, y, z], -1))
    over = z - hairline(azimuth)
    degrees = np.abs(np.degrees(azimuth))
    face = used & (over < -0.010) & (degrees < 62) & (z > -0.105)
    return {
        "x": x, "y": y, "z": z, "scalp": scalp * used, "head": head * used,
        "over": np.where(used, over, -1).astype(np.float32),
        "degrees": degrees.astype(np.float32), "used": used.astype(np.float32),
        "face": face.astype(np.float32),
    }  # fmt: skip


def clean(name: str, folder: Path, where: dict[str, F32], detail: F32, size: int = 2048) -> None:
    """Write bare/, bump/ and cloth/ of one head."""
    small = load(folder / "skins" / f"{name}.png", MAP)
    z, degrees, used = where["z"], where["degrees"], where["used"] > 0
    luminance = small.mean(2)
    face = where["face"] > 0
    core = face & (degrees < 35) & (z > -0.03) & (z < 0.03)
    tone = np.median(small[core], 0)
    # Dark above the brows is painted hair; so is what is dark beside the eyes.
    dark = (luminance < 0.62 * tone.mean()) & ((z > 0.040) | (degrees > 48) & (z > -0.045))
    dark = blurred(dark.astype(np.float32), 4) > 0.12
    neck = used & (z < -0.085) & (z > -0.105) & (degrees < 80)
    neck_tone = np.median(small[neck], 0)
    shade = small / np.maximum(luminance[..., None], 0.02)
    distance = np.abs(shade - neck_tone / neck_tone.mean()).sum(2)
    distance += 1.2 * np.abs(np.log(np.maximum(luminance, 0.02) / neck_tone.mean()))
    low = used & (z < -0.09) & (where["scalp"] <= 0) & (np.abs(where["x"]) < 0.5)
    cloth = blurred((low & (distance > 0.62)).astype(np.float32), 2)
    cloth = np.clip((cloth - 0.35) / 0.3, 0, 1) * used
    known = (face & ~dark).astype(np.float32)
    known *= 1 - np.clip(blurred(dark.astype(np.float32), 6) * 2, 0, 1)
    known = np.clip(known - cloth, 0, 1)
    beard = (z < -0.045) & (luminance < 0.8 * tone.mean())
    source = known * np.where(beard, 0.02, 1.0)  # a beard's colour stays out of the neck
    rough = 256
    smooth = filled(
        np.stack([large(small[..., c], rough) for c in range(3)], -1),
        np.clip(large(source, rough), 0, 1),
    )
    soft = np.clip(blurred(known, 9) * 2 - 1, 0, 1)
    ears = (where["over"] < 0) & (degrees > 62) & (where["head"] > 0.9) & ~low
    # The ears lie apart in the atlas and are never painted over.
    v, u = np.mgrid[0:MAP, 0:MAP] / MAP
    island = (u < 0.05) & (v > 0.45) & (v < 0.62) | ears & (u < 0.045)
    soft = np.maximum(soft, blurred(island.astype(np.float32), 1))
    full = _soft_brows(relit(load(folder / "skins" / f"{name}.png", size), where, tone), where)
    smooth = np.stack([large(smooth[..., c], size) for c in range(3)], -1)
    keep = np.where(used | (blurred(where["used"], 3) > 0.02), soft, 1.0).astype(np.float32)
    keep = np.clip(large(keep, size), 0, 1)[..., None]
    texture = 1 + (detail - 1) * large(np.clip(where["scalp"], 0, 1), size)[..., None]
    bare = keep * full + (1 - keep) * np.clip(smooth * texture, 0, 1)
    _save(bare, folder / "bare" / f"{name}.jpg")
    _save(_painted(bare, where), folder / "soft" / f"{name}.jpg")
    relief = load(folder / "normals" / f"{name}.png", size)
    flat = np.array([0.5, 0.5, 1.0], np.float32)
    _save(keep * relief + (1 - keep) * flat, folder / "bump" / f"{name}.jpg")
    torso = used & (where["head"] < 0.02)
    if cloth[torso].mean() > 0.5:  # prints may have the colour of skin
        cloth = np.maximum(cloth, torso & (z < -0.20) & (np.abs(where["x"]) < 0.6))
    # Upper arms are clothed: of bare ones a picture would show skin-coloured corners.
    cloth = np.maximum(cloth, torso & (np.abs(where["x"]) > 0.145) & (z < -0.10))
    cloth = _whole(cloth, used)
    Image.fromarray((_regions(small, where, tone) * 255).astype(np.uint8)).save(
        folder / "regions" / f"{name}.png"
    )
    mask = Image.fromarray((cloth * 255).astype(np.uint8))
    mask.filter(ImageFilter.GaussianBlur(0.7)).save(folder / "cloth" / f"{name}.png")


def relit(skin: F32, where: dict[str, F32], tone: F32) -> F32:
    """The skin [n, n, 3] without what light, shadow and make-up painted into it.

    Broad differences from the face's tone go, most of all around the eyes, where they would be
    orange or grey patches once light falls on them; pores, brows and lips stay. Lids are bare:
    what is painted on a closed lid is smeared over it when it shuts.
    """
    small = load_array(skin, MAP)
    x, z, face = np.abs(where["x"]), where["z"], where["face"] > 0

    def zone(at_x: float, at_z: float, wide: float, high: float) -> F32:
        far = ((x - at_x) / wide) ** 4 + ((z - at_z) / high) ** 4
        return np.asarray(np.exp(-far) * face, np.float32)

    near = np.maximum(zone(0.031, 0.004, 0.036, 0.034), zone(0.0, -0.015, 0.022, 0.034))
    nostrils = zone(0.0, -0.043, 0.019, 0.008)
    lids = zone(0.0315, 0.0025, 0.0215, 0.0125)
    lips = blurred((zone(0.0, -0.067, 0.032, 0.018) > 0.5).astype(np.float32), 4)
    beard = blurred((face & (z < -0.052)).astype(np.float32), 12)
    # What is dark and narrow (brows, lashes, nostrils) is no shadow: close it first.
    base = np.stack([ndimage.grey_closing(small[..., c], 19) for c in range(3)], -1)
    base = np.maximum(blurred(base.astype(np.float32), 7), 0.02)
    light = base.mean(2)
    part = blurred(face.astype(np.float32), 8) * (1 - lips)
    even = np.maximum(0.92 * near, 0.50 * part * (1 - 0.7 * beard))
    gain = np.clip(0.95 * tone.mean() / light, 0.75, 3.2) ** even
    hue = (tone / tone.mean()) / (base / light[..., None])
    same = np.maximum(0.92 * near, 0.60 * part * (1 - 0.5 * beard))
    hue = np.clip(hue, 0.6, 1.6) ** same[..., None]
    change = blurred((gain[..., None] * hue).astype(np.float32), 3)
    size = len(skin)
    lit = skin * np.stack([large(change[..., c], size) for c in range(3)], -1)
    soft = np.stack([large(blurred(load_array(lit, MAP), 6)[..., c], size) for c in range(3)], -1)
    fine = np.clip(lit / np.maximum(soft, 0.02), 0.90, 1.05)
    share = large(blurred(lids, 2), size)[..., None]
    lid = 0.93 * tone * np.array([1.0, 0.975, 0.965], np.float32)
    bare = lit + share * (lid * fine - lit)
    least = 0.55 * tone * large(blurred(nostrils, 2), size)[..., None]
    return np.asarray(np.clip(np.maximum(bare, least), 0, 1), np.float32)


def _painted(skin: F32, where: dict[str, F32]) -> F32:
    """A drawn skin, [MAP, MAP, 3]: soft gradients, no brows, lashes or freckles."""
    small = load_array(skin, MAP)
    x, z = np.abs(where["x"]), where["z"]
    zone = (where["face"] > 0) & (z > -0.022) & (z < 0.060) & (x < 0.075)
    nostrils = (where["face"] > 0) & (z > -0.052) & (z < -0.026) & (x < 0.022)
    share = blurred((zone | nostrils).astype(np.float32), 4)[..., None]
    closed = np.stack([ndimage.grey_closing(small[..., c], 45) for c in range(3)], -1)
    plain = blurred(closed.astype(np.float32), 14)
    return np.asarray(share * plain + (1 - share) * blurred(small, 3), np.float32)


BROW = 0.52
"""How much darker than the skin brows may be."""


def _soft_brows(skin: F32, where: dict[str, F32]) -> F32:
    """The skin [n, n, 3] with brows that are soft at their edge and not black."""
    colours = load_array(skin, MAP)
    small = colours.mean(2)
    closed = np.stack([ndimage.grey_closing(colours[..., c], 27) for c in range(3)], -1)
    bare = blurred(closed.astype(np.float32), 5)
    base = bare.mean(2)
    x, z = np.abs(where["x"]), where["z"]
    inside = (where["face"] > 0) & (x > 0.006) & (x < 0.064) & (z > 0.0115) & (z < 0.046)
    dark = np.clip(1 - small / np.maximum(base, 0.01), 0, 1)
    deepest = float(np.percentile(dark[inside], 97))
    zone = large(blurred(inside.astype(np.float32), 3), len(skin))
    base, dark = large(base, len(skin)), np.clip(large(dark, len(skin)), 0, 1)
    luminance = skin.mean(2)
    sharp = np.clip(1 - luminance / np.maximum(base, 0.01), 0, 1)
    wanted = (0.45 * sharp + 0.55 * blurred(dark, 4)) * min(1.0, BROW / max(deepest, 0.01))
    bare = np.stack([large(bare[..., c], len(skin)) for c in range(3)], -1)
    brow = bare * (1 - wanted[..., None] * np.array([0.95, 1.0, 1.03], np.float32))
    share = (zone * np.clip(3 * np.maximum(sharp, wanted) - 0.15, 0, 1))[..., None]
    return np.asarray(np.clip(skin + share * (brow - skin), 0, 1), np.float32)


def _whole(cloth: F32, used: npt.NDArray[np.bool_], smallest: int = 1500) -> F32:
    """The mask without its small spots, which are shadows, and whole to the edge of the atlas."""
    parts, count = ndimage.label(cloth > 0.3)
    sizes = ndimage.sum_labels(np.ones_like(cloth), parts, np.arange(count + 1))
    kept = sizes >= smallest
    kept[0] = False
    near = ndimage.binary_dilation(kept[parts], iterations=3)
    cloth = cloth * near
    seam = ~ndimage.binary_erosion(used, iterations=3)
    return np.where(seam, ndimage.maximum_filter(cloth, 11), cloth).astype(np.float32)


def _regions(skin: F32, where: dict[str, F32], tone: F32) -> F32:
    """Roughness, lips, and where blood shows, float32 [MAP, MAP, 3]."""
    x, z, front = where["x"], where["z"], where["degrees"] < 75

    def spot(at_x: float, at_z: float, wide: float, high: float) -> F32:
        far = ((np.abs(x) - at_x) / wide) ** 2 + ((z - at_z) / high) ** 2
        return np.asarray(np.exp(-far) * front, np.float32)

    redder = skin[..., 0] / np.maximum(skin[..., 1:].mean(2), 0.02)
    redder = redder / (tone[0] / tone[1:].mean()) - 1
    box = spot(0.0, -0.066, 0.030, 0.016)
    lips = np.clip(blurred(np.clip(redder * 5 - 0.35, 0, 1).astype(np.float32), 2), 0, 1)
    lips = lips * np.clip(box * 4 - 0.6, 0, 1)
    lips = lips * np.clip(6 * skin.mean(2) / tone.mean() - 2.2, 0, 1)  # no beard
    oily = spot(0.0, 0.045, 0.045, 0.022) + spot(0.0, -0.025, 0.016, 0.030)
    oily += 0.7 * spot(0.0, -0.095, 0.02, 0.012) + 0.5 * spot(0.045, -0.02, 0.015, 0.013)
    rough = 0.50 - 0.11 * np.clip(oily, 0, 1) - 0.20 * lips
    red = 0.8 * spot(0.042, -0.035, 0.02, 0.018) + 0.9 * spot(0.0, -0.038, 0.016, 0.010)
    red += 0.5 * spot(0.0, -0.092, 0.016, 0.01) + 0.35 * spot(0.032, -0.015, 0.016, 0.006)
    ears = np.clip((where["degrees"] - 80) / 8, 0, 1) * (where["degrees"] < 112)
    ears = ears * (np.abs(x) > 0.066) * (z < 0.03) * (z > -0.05) * (where["scalp"] <= 0)
    red = np.clip(red + 0.7 * ears, 0, 1) * (1 - lips)
    return np.stack([rough, lips, red], -1).astype(np.float32)


def wrinkles(where: dict[str, F32]) -> F32:
    """Depth of an old face's wrinkles in the atlas, float32 [MAP, MAP] in [0, 1]."""
    x, z = where["x"], where["z"]
    side = np.abs(x)
    depth = np.zeros_like(x)

    def line(at: list[tuple[float, float]], wide: float, deep: float) -> None:
        """A line through places (|x|, z), fading at its ends."""
        nonlocal depth
        points = np.array(at)
        for k in range(len(points) - 1):
            start, run = points[k], points[k + 1] - points[k]
            t = ((side - start[0]) * run[0] + (z - start[1]) * run[1]) / (run @ run)
            far = np.hypot(
                side - start[0] - np.clip(t, 0, 1) * run[0],
                z - start[1] - np.clip(t, 0, 1) * run[1],
            )
            whole = (k + np.clip(t, 0, 1)) / (len(points) - 1)
            fade = np.clip(np.sin(np.pi * np.clip(0.08 + 0.88 * whole, 0, 1)) * 1.8, 0, 1)
            depth = np.maximum(depth, deep * fade * np.exp(-((far / wide) ** 2)))

    for k, high in enumerate((0.034, 0.043, 0.052, 0.060)):
        bend = 0.003 * np.sin(1.7 * k)
        line(
            [
                (0.0, high - 0.002),
                (0.016, high + 0.001),
                (0.032, high + bend),
                (0.046, high - 0.006),
            ],
            0.0013,
            0.75,
        )
    for high, end in ((0.006, 0.014), (0.0, 0.002), (-0.006, -0.009), (-0.011, -0.020)):
        line([(0.0465, high * 0.5), (0.055, high), (0.064, end)], 0.0009, 0.7)
    line([(0.0185, -0.034), (0.026, -0.046), (0.032, -0.060), (0.034, -0.070)], 0.0021, 1.0)
    line([(0.027, -0.074), (0.029, -0.084), (0.026, -0.096)], 0.0017, 0.6)
    line([(0.016, -0.010), (0.026, -0.0165), (0.038, -0.015), (0.046, -0.008)], 0.0013, 0.7)
    line([(0.019, -0.015), (0.028, -0.022), (0.041, -0.020)], 0.0012, 0.5)
    line([(0.0060, 0.010), (0.0065, 0.018), (0.0085, 0.028)], 0.0011, 0.8)
    for k in range(5):
        at = 0.003 + 0.006 * k
        line([(at, -0.0500), (at * 1.02, -0.0545), (at * 1.05, -0.0585)], 0.0007, 0.35)
    line([(0.0, -0.118), (0.03, -0.115), (0.06, -0.105)], 0.0016, 0.5)
    front = (where["degrees"] < 80) & (where["used"] > 0)
    return np.asarray(depth * front, np.float32)


def _mouth(folder: Path) -> None:
    """Teeth that are warm and not green, gums that are red: mouth.png, for all heads."""
    picture = load(folder / "skins" / f"{DETAIL}.png", 2048)
    luminance = picture.mean(2, keepdims=True)
    gum = np.clip((picture[..., :1] - picture[..., 1:2] - 0.07) / 0.10, 0, 1)
    teeth = np.clip(luminance * 1.12, 0, 0.86) * np.array([1.0, 0.945, 0.86], np.float32)
    _save(teeth * (1 - gum) + picture * gum, folder / "mouth.png")


def _save(picture: F32, path: Path) -> None:
    pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=94, subsampling=0)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True, help="the folder of bank.npz")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME")
    parser.add_argument("--lines-only", action="store_true", help="write wrinkles.png again")
    options = parser.parse_args()
    bank = Bank(options.cache)
    for folder in ("bare", "soft", "bump", "cloth", "regions"):
        (options.cache / folder).mkdir(exist_ok=True)
    where = maps(bank)
    np.savez_compressed(options.cache / "maps.npz", **where)  # type: ignore[arg-type]
    plain = load(options.cache / "skins" / f"{DETAIL}.png", 2048)
    detail = np.asarray(plain / np.maximum(blurred(plain, 24), 0.02), np.float32).clip(0.8, 1.2)
    _mouth(options.cache)
    lines = Image.fromarray((wrinkles(where) * 255).astype(np.uint8))
    lines.resize((2048, 2048), Image.Resampling.BICUBIC).save(options.cache / "wrinkles.png")
    if options.lines_only:
        return
    for name in options.only or bank.names:
        clean(name, options.cache, where, detail)


if __name__ == "__main__":
    main()
