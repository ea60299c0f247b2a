"""Sends a voice by WHIP and fetches its face by WHEP, by GStreamer's webrtcbin, not by our code.

    python3 gstreamer.py http://127.0.0.1:8080 NAME VOICE.wav [SECONDS]

Needs the system's Python with `gi` and GStreamer's webrtcbin, nice, opus and vpx (Debian:
python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-plugins-bad gstreamer1.0-nice). The sender's
candidates trickle. It is silent for as long as nobody sees the face, and three seconds more, then
speaks. Prints one JSON line.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import urllib.request
import wave
from typing import Any

import gi

for library in ("Gst", "GstApp", "GstSdp", "GstWebRTC"):
    gi.require_version(library, "1.0")
from gi.repository import Gst, GstApp, GstSdp, GstWebRTC  # noqa: E402, F401

PACKET = 960  # samples, 20 ms
SIDE = 64  # pixels that a frame is scaled to before it is compared
STILL = 3.0  # seconds of silence while the face is seen
JITTER = 20  # ms that a receiver waits for what is out of order


def request(
    method: str, url: str, body: str = "", kind: str = "", **headers: str
) -> tuple[int, Any, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if kind:
        named["Content-Type"] = kind
    asked = urllib.request.Request(url, body.encode() or None, named, method=method)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.status, answer.headers, answer.read().decode()


class End:
    """A pipeline with a webrtcbin, and the session that it has with the server."""

    def __init__(self, base: str, path: str, trickles: bool, pipeline: str) -> None:
        self.base, self.path, self._trickles = base, path, trickles
        described = f"webrtcbin name=w bundle-policy=max-bundle {pipeline}"
        self.pipeline = Gst.Pipeline.new()
        self.pipeline.add(Gst.parse_bin_from_description(described, False))
        self.bin = self.pipeline.get_by_name("w")
        self.bin.set_property("latency", JITTER)
        self.answered, self.session, self.etag = threading.Event(), "", ""
        self.failure: BaseException | None = None
        self.trickled: list[int] = []
        self._offer, self._found = "", list[str]()
        self._lock = threading.Lock()
        self.bin.connect("on-negotiation-needed", self._negotiate)
        self.bin.connect("on-ice-candidate", self._candidate)
        self.bin.connect("notify::ice-gathering-state", self._gathering)

    def begin(self) -> None:
        self.pipeline.set_state(Gst.State.PLAYING)

    def end(self) -> int:
        status, _, _ = request("DELETE", self.session)
        self.pipeline.set_state(Gst.State.NULL)
        return status

    def _negotiate(self, _: Any) -> None:
        made = Gst.Promise.new_with_change_func(self._made)
        self.bin.emit("create-offer", None, made)

    def _made(self, promise: Any) -> None:
        reply = promise.get_reply()  # which owns the offer
        offer = reply.get_value("offer")
        self.bin.emit("set-local-description", offer, Gst.Promise.new())
        self._offer = offer.sdp.as_text()
        if self._trickles:
            threading.Thread(target=self._post).start()

    def _gathering(self, *_: Any) -> None:
        done = GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if not self._trickles and self.bin.get_property("ice-gathering-state") == done:
            self._offer = self.bin.get_property("local-description").sdp.as_text()
            threading.Thread(target=self._post).start()

    def _post(self) -> None:
        try:
            assert self._trickles == ("a=candidate" not in self._offer)
            status, headers, answer = request(
                "POST", self.base + self.path, self._offer, "application/sdp"
            )
            assert status == 201
            with self._lock:
                self.session, self.etag = self.base + headers["Location"], headers["ETag"]
            _, parsed = GstSdp.SDPMessage.new_from_text(answer)
            kind = GstWebRTC.WebRTCSDPType.ANSWER
            described = GstWebRTC.WebRTCSessionDescription.new(kind, parsed)
            self.bin.emit("set-remote-description", described, Gst.Promise.new())
            self._patch()
        except BaseException as error:
            self.failure = error
        finally:
            self.answered.set()

    def _candidate(self, _: Any, line: int, text: str) -> None:
        self._found.append(text)
        if self._trickles and self.session:
            threading.Thread(target=self._patch).start()

    def _patch(self) -> None:
        with self._lock:
            found, self._found = self._found, []
        if not found or not self._trickles:
            return
        keys = re.findall(r"a=ice-(?:ufrag|pwd):\S+", self._offer)[:2]
        body = [*keys, "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *(f"a={one}" for one in found)]
        status, _, _ = request(
            "PATCH", self.session, "\r\n".join(body) + "\r\n",
            "application/trickle-ice-sdpfrag", If_Match=self.etag,
        )  # fmt: skip
        self.trickled.append(status)


class Sender(End):
    """A voice, and a picture that nobody asked for, as broadcasting software sends it."""

    def __init__(self, base: str, path: str, voice: bytes) -> None:
        super().__init__(
            base, path, True,
            "appsrc name=voice is-live=true format=time do-timestamp=true "
            "caps=audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved "
            "! opusenc frame-size=20 ! rtpopuspay pt=111 "
            "! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! w. "
            "videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=10/1 "
            "! vp8enc deadline=1 target-bitrate=100000 ! rtpvp8pay pt=96 "
            "! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! w.",
        )  # fmt: skip
        self._voice = voice
        self.speak, self.stop = threading.Event(), threading.Event()
        self.spoke = 0.0
        threading.Thread(target=self._push, daemon=True).start()

    def _push(self) -> None:
        source, sent, at = self.pipeline.get_by_name("voice"), 0, 0
        begun, length = time.monotonic(), PACKET * 2
        while not self.stop.is_set():
            time.sleep(max(0.0, begun + sent * 0.02 - time.monotonic()))
            packet = bytes(length)
            if self.speak.is_set():
                self.spoke = self.spoke or time.monotonic()
                packet = (self._voice[at : at + length] + bytes(length))[:length]
                at = (at + length) % len(self._voice)
            source.emit("push-buffer", Gst.Buffer.new_wrapped(packet))
            sent += 1


class Watcher(End):
    """Notes when each frame of the face came, what it looked like, and how loud the voice was."""

    def __init__(self, base: str, path: str) -> None:
        super().__init__(base, path, False, "")
        self.frames: list[tuple[float, bytes]] = []
        self.voice: list[tuple[float, int]] = []
        self.size = (0, 0)
        way = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        for caps in (
            "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000",
            "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000",
        ):
            self.bin.emit("add-transceiver", way, Gst.Caps.from_string(caps))
        self.bin.connect("pad-added", self._added)

    def _added(self, _: Any, pad: Any) -> None:
        media = pad.get_current_caps().get_structure(0).get_string("media")
        if media == "audio":
            tail = "rtpopusdepay ! opusdec ! audio/x-raw,format=S16LE"
        else:
            tail = (
                "rtpvp8depay ! vp8dec name=decoder ! videoconvert ! videoscale "
                f"! video/x-raw,format=GRAY8,width={SIDE},height={SIDE}"
            )
        made = Gst.parse_bin_from_description(
            f"{tail} ! appsink name=sink emit-signals=true sync=false max-buffers=100", True
        )
        sink = made.get_by_name("sink")
        sink.connect("new-sample", self._heard if media == "audio" else self._seen)
        self.bin.get_parent().add(made)
        made.sync_state_with_parent()
        pad.link(made.get_static_pad("sink"))
        if media == "video":
            self._decoder = made.get_by_name("decoder")

    def _seen(self, sink: Any) -> Any:
        self.frames.append((time.monotonic(), self._data(sink)))
        caps = self._decoder.get_static_pad("src").get_current_caps().get_structure(0)
        self.size = (caps.get_int("width")[1], caps.get_int("height")[1])
        return Gst.FlowReturn.OK

    def _heard(self, sink: Any) -> Any:
        samples = memoryview(self._data(sink)).cast("h")
        self.voice.append((time.monotonic(), max(map(abs, samples), default=0)))
        return Gst.FlowReturn.OK

    @staticmethod
    def _data(sink: Any) -> bytes:
        buffer = sink.emit("pull-sample").get_buffer()
        return bytes(buffer.extract_dup(0, buffer.get_size()))


def mouth(frame: bytes) -> bytes:
    """The middle of the lower half."""
    rows = range(SIDE // 2, SIDE)
    return b"".join(frame[y * SIDE + SIDE // 4 : y * SIDE + 3 * SIDE // 4] for y in rows)


def apart(a: bytes, b: bytes) -> float:
    """Mean difference, grey levels."""
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)


def first_moved(frames: list[tuple[float, bytes]], since: float) -> float | None:
    """When the mouth first differed more than it ever did in the second before `since`, of which
    there is a frame at least. None if it never did."""
    still = [mouth(frame) for at, frame in frames if since - 1.0 < at <= since]
    if not still:
        return None
    noise = max((apart(frame, still[-1]) for frame in still), default=0.0)
    for at, frame in frames:
        if at > since and apart(mouth(frame), still[-1]) > 1.5 * noise + 0.5:
            return at
    return None


def main(base: str, name: str, file: str, seconds: float = 6.0) -> None:
    Gst.init(None)
    with wave.open(file) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (48000, 1, 2)
        voice = sound.readframes(sound.getnframes())
    sender = Sender(base, f"/whip/{name}?life=0", voice)
    sender.begin()
    assert sender.answered.wait(30), "no answer to the sender"
    if sender.failure:
        raise sender.failure
    watcher = Watcher(base, f"/whep/{name}")
    watcher.begin()
    assert watcher.answered.wait(30), "no answer to the watcher"
    if watcher.failure:
        raise watcher.failure
    deadline = time.monotonic() + 40
    while len(watcher.frames) < 10:
        assert time.monotonic() < deadline, f"{len(watcher.frames)} frames came"
        time.sleep(0.1)
    time.sleep(STILL)
    sender.speak.set()
    time.sleep(seconds)
    sender.stop.set()
    seen, spoke = list(watcher.frames), sender.spoke
    loud = [at for at, peak in watcher.voice if peak > 1000 and at > spoke]
    moved = first_moved(seen, spoke)
    result = {
        "gstreamer": Gst.version_string(),
        "frames": len(seen),
        "size": watcher.size,
        "fps": round(sum(at > spoke for at, _ in seen) / seconds, 1),
        "loudest": max((peak for _, peak in watcher.voice), default=0),
        "sound_to_face_ms": None if moved is None else round(1000 * (moved - spoke)),
        "sound_to_voice_ms": round(1000 * (loud[0] - spoke)) if loud else None,
        "trickled": sender.trickled,
        "ended": [watcher.end(), sender.end()],
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], *map(float, sys.argv[4:]))
