"""The command line: it answers at once, every command has its help, and TAB completes it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from latentcam.server.__main__ import main
from latentcam.server.command_line import COMMANDS, EPILOG, parser_of

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "openvino", "aiortc", "starlette", "uvicorn")


def loaded_by(*argv: str) -> set[str]:
    """The first names of all modules that are in memory after a command has ended."""
    code = """
import json, sys
from latentcam.server.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("argv", [["--help"], ["--version"]])
def test_the_list_of_commands_needs_none_of_them(argv: list[str]) -> None:
    """It took 0.7 s: every command was imported, and numpy, av and aiortc with them. Seconds
    depend on the machine, so what is imported is counted."""
    found = loaded_by(*argv)
    assert not found & {*HEAVY, "numpy", "av", "asyncio", "msgspec", "rich"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_opens_nothing(name: str) -> None:
    assert not loaded_by(name, "--help") & set(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_runs_and_is_listed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = parser_of(name)
    assert re.search(rf"^ +{name}\s+{re.escape(COMMANDS[name][1])}$", parser.format_help(), re.M)
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: latentcam {name}")


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"latentcam {version('latentcam')}\n"


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["--nonsense"]])
def test_what_is_no_command_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv", [["--verbose", "avatar", "list"], ["avatar", "--verbose", "list"],
             ["avatar", "list", "--verbose"], ["avatar", "list"]],
)  # fmt: skip
def test_verbose_has_any_place(argv: list[str]) -> None:
    args = parser_of("avatar").parse_args(argv)
    assert args.verbose is ("--verbose" in argv)


def test_a_mistake_is_one_sentence_and_says_where_help_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for argv, where in (
        (["render"], "latentcam render --help"),
        (["avatar", "show"], "latentcam avatar show --help"),
        (["serve", "--fps", "many"], "latentcam serve --help"),
        (["serve", "--tok", "x"], "latentcam --help"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(argv)
        told = capsys.readouterr().err
        assert ended.value.code == 2 and told.count("\n") == 1 and where in told


def test_environment_and_exit_statuses_are_documented_in_both_places() -> None:
    page = (ROOT / "docs" / "command_line.md").read_text()
    for variable in re.findall(r"[A-Z]+_[A-Z_]+", EPILOG):
        assert f"`{variable}`" in page
    for status in re.findall(r"^  (\d+) ", EPILOG, re.M):
        assert f"| {status} |" in page
    for name in COMMANDS:
        assert f"`latentcam {name}" in page


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_and_options(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in (*COMMANDS, "max-sessions", "create-virtual-mic"):
        assert word in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="this machine has no bash")
def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "latentcam"
    script.write_text(capsys.readouterr().out)
    ask = f"""
source {script}
complete() {{ :; }}
ask() {{
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _shtab_latentcam; echo "${{COMPREPLY[@]}}"
}}
ask latentcam se
ask latentcam serve --max-s
ask latentcam completion z
"""
    done = subprocess.run(["bash", "-c", ask], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["serve", "--max-sessions", "zsh"]
