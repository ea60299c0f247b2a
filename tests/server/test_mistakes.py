"""Every mistake of somebody at the command line is one sentence that names it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from latentcam.server.__main__ import main
from latentcam.stream.local import v4l2
from tests.server.test_commands import write_sound
from tests.tiny import write_moods
from tests.voice import speech

MISTAKES = """
nonsense | invalid choice: 'nonsense'
--nonsense | required: COMMAND
serve --nonsense | unrecognized arguments: --nonsense
serve extra | unrecognized arguments: extra
serve --port | argument --port: expected one argument
serve --port http | invalid int value: 'http'
serve --port 70000 | --port is 70000, expected 0 to 65535
serve --port -1 | --port is -1, expected 0 to 65535
serve --fps 0 | --fps is 0, expected 1 to 60
serve --fps 25.5 | invalid int value: '25.5'
serve --fps 1000 | --fps is 1000, expected 1 to 60
serve --max-sessions 0 | --max-sessions is 0, expected 1 to 64
serve --max-sessions -3 | --max-sessions is -3, expected 1 to 64
serve --max-sessions 65 | --max-sessions is 65, expected 1 to 64
serve --max-sessions many | invalid int value: 'many'
serve --audio-prefetch 9 | --audio-prefetch is 9, expected 0 to 8
serve --audio-prefetch -1 | --audio-prefetch is -1, expected 0 to 8
serve --avatar nobody | avatar 'nobody' is neither a folder
serve --avatar {note} | is neither a folder with a card.json
serve --avatar {dir} | is neither a folder with a card.json
serve --avatar https://example.org/pack | is an address
serve --avatar {pack} --moods {note} | note holds no learned moods
serve --avatar {pack} --moods {dir}/no | no cannot be read: No such file
serve --avatar {pack} --moods {dir} | is no file, expected learned moods
serve --avatar {pack} --moods {moods} | holds the moods happy, neutral, sad, expected some that
serve --avatar {pack} --moods {moods} --ways all | got --moods and --ways all, expected one
serve --moods https://example.org/moods | is an address
serve --avatar {pack} --arousal 2 | --arousal is 2, expected 0 to 1
serve --avatar {pack} --arousal nan | --arousal is nan, expected 0 to 1
serve --avatar {pack} --arousal 1 --ways all | got --arousal and --ways all, expected one
serve --avatar {pack} --identity Zoe | 'Zoe' is neither one of Ada, Bo
serve --decoder magic | invalid choice: 'magic'
serve --host '' | --host is empty
serve --host 203.0.113.7 --port 0 --avatar {pack} | cannot listen on 203.0.113.7
serve --tls-cert {note} | belong together, got only one of them
serve --tls-key {note} | belong together, got only one of them
serve --tls-cert {dir}/no --tls-key {dir}/no | does not exist, expected a PEM file
serve --tls-cert {dir} --tls-key {dir} | does not exist, expected a PEM file
serve --tls-cert {note} --tls-key {note} --port 0 --avatar {pack} | cannot be used for HTTPS
serve --tls magic | invalid choice: 'magic'
serve --tls self-signed --tls-cert {note} --tls-key {note} | expected one of them
serve --token a --token-file {note} | got --token and --token-file
serve --token-file {dir}/no | cannot be read: No such file
serve --token-file {dir} | cannot be read: Is a directory
serve --token-file {empty} | holds 0 lines, expected one: the token
serve --ice-server example.org | expected stun:HOST:PORT
serve --ice-server turn:example.org | turn:HOST:PORT,USER,PASSWORD
serve --ice-server stun:example.org,me,secret | expected stun:HOST:PORT
camera --device none --size 720p | --size is '720p', expected WIDTHxHEIGHT
camera --device none --size 0x0 | expected even numbers from
camera --device none --size 99999x2 | expected even numbers from
camera --device none --size 641x361 | expected even numbers from
camera --device none --fps 0 | --fps is 0, expected 1 to 60
camera --device none --avatar {pack} --follow --lips 2 | --lips is 2, expected 0 to 1
camera --device none --avatar {pack} --lips 0.5 | expected --follow as well
camera --device none --avatar {pack} --follow --real-camera none | --follow needs a camera
camera --device none --port 70000 | --port is 70000
camera --device none --mic {note} | cannot be read as audio or video
camera --device none --mic {empty} | cannot be read as audio or video
camera --device none --mic https://example.org/v.wav | is an address
camera --device none --hear-call https://example.org/v.wav | is an address
camera --device none --voice-out x --create-virtual-mic | got --voice-out as well
camera --device none --mic {clip} --avatar {pack} --expression smug | expected a mood
camera --device none --mic {clip} --avatar {pack} --moods {empty} | empty holds no learned moods
camera --device none --mic {clip} --avatar {pack} --moods {moods} | the avatar has: none
camera --device none --mic {clip} --avatar {pack} --identity Zoe | 'Zoe' is neither one of Ada, Bo
render | required: speech, --out
render {clip} | required: --out
render {clip} --out | argument --out: expected one argument
render {clip} {clip} --out {dir}/o.mp4 | unrecognized arguments
render {dir}/no.wav --out {dir}/o.mp4 --avatar {pack} | no.wav cannot be read: No such file
render {dir} --out {dir}/o.mp4 --avatar {pack} | cannot be read: Is a directory
render {note} --out {dir}/o.mp4 --avatar {pack} | cannot be read as audio or video
render {empty} --out {dir}/o.mp4 --avatar {pack} | cannot be read as audio or video
render {clip} --out {dir}/o --avatar {pack} | expected a name in .mp4
render {clip} --out {dir}/o.gif --avatar {pack} | expected a name in .mp4
render {clip} --out {dir} --avatar {pack} | expected a name in .mp4
render {clip} --out {dir}/no/o.mp4 --avatar {pack} | does not exist
render {clip} --out {note}/o.mp4 --avatar {pack} | does not exist
render {clip} --out {dir}/{long}.mp4 --avatar {pack} | File name too long
render {clip} --out {clip} --avatar {pack} | --out is the speech file itself
render {clip} --out {clip} --force --avatar {pack} | --out is the speech file itself
render {clip} --out {film} --avatar {pack} | film.mp4 exists: give another --out, or --force
render {clip} --out ftp://h/o.mp4 | is an address
render http://h/v.wav --out {dir}/o.mp4 | is an address
render {clip} --out {dir}/o.mp4 --avatar {pack} --identity '' --seed -1 | --seed is -1
render {clip} --out {dir}/o.mp4 --avatar {pack} --identity 1.5 | '1.5' is neither one of Ada, Bo
render {clip} --out {dir}/o.mp4 --avatar {pack} --expression happy | expected a mood: neutral
render {clip} --out {dir}/o.mp4 --avatar {pack} --expression jawOpen:2 | from 0 to 1
render {clip} --out {dir}/o.mp4 --avatar {pack} --expression jawOpen:x | from 0 to 1
render {clip} --out {dir}/o.mp4 --avatar {pack} --expression '' | expected a mood
render {clip} --out {dir}/o.mp4 --avatar {pack} --moods {note} | note holds no learned moods
render {clip} --out {dir}/o.mp4 --avatar {pack} --moods {moods} | the avatar has: none
render {clip} --out {dir}/o.mp4 --certificate {note} | belong together, got only one of them
render {clip} --out {dir}/o.mkv --certificate {note} --key {note} | o.mkv cannot
render {clip} --out {dir}/o.webm --avatar {pack} --background none --badge | --badge has no place
render {clip} --out {dir}/o.mp4 --expr happy | unrecognized arguments: --expr happy
motion {clip} --out {dir}/o.txt | expected a name in .csv or .json
motion {clip} --out {curves} --avatar {pack} | curves.csv exists
motion {clip} --out {dir}/o.csv --avatar {pack} --fps 61 | --fps is 61
motion {clip} --out {dir}/no/o.csv --avatar {pack} | does not exist
avatar | required: ACTION
avatar paint | invalid choice: 'paint'
avatar show | required: avatar
avatar show nobody | neither a folder with a card.json nor an installed pack
avatar check nobody | neither a folder with a card.json nor an installed pack
avatar remove | required: NAME
avatar remove nobody | there is no pack nobody in
avatar remove studio | came with latentcam and stays
avatar remove {dir} | expected the name of a pack
verify | required: file
verify {dir}/no.mp4 | no.mp4 cannot be read: No such file
verify {dir} | cannot be read: Is a directory
verify {note} | cannot be read as a video
verify {empty} | cannot be read as a video
verify {clip} | has no picture in it
verify {clip} --seconds -1 | --seconds is -1, expected 0 or more
verify https://example.org/a.mp4 | is an address
doctor magic | invalid choice: 'magic'
doctor --port 70000 | --port is 70000
doctor --fps 0 | --fps is 0
doctor --ice-server x | expected stun:HOST
bench --seconds 1 | expected at least 5 and 1
bench --most 0 | expected at least 5 and 1
bench --seconds long | invalid float value: 'long'
bench --out {note} | which is a file, expected a folder
bench --fps 0 | --fps is 0
page | required: --out
page --out {dir} | exists: give another --out, or --force
page --out https://example.org/page | is an address
avatar sample --out {film} | expected a name in
avatar morph --moods happy --out {film} | film.mp4 exists: give another --out, or --force
completion | required: shell
completion fish | invalid choice: 'fish'
"""
"""Command line | what its refusal holds."""

ROWS = [tuple(line.split(" | ")) for line in MISTAKES.strip().splitlines()]


@pytest.fixture(scope="module")
def places(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("mistakes")
    write_sound(folder / "clip.wav", speech(0.3), 16000)
    (folder / "note").write_text("no sound, no card, no certificate")
    (folder / "empty").touch()
    (folder / "film.mp4").write_text("mine")
    (folder / "curves.csv").write_text("mine")
    write_moods(folder / "moods", ("happy", "neutral", "sad"))
    return {
        "dir": str(folder),
        "pack": str(tiny_folder),
        "clip": str(folder / "clip.wav"),
        "note": str(folder / "note"),
        "empty": str(folder / "empty"),
        "film": str(folder / "film.mp4"),
        "curves": str(folder / "curves.csv"),
        "moods": str(folder / "moods"),
        "long": "n" * 300,
    }


def refused(capsys: pytest.CaptureFixture[str], command: str) -> str:
    """What a command line that is refused says: one sentence, on stderr alone."""
    try:
        status = main(shlex.split(command))
    except SystemExit as end:  # argparse's
        status = int(end.code or 0)
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert captured.err.startswith("latentcam: ") and captured.err.count("\n") == 1, captured.err
    return captured.err


@pytest.mark.parametrize("command,told", ROWS)
def test_a_mistake_is_one_sentence(
    command: str, told: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, command.format(**places))
    folder = Path(places["dir"])
    assert sorted(path.name for path in folder.iterdir()) == [
        "clip.wav", "curves.csv", "empty", "film.mp4", "moods", "note",
    ]  # fmt: skip
    assert (folder / "film.mp4").read_text() == (folder / "curves.csv").read_text() == "mine"


def test_there_are_many() -> None:
    assert len({command for command, _ in ROWS}) == len(ROWS) > 90


@pytest.mark.skipif(bool(v4l2.list_loopbacks()), reason="this machine has a virtual camera")
@pytest.mark.parametrize("device", ["/dev/null", "/dev/video99", "{note}", "webcam"])
def test_what_is_no_virtual_camera(
    device: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = "camera --mic {clip} --avatar {pack} --port 0 --device " + device
    assert "virtual camera" in refused(capsys, command.format(**places))
