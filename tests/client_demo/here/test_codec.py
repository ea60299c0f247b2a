"""The page reads packets as Python does."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from latentcam.realtime_models.motion.codec import BadPacket, Decoder
from tests.client_demo.conftest import TO_BYTES, packed
from tests.realtime_models.motion.test_codec import AXES, a_face_that_moves, packets

READ = """async ([axes, packets]) => {
  const { BadPacket, Decoder } = await import('/page/here/codec.js');
  const decoder = new Decoder(axes);
  return packets.map((packet) => {
    try {
      return [decoder.decode(new Uint8Array(TO_BYTES(packet))), [...decoder.x], decoder.missed];
    } catch (error) {
      if (!(error instanceof BadPacket)) throw error;
      return null;
    }
  });
}""".replace("TO_BYTES", f"({TO_BYTES})")


def test_control_vectors_are_those_of_python(page: Any) -> None:
    """With losses, packets that come late or twice, and rubbish among them."""
    rng = np.random.default_rng(2)
    sent = packets(a_face_that_moves(200), 2, (1 << 16) - 90)
    order = np.argsort(np.arange(200) + rng.uniform(0, 2.5, 200))
    came = [sent[i] for i in order if rng.random() > 0.2]
    came[50:50] = [b"", b"\x10", came[40], rng.bytes(40), came[49][:-3]]
    decoder = Decoder(AXES)
    expected: list[tuple[bool, list[float], int] | None] = []
    for packet in came:
        try:
            newer = decoder.decode(packet)
            assert decoder.x is not None
            expected.append((newer, decoder.x.tolist(), decoder.missed))
        except BadPacket:
            expected.append(None)
    assert expected.count(None) >= 3 and decoder.missed
    axes = msgspec.to_builtins(AXES)
    got = page.evaluate(READ, [axes, [packed(np.frombuffer(p, np.uint8)) for p in came]])
    for mine, theirs in zip(got, expected, strict=True):
        assert (mine is None) == (theirs is None)
        if theirs is not None:
            assert (mine[0], mine[2]) == (theirs[0], theirs[2])
            assert np.abs(np.array(mine[1]) - theirs[1]).max() < 1e-5
