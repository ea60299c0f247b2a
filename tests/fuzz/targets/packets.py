"""Packets of data channels: what a camera lends to a face, and a face's motion."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from latentcam.realtime_models.axes import FACE_AXES, Axis
from latentcam.realtime_models.motion.codec import TICKS, BadPacket, Decoder, Encoder
from latentcam.realtime_models.motion.driven import DRIVEN, Driven, is_newer, to_packet
from latentcam.server.webrtc.drive_channel import DriveChannel
from latentcam.stream.latents import LatentReceiver
from tests.fuzz.damage import damaged, joined, pieces, some
from tests.fuzz.target import Fault, Take, Target, gist, one_sentence

TURNED = [
    to_packet(Driven({axis.name: share * axis.high for axis in DRIVEN}, share), number)
    for share, number in ((0.0, 0), (1.0, 1), (-0.5, 40_000), (0.3, 65_535))
]


@contextmanager
def opened_drive(folder: Path) -> Iterator[Take]:
    def take(case: bytes) -> str:
        got: list[Driven] = []
        numbers: list[int] = []
        channel = DriveChannel(got.append)
        for piece in pieces(case):
            before = len(got)
            channel.hear(piece)
            channel.hear(piece.decode("latin-1"))
            if len(got) > before:
                numbers.append(int.from_bytes(piece[2:4], "little"))
        for driven in got:
            within = all(a.low <= driven.values[a.name] <= a.high for a in DRIVEN)
            if not within or not 0.0 <= driven.lips <= 1.0:
                raise Fault(f"{driven} lies beyond the axes")
        for last, number in zip(numbers, numbers[1:], strict=False):
            if not is_newer(number, last):
                raise Fault(f"{number} was taken after {last}")
        return f"{min(len(got), 3)} packets taken"

    yield take


DRIVE = Target("drive", some(damaged(TURNED), 8), opened_drive, (), 2000)


AXES = (*FACE_AXES, Axis("pca0", -3.0, 3.0, "std"), Axis("other", 0.0, 8.0, "mm"))


def face(seed: int, begin: int, ticks: int = 6) -> list[bytes]:
    """Packets of a face that moves, each of which holds three ticks."""
    low = np.array([axis.low for axis in AXES], np.float32)
    high = np.array([axis.high for axis in AXES], np.float32)
    encoder, rng = Encoder(AXES, 3), np.random.default_rng(seed)
    return [
        encoder.encode(begin + n, (low + rng.random(len(AXES)) * (high - low)).astype(np.float32))
        for n in range(ticks)
    ]


FACES = [face(0, 0), face(1, TICKS - 3), face(2, 30_000)]


@st.composite
def talks(draw: DrawFn) -> bytes:
    """What is sent of a face, in another order, with losses, and damage to some."""
    sent = draw(st.permutations(draw(st.sampled_from(FACES))))
    sent = sent[: draw(st.integers(1, len(sent)))]
    sent += draw(st.lists(damaged(sent), max_size=3))
    return joined(sent)


@contextmanager
def opened_latents(folder: Path) -> Iterator[Take]:
    low = np.array([axis.low for axis in AXES], np.float32)
    high = np.array([axis.high for axis in AXES], np.float32)

    async def scene(case: bytes) -> str:
        receiver, alone = LatentReceiver(AXES, 25), Decoder(AXES)
        motions = receiver.motions()
        shown = refused = 0
        for piece in pieces(case):
            try:
                newer = alone.decode(piece)
            except BadPacket as error:
                gist(one_sentence(str(error)))
                newer, refused = False, refused + 1
            receiver.put(piece)
            if newer:
                motion = await anext(motions)
                shown += 1
                # A face glides over what did not come, and may swing beyond its axes for a moment.
                reach = high - low
                if not ((motion.x >= low - reach) & (motion.x <= high + reach)).all():
                    raise Fault(f"a face is drawn beyond its axes: {motion.x}")
        if receiver.bad != refused or receiver.missed != alone.missed:
            raise Fault(f"got {receiver.bad} bad packets and {receiver.missed} missed ticks")
        receiver.close()
        async for _ in motions:
            raise Fault("a motion came after the end")
        return f"{shown > 0} shown, {refused > 0} refused"

    with asyncio.Runner() as runner:
        yield lambda case: runner.run(scene(case))


LATENTS = Target("latents", talks() | some(st.binary(max_size=80), 3), opened_latents, (), 1500)
