"""What does a face cost as latents? `python -m latentcam.benchmarks.codec SPEECH…`

Speech is performed as in a call, each x_t becomes a packet, and some of the packets are lost, at
random. For each number of ticks that a packet holds moves of:

kbit/s: of packets, and with the headers of UDP over IPv4, DTLS and SCTP around each (RFC 8831).
error: root mean square over ticks and axes of what a receiver has, against x_t, in thousandths of
    the axis's range; a tick without a packet keeps what was before.
wrong: share of ticks in which an axis is off by more than rounding.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.arrays import SAMPLE_RATE
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.motion.codec import MOST_FRAMES, Decoder, Encoder, step_sizes
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.errors import MediaError
from latentcam.stream.offline import perform_voice
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import VoiceFile, resampled

FPS = 25
HEADERS = 20 + 8 + 29 + 12 + 16  # bytes: IPv4, UDP, DTLS 1.2 with AES-GCM, SCTP, its data chunk
LOSSES = (0.0, 0.02, 0.05, 0.1)  # share of packets
SEED = 1


def performed(performer: Performer, paths: Sequence[Path]) -> NDArray[np.float32]:
    """x_t of one file after another, float32 [ticks, axes]."""
    ticks = []
    for path in paths:
        with VoiceFile(path) as speech:
            blocks = resampled(speech.sounds(), SAMPLE_RATE)
            ticks += list(perform_voice(performer, Timeline(FPS), blocks, SEED, Settings()))
    return np.stack(ticks)


def packets_of(face: NDArray[np.float32], axes: Sequence[Axis], frames: int) -> list[bytes]:
    encoder = Encoder(axes, frames)
    return [encoder.encode(tick, x) for tick, x in enumerate(face)]


def kbits(sizes: NDArray[np.int64]) -> float:
    return float(sizes.mean() * 8 * FPS / 1000)


def received(packets: Sequence[bytes], axes: Sequence[Axis], loss: float) -> NDArray[np.float32]:
    """What a receiver has after each tick, float32 [ticks, axes]."""
    decoder, chance = Decoder(axes), np.random.default_rng(SEED)
    has, rest = [], np.zeros(len(axes), np.float32)
    for packet in packets:
        if chance.random() >= loss:
            decoder.decode(packet)
        has.append(rest if decoder.x is None else decoder.x)
    return np.stack(has)


def measure(face: NDArray[np.float32], axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """A row for each number of ticks in a packet and each share of losses."""
    ranges = np.array([axis.high - axis.low for axis in axes], np.float32)
    steps, rows = step_sizes(axes), []
    for frames in range(1, MOST_FRAMES + 1):
        packets = packets_of(face, axes, frames)
        sizes = np.array([len(packet) for packet in packets])
        rate = {"kbit_s": round(kbits(sizes), 2), "with_headers": round(kbits(sizes + HEADERS), 2)}
        for loss in LOSSES:
            off = np.abs(received(packets, axes, loss) - face)
            error = 1000 * float(np.sqrt(np.mean((off / ranges) ** 2)))
            wrong = float((off > 0.501 * steps).any(axis=1).mean())
            rows.append(
                {"frames": frames, "loss": loss, **rate,
                 "error": round(error, 2), "wrong": round(wrong, 4)}
            )  # fmt: skip
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], parents=[avatar_options()]
    )
    parser.add_argument("speech", type=Path, nargs="+", help="files with a voice in them")
    args = parser.parse_args(argv)
    card = machine_card()
    print_card(card)
    pack = load_pack(args.avatar)
    try:
        face = performed(Performer(pack), args.speech)
    except MediaError as error:
        parser.error(str(error))
    rows = measure(face, pack.card.axes)
    minutes = len(face) / FPS / 60
    print(f"{minutes:.1f} minutes, {len(pack.card.axes)} axes, {FPS} ticks a second")
    print("ticks  loss  kbit/s  with headers  error  wrong")
    for row in rows:
        print(
            f"{row['frames']:5}  {row['loss']:4.0%}  {row['kbit_s']:6.2f}  "
            f"{row['with_headers']:12.2f}  {row['error']:5.2f}  {row['wrong']:6.2%}"
        )
    print_json({"benchmark": "codec", "card": card, "minutes": round(minutes, 2), "rows": rows})


if __name__ == "__main__":
    main()
