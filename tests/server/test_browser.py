"""A real Chromium talks to the real server: does a person see a face that says what they say?

The microphone is a WAV made here: three seconds of speech-like sound, three seconds of a quiet
room, again and again. CHROMIUM names another browser than /usr/bin/chromium. With
LATENTCAM_SCREENSHOTS=FOLDER, pictures of the page while it talks are left there.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tiny import write_moods

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "realtime_models" / "packs" / "studio"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
SCREENSHOTS = os.environ.get("LATENTCAM_SCREENSHOTS")

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; set CHROMIUM"),
    pytest.mark.skipif(not PACK.is_dir(), reason="the default pack `studio` is not installed"),
]

RATE = 48_000
SPEAKS = SILENT = 3.0  # seconds of the microphone's file
START_LIMIT = 90.0  # seconds for the server to warm up on a busy machine
LIVE_LIMIT = 90_000  # ms from Talk to a connection, on a busy machine
CYCLE_LIMIT = 60_000  # ms for speech to begin again, on a busy machine

QUIET_BROWSER = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
).split()

# The page keeps its connection to itself; the test looks at it through the browser's own class.
KEEP_PEERS = """
window.peers = [];
const Native = RTCPeerConnection;
window.RTCPeerConnection = class extends Native {
  constructor(...given) { super(...given); window.peers.push(this); }
};
const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
window.mics = [];
if (ask) navigator.mediaDevices.getUserMedia = async (...given) => {
  const stream = await ask(...given);
  window.mics.push(...stream.getAudioTracks());
  return stream;
};
"""

INBOUND_VIDEO = """async () => {
  const report = await window.peers.at(-1).getStats();
  return [...report.values()].find((e) => e.type === 'inbound-rtp' && e.kind === 'video');
}"""

# Every decoded frame's mouth (rows 53-81 %, columns 30-70 %) in grey at half size, with what the
# server's newest telemetry said at that moment.
WATCH_MOUTH = """async (seconds) => {
  const video = document.getElementById('face'), frames = [], [w, h] = [51, 36];
  const canvas = Object.assign(document.createElement('canvas'), { width: w, height: h });
  const ink = canvas.getContext('2d', { willReadFrequently: true });
  const end = performance.now() + 1000 * seconds;
  await new Promise((done) => {
    const look = (now) => {
      const { videoWidth: W, videoHeight: H } = video;
      ink.drawImage(video, 0.30 * W, 0.53 * H, 0.40 * W, 0.28 * H, 0, 0, w, h);
      const { data } = ink.getImageData(0, 0, w, h);
      let grey = '';
      for (let i = 0; i < data.length; i += 4) {
        grey += String.fromCharCode((data[i] + 2 * data[i + 1] + data[i + 2]) >> 2);
      }
      frames.push([now / 1000, 'speaking' in document.body.dataset, btoa(grey)]);
      if (now < end) video.requestVideoFrameCallback(look); else done();
    };
    video.requestVideoFrameCallback(look);
  });
  return frames;
}"""

WHOLE_PICTURE = """() => {
  const video = document.getElementById('face');
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 64 });
  const ink = canvas.getContext('2d');
  ink.drawImage(video, 0, 0, 64, 64);
  return btoa(String.fromCharCode(...ink.getImageData(0, 0, 64, 64).data));
}"""

# Waits for so many more pictures.
PICTURES = """(count) => new Promise((done) => {
  const look = () => (count-- > 0 ? face.requestVideoFrameCallback(look) : done());
  look();
})"""

LAST_PICTURE = """() => {
  const { data } = last.getContext('2d').getImageData(0, 0, last.width, last.height);
  return data.reduce((sum, value, i) => sum + (i % 4 < 3 ? value : 0), 0) / data.length;
}"""


# ---- the microphone's file --------------------------------------------------------------------


def speech_like(seconds: float) -> NDArray[np.float32]:
    """Vowels in syllables: harmonics of a gliding voice under moving formants."""
    t = np.arange(int(seconds * RATE)) / RATE
    vowels = np.array(  # Hz: first, second, third formant of a, i, o, e, u
        [
            [750, 1250, 2600],
            [300, 2250, 3000],
            [480, 850, 2500],
            [520, 1850, 2600],
            [320, 800, 2300],
        ]
    )
    syllable = t * 3.7
    weight = np.clip((syllable % 1.0) * 4.0, 0.0, 1.0)[:, None]
    index = syllable.astype(int)
    formants = (1 - weight) * vowels[(index - 1) % 5] + weight * vowels[index % 5]
    pitch = 125 + 18 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros_like(t)
    for k in range(1, 30):
        gain = (1.0 / (1.0 + ((k * pitch[:, None] - formants) / 90.0) ** 2)).sum(axis=1)
        sound += gain * np.sin(k * phase) / np.sqrt(k)
    sound *= np.sin(np.pi * (syllable % 1.0)) ** 0.6  # the lips close between syllables
    return np.asarray(0.6 * sound / np.abs(sound).max(), np.float32)


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = 1e-4 * np.random.default_rng(0).standard_normal(int(SILENT * RATE))
    sound = np.concatenate([speech_like(SPEAKS), room])
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


# ---- server and browser -----------------------------------------------------------------------


class Server:
    """`latentcam` in a process of its own. address: what it printed when it was ready."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "latentcam", *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        late = threading.Timer(START_LIMIT, self.process.kill)
        late.start()
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
        finally:
            late.cancel()
        found = re.fullmatch(
            r"latentcam: (?:.*, controls at )?(http://127\.0\.0\.1:(\d+)(?:/\S*)?)", line.strip()
        )
        if not found:
            self.close()
            pytest.fail(f"the server printed {line!r}, expected its address")
        self.address, self.port = found[1], found[2]

    def close(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server("serve", "--port", "0")
    yield started
    started.close()


@pytest.fixture(scope="module")
def camera(microphone: Path) -> Iterator[Server]:
    command = ("camera", "--mic", str(microphone), "--device", "none", "--fps", "5")
    started = Server(*command, "--port", "0", "--real-camera", "none")
    yield started
    started.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as api:
        yield api.chromium


def launch(chromium: Any, *flags: str) -> Any:
    return chromium.launch(executable_path=str(CHROMIUM), args=[*QUIET_BROWSER, *flags])


@pytest.fixture(scope="module")
def browser(chromium: Any, microphone: Path) -> Iterator[Any]:
    launched = launch(
        chromium,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    )
    yield launched
    launched.close()


@contextlib.contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """The demo page. An error in its script fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    context.set_default_timeout(LIVE_LIMIT)
    page = context.new_page()
    errors: list[Any] = []
    page.on("pageerror", lambda error: errors.append(error))
    page.add_init_script(KEEP_PEERS)
    try:
        page.goto(address)
        yield page
    finally:
        context.close()
    assert not errors


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    with opened(browser, server.address) as shown:
        shown.wait_for_selector("body[data-ready]")
        yield shown


@pytest.fixture
def live(page: Any) -> Any:
    page.click("#talk")
    wait_live(page)
    return page


def wait_live(page: Any) -> None:
    page.wait_for_selector("body[data-phase=live][data-picture]", timeout=LIVE_LIMIT)


def wait_speaking(page: Any) -> None:
    """Until the file's speech begins."""
    page.wait_for_selector("body:not([data-speaking])", timeout=CYCLE_LIMIT)
    page.wait_for_selector("body[data-speaking]", timeout=CYCLE_LIMIT)


def wait_true(page: Any, expression: str) -> None:
    """Playwright's own way would evaluate a string in the page, which its policy forbids."""
    end = time.monotonic() + CYCLE_LIMIT / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def wait_trouble(page: Any, words: str) -> str:
    page.wait_for_selector("#trouble:not([hidden])", timeout=LIVE_LIMIT)
    told: str = page.inner_text("#trouble")
    assert words in told
    return told


def adjust(page: Any, slider: str, key: str) -> None:
    """Press a key on one of the sliders for adjusting by hand."""
    if page.get_attribute("#fine", "open") is None:
        page.click("#fine summary")
    page.get_by_role("slider", name=slider, exact=True).focus()
    page.keyboard.press(key)


def hold_still(page: Any) -> None:
    """No blinks, no sway: what moves now is what was said."""
    adjust(page, "Liveliness", "Home")


def picture(page: Any) -> NDArray[np.float64]:
    rgba = np.frombuffer(base64.b64decode(page.evaluate(WHOLE_PICTURE)), np.uint8)
    return rgba.reshape(64, 64, 4)[:, :, :3].astype(float)


# ---- a person talks ---------------------------------------------------------------------------


def test_keyboard_alone_starts_and_stops_and_the_microphone_is_freed(page: Any) -> None:
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "talk":
            break
    assert page.inner_text("#talk") == "Talk"
    page.keyboard.press("Enter")
    wait_live(page)
    assert page.inner_text("#talk") == "Stop"
    assert page.evaluate("document.activeElement.id") == "talk"
    page.keyboard.press("Space")
    page.wait_for_selector("body[data-phase=idle]")
    assert page.inner_text("#talk") == "Talk"
    assert page.evaluate("mics.map((track) => track.readyState)") == ["ended"]
    assert page.evaluate("peers.map((peer) => peer.connectionState)") == ["closed"]
    assert not page.is_visible("#trouble")


# What Tab should reach: every control that is shown and works, and one of each group of radios.
REACHABLE = """() => {
  const all = [...document.querySelectorAll('*')], groups = new Set();
  return all.filter((one) => one.matches('a[href], button, input, select, summary, textarea'))
    .filter((one) => one.checkVisibility() && !one.matches(':disabled') && one.tabIndex >= 0)
    .filter((one) => one.type !== 'radio' || (!groups.has(one.name) && groups.add(one.name)))
    .map((one) => one.type === 'radio' ? one.name : `${all.indexOf(one)} ${one.id}`);
}"""

# Where the focus is, and whether a person can see that: on the control, or on what stands for it.
FOCUSED = """async () => {
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame); // it scrolls there
  const all = [...document.querySelectorAll('*')], one = document.activeElement;
  if (one === document.body) return null;
  const [shown, ...others] = [one.closest('.tool') ?? one, one, one.nextElementSibling];
  const { left, right, top, bottom } = shown.getBoundingClientRect();
  return {
    key: one.type === 'radio' ? one.name : `${all.indexOf(one)} ${one.id}`,
    group: one.closest('[role=group]')?.getAttribute('aria-label') ?? '',
    left,
    ring: [shown, ...others].some((each) => each && getComputedStyle(each).outlineStyle !== 'none'),
    inside: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
  };
}"""


def test_tab_reaches_every_control_once_from_left_to_right_and_shows_where_it_is(page: Any) -> None:
    page.evaluate("fine.open = true")
    expected = page.evaluate(REACHABLE)
    walked: list[dict[str, Any]] = []
    while len(walked) <= len(expected):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None or (walked and focused["key"] == walked[0]["key"]):
            break
        walked.append(focused)
    assert sorted(one["key"] for one in walked) == sorted(expected)
    assert [one["key"] for one in walked if not one["ring"]] == [], "nothing shows the focus"
    assert [one["key"] for one in walked if not one["inside"]] == [], "out of sight"
    for group in ("Call", "Picture"):
        lefts = [one["left"] for one in walked if one["group"] == group]
        assert len(lefts) > 2 and lefts == sorted(lefts), group


def test_frames_keep_coming(live: Any) -> None:
    before = live.evaluate(INBOUND_VIDEO)
    end = time.monotonic() + LIVE_LIMIT / 1000
    while True:
        after = live.evaluate(INBOUND_VIDEO)
        if after["framesDecoded"] >= before["framesDecoded"] + 50:
            break
        assert time.monotonic() < end, (before, after)
        time.sleep(0.2)
    # 256 where the machine is too busy for 512
    assert (after["frameWidth"], after["frameHeight"]) in ((512, 512), (256, 256))


def test_mouth_moves_while_the_file_speaks_and_rests_while_it_is_silent(live: Any) -> None:
    hold_still(live)
    time.sleep(1.0)
    frames = live.evaluate(WATCH_MOUTH, 2 * (SPEAKS + SILENT) + 1)
    at = np.array([frame[0] for frame in frames])
    speaking = np.array([frame[1] for frame in frames])
    mouths = np.array([list(base64.b64decode(frame[2])) for frame in frames], float)

    # Telemetry comes twice a second: leave out what is near a change of it.
    changes = at[1:][speaking[1:] != speaking[:-1]]
    assert len(changes) >= 3, "the server heard no speech and silence in turn"
    clear = np.array([np.all((t < changes - 0.6) | (t > changes + 0.8)) for t in at])
    moved = np.abs(np.diff(mouths, axis=0)).mean(axis=1)
    talks, rests = moved[(clear & speaking)[1:]], moved[(clear & ~speaking)[1:]]
    assert talks.mean() > 3 * rests.mean() + 0.2, (talks.mean(), rests.mean())

    # Silence is one and the same mouth every time, and not one of the mouths of speech.
    rest = np.median(mouths[clear & ~speaking], axis=0)
    away = np.abs(mouths - rest).mean(axis=1)
    talks, rests = away[clear & speaking], away[clear & ~speaking]
    assert talks.mean() > 3 * rests.mean() + 0.2, (talks.mean(), rests.mean())
    assert np.percentile(rests, 95) < talks.mean() / 2


def test_figures_show_numbers(live: Any) -> None:
    heard = "[document.getElementById('voice')].some((v) => v.srcObject && !v.muted && !v.paused)"
    assert not live.evaluate(heard)  # off at first: it would echo
    live.get_by_label("Hear my returned voice").check(force=True)
    assert live.evaluate(heard)
    wait_live(live)  # again: in step with the voice from here on
    patterns = {
        "fps": r"\d+\.\d",
        "age": r"\d+ ms",
        "server": r"\d+ / \d+ ms",
        "network": r"(< )?\d+ ms",
        "skew": r"together|\d+ ms (early|late)",
        "bitrate": r"\d+ kbit/s",
        "picture": "512 × 512|256 × 256 of 512",  # a busy machine draws less
        "dropped": r"\d+ / \d+",
    }
    wait_speaking(live)
    end = time.monotonic() + 20.0  # the skew needs the sender reports of both tracks
    while True:
        shown = {key: live.inner_text(f"#figure-{key}") for key in patterns}
        wrong = {k: v for k, v in shown.items() if not re.fullmatch(patterns[k], v)}
        if not wrong:
            break
        assert time.monotonic() < end, wrong
        time.sleep(0.5)
    assert 0 < int(shown["age"].split()[0]) < 1000
    assert int(live.get_attribute("#meter", "aria-valuenow")) >= 0


def test_another_identity_and_an_expression_change_the_picture(live: Any) -> None:
    hold_still(live)
    live.evaluate("mics.forEach((track) => { track.enabled = false; })")  # a mute switch
    live.wait_for_selector("body:not([data-speaking])")

    def settled() -> NDArray[np.float64]:
        """The face eases to where it is told to go, and the codec sharpens what stands still.
        Counted in pictures: a busy machine may show the same one for a second."""
        live.evaluate(PICTURES, 25)
        before = picture(live)
        for _ in range(20):
            live.evaluate(PICTURES, 12)
            now = picture(live)
            if np.abs(now - before).mean() < 0.5:
                return now
            before = now
        raise AssertionError("the picture does not come to rest")

    first, again = settled(), settled()
    noise = np.abs(first - again).mean()
    adjust(live, "Smile", "End")
    smiling = settled()
    mouth = np.s_[34:52, 19:45]
    assert np.abs(smiling - first)[mouth].mean() > 2 * np.abs(again - first)[mouth].mean() + 0.5
    live.locator("#faces input").nth(1).check(force=True)
    other = settled()
    assert np.abs(other - smiling).mean() > 3 * noise + 3.0
    live.get_by_role("button", name="A new face").click()
    number = live.input_value("input[name=face]:checked")
    assert re.fullmatch(r"\d+", number)
    assert np.abs(settled() - other).mean() > 3 * noise + 1.0
    live.click("#talk")  # whoever was chosen during the call is seen after it
    live.wait_for_selector("body[data-phase=idle]")
    assert live.get_attribute("#portrait", "src").endswith(f"/faces/{number}.jpg")


def test_talk_and_stop_before_the_configuration_is_there(browser: Any, server: Server) -> None:
    """Talk once asked for it again, and every control was there twice; Stop was not heard."""
    held: list[Any] = []
    with opened(browser, "about:blank") as page:
        page.route("**/config", lambda route: held.append(route))
        page.goto(server.address)
        page.click("#talk")
        page.wait_for_selector("body[data-phase=connecting]")
        page.click("#talk")
        page.evaluate("new Promise((done) => { setTimeout(done, 100); })")
        assert len(held) == 1
        held[0].continue_()
        page.wait_for_selector("body[data-ready][data-phase=idle]")
        assert page.evaluate("mics.map((track) => track.readyState)") == ["ended"]
        page.click("#talk")
        wait_live(page)
        assert page.locator("#faces input[value=Nora]").count() == 1
        assert page.locator("#fine").count() == 1


def test_a_face_is_seen_before_anybody_talks_and_is_remembered(
    browser: Any, tiny_folder: Path
) -> None:
    """It was an egg, and each visit began with the first face anew."""
    shown = Server("serve", "--port", "0", "--avatar", str(tiny_folder))  # whose films are quick
    try:
        with opened(browser, shown.address) as page:
            page.wait_for_selector("body[data-ready]")
            page.get_by_role("radio", name="Bo").check(force=True)
            adjust(page, "Smile", "End")
            wait_true(page, "portrait.src.endsWith('/faces/Bo.jpg')")
            page.wait_for_selector("body[data-resting]")
            assert page.evaluate("rest.videoWidth") == 32 and not page.evaluate("rest.paused")
            pictures = "[...document.querySelectorAll('.face img')]"
            wait_true(page, f"{pictures}.every((one) => one.naturalWidth === 32)")
            page.reload()
            page.wait_for_selector("body[data-ready]")
            playwright.expect(page.get_by_role("radio", name="Bo")).to_be_checked()
            page.click("#fine summary")
            smile = page.get_by_role("slider", name="Smile", exact=True)
            playwright.expect(smile).to_have_value("100")
            page.evaluate("""localStorage.latentcam = JSON.stringify(
                { identity: 'Nobody', expression: { wings: 1 }, chosenBy: 'Ada' })""")
            page.reload()
            page.wait_for_selector("body[data-ready]")
            playwright.expect(page.get_by_role("radio", name="Ada")).to_be_checked()
            page.click("#fine summary")
            playwright.expect(smile).to_have_value("0")
    finally:
        shown.close()


def test_muted_nothing_is_heard_and_space_opens_the_microphone_while_held(live: Any) -> None:
    enabled = "mics.map((track) => track.enabled)"
    live.keyboard.press("M")
    assert live.is_checked("#muted") and live.evaluate(enabled) == [False]
    live.keyboard.press("m")
    assert live.evaluate(enabled) == [True]
    live.check("#push", force=True)
    assert live.evaluate(enabled) == [False] and live.is_visible("#hold")
    live.focus("#talk")
    live.keyboard.down("Space")
    assert live.evaluate(enabled) == [True]
    live.keyboard.up("Space")
    assert live.evaluate(enabled) == [False]
    assert live.inner_text("#talk") == "Stop"  # which Space would have pressed
    live.hover("#hold")
    live.mouse.down()
    assert live.evaluate(enabled) == [True]
    live.mouse.up()
    assert live.evaluate(enabled) == [False]
    live.uncheck("#push", force=True)
    assert live.evaluate(enabled) == [True]


def test_what_is_seen_and_heard_can_be_recorded(live: Any, tmp_path: Path) -> None:
    live.click("#record")
    assert live.get_attribute("#record", "aria-pressed") == "true"
    live.wait_for_timeout(1500)
    with live.expect_download() as handed:
        live.click("#record")
    path = tmp_path / handed.value.suggested_filename
    handed.value.save_as(path)
    assert re.fullmatch(r"synthetic-face-[\dT-]+\.(webm|mp4)", path.name)
    with av.open(str(path), "r") as container:
        assert len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) > 3
    assert live.get_attribute("#record", "aria-pressed") == "false"


SPOKEN = r"Live\. The face says (it|what you say)\."


def test_a_sample_and_a_file_are_spoken_without_a_microphone(
    chromium: Any, server: Server, microphone: Path
) -> None:
    deaf = launch(chromium, "--deny-permission-prompts")
    with contextlib.closing(deaf), opened(deaf, server.address) as page:
        page.wait_for_selector("body[data-ready]")
        page.click("#sample")
        wait_live(page)
        page.wait_for_selector("body[data-speaking]", timeout=CYCLE_LIMIT)
        shown_text(page, "#status", SPOKEN)
        assert page.evaluate("mics.length") == 0 and not page.evaluate("voice.muted")
        page.set_input_files("input[type=file]", microphone)  # in place of the sample
        page.wait_for_selector("body:not([data-speaking])", timeout=CYCLE_LIMIT)
        page.set_input_files("input[type=file]", __file__)
        wait_trouble(page, "This file cannot be played")
        page.click("#talk")
        page.wait_for_selector("body[data-phase=idle]")


def test_a_dropped_file_is_spoken_in_place_of_the_microphone(live: Any, microphone: Path) -> None:
    sending = "peers.at(-1).getSenders()[0].track === mics[0]"
    assert live.evaluate(sending)
    live.evaluate(
        """(bytes) => {
          const data = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([data], 'voice.wav', { type: 'audio/wav' }));
          document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }));
        }""",
        base64.b64encode(microphone.read_bytes()).decode(),
    )
    wait_true(live, f"!({sending})")
    shown_text(live, "#status", SPOKEN)
    wait_true(live, sending)  # when it has been spoken


def test_typed_words_are_spoken_or_the_page_says_why_not(live: Any) -> None:
    if live.is_disabled("#words"):
        assert "espeak-ng" in live.inner_text(".say + .why")
        return
    live.fill("#words", "M is for mum")  # M mutes only outside of words
    with live.expect_response("**/say") as answer:
        live.keyboard.press("Enter")
    assert answer.value.status == 200 and not live.is_checked("#muted")
    shown_text(live, "#status", SPOKEN)


def test_a_call_that_goes_badly_says_why_and_that_it_is_over(page: Any) -> None:
    """At one picture a second the page said "Live"."""
    told = page.evaluate("""async () => {
      const { Health, stepWords } = await import('/health.js');
      const well = { fps: 25, made: 25, shown: 25, age: 30, trip: 2, lost: 0 };
      const go = (...looks) => {
        const health = new Health();
        return looks.map((look) => health.look({ ...well, ...look }));
      };
      const busy = { made: 6, shown: 6 }, weak = { shown: 9, lost: 0.12 };
      return {
        blip: go(busy, busy, {}, busy, busy, {}),
        server: go(busy, busy, busy, {}, {}, {}, {}, {}),
        late: go({ age: 900 }, { age: 900 }, { age: 900 }),
        weak: go(weak, weak, weak), far: go({ trip: 600 }, { trip: 600 }, { trip: 600 }),
        here: go({ shown: 9 }, { shown: 9 }, { shown: 9 }),
        steps: [
          ['512', '256'], ['256', '256-light'], ['256-light', '256'], ['256', '256'],
          [undefined, '256'],
        ].map((step) => stepWords(...step)),
        unknown: go(...Array(4).fill({ made: NaN, age: undefined, trip: NaN, lost: NaN })),
      };
    }""")
    assert told["blip"] == [None] * 6
    assert "machine is busy: 6 of 25" in told["server"][2]
    assert told["server"][3:] == [None, None, None, "", None]
    assert "follows 0.9 s late" in told["late"][2]
    assert "12 % of the packets are lost" in told["weak"][2]
    assert "The network is slow" in told["far"][2]
    assert "This device is busy: it shows 9 of 25" in told["here"][2]
    assert told["unknown"] == [None] * 4
    assert ["busy" in words for words in told["steps"]] == [True, True, False, False, False]
    assert ["finer" in words for words in told["steps"]] == [False, False, True, False, False]
    assert told["steps"][3:] == ["", ""]


def test_a_background_is_seen_before_anybody_talks(browser: Any, clear_folder: Path) -> None:
    shown = Server("serve", "--port", "0", "--avatar", str(clear_folder))
    try:
        with opened(browser, shown.address) as page:
            page.wait_for_selector("body[data-ready]")
            page.click("#background")
            assert page.evaluate("document.activeElement.value") == "own"
            page.get_by_role("radio", name="Night").check(force=True)
            wait_true(page, "portrait.src.endsWith('/faces/Ada.jpg?background=%2320242e')")
            wait_true(page, "portrait.complete && portrait.naturalWidth === 64")
            assert not page.is_visible("#blur")
            page.get_by_role("radio", name="Room").check(force=True)
            page.check("#blur", force=True)
            wait_true(page, "portrait.src.endsWith('?background=blur%3Aroom')")
            page.reload()
            page.wait_for_selector("body[data-ready]")
            assert page.is_checked("#blur")
            assert page.input_value("input[name=background]:checked") == "room"
    finally:
        shown.close()


def test_obs_gets_nothing_but_the_face_cut_out(browser: Any, clear_folder: Path) -> None:
    """There were a grey square, and bars beside it."""
    whole = """async () => {
      const { width, height } = cut;
      const shown = (one) => one.checkVisibility({ opacityProperty: true });
      const ink = Object.assign(document.createElement('canvas'), { width, height })
        .getContext('2d');
      // Right after it was drawn: the card keeps a picture no longer.
      await new Promise((done) => face.requestVideoFrameCallback(() => {
        ink.drawImage(cut, 0, 0);
        done();
      }));
      const { data } = ink.getImageData(0, 0, width, height);
      const alpha = data.filter((_, i) => i % 4 === 3);
      return {
        size: [width, height], least: Math.min(...alpha), most: Math.max(...alpha),
        seen: [...document.querySelectorAll('body *')].filter(shown).map((one) => one.id)
          .filter(Boolean),
        background: getComputedStyle(document.documentElement).backgroundColor,
      };
    }"""
    shown = Server("serve", "--port", "0", "--avatar", str(clear_folder))
    try:
        with opened(browser, f"{shown.address}/?obs=1&identity=bo&mood=happy") as page:
            wait_live(page)
            page.wait_for_selector("#cut:not([hidden])")
            wait_true(page, "cut.width === 64")
            found = page.evaluate(whole)
            assert found["size"] == [64, 64] and found["least"] < found["most"]
            assert set(found["seen"]) <= {"stage", "cut", "face", "last"}
            assert found["background"] == "rgba(0, 0, 0, 0)" and not page.is_visible(".badge")
        with opened(browser, f"{shown.address}/?obs=1&background=%2300ff00&badge=1") as page:
            wait_live(page)
            assert page.is_visible(".badge"), "the label was asked for"
            found = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            assert found == "rgb(0, 255, 0)" and not page.is_visible("#cut")
            wait_true(page, "face.videoWidth === 64 && face.videoHeight === 64")
        with opened(browser, f"{shown.address}/?obs=1&identity=Zoe") as page:
            page.wait_for_selector("#trouble:not([hidden])", timeout=LIVE_LIMIT)
            assert "'Zoe' is neither one of" in page.inner_text("#trouble")
            assert page.evaluate("localStorage.length") == 0  # what a source shows is not chosen
        for wish, seen in (("", True), ("?badge=0", False)):
            with opened(browser, f"{shown.address}/{wish}") as page:
                assert page.is_visible(".badge") is seen
    finally:
        shown.close()


# ---- the control page of `latentcam camera` ----------------------------------------------------


@pytest.fixture
def control(browser: Any, camera: Server) -> Iterator[Any]:
    with opened(browser, "about:blank") as page:
        page.goto(camera.address, wait_until="commit")  # its picture never ends loading
        page.wait_for_selector("body[data-ready]")
        yield page


def shown_text(page: Any, selector: str, pattern: str) -> None:
    """Waits until the element's text is as the pattern says."""
    expected = playwright.expect(page.locator(selector))
    expected.to_have_text(re.compile(f"^{pattern}$"), timeout=CYCLE_LIMIT)


def test_only_what_matters_is_read_aloud(control: Any) -> None:
    """The figures once stood in the status, and a screen reader read them twice a second."""
    shown_text(control, "#going", r"no camera: \d+\.\d pictures a second, \d+ ms old")
    assert control.inner_text("#status") == ""
    live = "output:not([aria-hidden=true]), [role=status], [role=alert], [aria-live]"
    assert control.locator(live).evaluate_all("(all) => all.map((one) => one.id)") == ["status"]
    control.click("#fine summary")
    smile = control.get_by_role("slider", name="Smile", exact=True)
    assert smile.get_attribute("aria-valuetext") == "0 percent"

    control.route("**/change", lambda route: route.fulfill(status=400, json={"error": "Not now."}))
    control.get_by_role("button", name="Back to neutral").click()
    shown_text(control, "#status", "Not now.")
    with control.expect_response("**/state"):
        pass
    assert control.inner_text("#status") == "Not now."
    control.unroute("**/change")
    control.get_by_role("button", name="Back to neutral").click()
    shown_text(control, "#status", "")


def test_keys_mute_at_once_and_no_stale_answer_takes_it_back(control: Any) -> None:
    """Under Caps Lock the key did nothing, and an answer from before it switched back."""
    looks: list[Any] = []
    changes: list[Any] = []
    control.route("**/state", lambda route: looks.append((route, route.fetch())))
    control.route("**/change", lambda route: changes.append(route))
    with control.expect_request("**/state"):
        pass
    while not looks:
        control.wait_for_timeout(20)
    control.keyboard.press("M")  # as with Shift or Caps Lock
    assert control.is_checked("#muted")
    while not changes:
        control.wait_for_timeout(20)
    with control.expect_response("**/change"):
        changes[0].continue_()
    with control.expect_response("**/state"):
        looks[0][0].fulfill(response=looks[0][1])  # it says that nothing is muted
    control.wait_for_timeout(100)
    assert control.is_checked("#muted")
    control.unroute_all()
    for key in "mFf":
        with control.expect_response("**/change") as answer:
            control.keyboard.press(key)
        told = answer.value.json()
        assert (told["muted"], told["frozen"]) == (False, key == "F")
        assert control.is_checked("#frozen") is (key == "F")


def test_the_page_says_which_of_the_two_the_meeting_sees(control: Any) -> None:
    shown_text(control, "#seen", "The meeting sees the avatar")
    with control.expect_response("**/change") as answer:
        control.keyboard.press("p")
    assert answer.value.json()["through"] is True
    shown_text(control, "#seen", "The meeting sees a still picture")
    shown_text(control, "#status", "No real camera was asked for.*")
    control.get_by_role("button", name="Back to the avatar").click()
    shown_text(control, "#seen", "The meeting sees the avatar")
    shown_text(control, "#status", "")


def test_an_expression_set_otherwise_is_kept(control: Any) -> None:
    """A slider once sent the axes of this page only, and the others fell back to nothing."""
    asked = {"expression": {"jawOpen": 0.25, "mouthSmile": 0.5}, "life": 0.0, "identity": "42"}
    control.request.post(control.url + "change", data=asked)
    control.click("#fine summary")
    smile = control.get_by_role("slider", name="Smile", exact=True)
    playwright.expect(smile).to_have_value("50")
    playwright.expect(control.get_by_role("radio", name="No. 42")).to_be_checked()
    for press, expected in (
        (lambda: smile.press("End"), {"jawOpen": 0.25, "mouthSmile": 1.0}),
        (control.get_by_role("button", name="Back to neutral").click, {}),
    ):
        with control.expect_response("**/change") as answer:
            press()
        assert answer.value.json()["expression"] == expected
    assert control.request.get(control.url + "state").json()["life"] == 1.0
    assert smile.input_value() == "0"


def test_a_mood_is_the_same_on_both_pages(control: Any) -> None:
    for press, expected in (("Happy", 0.7), ("Sad", 0.0)):
        with control.expect_response("**/change") as answer:
            control.get_by_role("radio", name=press, exact=True).check(force=True)
        told = answer.value.json()
        (high,) = (axis["high"] for axis in told["axes"] if axis["name"] == "happy")
        assert told["expression"]["happy"] == pytest.approx(expected * high)
    playwright.expect(control.get_by_role("radio", name="Sad", exact=True)).to_be_checked()
    with control.expect_response("**/change") as answer:
        control.get_by_role("button", name="Back to neutral").click()
    assert answer.value.json()["expression"] == {}
    playwright.expect(control.get_by_role("radio", name="Neutral", exact=True)).to_be_checked()


def test_moods_come_by_themselves_until_one_is_chosen(
    browser: Any, microphone: Path, tmp_path: Path
) -> None:
    moods = write_moods(tmp_path / "moods", ("happy", "neutral", "sad"))
    command = ("camera", "--mic", str(microphone), "--device", "none", "--fps", "5")
    started = Server(*command, "--port", "0", "--real-camera", "none", "--moods", str(moods))
    try:
        with opened(browser, "about:blank") as page:
            page.goto(started.address, wait_until="commit")
            page.wait_for_selector("body[data-ready]")
            chip = {
                name: page.get_by_role("radio", name=name, exact=True)
                for name in ("By itself", "Neutral", "Happy")
            }
            playwright.expect(chip["By itself"]).to_be_checked()
            page.click("#fine summary")
            smile = page.get_by_role("slider", name="Smile", exact=True)
            neutral = page.get_by_role("button", name="Back to neutral")
            none = dict.fromkeys(("happy", "sad", "angry", "surprised", "afraid", "disgusted"), 0.0)
            for press, checked, expected in (
                (lambda: smile.press("End"), "By itself", {"mouthSmile": 1.0}),
                (
                    lambda: chip["Happy"].check(force=True),
                    "Happy",
                    {"mouthSmile": 1.0, **none, "happy": 0.7},
                ),
                (
                    lambda: chip["By itself"].check(force=True),
                    "By itself",
                    {"mouthSmile": 1.0},
                ),
                (neutral.click, "Neutral", none),
            ):
                with page.expect_response("**/change") as answer:
                    press()
                assert answer.value.json()["expression"] == pytest.approx(expected)
                playwright.expect(chip[checked]).to_be_checked()
    finally:
        started.close()


def test_the_page_says_when_pictures_do_not_come_in_time(control: Any) -> None:
    state = control.request.get(control.url + "state").json()
    state["age_ms"] = {"p50": 40.0, "p95": 50.0}
    seen = {"frames": 0, "repeated": 0, "asked": 0}

    def slow(route: Any) -> None:
        """One picture of six is new, whatever the machine does."""
        seen["asked"] += 1
        seen["frames"] += 1
        seen["repeated"] += 5 if seen["asked"] < 12 else 0
        route.fulfill(json={**state, **{key: seen[key] for key in ("frames", "repeated")}})

    assert control.inner_text("#slow") == ""
    control.route("**/state", slow)
    shown_text(control, "#slow", r"The machine is busy: \d+ of \d+ pictures a second\..*")
    playwright.expect(control.locator("#slow")).to_have_text("", timeout=CYCLE_LIMIT)


def test_the_page_says_why_the_camera_ended(control: Any) -> None:
    """It said only that the camera does not run any more, whatever the reason was."""
    state = control.request.get(control.url + "state").json()
    last = {**state, "ended": "The camera is gone."}
    control.route("**/state", lambda route: route.fulfill(json=last))
    shown_text(control, "#status", r"latentcam camera does not run any more\. The camera is gone\.")
    # Over the first one: between the two the page would hear from the camera, which still runs.
    control.route("**/state", lambda route: route.abort())
    shown_text(control, "#going", "")
    shown_text(control, "#status", r"latentcam camera does not run any more\. The camera is gone\.")
    control.unroute("**/state")
    shown_text(control, "#status", "")


# ---- what can go wrong --------------------------------------------------------------------------


def test_refused_microphone(chromium: Any, server: Server) -> None:
    refusing = launch(chromium, "--use-fake-device-for-media-stream", "--deny-permission-prompts")
    with contextlib.closing(refusing), opened(refusing, server.address) as page:
        page.click("#talk")
        assert "Allow it" in wait_trouble(page, "The microphone was refused")
        assert page.inner_text("#talk") == "Talk"


def test_no_microphone(chromium: Any, server: Server) -> None:
    deaf = launch(chromium, "--use-fake-ui-for-media-stream")
    with contextlib.closing(deaf), opened(deaf, server.address) as page:
        page.click("#talk")
        wait_trouble(page, "No microphone found")


def test_address_that_gets_no_microphone(chromium: Any, server: Server) -> None:
    lost = launch(chromium, "--host-resolver-rules=MAP face.test 127.0.0.1")
    with contextlib.closing(lost), opened(lost, f"http://face.test:{server.port}/") as page:
        assert "HTTPS" in wait_trouble(page, "no microphone to this address")


def test_token_full_server_and_a_server_that_dies_and_comes_back(browser: Any) -> None:
    options = ("--token", "s3cret", "--max-sessions", "1")
    first = Server("serve", "--port", "0", *options)
    second = None
    try:
        with opened(browser, f"http://127.0.0.1:{first.port}/") as stranger:
            assert "?token=" in wait_trouble(stranger, "lacks its token")
        with opened(browser, first.address) as page:
            page.click("#talk")
            wait_live(page)
            with opened(browser, first.address) as late:
                late.click("#talk")
                wait_trouble(late, "The server is full")
                assert late.inner_text("#talk") == "Talk"
            first.close(signal.SIGKILL)
            page.wait_for_selector("body[data-phase=reconnecting]")
            assert "Connection lost" in page.inner_text("#status")
            assert page.is_visible("#last") and page.evaluate(LAST_PICTURE) > 30  # it was black
            assert page.inner_text("#talk") == "Stop"
            second = Server("serve", "--port", first.port, *options)
            wait_live(page)
            wait_true(page, "!('last' in document.body.dataset)")  # until the new call's picture
            assert page.evaluate("mics.length") == 1  # nobody was asked twice
            second.close(signal.SIGKILL)
            page.wait_for_selector("body[data-phase=reconnecting]")
            page.click("#talk")
            page.wait_for_selector("body[data-phase=idle]")
            assert page.evaluate("mics[0].readyState") == "ended"
    finally:
        for one in (first, second):
            if one is not None and one.process.poll() is None:
                one.close()


@pytest.mark.parametrize("size", [(640, 360), (844, 390), (390, 844)])
def test_the_face_and_its_bar_are_in_sight(
    browser: Any, server: Server, size: tuple[int, int]
) -> None:
    """640 x 360 is a window of 1280 x 720 at 200 %: the face lay below the edge, hair alone was
    seen."""
    width, height = size
    with opened(browser, server.address) as page:
        page.set_viewport_size({"width": width, "height": height})
        stage, bar = (page.locator(what).bounding_box() for what in (".stage", ".bar"))
        for box in (stage, bar):
            assert 0 <= box["x"] and box["x"] + box["width"] <= width
            assert 0 <= box["y"] and box["y"] + box["height"] <= height
        assert stage["y"] + stage["height"] <= bar["y"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.skipif(not SCREENSHOTS, reason="LATENTCAM_SCREENSHOTS is not set")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(browser: Any, server: Server, scheme: str) -> None:
    folder = Path(str(SCREENSHOTS))
    with opened(browser, server.address, color_scheme=scheme) as page:
        page.click("#talk")
        wait_live(page)
        page.mouse.move(0, 0)
        time.sleep(SPEAKS)
        for name, width, height in (("desktop", 1280, 960), ("phone", 390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            wait_speaking(page)
            time.sleep(0.7)
            page.screenshot(path=folder / f"page-{name}-{scheme}.png")
            page.screenshot(path=folder / f"page-{name}-{scheme}-whole.png", full_page=True)
