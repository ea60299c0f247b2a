"""What does a browser make of it?

`python -m latentcam.benchmarks.browser --seconds 120 --loss 0.02`

A real Chromium opens the real page, talks through a sound file as its microphone and plays the
returned voice. Every second its own statistics are read:

skew: by how much the voice it plays is later than the picture it shows, both in the time of the
    server's sender reports (estimatedPlayoutTimestamp), including the delay that the server adds to
    the voice to compensate. How far those reports are from the truth is what
    `benchmarks.glass_to_glass` measures. own: without the server's compensation.
buffer: how long a picture waited in the browser before it was decoded.

Needs `pip install playwright` and Chromium; CHROMIUM names it if it is not /usr/bin/chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import async_playwright

from latentcam.benchmarks.pipeline import write_wav
from latentcam.benchmarks.tools.link import Link, Script, link_options, own_address, script_of
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import session_options
from latentcam.benchmarks.tools.served import Served, served

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SETTLE = 15.0  # seconds until the browser has heard a few sender reports
VOICE = 60.0  # seconds of the microphone's file, which is repeated
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required "
    "--use-fake-ui-for-media-stream --use-fake-device-for-media-stream"
).split()

# Keeps the page's connection where statistics can be read, and leads it over the link.
HOOKS = """
window.peers = [];
const Native = RTCPeerConnection;
window.RTCPeerConnection = class extends Native {
  constructor(...given) { super(...given); window.peers.push(this); }
  async setRemoteDescription({ type, sdp }) {
    return super.setRemoteDescription({ type, sdp: await window.rewriteAnswer(sdp) });
  }
};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = async function (text) {
  const message = JSON.parse(text);
  if (message.type === 'offer') message.sdp = await window.rewriteOffer(message.sdp);
  send.call(this, JSON.stringify(message));
};
"""

STATISTICS = """async () => {
  const entries = [...(await window.peers.at(-1).getStats()).values()];
  const inbound = (kind) => entries.find((e) => e.type === 'inbound-rtp' && e.kind === kind) ?? {};
  return { at: performance.now(), video: inbound('video'), audio: inbound('audio') };
}"""


async def watch(
    server: Served, microphone: Path, seconds: float, script: Script | None, hear: bool
) -> list[dict[str, Any]]:
    """The browser's statistics, one entry a second."""
    link = Link()
    await link.open(own_address())

    def rewrite_offer(sdp: str) -> str:
        return link.rewrite_offer(sdp) if script else sdp

    def rewrite_answer(sdp: str) -> str:
        return link.rewrite_answer(sdp) if script else sdp

    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
    found: list[dict[str, Any]] = []
    async with async_playwright() as api:
        browser = await api.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = await browser.new_page()
        await page.expose_function("rewriteOffer", rewrite_offer)
        await page.expose_function("rewriteAnswer", rewrite_answer)
        await page.add_init_script(HOOKS)
        await page.goto(f"http://127.0.0.1:{server.port}/")
        await page.wait_for_selector("body[data-ready]")
        if hear:
            await page.get_by_label("Hear my returned voice").check(force=True)
        await page.click("#talk")
        await page.wait_for_selector("body[data-phase=live][data-picture]")
        if script:
            link.suffer(script)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() < begun + seconds + SETTLE:
            await asyncio.sleep(1.0)
            entry = await page.evaluate(STATISTICS)
            sessions = (await server.stats())["sessions"]
            entry["shift"] = sessions[0]["voice_shift_ms"] if sessions else 0.0
            if loop.time() > begun + SETTLE:
                found.append(entry)
        await browser.close()
    link.close()
    return found


def mean_ms(first: dict[str, Any], last: dict[str, Any], total: str, count: str) -> float:
    """Mean over a stretch of a total that grows with a count, in ms."""
    n = last[count] - first[count]
    return float(1000 * (last[total] - first[total]) / n) if n else float("nan")


def figures(entries: list[dict[str, Any]]) -> dict[str, Any]:
    first, last = entries[0], entries[-1]
    seconds = (last["at"] - first["at"]) / 1000
    found = np.array(
        [
            (
                e["video"]["estimatedPlayoutTimestamp"] - e["audio"]["estimatedPlayoutTimestamp"],
                e["shift"],
            )
            for e in entries
            if "estimatedPlayoutTimestamp" in e["video"]
            and "estimatedPlayoutTimestamp" in e["audio"]
        ]
    ).reshape(-1, 2)
    own, skews = found[:, 0], found.sum(axis=1)

    def spread(name: str, values: NDArray[np.float64]) -> dict[str, float]:
        p50, p95 = np.median(values), np.percentile(abs(values), 95)
        return {f"{name}_p50_ms": round(p50, 1), f"{name}_p95_of_size_ms": round(p95, 1)}

    video, audio = (first["video"], last["video"]), (first["audio"], last["audio"])
    concealed = audio[1].get("concealedSamples", 0) - audio[0].get("concealedSamples", 0)
    heard = audio[1].get("totalSamplesReceived", 0) - audio[0].get("totalSamplesReceived", 0)
    return {
        **(spread("skew", skews) | spread("own_skew", own) if len(own) else {}),
        "n": len(skews),
        "fps": round((video[1]["framesDecoded"] - video[0]["framesDecoded"]) / seconds, 2),
        "frozen_s": round(video[1]["totalFreezesDuration"] - video[0]["totalFreezesDuration"], 2),
        "video_buffer_ms": round(
            mean_ms(*video, "jitterBufferDelay", "jitterBufferEmittedCount"), 1
        ),
        "decode_ms": round(mean_ms(*video, "totalDecodeTime", "framesDecoded"), 2),
        "voice_buffer_ms": round(
            mean_ms(*audio, "jitterBufferDelay", "jitterBufferEmittedCount"), 1
        ),
        "voice_concealed": round(concealed / heard, 4) if heard else None,
        "lost_packets": last["video"]["packetsLost"] + last["audio"]["packetsLost"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[session_options(), link_options()],
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--deaf", action="store_true", help="do not play the returned voice")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    script = script_of(args)
    options = ["--avatar", args.avatar, "--decoder", args.decoder, "--fps", str(args.fps)]
    with tempfile.TemporaryDirectory() as folder, served(*options) as server:
        microphone = Path(folder) / "voice.wav"
        write_wav(microphone, VOICE)
        entries = asyncio.run(watch(server, microphone, args.seconds, script, not args.deaf))
    found = figures(entries)
    for name, value in found.items():
        print(f"{name:>22}  {value}")
    link = {"loss": args.loss, "jitter_ms": args.jitter * 1000, "seconds": args.seconds}
    print_json({"benchmark": "browser", **link, **found, "card": card})


if __name__ == "__main__":
    main()
