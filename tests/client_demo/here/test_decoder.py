"""The page draws as Python does: the same latent gives the same picture, within 2 levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.card import generator_shapes
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.resolutions import drawn_at
from latentcam.realtime_models.training.write_pack import unwritten
from tests.client_demo.conftest import FROM_BYTES, TO_BYTES, packed, unpacked
from tests.tiny import MOUTH, random_tensors, tiny_card, tiny_generator, write_pack

PACKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "alpha and sub-pixels": {"resolution": 64, "subpixels": 2, "channels": 4},
    "textures": {"resolution": 64, "subpixels": 2, "channels": 4, "flow": 8},
    "open mouths": {"resolution": 64, "subpixels": 2, "channels": 4, "flow": 8, "mouth": MOUTH},
    "odd widths": {"channel_base": 150, "channel_max": 13, "w_dim": 16},
}

DRAW = """async ([pack, identity, x, size]) => {
  const { loadPack } = await import('/page/here/pack.js');
  const { Faces } = await import('/page/here/faces.js');
  const { findGpu, WebGpuDecoder } = await import('/page/here/webgpu.js');
  const loaded = await loadPack((name) => fetch(`/${pack}/${name}`));
  const gpu = await findGpu(), wrong = [];
  gpu.device.addEventListener('uncapturederror', ({ error }) => wrong.push(error.message));
  const { Textures } = await import('/page/here/textures.js');
  const textures = loaded.card.files.textures ? new Textures(loaded) : null;
  const generator = { config: loaded.card.generator, tensors: loaded.generator, textures };
  const decoder = await WebGpuDecoder.make(gpu, generator, { size });
  const faces = new Faces(loaded);
  const ws = faces.move(faces.anchor(identity), new Float32Array(TO_BYTES(x)));
  const picture = FROM_BYTES(await decoder.decode(ws));
  return [FROM_BYTES(ws), picture, wrong];
}""".replace("TO_BYTES", f"({TO_BYTES})").replace("FROM_BYTES", f"({FROM_BYTES})")


@pytest.mark.parametrize("precision", [np.float32, np.float16])
@pytest.mark.parametrize("name", PACKS)
def test_pictures_are_those_of_eager(
    page: Any, site: tuple[Path, str], name: str, precision: Any
) -> None:
    config = tiny_generator(**PACKS[name])
    worn = bool(config.flow)
    card = tiny_card(
        generator=config, smaller=config.picture_sizes[-2:-1], files=unwritten(textures=worn)
    )
    tensors = random_tensors(generator_shapes(card))
    tensors["basis"] *= 0.05  # some axes are degrees: whole, they would leave a flat picture
    tensors["basis"][5:] = 0  # so that the named face keeps its texture
    stored = {key: tensor.astype(precision) for key, tensor in tensors.items()}
    address = f"{name} {precision.__name__}".replace(" ", "_")
    pack = load_pack(str(write_pack(site[0] / address, card, stored)))
    avatar = Avatar(pack, EagerDecoder(pack))
    rng = np.random.default_rng(3)
    sizes = card.generator.picture_sizes
    # A named face beyond its axes' ranges, and a new face; the whole picture, and one on the way.
    for identity, size in (("bo", sizes[-1]), ("123456789012345678", sizes[-2])):
        x = np.array([rng.uniform(1.2 * a.low, 1.2 * a.high) for a in card.axes], np.float32)
        latent, picture, wrong = page.evaluate(DRAW, [address, identity, packed(x), size])
        assert wrong == []
        expected = avatar.basis.move(avatar.anchor(identity), x)
        ws = unpacked(latent, np.float32).reshape(expected.shape)
        assert np.abs(ws - expected).max() < 1e-4 * np.abs(expected).max()
        got = unpacked(picture, np.uint8).reshape(size, size, 4).astype(int)
        truth = eager(pack, ws, size).astype(int)
        assert truth.std() > 10, "there is nothing to see in it"
        if card.generator.channels == 3:
            assert (got[..., 3] == 255).all()
        assert np.abs(got[..., : card.generator.channels] - truth).max() <= 1
        if worn and identity == "bo":
            bare = eager(replace(pack, textures=None), ws, size)
            assert np.abs(bare.astype(int) - truth).max() > 10, "its texture is not seen"


def eager(pack: AvatarPack, ws: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    drawn: NDArray[np.uint8] = EagerDecoder(drawn_at(pack, str(size))).decode(ws[None].copy())[0]
    return drawn


def test_damaged_weights_are_not_used(page: Any, site: tuple[Path, str]) -> None:
    folder = write_pack(site[0] / "damaged")
    whole = (folder / "motion.safetensors").read_bytes()
    (folder / "motion.safetensors").write_bytes(whole[:-1] + b"\\0")
    told = page.evaluate(
        """async () => {
          const { loadPack, PackError } = await import('/page/here/pack.js');
          return loadPack((name) => fetch(`/damaged/${name}`)).catch(
            (error) => [error instanceof PackError, error.message]);
        }"""
    )
    assert told == [True, "motion came damaged: its digest is not the card's"]


def test_weights_come_once(page: Any, site: tuple[Path, str]) -> None:
    """They are found by their digest, also under another address."""
    write_pack(site[0] / "first")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    load = """async () => {
      const { loadPack } = await import('/page/here/pack.js');
      let bytes = 0;
      await loadPack((name) => fetch(`/first/${name}`), (come) => { bytes = come; });
      return bytes;
    }"""
    size = sum(path.stat().st_size for path in (site[0] / "first").glob("*.safetensors"))
    assert page.evaluate(load) in (0, size)  # 0: another test's pack has the same weights
    asked.clear()
    assert page.evaluate(load) == 0
    assert asked == ["card.json"]
