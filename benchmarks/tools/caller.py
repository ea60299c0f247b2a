"""A browser's side of a call, with aiortc: sends a voice, collects the face and the voice."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.clock import datetime_from_ntp
from aiortc.codecs.opus import OpusEncoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from aiortc.utils import uint16_add
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from latentcam.benchmarks.tools.link import Link
from latentcam.realtime_models.errors import LatentcamError
from latentcam.server.webrtc.reorder import Hearing

RATE, PACKET = 48000, 960
SILENCE = 10  # packets until the encoder has forgotten what was said
PATIENCE = 2  # packets of voice behind a lost one


class VoiceSender(MediaStreamTrack):
    """Packets of 20 ms, paced from the origin; after the end silence, or again from the start.

    Encoded beforehand: a caller is to take as little of the server's machine as it can.
    """

    kind = "audio"

    def __init__(self, sound: NDArray[np.float32], again: bool) -> None:
        super().__init__()
        self._encoding = asyncio.get_running_loop().run_in_executor(None, encoded, sound)
        self._again = len(sound) // PACKET if again else 0
        self._sent, self.origin = 0, 0.0
        self.left: list[float] = []
        """When each packet was handed to the sender; later than due on a busy machine."""
        self.may_speak = asyncio.Event()

    async def recv(self) -> av.Packet[Any]:
        payloads = await self._encoding
        await self.may_speak.wait()
        loop = asyncio.get_running_loop()
        self.origin = self.origin or loop.time()
        await asyncio.sleep(self.origin + self._sent * PACKET / RATE - loop.time())
        number = self._sent % self._again if self._again else self._sent
        packet = av.Packet(payloads[min(number, len(payloads) - 1)])
        packet.pts, packet.time_base = self._sent * PACKET, Fraction(1, RATE)
        self._sent += 1
        self.left.append(loop.time())
        return packet


def encoded(sound: NDArray[np.float32]) -> list[bytes]:
    """Opus packets, the last ones of silence."""
    whole = -len(sound) % PACKET + SILENCE * PACKET
    pcm = (np.pad(sound, (0, whole)) * 32767).astype(np.int16)
    encoder, payloads = OpusEncoder(), []
    for first in range(0, len(pcm), PACKET):
        frame = av.AudioFrame.from_ndarray(pcm[None, first:][:, :PACKET], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, first
        frame.time_base = Fraction(1, RATE)
        [payload], _ = encoder.encode(frame)
        payloads.append(payload)
    return payloads


class NoFace(LatentcamError):
    """A call that shows nothing."""


class AtTheMarker(JitterBuffer):
    """A buffer for VP8 that gives a frame with its last packet, as browsers do.

    aiortc's own waits for the first packet of the next frame: one tick of delay. It begins with a
    whole key frame, which is asked for if the first ones came too early. When a lost packet does
    not come back in time, frames are given up until the next key frame, which is asked for;
    aiortc's own would wait for 512 packets.
    """

    MOST_WAITING = 12  # packets behind a lost one, about a quarter of a second
    ASK_AGAIN = 12  # frames without a key frame, about half a second

    def __init__(self) -> None:
        super().__init__(capacity=512, is_video=True)
        self.given_up = 0
        self._missed = 0  # frames since one was asked for
        self._broken = True  # until a key frame
        self._whole = False  # whether the newest frame has its first packet

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        ask_for_key, frame = super().add(packet)
        if frame is not None:
            key = self._whole and not frame.data[0] & 1  # RFC 6386, section 9.1
            self._broken &= not key
            if not self._broken:
                self._missed = 0
                return ask_for_key, frame
            self._missed += 1
            return ask_for_key or self._missed % self.ASK_AGAIN == 1, None
        if sum(p is not None for p in self._packets) > self.MOST_WAITING:
            self.given_up += 1
            self._broken = ask_for_key = True
            self._missed = 1
            self.remove(self.capacity)
            self._origin = uint16_add(packet.sequence_number, 1)
        return ask_for_key, None

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        assert self._origin is not None
        packets: list[RtpPacket] = []
        for count in range(self.capacity):
            packet = self._packets[(self._origin + count) % self.capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                return None
            packets.append(packet)
            if packet.marker:
                data = b"".join(vars(p)["_data"] for p in packets)
                # RFC 7741, section 4.2: S and a partition of 0.
                self._whole = bool(data) and packets[0].payload[0] & 0x17 == 0x10
                self.remove(len(packets))
                return JitterFrame(data, packet.timestamp)
        return None


class Clock:
    """One received stream's RTP time in the sender's wall clock, by its sender reports."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.first: int | None = None
        """RTP timestamp that aiortc counts as pts 0."""
        self._offsets: list[float] = []

    def packet(self, packet: RtpPacket, first: int | None) -> None:
        """One has arrived. first: as `self.first`, which aiortc does not know before a frame is
        whole."""
        self.first = first

    def report(self, packet: RtcpSrPacket) -> None:
        info = packet.sender_info
        if self.first is None or not info.packet_count:
            return
        pts = since(info.rtp_timestamp, self.first)
        wall = datetime_from_ntp(info.ntp_timestamp).timestamp()
        self._offsets = [*self._offsets[-4:], wall - pts / self._rate]

    def wall(self, pts: float) -> float:
        """Seconds at which a receiver in sync should show or play what has this pts; or nan."""
        if len(self._offsets) < 3:
            return float("nan")
        return float(np.median(self._offsets)) + pts / self._rate


def since(timestamp: int, first: int) -> int:
    """From one RTP timestamp to another, of 32 bits each; negative for an earlier one."""
    return (timestamp - first + (1 << 31)) % (1 << 32) - (1 << 31)


def rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """uint8 [H, W, 3]."""
    return np.asarray(frame.to_ndarray(format="rgb24", threads=1), np.uint8)


class Caller:
    """One peer.

    frames: (pts, time of arrival, what `look` makes of the picture); voice: (time, rms) per packet.
    patient: receive video with aiortc's own buffer, which waits for the next frame.
    speak: begin as soon as connected; otherwise when `speak` is called.
    on_voice: gets every decoded packet of the returned voice.
    again: the sound, of whole packets, is repeated for as long as the call lasts.
    """

    clock = Clock

    def __init__(
        self,
        sound: NDArray[np.float32],
        look: Callable[[av.VideoFrame], Any] = rgb,
        patient: bool = True,
        speak: bool = True,
        on_voice: Callable[[av.AudioFrame], None] = lambda packet: None,
        again: bool = False,
    ) -> None:
        self.pc = RTCPeerConnection()
        self._sender = VoiceSender(sound, again)
        if speak:
            self._sender.may_speak.set()
        audio = self.pc.addTransceiver(self._sender, "sendrecv")
        video = self.pc.addTransceiver("video", "recvonly")
        Hearing(audio.receiver, PATIENCE)
        if not patient:
            assert "_RTCRtpReceiver__jitter_buffer" in vars(video.receiver)
            vars(video.receiver)["_RTCRtpReceiver__jitter_buffer"] = AtTheMarker()
        self.voice_clock, self.face_clock = self.clock(RATE), self.clock(90_000)
        self._watch(audio.receiver, self.voice_clock)
        self._watch(video.receiver, self.face_clock)
        self._look, self._on_voice = look, on_voice
        self.frames: list[tuple[int, float, Any]] = []
        self.voice: list[tuple[float, float]] = []
        self._readers: list[asyncio.Task[None]] = []
        self.pc.on("track", self._read)

    @staticmethod
    def _watch(receiver: Any, clock: Clock) -> None:
        """Tell the clock of packets and of sender reports."""
        on_rtp, on_rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet
        counted = vars(receiver)["_RTCRtpReceiver__timestamp_mapper"]

        async def rtp(packet: RtpPacket, arrival_time_ms: int) -> None:
            await on_rtp(packet, arrival_time_ms)
            clock.packet(packet, counted._origin)

        async def rtcp(packet: AnyRtcpPacket) -> None:
            if isinstance(packet, RtcpSrPacket):
                clock.report(packet)
            await on_rtcp(packet)

        vars(receiver).update(_handle_rtp_packet=rtp, _handle_rtcp_packet=rtcp)

    def _read(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.create_task(self._collect(track)))

    async def _collect(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                now = loop.time()
                if isinstance(frame, av.VideoFrame):
                    assert frame.pts is not None
                    self.frames.append((frame.pts, now, self._look(frame)))
                else:
                    assert isinstance(frame, av.AudioFrame)
                    samples = frame.to_ndarray().astype(np.float32) / 32768
                    self.voice.append((now, float(np.sqrt(np.mean(samples**2)))))
                    self._on_voice(frame)

    @property
    def voice_origin(self) -> float:
        """The loop's time at which the first packet was handed to the sender."""
        return self._sender.origin

    @property
    def left(self) -> list[float]:
        """When each packet of the voice was handed to the sender."""
        return self._sender.left

    def speak(self) -> None:
        self._sender.may_speak.set()

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def call(self, port: int, link: Link | None = None, **offer: Any) -> ClientConnection:
        """Offer over the WebSocket and take the answer. The socket keeps the session alive."""
        socket = await connect(f"ws://127.0.0.1:{port}/ws")
        sdp = await self.offer()
        sdp = link.rewrite_offer(sdp) if link else sdp
        await socket.send(json.dumps({"type": "offer", "sdp": sdp, **offer}))
        answer = json.loads(await socket.recv())
        assert answer["type"] == "answer", answer
        sdp = answer["sdp"]
        await self.accept(link.rewrite_answer(sdp) if link else sdp)
        return socket

    async def until_frames(self, count: int, deadline: float = 20.0) -> None:
        """Raises NoFace if so many do not come in time, seconds."""
        try:
            async with asyncio.timeout(deadline):
                while len(self.frames) < count:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise NoFace(
                f"a call showed {len(self.frames)} pictures within {deadline:.0f} s, expected at "
                f"least {count}: the machine is too busy, close other programs and try again"
            ) from None

    async def aclose(self) -> None:
        await self.pc.close()
        if self._readers:
            _, late = await asyncio.wait(self._readers, timeout=1.0)
            for reader in late:  # aiortc does not end a track that never was connected
                reader.cancel()
            await asyncio.wait(self._readers)
        for reader in self._readers:
            if not reader.cancelled():
                reader.result()  # raises what it ended with
