"""`latentcam camera`: microphone to face to a camera that meeting apps can pick."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.enrolment import find_model
from latentcam.realtime_models.motion.following import Observed
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.tracker_files import MODEL
from latentcam.server.camera_steps import camera_steps
from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    background_options,
    backgrounds_of,
    badge_option,
    check_face,
    decoder_options,
    face_options,
    life_options,
    local,
    resolution_options,
    settings_of,
    timeline_of,
)
from latentcam.server.config import ServerConfig
from latentcam.server.desktop import open_page
from latentcam.server.endings import handled
from latentcam.server.errors import UsageError
from latentcam.server.guide import lead, missing, typed_within
from latentcam.server.panic import panic_keys, tell
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.composition import I420, Composer, check_size
from latentcam.stream.engine import Engine
from latentcam.stream.errors import DeviceError, MediaError
from latentcam.stream.local import pulse
from latentcam.stream.local.call import DEFAULT_OUTPUT, Call, Sound, open_call
from latentcam.stream.local.camera_reader import OpenCamera
from latentcam.stream.local.head_camera import HeadCamera, Look
from latentcam.stream.local.real_camera import RealCamera
from latentcam.stream.local.sound_devices import list_sound_devices
from latentcam.stream.local.virtual_camera import open_virtual_camera
from latentcam.stream.local.voice_source import check_voice_file
from latentcam.stream.messages import Frame

HOST = "127.0.0.1"
FOLLOWED = 640, 480  # pixels of the real camera that moves the head: more tells no more


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[
            avatar_options(),
            face_options(),
            life_options(),
            decoder_options(),
            background_options(),
            badge_option(),
            resolution_options(),
        ],  # fmt: skip
        formatter_class=Help,
    )
    parser.set_defaults(run=run, fps=30)
    parser.add_argument(
        "--mic", type=local, help="a microphone by name, or a file played again and again"
    )
    parser.add_argument("--device", help="the virtual camera; none: only the page")
    parser.add_argument("--size", default="1280x720", help="the size of the camera's picture")
    parser.add_argument(
        "--real-camera",
        metavar="NAME",
        help="what the panic key shows; by default the first camera; none: a still picture",
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="the real camera moves the head: latentcam tracker",
    )
    parser.add_argument(
        "--lips",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="with --follow: how much of the mouth follows the camera instead of the voice, 0 to 1",
    )
    parser.add_argument(
        "--hot-key", metavar="KEYS", help="the panic key everywhere, like '<ctrl>+<alt>+p'"
    )
    parser.add_argument(
        "--voice-out", metavar="NAME", help="play the voice, in sync, into this device"
    )
    parser.add_argument(
        "--create-virtual-mic", action="store_true", help="Linux: be a microphone, too"
    )
    parser.add_argument(
        "--hear-call",
        type=local,
        nargs="?",
        const=DEFAULT_OUTPUT,
        metavar="NAME",
        help="the face listens to the others: to what this machine plays (Linux), to an input "
        "device by name, or to a file played again and again",
    )
    parser.add_argument(
        "--port", type=int, default=8090, help="port of the control page; 0 picks a free one"
    )
    parser.add_argument("--preview", action="store_true", help="open the control page")
    parser.add_argument(
        "--setup", action="store_true", help="go through everything that it needs, step by step"
    )
    parser.add_argument(
        "--list-devices", action="store_true", help="list the sound devices and exit"
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Be a camera until interrupted or ended. Raises what `main` tells the user."""
    if args.list_devices:
        for device in list_sound_devices():
            kinds = [k for k, is_it in (("mic", device.input), ("out", device.output)) if is_it]
            print(f"{'+'.join(kinds):8}{device.name}{'  (default)' if device.default else ''}")
        return
    set_up(args)
    try:
        asyncio.run(_run(args))
    except* (DeviceError, MediaError) as group:
        raise _first(group) from None
    except* asyncio.CancelledError:
        raise KeyboardInterrupt from None


def set_up(args: argparse.Namespace) -> None:
    """Lead a person to what is missing; without a terminal, the start itself says what is.

    Raises UsageError.
    """
    person = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    if args.setup and not person:
        raise UsageError("--setup asks and waits, which takes a terminal: latentcam doctor camera")
    if args.device == "none" or not person:
        return
    steps = camera_steps(
        device=args.device,
        voice_out=args.voice_out,
        virtual_microphone=args.create_virtual_mic,
        microphone=args.mic is None,
    )
    if args.setup or any(missing(step) for step in steps if not step.optional):
        print("This camera needs a few things the first time.", file=sys.stderr)
        lead(steps, partial(print, file=sys.stderr, flush=True), typed_within, open_page)


@contextlib.contextmanager
def _ends_when_told() -> Iterator[None]:
    """Inside, Ctrl-C, SIGTERM and closing the terminal end this task, so that the devices are given
    back; a second time, all tasks, even those that are ending.

    The loop's own `add_signal_handler` would leave Python's behind: the next Ctrl-C would raise an
    exception in whatever ends then.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told = False

    def end() -> None:
        nonlocal told
        for one in asyncio.all_tasks(loop) if told else (task,):
            one.cancel()
        told = True

    # In the handler itself an exception, or a task that it wakes, would come at any moment.
    with handled(lambda number, frame: loop.call_soon_threadsafe(end)):
        yield


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group


def _composer(args: argparse.Namespace, backgrounds: Backgrounds) -> Composer:
    width, cross, height = args.size.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size is {args.size!r}, expected WIDTHxHEIGHT like 1280x720")
    try:
        check_size(int(width), int(height))
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Composer(int(width), int(height), backgrounds.first)


def check_other(name: str | None, system: str) -> None:
    """name: of `--hear-call`. Raises UsageError where no input has what the system plays."""
    if name == DEFAULT_OUTPUT and not system.startswith("linux"):
        raise UsageError(
            "--hear-call needs a name on this system, expected an input device that has the call's "
            "sound, such as Stereo Mix or a second virtual cable: latentcam camera --list-devices"
        )


def _file_of(name: str | None) -> Path | None:
    """A sound file, where the name is not a device's."""
    return Path(name) if name and Path(name).is_file() else None


def _real_camera(args: argparse.Namespace, composer: Composer) -> OpenCamera | None:
    if args.real_camera == "none":
        return None
    return partial(RealCamera, args.real_camera, composer.width, composer.height)


def _head_camera(args: argparse.Namespace) -> HeadCamera | None:
    """Raises UsageError, or AvatarPackError where the tracker's model is missing."""
    if not 0.0 <= args.lips <= 1.0:
        raise UsageError(f"--lips is {args.lips:g}, expected 0 to 1")
    if not args.follow:
        if args.lips:
            raise UsageError("--lips gives the mouth to a camera, expected --follow as well")
        return None
    if args.real_camera == "none":
        raise UsageError("--follow needs a camera, got --real-camera none")
    if find_spec("mediapipe") is None:
        raise UsageError("--follow needs MediaPipe: pip install 'latentcam[track]'")
    model = find_model(MODEL)
    width, height = FOLLOWED

    def open_look() -> Look:
        from latentcam.realtime_models.face_tracker import FaceTracker

        try:
            tracker = FaceTracker(model, video=True)
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"{model} is not what MediaPipe takes: {error}") from None

        def look(picture: Rgb, at: float) -> Observed | None:
            face = tracker.track(picture, at)
            return None if face is None else face.observed(at, picture)

        return look

    return HeadCamera(partial(RealCamera, args.real_camera, width, height), open_look, args.lips)


async def _run(args: argparse.Namespace) -> None:
    from latentcam.server.camera_app import CameraPage, make_camera_app
    from latentcam.server.run import listen, serve_page

    if args.create_virtual_mic and args.voice_out:
        raise UsageError("--create-virtual-mic makes its own output, got --voice-out as well")
    config = ServerConfig(host=HOST, port=args.port)
    timeline, backgrounds = timeline_of(args), backgrounds_of(args)
    composer = _composer(args, backgrounds)
    check_other(args.hear_call, sys.platform)
    file, other_file = _file_of(args.mic), _file_of(args.hear_call)
    for spoken in (file, other_file):
        if spoken is not None:
            check_voice_file(spoken)
    opened = open_pack(args.avatar, args.decoder, resolution=args.resolution)
    avatar, head = opened.avatar, _head_camera(args)
    settings = settings_of(args, avatar.card.axes)
    identity = args.identity or avatar.card.identities[0]
    anchor = check_face(avatar, identity)
    engine = Engine(avatar, opened.performer, timeline, max_sessions=1)
    sound = Sound(
        microphone=None if file else args.mic,
        file=file,
        voice_out=args.voice_out,
        virtual_microphone=args.create_virtual_mic,
        other=None if other_file else args.hear_call,
        other_file=other_file,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_ends_when_told())
        listener = stack.enter_context(listen(HOST, args.port))
        stack.push_async_callback(engine.aclose)
        camera = None
        if args.device != "none":
            camera = open_virtual_camera(args.device, composer.width, composer.height, args.fps)
            stack.callback(camera.close)

        def show(picture: I420, frame: Frame | None) -> None:
            if camera is not None:
                camera.send(picture)

        call = await stack.enter_async_context(
            open_call(
                engine,
                anchor,
                settings,
                sound,
                composer,
                show,
                _real_camera(args, composer),
                args.badge,
                head,
            )
        )
        preview = stack.enter_context(ThreadPoolExecutor(1, "preview"))
        device = camera.device if camera else "no camera"
        page = CameraPage(call, identity, device, backgrounds, on_through=tell)
        closing = asyncio.Event()
        app = make_camera_app(page, config, timeline.fps, preview, closing)
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        hearing = pulse.SOURCE if args.create_virtual_mic else args.voice_out
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve_page(app, listener, closing), name="page")
            said = f", the voice in {hearing}" if hearing else ""
            print(f"latentcam: {device}{said}, controls at {address}", flush=True)
            stack.enter_context(panic_keys(page.press, args.hot_key))
            if args.preview:
                open_page(address)
            await _run_and_say_why_it_ends(call, page.end)


async def _run_and_say_why_it_ends(call: Call, say: Callable[[str], Awaitable[None]]) -> None:
    try:
        await call.run()
    except asyncio.CancelledError:
        await say("It was stopped.")
        raise
    except ExceptionGroup as group:
        error = _first(group)
        known = isinstance(error, (DeviceError, MediaError))
        await say(str(error) if known else "It failed; its terminal says how.")
        raise
