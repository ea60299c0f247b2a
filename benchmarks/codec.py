"""What does a face cost as latents, and as video? `python -m latentcam.benchmarks.codec SPEECH…`

Speech is performed as in a call, each x_t becomes a packet, and some of the packets are lost, at
random. For each number of ticks that a packet holds moves of:

kbit/s: of packets, and with the headers of UDP over IPv4, DTLS and SCTP around each (RFC 8831).
error: root mean square over ticks and axes of what a receiver has, against x_t, in thousandths of
    the axis's range; a tick without a packet keeps what was before.
wrong: share of ticks in which an axis is off by more than rounding.

With --seconds, so much of it is drawn, and the same pictures go through the VP8 and H.264 encoders
of a call at several rates, over a link that loses as many packets:

face, mouth: PSNR in dB, mean over ticks, of what is shown at a tick against what should be.
late: ticks that the shown picture is behind, the 95th percentile. Lost latents are not sent again.
as good: the rate at which a codec's face is as near as that of the latents, between the rates that
    were measured.
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
from latentcam.benchmarks.tools.pictures import crop, psnr
from latentcam.benchmarks.tools.video_link import ENCODERS, coded, sent
from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import SAMPLE_RATE, Latent, Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.motion.codec import MOST_FRAMES, Decoder, Encoder, step_sizes
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.training.generator.losses import FACE, MOUTH
from latentcam.stream.errors import MediaError
from latentcam.stream.offline import perform_voice
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import VoiceFile, resampled

FPS = 25
HEADERS = 20 + 8 + 29 + 12 + 16  # bytes: IPv4, UDP, DTLS 1.2 with AES-GCM, SCTP, its data chunk
LOSSES = (0.0, 0.02, 0.05, 0.1)  # share of packets
SEED = 1
SENT_FRAMES = 3  # ticks in a packet, as the server sends them
VIDEO_KBITS = (100, 200, 300, 500, 700, 1000)


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


def drawn(avatar: Avatar, anchor: Latent, face: NDArray[np.float32]) -> list[Rgb]:
    """A picture of each tick, in front of grey."""
    return [composite(avatar.render(anchor, x)) for x in face]


def nearness(shown: Sequence[Rgb], wanted: Sequence[Rgb]) -> dict[str, float]:
    """Means over ticks, dB."""
    pairs = list(zip(shown, wanted, strict=True))
    return {
        name: round(float(np.mean([psnr(crop(a, box), crop(b, box)) for a, b in pairs])), 2)
        for name, box in (("face", FACE), ("mouth", MOUTH))
    }


def compare(avatar: Avatar, identity: str, face: NDArray[np.float32]) -> list[dict[str, Any]]:
    """A row for each codec, rate and share of losses; rates with all headers."""
    anchor, axes = avatar.anchor(identity), avatar.card.axes
    wanted, ticks = drawn(avatar, anchor, face), np.arange(len(face))
    packets = packets_of(face, axes, SENT_FRAMES)
    rate = kbits(np.array([len(packet) for packet in packets]) + HEADERS)
    rows: list[dict[str, Any]] = []
    for loss in LOSSES:
        shown = drawn(avatar, anchor, received(packets, axes, loss))
        about = {"codec": "latents", "loss": loss, "kbit_s": round(rate, 1), "late": None}
        rows.append(about | nearness(shown, wanted))
    for codec in ENCODERS:
        for bits in VIDEO_KBITS:
            video = coded(wanted, codec, 1000 * bits, FPS)
            for loss in LOSSES:
                newest, size = sent(video.packets, loss, SEED)
                shown = [video.pictures[max(0, n)] for n in newest]
                about = {
                    "codec": codec,
                    "loss": loss,
                    "kbit_s": round(size * 8 * FPS / 1000 / len(face), 1),
                    "late": round(float(np.percentile(ticks - newest, 95))),
                }
                rows.append(about | nearness(shown, wanted))
    return rows


def as_good(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """codec -> loss -> kbit/s at which its face is as near as the latents'; None if at no rate."""
    found: dict[str, dict[str, float | None]] = {}
    for codec in ENCODERS:
        found[codec] = {}
        for loss in LOSSES:
            latents, *_ = (r for r in rows if r["codec"] == "latents" and r["loss"] == loss)
            ours = sorted(
                (r["face"], r["kbit_s"])
                for r in rows
                if r["codec"] == codec and r["loss"] == loss
            )  # fmt: skip
            near, rate = np.array(ours).T
            enough = near[0] <= latents["face"] <= near[-1]
            found[codec][f"{loss:.0%}"] = (
                round(float(np.interp(latents["face"], near, rate)), 1) if enough else None
            )
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], parents=[avatar_options()]
    )
    parser.add_argument("speech", type=Path, nargs="+", help="files with a voice in them")
    parser.add_argument("--seconds", type=float, default=0.0, help="of them, also as video")
    parser.add_argument("--identity", help="whose face; default: the avatar's first")
    parser.add_argument("--plot", type=Path, help="PNG file of nearness by rate")
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
    found = {"benchmark": "codec", "card": card, "minutes": round(minutes, 2), "rows": rows}
    if args.seconds:
        avatar = open_pack(args.avatar).avatar
        identity = args.identity or pack.card.identities[0]
        video = compare(avatar, identity, face[: max(1, round(args.seconds * FPS))])
        print("codec    loss  kbit/s   face  mouth  late")
        for row in video:
            print(
                f"{row['codec']:7}  {row['loss']:4.0%}  {row['kbit_s']:6.1f}  {row['face']:5.2f}  "
                f"{row['mouth']:5.2f}  {'-' if row['late'] is None else row['late']:>4}"
            )
        found |= {"video": video, "as_good": as_good(video)}
        print(f"as good: {found['as_good']}")
        if args.plot:
            from latentcam.benchmarks.tools.plots import save_codecs

            save_codecs(args.plot, video)
    print_json(found)


if __name__ == "__main__":
    main()
