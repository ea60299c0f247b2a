"""Each module has a test module, is imported by one, or is named here beside one that runs it."""

from __future__ import annotations

from pathlib import Path

from tests.test_architecture import MODULES, ROOMS, ROOT, imports

# Test module -> modules that it runs without importing them: as commands, or through others.
RUN_BY = {
    "benchmarks/test_benchmarks.py": (
        "benchmarks.bench", "benchmarks.capacity", "benchmarks.tools.options",
    ),
    "plugins/test_gradio.py": ("plugins.gradio.handler",),
    "plugins/test_livekit.py": ("plugins.livekit.avatar",),
    "plugins/test_pipecat.py": ("plugins.pipecat.processor",),
    "realtime_models/test_avatar_pack.py": ("realtime_models.bounds", "realtime_models.opened"),
    "realtime_models/test_decoders.py": (
        "realtime_models.decoders.cuda", "realtime_models.decoders.tensorrt",
    ),
    "realtime_models/training/test_generator_training.py": (
        "realtime_models.training.generator.losses", "realtime_models.training.weights",
        "realtime_models.training.retrain",
        "realtime_models.training.write_pack",
    ),
    "realtime_models/training/imports/test_import.py": (
        "realtime_models.generator.filters", "realtime_models.training.imports.nvidia",
        "realtime_models.training.imports.rosinality",
    ),
    "realtime_models/training/latents/test_distil.py": (
        "realtime_models.training.latents.distil_command",
    ),
    "realtime_models/training/latents/test_bases.py": (
        "realtime_models.training.latents.basis_command", "realtime_models.training.latents.faces",
    ),
    "realtime_models/training/test_motion_training.py": tuple(
        f"realtime_models.training.motion.{name}"
        for name in ("data.lips", "data.sound", "data.synthesise", "data.vary", "targets.calibrate",
                     "targets.prepare")
    ),
    "server/test_avatar_command.py": ("server.commands.avatar",),
    "server/test_enrolling.py": (
        "server.commands.avatar_enrol", "server.commands.avatar_forget",
        "server.commands.avatar_stylise",
    ),
    "server/test_avatar_faces.py": (
        "server.commands.avatar_mix", "server.commands.sheet",
    ),
    "server/test_browser.py": ("benchmarks.browser",),
    "server/test_command_line.py": ("server.commands.completion",),
    "server/cluster/test_cluster.py": ("server.cluster.application", "server.cluster.run"),
    "server/cluster/test_cluster_command.py": ("server.commands.cluster",),
    "server/test_commands.py": (
        "server.commands.motion", "server.commands.options", "server.commands.render",
        "server.commands.serve", "server.commands.speech", "server.run", "stream.video_file",
    ),
    "server/test_server.py": ("server.bodies", "server.guard", "server.metrics"),
    "realtime_models/test_tracker_files.py": ("server.commands.tracker",),
    "server/webrtc/test_drive_channel.py": ("server.webrtc.channels",),
    "server/test_whip.py": ("server.webrtc.outlet", "server.webrtc.viewer"),
    "stream/local/test_sound_server.py": ("benchmarks.voice_offset",),
    "test_packaging.py": ("__main__", "benchmarks.startup"),
}  # fmt: skip

NOT_RUN = tuple(
    f"realtime_models.training.looks.{name}"
    for name in ("bank", "beard", "eyes", "glb", "lids", "materials", "measure", "people", "render",
                 "rig", "scene", "sculpt", "skins", "skull", "wear")
)  # fmt: skip
"""Modules that no test runs: they need Blender, or the heads, which are not in the repository."""

TESTS = {
    path.relative_to(ROOT / "tests").as_posix(): set(imports(path))
    for path in (ROOT / "tests").rglob("test_*.py")
}


def has_its_own(module: str) -> bool:
    room = Path(*module.split(".")[1:])
    return (room.parent / f"test_{room.name}.py").as_posix() in TESTS


def test_every_module_is_tested() -> None:
    imported = set().union(*TESTS.values())
    named = {f"latentcam.{module}" for modules in (*RUN_BY.values(), NOT_RUN) for module in modules}
    assert named <= set(MODULES), f"there are no {named - set(MODULES)}"
    assert set(RUN_BY) <= set(TESTS), f"there are no {set(RUN_BY) - set(TESTS)}"
    bare = {
        module
        for module, path in MODULES.items()
        if path.name != "__init__.py" and module not in imported and not has_its_own(module)
    }
    assert bare <= named, f"no test knows {sorted(bare - named)}"


def test_tests_lie_as_the_rooms_do() -> None:
    for test in TESTS:
        folder = Path(test).parent
        assert (
            folder in (Path(), Path("fuzz"))
            or folder.parts[0] in (*ROOMS, "client_demo")
            and (ROOT / folder).is_dir()
        ), test
