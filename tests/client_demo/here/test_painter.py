"""What is drawn of the motion that comes: the newest, of the face and before the background that a
person chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.generator.mixing import BANDS, mixed
from latentcam.realtime_models.mark import MOST
from latentcam.server.backdrops import backdrop
from tests.client_demo.conftest import FROM_BYTES, unpacked
from tests.tiny import tiny_card, tiny_generator, write_pack

# A face whose picture is one colour, half transparent; it tells which anchors it was asked for.
FACE = """
const face = {
  size: 8, hasAlpha: true, asked: [], wait: null,
  anchor: (identity) => new Float32Array([Number(identity), 0]),
  mixed: (into, taken) => new Float32Array([into[0], taken[0]]),
  async picture(anchor) {
    this.asked.push([...anchor]);
    await this.wait;
    return new Uint8ClampedArray(4 * 64).map((_, i) => [200, 100, 0, 128][i % 4]);
  },
};
const { Painter, Pace } = await import('/page/here/painter.js');
const shown = async (painter) => {
  const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
  video.srcObject = new MediaStream([painter.track]);
  const ink = document.createElement('canvas').getContext('2d');
  let pixel = null;
  for (let n = 0; n < 4; n += 1) {
    const came = new Promise((done) => { video.requestVideoFrameCallback(done); });
    await painter.move(new Float32Array(1));
    await came;
    ink.clearRect(0, 0, 8, 8);
    ink.drawImage(video, 0, 0);
    pixel = [...ink.getImageData(4, 4, 1, 1).data];
  }
  return pixel;
};
"""


def run(page: Any, script: str) -> Any:
    return page.evaluate("async () => {" + FACE + script + "}")


def test_a_face_without_a_background_stays_transparent(page: Any) -> None:
    pixel = run(page, "return shown(new Painter(face, { identity: '1' }));")
    assert np.abs(np.array(pixel) - [199, 100, 0, 128]).max() <= 3 + MOST


def test_a_background_is_behind_the_face(page: Any, site: tuple[Path, str]) -> None:
    """A colour, a picture, the same blurred; one that is not there changes nothing."""
    (site[0] / "backgrounds").mkdir()
    picture = np.zeros((192, 384, 3), np.uint8)
    picture[:, np.arange(384) % 8 < 4] = (0, 0, 200)  # blurred: half of it everywhere
    (site[0] / "backgrounds" / "my room.jpg").write_bytes(backdrop(picture))
    blue, face = np.array([0, 0, 255]), np.array([200, 100, 0])
    pixels = run(
        page,
        """
      const painter = new Painter(face, { identity: '1', background: '#0000ff' });
      const first = await shown(painter);
      painter.change({ background: 'gone' });
      const same = await shown(painter);
      painter.change({ background: 'blur:my room' });
      await new Promise((done) => { setTimeout(done, 300); });
      return [first, same, await shown(painter)];
    """,
    )
    halfway = (blue * 127 + face * 128) / 255
    for pixel in pixels[:2]:
        assert np.abs(np.array(pixel) - [*halfway, 255]).max() <= 6 + MOST
    assert np.abs(np.array(pixels[2]) - [100, 50, 50, 255]).max() <= 12 + MOST


def test_only_the_newest_motion_is_drawn(page: Any) -> None:
    got = run(
        page,
        """
      const painter = new Painter(face, { identity: '1' });
      let free;
      face.wait = new Promise((done) => { free = done; });
      const first = painter.move(new Float32Array(1));
      for (let n = 0; n < 3; n += 1) painter.move(new Float32Array(1));
      free();
      await first;
      return [painter.frames, painter.skipped];
    """,
    )
    assert got == [2, 2]


def test_a_face_becomes_another_and_takes_styles(page: Any) -> None:
    asked = run(
        page,
        """
      let now = 1000;
      performance.now = () => now;
      const painter = new Painter(face, { identity: '1' });
      const move = async (ms) => { now += ms; await painter.move(new Float32Array(1)); };
      await move(0);
      painter.change({ identity: '3', morph: 2 });
      await move(0);
      await move(500);
      await move(500);
      painter.change({ mix: { identity: '7', styles: 'fine' } });
      await move(5000);
      painter.change({ identity: '5' });
      await move(0);
      return face.asked;
    """,
    )
    expected: list[list[float]] = [[1, 0], [1, 0], [1 + 2 * 0.15625, 0], [2, 0], [3, 7], [5, 0]]
    assert np.allclose(asked, expected, atol=1e-6)


def test_a_device_that_stays_behind_is_noticed_but_not_in_a_hidden_tab(page: Any) -> None:
    script = """
      const pace = new Pace(25), said = [];
      for (let second = 0; second <= 8; second += 1) {
        said.push(pace.keepsUp(FRAMES * second, 1000 * second, HIDDEN));
      }
      return said;
    """
    for frames, hidden, fine in (
        (25, "false", 9),
        (16, "false", 9),
        (10, "false", 6),
        (1, "true", 9),
    ):
        of = script.replace("FRAMES", str(frames)).replace("HIDDEN", hidden)
        assert run(page, of) == [True] * fine + [False] * (9 - fine)


@pytest.mark.parametrize("subpixels", [0, 2])
def test_styles_are_those_of_python(page: Any, site: tuple[Path, str], subpixels: int) -> None:
    card = tiny_card(generator=tiny_generator(resolution=64, subpixels=subpixels))
    pack = load_pack(str(write_pack(site[0] / f"mixed{subpixels}", card)))
    got = page.evaluate(
        """async ([name, bands]) => {
      const { loadPack } = await import('/page/here/pack.js');
      const { Faces } = await import('/page/here/faces.js');
      const faces = new Faces(await loadPack((file) => fetch(`/${name}/${file}`)));
      const pack = (latent) => (FROM_BYTES)(latent);
      return bands.map((band) => pack(faces.mixed(faces.anchor('Ada'), faces.anchor('Bo'), band)));
    }""".replace("FROM_BYTES", FROM_BYTES),
        [f"mixed{subpixels}", list(BANDS)],
    )
    ada, bo = pack.identities
    for band, text in zip(BANDS, got, strict=True):
        expected = mixed(card.generator, ada, bo, band)
        assert np.array_equal(unpacked(text, np.float32).reshape(expected.shape), expected)
