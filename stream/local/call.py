"""A call on this machine: hears a microphone, shows a face on a camera, keeps the voice in step."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentcam.realtime_models.arrays import Latent, Picture, Samples
from latentcam.realtime_models.motion.performance import Settings
from latentcam.stream.backgrounds import Background
from latentcam.stream.badge import put_badge
from latentcam.stream.composition import I420, Composer
from latentcam.stream.engine import Engine
from latentcam.stream.local import pulse
from latentcam.stream.local.camera_reader import OpenCamera
from latentcam.stream.local.camera_sink import CameraSink
from latentcam.stream.local.head_camera import HeadCamera
from latentcam.stream.local.put_through import PutThrough
from latentcam.stream.local.sound_devices import VOICE_RATE, list_sound_devices
from latentcam.stream.local.virtual_microphone import VirtualMicrophone
from latentcam.stream.local.voice_out import VoiceLine, VoiceOut
from latentcam.stream.local.voice_source import Microphone, Sounds, Voice, file_sounds
from latentcam.stream.marker import Marker
from latentcam.stream.messages import Frame
from latentcam.stream.other_voice import OtherVoice
from latentcam.stream.session import Session
from latentcam.stream.voice_motion import VoiceMotion

logger = logging.getLogger(__name__)

NOTHING = np.zeros(0, np.float32)
FIRST_DELAY = 0.15  # seconds, until the age of enough pictures is known
DEFAULT_OUTPUT = ""  # no device has this name

Show = Callable[[I420, Frame | None], None]
"""Puts a picture on a camera, with the frame that it was made of or None for the one before."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Where the voice comes from, and where it goes.

    microphone: by name, None for the system's own. file: speaks in its place, over and over.
    voice_out: plays the voice into this device, in step with the face. virtual_microphone: creates
    one and plays the voice into it. other: to whom the face listens, another input by name, or on
    Linux DEFAULT_OUTPUT for what the system plays; None: to nobody. other_file: who says this in
    their place, over and over.
    """

    microphone: str | None = None
    file: Path | None = None
    voice_out: str | None = None
    virtual_microphone: bool = False
    other: str | None = None
    other_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """Whom the face listens to. device: None where a file speaks."""

    sounds: Sounds
    device: Microphone | None


class Call:
    """Its parts, open and warm. Made by `open_call`; then `run`."""

    def __init__(
        self,
        engine: Engine,
        session: Session,
        motion: VoiceMotion,
        voice: Voice,
        composer: Composer,
        sink: CameraSink,
        line: VoiceLine,
        microphone: Microphone | None,
        voice_out: VoiceOut | None,
        virtual: VirtualMicrophone | None,
        through: PutThrough,
        sound_thread: Executor,
        head: HeadCamera | None,
        other: Other | None,
    ) -> None:
        self.engine, self._voice, self._line = engine, voice, line
        self._composer = composer
        self.microphone = microphone
        """None where a file speaks."""
        self._voice_out, self._virtual = voice_out, virtual
        self.session, self.motion, self.sink = session, motion, sink
        self.through, self._sound_thread, self._head = through, sound_thread, head
        self._muted, self._other = False, other

    async def run(self) -> None:
        """Until cancelled. Raises, in a group, what a file or the camera raises."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.session.run(), name="session")
            tasks.create_task(self.sink.run(), name="camera")
            tasks.create_task(self.through.run(), name="put through")
            if self._head is not None:
                tasks.create_task(self._head.run(self.motion.drive), name="head camera")
            if self._other is not None:
                tasks.create_task(self._listen(self._other.sounds), name="other voice")
            if self._voice_out is not None:
                tasks.create_task(self._voice_out.run(self._wanted_delay), name="voice out")
                if self._virtual is not None:
                    reopen = self._voice_out.reopen
                    tasks.create_task(self._virtual.run(reopen), name="virtual microphone")

    async def _listen(self, sounds: Sounds) -> None:
        other = self.motion.other = OtherVoice()
        async with contextlib.aclosing(sounds):
            async for samples, _ in sounds:
                other.hear(samples, VOICE_RATE)

    def _wanted_delay(self) -> float | None:
        if self.through.wanted:
            return 0.0  # as soon as the device can: a real camera's picture is not later
        timeline, meter = self.engine.timeline, self.sink.meter
        if meter.frames < timeline.fps:
            return None  # too few to tell
        return timeline.lips_after(meter.age(50), self.engine.performer.look_ahead_s)

    def mute(self, muted: bool) -> None:
        """Silence replaces the voice, for the face and for others."""
        self._muted = muted
        self._hush()

    def _hush(self) -> None:
        # Where a file speaks there is no real voice to be heard.
        unreal = self.through.wanted and self.microphone is None
        self._voice.muted = self._muted or unreal

    def put_through(self, wanted: bool) -> None:
        """The real camera and microphone in place of the avatar, or the avatar again. Muted stays
        muted."""
        if self._head is not None:
            self._head.pause(wanted)
        self.through.put(wanted)
        self._voice.play(NOTHING)
        self._hush()

    async def microphones(self) -> list[str]:
        """The names of those that there are, as far as the system has told; none where a file
        speaks. Raises DeviceError."""
        if self.microphone is None:
            return []
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._sound_thread, list_sound_devices)
        return sorted({device.name for device in found if device.input})

    def play(self, sound: Samples) -> None:
        """Speak this in place of the microphone: float32 [n] at VOICE_RATE; nothing ends it."""
        self._voice.play(sound)

    @property
    def playing(self) -> bool:
        return self._voice.playing

    def freeze(self, frozen: bool) -> None:
        """The last picture stays."""
        self.sink.frozen = frozen

    def put_behind(self, background: Background) -> None:
        """It is behind the face from the next picture on."""
        self._composer.background = background

    @property
    def background(self) -> Background:
        return self._composer.background

    @property
    def voice_delay(self) -> float | None:
        """How long after it was spoken others hear the voice, seconds; None if nobody does."""
        return None if self._voice_out is None else self._line.delay

    @property
    def notice(self) -> str:
        """What a person should know about the devices at present, or nothing."""
        if self.through.reason:
            return self.through.reason
        virtual = self._virtual
        if virtual is not None and virtual.lost:  # first: the microphone is gone by that, too
            return virtual.notice()
        if self.microphone is not None and self.microphone.lost:
            return "The microphone went away. Plug it in, or start again with another."
        if virtual is not None and (news := virtual.notice()):
            return news
        if self._voice_out is not None and self._voice_out.lost:
            return f"{self._voice_out.name} went away: nobody hears the voice."
        if self._other is not None and self._other.device is not None and self._other.device.lost:
            return "The call's sound went away: the face listens to nobody until it is back."
        return "" if self._head is None else self._head.notice


@contextlib.asynccontextmanager
async def open_call(
    engine: Engine,
    anchor: Latent,
    settings: Settings,
    sound: Sound,
    composer: Composer,
    show: Show,
    open_camera: OpenCamera | None = None,
    badge: bool = False,
    head: HeadCamera | None = None,
) -> AsyncIterator[Call]:
    """Open the devices, warm up the engine and show the first picture; at the end, close them.

    Every picture of the face is marked. badge: and labelled, for people to see. show: called in a
    thread of its own. open_camera: opens the real one, if that may be put through; called in a
    thread of its own, once it is wanted. head: whose head moves the face, if anybody's. Raises
    DeviceError or MediaError.
    """
    timeline, loop = engine.timeline, asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        playing, composing, showing = (
            stack.enter_context(ThreadPoolExecutor(1, name))
            for name in ("sound", "compose", "camera")
        )
        virtual, output = None, sound.voice_out
        if sound.virtual_microphone:
            virtual = VirtualMicrophone(playing)
            output = stack.enter_context(virtual.made())
        line, microphone = VoiceLine(FIRST_DELAY), None
        voice_out = None if output is None else VoiceOut(output, line, playing)
        other = await _open_other(sound, playing, stack)

        @contextlib.asynccontextmanager
        async def aside() -> AsyncIterator[None]:
            async with contextlib.AsyncExitStack() as closed:
                if voice_out is not None:
                    await closed.enter_async_context(voice_out.aside())
                if other is not None and other.device is not None:
                    await closed.enter_async_context(other.device.aside())
                yield

        if sound.file is not None:
            sounds = file_sounds(sound.file, playing)
        else:
            microphone = Microphone(sound.microphone, playing, aside)
            await microphone.open()
            stack.push_async_callback(microphone.close)
            sounds = microphone.sounds()
        await engine.warm_up()
        rest, _ = await engine.renderer.render(anchor, engine.avatar.basis.control({}))
        marker = Marker()
        logger.info("mark %s", marker.name)

        def compose(face: Picture) -> I420:
            picture = composer(face)
            return marker.camera(put_badge(picture) if badge else picture)

        first = await loop.run_in_executor(composing, compose, rest)
        # On Linux it is a camera to others from its first picture on, so before it is announced.
        await loop.run_in_executor(showing, show, first, None)
        sink = CameraSink(compose, show, timeline.fps, composing, showing, first)
        voice = Voice(sounds, timeline, line.put)
        if voice_out is not None:
            await voice_out.open()
            stack.push_async_callback(voice_out.close)
        motion = VoiceMotion(engine, voice.chunks(), seed=0)
        motion.settings = settings
        session = Session(engine, motion.motions(), sink, anchor)
        if head is not None and open_camera is not None:
            open_camera = head.let_go_before(open_camera)
        through = PutThrough(sink, open_camera)
        yield Call(
            engine, session, motion, voice, composer, sink, line, microphone, voice_out, virtual,
            through, playing, head, other,
        )  # fmt: skip


async def _open_other(
    sound: Sound, thread: Executor, stack: contextlib.AsyncExitStack
) -> Other | None:
    """stack: closes it at the end. Raises DeviceError."""
    if sound.other_file is not None:
        return Other(file_sounds(sound.other_file, thread), None)
    if sound.other is None:
        return None
    name = pulse.default_monitor() if sound.other == DEFAULT_OUTPUT else sound.other
    # It leaves PortAudio's list to the microphone: each would wait for the other to be closed.
    device = Microphone(name, thread, None, "the call's sound")
    await device.open()
    stack.push_async_callback(device.close)
    return Other(device.sounds(), device)
