"""You talk, and a StyleGAN face talks for you, live.

The names below are the public ones; docs/program.md shows how to use them. Each is imported when
it is first used, so `import latentcam` costs nothing (PEP 562).
"""

from __future__ import annotations

TYPE_CHECKING = False  # not typing's: until __main__ is reached, Ctrl-C is Python's to answer

if TYPE_CHECKING:
    from typing import Any

    from latentcam.realtime_models.alpha import composite
    from latentcam.realtime_models.arrays import SAMPLE_RATE, Control, Latent, Picture, Rgb, Samples
    from latentcam.realtime_models.avatar import Avatar
    from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
    from latentcam.realtime_models.decoders.auto import open_decoder
    from latentcam.realtime_models.errors import (
        AvatarPackError,
        BackendUnavailable,
        LatentcamError,
    )
    from latentcam.realtime_models.motion.performance import (
        PerformanceState,
        Performer,
        Settings,
    )
    from latentcam.stream.engine import Engine
    from latentcam.stream.errors import EngineFull
    from latentcam.stream.latents import LatentReceiver, LatentSender
    from latentcam.stream.marker import Marker
    from latentcam.stream.messages import AudioChunk, Frame, Motion
    from latentcam.stream.other_voice import OtherVoice
    from latentcam.stream.session import FrameSink, Session
    from latentcam.stream.speech import Speech
    from latentcam.stream.talking import Moment, TalkingFace
    from latentcam.stream.timeline import Timeline
    from latentcam.stream.voice_motion import VoiceMotion

__all__ = [
    "SAMPLE_RATE",
    "AudioChunk",
    "Avatar",
    "AvatarPack",
    "AvatarPackError",
    "BackendUnavailable",
    "Control",
    "Engine",
    "EngineFull",
    "Frame",
    "FrameSink",
    "Latent",
    "LatentReceiver",
    "LatentSender",
    "LatentcamError",
    "Marker",
    "Moment",
    "Motion",
    "OtherVoice",
    "PerformanceState",
    "Performer",
    "Picture",
    "Rgb",
    "Samples",
    "Session",
    "Settings",
    "Speech",
    "TalkingFace",
    "Timeline",
    "VoiceMotion",
    "composite",
    "load_pack",
    "open_decoder",
]

_HOMES = {
    "realtime_models.alpha": ("composite",),
    "realtime_models.arrays": ("SAMPLE_RATE", "Control", "Latent", "Picture", "Rgb", "Samples"),
    "realtime_models.avatar": ("Avatar",),
    "realtime_models.avatar_pack": ("AvatarPack", "load_pack"),
    "realtime_models.decoders.auto": ("open_decoder",),
    "realtime_models.errors": ("AvatarPackError", "BackendUnavailable", "LatentcamError"),
    "realtime_models.motion.performance": ("PerformanceState", "Performer", "Settings"),
    "stream.engine": ("Engine",),
    "stream.errors": ("EngineFull",),
    "stream.latents": ("LatentReceiver", "LatentSender"),
    "stream.marker": ("Marker",),
    "stream.messages": ("AudioChunk", "Frame", "Motion"),
    "stream.other_voice": ("OtherVoice",),
    "stream.session": ("FrameSink", "Session"),
    "stream.speech": ("Speech",),
    "stream.talking": ("Moment", "TalkingFace"),
    "stream.timeline": ("Timeline",),
    "stream.voice_motion": ("VoiceMotion",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
