"""Training of the motion model: what its losses ask for, and that nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")
pytest.importorskip("scipy", reason="the training stack is not installed")

from latentcam.benchmarks.motion import follows, log_loudness, loudness, onsets  # noqa: E402
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack  # noqa: E402
from latentcam.realtime_models.errors import AvatarPackError  # noqa: E402
from latentcam.realtime_models.motion.lstm import weight_shapes  # noqa: E402
from latentcam.realtime_models.motion.model import MotionConfig, MotionModel  # noqa: E402
from latentcam.realtime_models.training import make_pack  # noqa: E402
from latentcam.realtime_models.training.motion import train  # noqa: E402
from latentcam.realtime_models.training.motion.data import annotate  # noqa: E402
from latentcam.realtime_models.training.motion.data.align import align, labels  # noqa: E402
from latentcam.realtime_models.training.motion.data.annotate import (  # noqa: E402
    GRID_WORDS,
    Utterance,
    grid_words,
    lips_of_many,
    lj_folders,
    lj_speech,
    natural,
    ocean,
    with_times,
)
from latentcam.realtime_models.training.motion.data.augment import lose_packets, mix  # noqa: E402
from latentcam.realtime_models.training.motion.data.lips import at_hops, read_lips  # noqa: E402
from latentcam.realtime_models.training.motion.data.phones import (  # noqa: E402
    PHONES,
    Phone,
    clip_edges,
    from_arpabet,
    from_ipa,
)
from latentcam.realtime_models.training.motion.data.unseen import held_out_reader, unseen  # noqa: E402
from latentcam.realtime_models.training.motion.data.voices import pronounce  # noqa: E402
from latentcam.realtime_models.training.motion.judge import evaluate  # noqa: E402
from latentcam.realtime_models.training.motion.judge.evaluate import (  # noqa: E402
    Judge,
    as_they_were,
    by_speaker,
    judge,
    open_pack,
    unseen_of,
)
from latentcam.realtime_models.training.motion.judge.figures import (  # noqa: E402
    auc,
    auc_interval,
    best_lag,
    closures,
    needless_closures,
)
from latentcam.realtime_models.training.motion.network import MotionNetwork  # noqa: E402
from latentcam.realtime_models.training.motion.targets.coarticulation import Dominance, close_lips  # noqa: E402
from latentcam.realtime_models.training.motion.targets.corpora import (  # noqa: E402
    Scene,
    all_lips,
    in_the_room_before,
    lips_scenes,
    read_annotations,
    sung_scenes,
)
from latentcam.realtime_models.training.motion.targets.prepared import Prepared  # noqa: E402
from latentcam.realtime_models.training.motion.targets.retarget import (  # noqa: E402
    AXES,
    compose,
    rendered_lips,
    shown_aperture,
    speaker_of,
    wanted_lips,
)
from latentcam.realtime_models.training.motion.train import (  # noqa: E402
    LEAD,
    Crops,
    ShownAperture,
    clarity_loss,
    closure_loss,
    grown,
    likeness_loss,
    phone_loss,
    save_pack,
)
from tests.tiny import WORDS, write_pack  # noqa: E402
from tests.voice import speech  # noqa: E402


def test_the_aperture_with_gradients_is_the_aperture() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (200, len(AXES)))
    wanted = shown_aperture(x, AXES, rendered_lips())
    got = ShownAperture(AXES, rendered_lips())(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_composed_controls_show_the_wanted_aperture() -> None:
    wanted = np.zeros((50, 3))
    wanted[:, 0] = np.linspace(0, 0.12, 50)
    x = compose(wanted, np.zeros((50, 8)), rendered_lips())
    np.testing.assert_allclose(shown_aperture(x, AXES, rendered_lips()), wanted[:, 0], atol=1e-6)


def test_real_lips_are_learned_when_they_were_and_meant_ones_a_little_earlier() -> None:
    """Lips made from phones came 10 ms late on every voice unheard, when learned without a lead."""
    hops, look_ahead = 1000, 4
    moments = np.arange(2 * hops, dtype=np.float16) % hops
    prepared = Prepared(
        axes=("jawOpen",),
        names=("grid/s1/a", "said/kal/b"),
        starts=np.array([0, hops, 2 * hops]),
        features=np.zeros((2 * hops, 40), np.float16),
        targets=moments[:, None],
        phones=np.repeat([PHONES.index("AA"), PHONES.index("IY")], hops).astype(np.uint8),
    )
    crops = Crops(prepared, look_ahead, {"grid": 0.5, "said": 0.5})
    drawn = crops.draw(40, np.random.default_rng(0))
    targets, real = drawn.targets, drawn.real
    said = drawn.phones[:, look_ahead].tolist()
    assert said == [PHONES.index("AA" if r else "IY") for r in real.tolist()]
    assert (drawn.phones[:, :look_ahead] == PHONES.index("SIL")).all()
    begin = targets[:, look_ahead, 0]  # what is heard `look_ahead` hops after the crop's begin
    assert {float(first) for first in begin[real]} >= {0.0}, "a crop that begins with its clip"
    assert min(begin[real]) == 0 and min(begin[~real]) == LEAD


def test_nothing_is_drawn_of_speakers_who_judge() -> None:
    hops = 400
    names = ("lips/s3/a", "lips/s5/b", "natural/s3/c")
    prepared = Prepared(
        axes=("jawOpen",),
        names=names,
        starts=np.arange(4) * hops,
        features=np.zeros((3 * hops, 40), np.float16),
        targets=np.repeat(np.arange(3, dtype=np.float16), hops)[:, None],
        phones=np.zeros(3 * hops, np.uint8),
    )
    for without, drawn in (((), {0, 1, 2}), (("s3",), {1, 2}), (("s3", "s5"), {2})):
        crops = Crops(prepared, 0, {"lips": 0.5, "natural": 0.5}, without)
        some = crops.draw(60, np.random.default_rng(0))
        assert set(some.targets[:, 0, 0].int().tolist()) == drawn, without
        assert some.real.sum() == (some.targets[:, 0, 0] < 2).sum()


def test_likeness_asks_when_lips_open_and_not_how_wide() -> None:
    wanted = torch.rand(3, 200, generator=torch.Generator().manual_seed(0))
    counts = torch.ones(3, 200)
    counts[:, 150:] = 0.0
    got = 0.3 * wanted + 0.01
    got[:, 150:] = 7.0
    assert float(likeness_loss(got, wanted, counts)) == pytest.approx(0.0, abs=1e-5)
    assert float(likeness_loss(-wanted, wanted, counts)) == pytest.approx(2.0, abs=1e-5)
    still = torch.zeros(1, 200, requires_grad=True)
    likeness_loss(still, wanted[:1], counts[:1]).backward()
    assert still.grad is not None and torch.isfinite(still.grad).all(), "at rest, too"


def test_clarity_wants_closed_lips_shut_rest_at_rest_and_open_vowels_open() -> None:
    wanted = torch.tensor([[0.0, 0.0, 0.08, 0.03]])
    closing = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    counts = torch.ones(1, 4)

    def loss(*shown: float) -> float:
        return float(clarity_loss(torch.tensor([shown]), wanted, closing, counts))

    assert loss(0.003, 0.001, 0.06, 0.0) == 0.0, "a doubtful opening is not judged"
    assert loss(0.02, 0.0, 0.06, 0.03) > 0 and loss(0.0, 0.01, 0.06, 0.03) > 0
    assert loss(0.0, 0.0, 0.01, 0.03) > loss(0.0, 0.0, 0.02, 0.03) > 0
    assert float(clarity_loss(torch.ones(1, 4), wanted, closing, torch.zeros(1, 4))) == 0.0


def test_lips_come_together_once_in_each_closure_or_near_it() -> None:
    closing = torch.zeros(1, 30)
    closing[0, 10:18] = 1.0
    counts = torch.ones(1, 30)
    for shut_at, missed in ((14, False), (7, True), (None, True)):
        shown = torch.full((1, 30), 0.03, requires_grad=True)
        with torch.no_grad():
            if shut_at is not None:
                shown[0, shut_at] = 0.0
        loss = closure_loss(shown, closing, counts)
        assert (loss.item() > 0) == missed
    loss.backward()
    assert shown.grad is not None and (shown.grad >= 0).all() and shown.grad[0, 10:18].sum() > 0
    assert shown.grad[0, :6].sum() == shown.grad[0, 22:].sum() == 0
    assert closure_loss(shown, closing, torch.zeros(1, 30)).item() == 0.0


def test_bf16_is_refused_where_the_cpu_has_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended in a traceback of oneDNN, and `benchmarks.motion --train` always asked for it."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(SystemExit):
        train.main(["--prepared", "a", "--out", "b", "--bf16"])
    assert "got --bf16, expected a CPU with bf16 units" in capsys.readouterr().err


def test_naming_phones_teaches_all_but_the_lips(tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = MotionNetwork(40, 8, 2, 3)
    features, phones = torch.randn(2, 30, 40), torch.randint(len(PHONES), (2, 30))
    counts = torch.ones(2, 30)
    counts[1] = 0.0
    named = network.both(features)[1]
    loss = phone_loss(named, phones, counts)
    alone = torch.nn.functional.cross_entropy(named[0], phones[0])
    torch.testing.assert_close(loss, alone, msg="hops that do not count are not judged")
    loss.backward()
    assert network.output.weight.grad is None
    moved = network.lstm.get_parameter("weight_ih_l0").grad
    assert moved is not None and moved.abs().max() > 0
    assert not any(name.startswith("phones") for name in network.weights())


def test_a_grown_network_says_the_same() -> None:
    torch.manual_seed(0)
    small, large = MotionNetwork(40, 8, 2, 3).eval(), MotionNetwork(40, 13, 2, 3).eval()
    large.load_weights(grown(small.weights(), 13))
    features = torch.randn(2, 60, 40) * 4 - 6
    with torch.no_grad():
        torch.testing.assert_close(large(features), small(features), atol=1e-6, rtol=0)


def test_trained_weights_run_in_numpy_as_in_torch(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = MotionConfig(axes=AXES, hidden=8, look_ahead_s=0.04)
    network = MotionNetwork(40, 8, 2, len(AXES))
    save_pack(tmp_path, config, network, {})
    assert (tmp_path / "motion.safetensors").stat().st_mode & 0o777 == 0o644
    assert {n: tuple(t.shape) for n, t in network.weights().items()} == weight_shapes(
        40, 8, 2, len(AXES)
    )
    model = MotionModel(config, {n: t.numpy() for n, t in network.weights().items()})
    late, now = judge(model), speech(1.0)
    raw, _ = model.steps(now, model.initial_state())
    np.testing.assert_allclose(late.controls(now)[:90], raw[4:94], atol=1e-6)


def test_loudness_as_lips_is_loudness() -> None:
    voice = speech(2.0)
    judged = follows(loudness)
    shown = judged.aperture(judged.controls(voice))
    assert np.corrcoef(shown, loudness(voice))[0, 1] > 0.9999
    changed = voice.copy()
    changed[16000:] = 0
    np.testing.assert_array_equal(log_loudness(changed)[:100], log_loudness(voice)[:100])


def test_vowels_without_an_onset_are_counted() -> None:
    """They were dropped without a word: more than half of them."""
    wanted = np.zeros((600, 3))
    wanted[100:150, 0] = 0.1  # with its vowel
    wanted[230:300, 0] = 0.1  # open long before
    x = compose(wanted, np.zeros((600, 8)), rendered_lips())
    phones = [Phone("AA", t, t + 0.5) for t in (1.0, 2.5, 4.0)] + [Phone("AA", 5.8, 6.0)]
    sounds = [(np.zeros(96_000, np.float32), clip_edges(phones, 6.0))]
    found = onsets(Judge(lambda samples: x), sounds)
    counts = {name: found[name] for name in ("n", "all", "open_before", "never_part")}
    assert counts == {"n": 1, "all": 3, "open_before": 1, "never_part": 1}, "the last is cut off"
    assert found["p50_ms"] == 10.0 and found["step_worst"] == pytest.approx(1.0)
    nothing = onsets(Judge(lambda samples: x), [(sounds[0][0], clip_edges(phones[1:], 6.0))])
    assert nothing == {**counts, "n": 0, "all": 2}


def test_figures_know_right_from_wrong() -> None:
    assert auc([3, 4, 5], [0, 1, 2]) == 1.0 and auc([1, 2], [1, 2]) == 0.5
    t = np.arange(300) * 0.01
    wave = np.sin(7 * t) + 1.0
    assert best_lag(np.roll(wave, 3), wave) == 3
    phones = [Phone("M", 1.0, 1.1), Phone("B", 2.0, 2.1)]
    curve = np.full(300, 1.0)
    curve[103:107] = 0.0
    assert closures(curve, phones) == [True, False]
    others = [Phone("N", 1.02, 1.08), Phone("N", 1.5, 1.6), Phone("S", 2.5, 2.6)]
    assert needless_closures(curve, [phones[0], *others]) == [False, False], "the first is near M"
    curve[150:155] = 0.0
    assert needless_closures(curve, [phones[0], *others]) == [True, False]


def test_the_interval_of_an_auc_is_over_clips() -> None:
    right, wrong = ([3.0, 4.0, 5.0], [0.0, 1.0]), ([2.0], [2.0, 2.0, 1.0])
    both = auc(right[0] + wrong[0], right[1] + wrong[1])
    alone = auc(*wrong)
    assert alone < both < auc(*right) == 1.0
    # Of two clips a quarter of all draws are twice the one, a quarter twice the other.
    assert auc_interval([right, wrong]) == pytest.approx((alone, 1.0))
    assert auc_interval([right, right, right]) == (1.0, 1.0)
    low, high = auc_interval([right, wrong] * 20)
    assert alone < low < both < high < 1.0, "more clips, less doubt"
    assert auc_interval([right, wrong] * 20) == (low, high)
    assert auc_interval([right, ([], []), ([6.0], [])]) == (1.0, 1.0), "not every clip has both"


def test_noise_lies_as_far_below_the_voice_as_it_should() -> None:
    rng, voice = np.random.default_rng(0), speech(3.0)
    noise = (7 * rng.standard_normal(20_000)).astype(np.float32)  # shorter than the voice
    for wanted in (20.0, 10.0, -3.0):
        added = mix(voice, noise, wanted, rng) - voice
        got = 10 * np.log10(np.mean(voice**2) / np.mean(added**2))
        assert got == pytest.approx(wanted, abs=0.01)
        assert np.corrcoef(added, voice)[0, 1] < 0.05
    assert not np.array_equal(mix(voice, noise, 10, rng), mix(voice, noise, 10, rng)), "anywhere"


def test_packets_are_lost_whole_and_as_often_as_they_should() -> None:
    rng, voice = np.random.default_rng(0), np.ones(16_000 * 60 + 100, np.float32)
    for share in (0.0, 0.1, 0.5):
        heard = lose_packets(voice, share, rng)
        packets = heard[: 16_000 * 60].reshape(-1, 320).mean(axis=1)
        assert len(heard) == len(voice) and set(packets) <= {0.0, 1.0}
        assert np.mean(packets == 0) == pytest.approx(share, abs=0.03)


def write_lj(folder: Path, name: str) -> None:
    """A second of one vowel, as LJ Speech with Praat's times."""
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((speech(1.0) * 32767).astype("<i2").tobytes())
    (folder / f"{name}.TextGrid").write_text('name = "phones"\nxmin = 0.1\nxmax = 0.9\ntext = "AA"')


def test_what_judges_the_motion_model_teaches_no_aligner(tmp_path: Path) -> None:
    """All clips of LJ Speech did, the held-out ones too."""
    names = [f"LJ001-{i:04d}" for i in range(12)]
    folder = tmp_path / "speech_aligned"
    folder.mkdir()
    for name in names:
        write_lj(folder, name)
    for voice in ("flite-kal16", "flite-slt", "espeak-de+f1", "espeak-en-us+m7"):
        path = tmp_path / "said" / voice / "000.npz"
        path.parent.mkdir(parents=True)
        np.savez(path, samples=np.zeros(1600, np.int16), phones=json.dumps([]))
    seen = [name for name in names if not unseen(f"lj/linda/{name}")]
    assert 0 < len(seen) < len(names)
    taught = [u.name for u in with_times(tmp_path, tmp_path / "said", None)]
    assert sorted(taught) == sorted(
        [f"lj/linda/{name}" for name in seen] * 3 + ["said/flite-kal16/000"]
    )


def test_more_of_lj_speech_may_lie_among_natural_recordings(tmp_path: Path) -> None:
    data, more = tmp_path / "data", tmp_path / "natural"
    for folder, name in ((data / "speech_aligned", "LJ001-0002"), (more / "linda", "LJ040-0001")):
        folder.mkdir(parents=True)
        write_lj(folder, name)
    names = [u.name for u in lj_speech(*lj_folders(data, more))]
    assert names == ["lj/linda/LJ001-0002", "lj/linda/LJ040-0001"]
    assert [u.name for u in lj_speech(*lj_folders(data, None))] == names[:1]
    assert not list(natural(more)), "its times are known; nothing is to be aligned"


def test_whole_speakers_and_some_clips_of_others_are_held_out() -> None:
    names = [f"natural/reader{s:02d}/{i:03d}" for s in range(40) for i in range(60)]
    of_speaker = {
        speaker: sum(unseen(n) for n in names if n.split("/")[1] == speaker) / 60
        for speaker in {n.split("/")[1] for n in names}
    }
    whole = {speaker for speaker, share in of_speaker.items() if share == 1.0}
    assert whole == {s for s in of_speaker if held_out_reader(s)} and 2 < len(whole) < 20
    assert max(share for s, share in of_speaker.items() if s not in whole) < 0.25


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_annotate_aligns_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, natural_folder, out = tmp_path / "data", tmp_path / "natural", tmp_path / "out"
    for folder in (data / "speech_aligned", data / "lips", natural_folder / "ann"):
        folder.mkdir(parents=True)
    (data / "MANIFEST.csv").write_text("file,transcript,alignment\n")
    for i in range(4):
        write_lj(data / "speech_aligned", f"LJ001-{i:04d}")
    folders = ["--data", data, "--said", tmp_path, "--natural", natural_folder, "--out", out]
    command = ["annotate", *map(str, folders), "--steps", "2", "--workers", "1"]
    monkeypatch.setattr("sys.argv", command)

    def recorded(name: str, text: str) -> None:
        write_lj(natural_folder / "ann", name)
        (natural_folder / "ann" / f"{name}.TextGrid").unlink()
        (natural_folder / "ann" / f"{name}.txt").write_text(text)

    recorded("one", "Amen.")
    recorded("wordless", "42")
    annotate.main()
    table = json.loads((out / "phones.json").read_text())
    assert set(table) == {"natural/ann/one", "natural/ann/wordless"}
    spoken = [p["name"] for p in table["natural/ann/one"]["phones"] if p["name"] != "SIL"]
    assert spoken in (["EY1", "EY2", "M", "EH", "N"], ["AA", "M", "EH", "N"])
    assert table["natural/ann/wordless"]["fit"] == -np.inf
    learned = (out / "aligner.safetensors").read_bytes()
    table["natural/ann/one"]["fit"] = 7.0
    (out / "phones.json").write_text(json.dumps(table))
    recorded("two", "Mama.")
    annotate.main()
    table = json.loads((out / "phones.json").read_text())
    assert set(table) == {"natural/ann/one", "natural/ann/two", "natural/ann/wordless"}
    assert table["natural/ann/one"]["fit"] == 7.0
    assert (out / "aligner.safetensors").read_bytes() == learned
    assert set(read_annotations(out / "phones.json")) <= {"natural/ann/one", "natural/ann/two"}


def test_all_learners_are_read_as_they_are_published(tmp_path: Path) -> None:
    spoken = []
    for i in range(10):
        folder = tmp_path / "WAVE" / f"SPEAKER{i:04d}"
        folder.mkdir(parents=True)
        write_lj(folder, f"{i:04d}1")
        (folder / f"{i:04d}1.wav").rename(folder / f"{i:04d}1.WAV")
        spoken += [f"{i:04d}1.0 AO1_B V_E", f"{i:04d}1.1\tM_B AH0_E"]
    (tmp_path / "resource").mkdir()
    (tmp_path / "resource" / "text-phone").write_text("\n".join(spoken) + "\n")
    read = {u.name: u for u in ocean(tmp_path / "nothing", tmp_path)}
    assert set(read) == {f"ocean/{i:04d}/{i:04d}1" for i in range(10)}
    for utterance in read.values():
        assert utterance.words == [[["AO", "V"]], [["M", "AH"]]]
        assert len(utterance.samples) == 16_000


def test_a_folder_without_learners_is_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ["--data", "a", "--said", "b", "--annotated", "c", "--pack", "d"]
    with pytest.raises(SystemExit):
        evaluate.main([*paths, "--learners", str(tmp_path)])
    message = capsys.readouterr().err
    assert f"got {tmp_path}, expected a copy of speechocean762" in message


def write_clip(folder: Path, name: str, opening: float, frames: int = 50) -> None:
    """Two seconds of tracked lips that part twice by `opening`, with sound."""
    folder.mkdir(parents=True, exist_ok=True)
    t = np.arange(frames) / 25
    geometry = np.full((frames, 4), 0.3)
    geometry[:, 0] = 0.002 + opening * np.maximum(0.0, np.sin(2 * np.pi * t)) ** 2
    np.savez(
        folder / f"{name}.npz",
        blendshapes=np.zeros((frames, 1), np.float16), names=np.array(["jawOpen"]),
        geometry=geometry.astype(np.float32), fps=25.0,
    )  # fmt: skip
    with wave.open(str(folder / f"{name}.flac"), "wb") as file:  # read by its content
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((speech(2.0) * 32767).astype("<i2").tobytes())


def write_many(data: Path) -> None:
    """One clip of s1, and of three others, whose sound is in step, a little late, and far off."""
    write_clip(data / "lips", "bbaf3s", 0.07)
    rows = ["file,sync_lag_ms"]
    for name, opening, late in (
        ("grid_s3_lbwo3s", 0.02, 0), ("grid_s5_pgas7n", 0.12, 40),
        ("grid_s9_bbaf3s", 0.05, 290), ("grid_s9_flow21", 0.05, 0),
    ):  # fmt: skip
        write_clip(data / "lips_many" / "learn", name, opening)
        rows.append(f'"lips/{name}.{{npz,flac,align}}",{late}')
    (data / "lips_many" / "MANIFEST.csv").write_text("\n".join(rows) + "\n")


def test_lips_of_many_are_read_with_whose_they_are_and_how_late_they_sound(tmp_path: Path) -> None:
    write_many(tmp_path)
    clips = {(c.speaker, c.name): c for c in all_lips(tmp_path)}
    late = {key: clip.late_s for key, clip in clips.items()}
    assert late == {
        ("s1", "bbaf3s"): 0.0, ("s3", "lbwo3s"): 0.0, ("s5", "pgas7n"): 0.04,
        ("s9", "bbaf3s"): 0.29, ("s9", "flow21"): 0.0,
    }  # fmt: skip
    values = np.arange(50.0)[:, None]
    in_step, later = (at_hops(values, 25.0, 200, late_s) for late_s in (0.0, 0.04))
    np.testing.assert_allclose(later[10:190], in_step[6:186], atol=1e-5)


def test_every_speakers_lips_open_as_far(tmp_path: Path) -> None:
    write_many(tmp_path)
    lips = rendered_lips()
    phones = [Phone("AA", 0.0, 2.0)]
    names = ("grid/s1/bbaf3s", "lips/s3/lbwo3s", "lips/s5/pgas7n", "lips/s9/bbaf3s")
    scenes = {s.name: s for s in lips_scenes(tmp_path, dict.fromkeys(names, phones), lips)}
    assert set(scenes) <= set(names[:3]), "no picture can be found for a sound that is far off"
    shown = [shown_aperture(scenes[n].curves.astype(float), AXES, lips) for n in names[1:3]]
    assert shown[0].max() == pytest.approx(shown[1].max(), rel=0.02)
    assert best_lag(shown[1], shown[0]) == 4, "as late as its sound"
    clip = next(read_lips(tmp_path / "lips"))
    wanted = wanted_lips(clip.geometry, speaker_of(clip.geometry), lips)
    assert wanted[:, 0].min() == 0.0 and wanted[:, 0].max() > 0.07


def test_the_name_of_a_grid_clip_says_what_is_said(tmp_path: Path) -> None:
    assert grid_words("bbaf3s") == ["bin", "blue", "at", "f", "three", "soon"]
    assert grid_words("prwzzp") == ["place", "red", "with", "z", "zero", "please"]
    write_many(tmp_path)
    spoken = {u.name: u.words for u in lips_of_many(tmp_path)}
    assert set(spoken) == {"lips/s3/lbwo3s", "lips/s5/pgas7n", "lips/s9/bbaf3s"}
    assert spoken["lips/s5/pgas7n"][0] == [["P", "L", "EY1", "EY2", "S"]]
    assert all(len(words) == 6 for words in spoken.values())
    assert len(GRID_WORDS) == 4 * 3 + 4 + 10 + 25, "51 words, as many as its names can spell"


def test_speakers_count_alike_however_many_their_clips(tmp_path: Path) -> None:
    for speaker, count in (("s3", 3), ("s5", 1)):
        for i in range(count):
            write_clip(tmp_path / "learn", f"grid_{speaker}_{i}", 0.05)
    (tmp_path / "MANIFEST.csv").write_text("file,sync_lag_ms\n")
    clips = list(read_lips(tmp_path / "learn"))
    right = at_hops(clips[0].geometry[:, :1], 25.0, 200)[:, 0].astype(float)
    wanted = np.zeros((200, 3))
    wanted[:, 0] = right
    moves = iter([wanted, wanted, wanted, wanted[::-1]])
    judged = Judge(lambda samples: compose(next(moves), np.zeros((200, 8)), rendered_lips()))
    figures = by_speaker(judged, clips)
    assert figures["s3"]["r_mean"] == pytest.approx(1.0, abs=1e-3)
    assert figures["mean"]["r_lowest"] == figures["s5"]["r_mean"] < 0.5
    assert figures["mean"]["r_mean"] == pytest.approx((1.0 + figures["s5"]["r_mean"]) / 2, abs=1e-3)


def test_real_lips_are_asked_what_rendered_ones_are(tmp_path: Path) -> None:
    write_clip(tmp_path / "lips", "bbaf3s", 0.07)
    clips = list(read_lips(tmp_path / "lips"))
    phones = [Phone("AA", 0.1, 0.4), Phone("T", 0.7, 0.75), Phone("AA", 1.1, 1.4)]
    assert as_they_were(clips, {"grid/s1/bbaf3s": [*phones, Phone("M", 1.55, 1.95)]}) == {
        "mbp_closed": 1.0, "others_closed": pytest.approx(1 / 3)
    }  # fmt: skip


def test_hops_are_named_by_what_is_said_then() -> None:
    phones = [Phone("M", 0.0, 0.02), Phone("AA", 0.02, 0.045)]
    names = [PHONES[i] for i in labels(phones, 6, back_s=0.0)]
    assert names == ["M", "AA", "AA", "AA", "SIL", "SIL"]
    assert [PHONES[i] for i in labels([], 2)] == ["SIL", "SIL"]


def test_alignment_finds_times_and_the_pronunciation_that_was_said() -> None:
    said = [("SIL", 10), ("AX", 12), ("N", 18), ("SIL", 5), ("B", 4), ("IY", 9), ("SIL", 10)]
    names = [name for name, hops in said for _ in range(hops)]
    log_probs = np.full((len(names), len(PHONES)), -8.0, np.float32)
    log_probs[np.arange(len(names)), [PHONES.index(name) for name in names]] = -0.1
    words = [[["AE", "N", "D"], ["AX", "N"]], [["B", "IY"]]]
    none = np.zeros(len(PHONES), np.float32)
    phones, likelihood = align(log_probs, words, none)
    assert [phone.name for phone in phones] == [name for name, _ in said]
    lasts = [round(phone.stop - phone.start, 4) for phone in phones[1:-1]]
    assert lasts == [hops / 100 for _, hops in said[1:-1]]
    assert phones[0].start == 0 and phones[-1].stop == pytest.approx(len(names) / 100)
    assert likelihood == pytest.approx(-0.1)
    assert align(log_probs[:11], words, none)[1] == -np.inf, "four phones in 11 hops"


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_words_have_their_vowels_and_their_weak_forms() -> None:
    """flite's default voice says AA for AH, and so did the labels of two hours of speech."""
    assert pronounce("love") == (("l", "ah", "v"),)
    assert pronounce("father")[0] == ("f", "aa", "dh", "er")
    assert set(pronounce("And")) == {("ae", "n", "d"), ("ax", "n", "d"), ("ax", "n")}


def test_clips_are_judged_that_training_never_saw_and_that_have_phones() -> None:
    names = [f"natural/ann/{i:03d}" for i in range(60)]
    held_out = [name for name in names if unseen(name)]
    assert 1 < len(held_out) < 20
    annotations = {name: [Phone("AA", 0.0, i)] for i, name in enumerate(names)}
    del annotations[held_out[0]]
    sounds = unseen_of((Utterance(n, np.zeros(9, np.float32), [], []) for n in names), annotations)
    assert [names[int(phones[0].stop)] for _, phones in sounds] == held_out[1:]


def test_every_kind_of_pack_can_be_judged(tmp_path: Path) -> None:
    config = MotionConfig(axes=("jawOpen", "mouthPucker"), hidden=5)
    save_pack(tmp_path, config, MotionNetwork(40, 5, 2, 2), {})
    assert open_pack(str(tmp_path)).config == config
    avatar = write_pack(tmp_path / "avatar")
    assert open_pack(str(avatar)).config == load_pack(str(avatar)).card.motion
    assert open_pack(DEFAULT_PACK).config == load_pack(DEFAULT_PACK).card.motion
    (tmp_path / "motion.safetensors").unlink()
    with pytest.raises(AvatarPackError, match="neither a folder with a card.json nor"):
        open_pack(str(tmp_path))


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--pack", "none"], "no motion.json and motion.safetensors, and avatar 'none' is neither"),
     (["--pack", DEFAULT_PACK, "--write"], f"a motion.json, {DEFAULT_PACK} has none")],
)  # fmt: skip
def test_what_cannot_be_judged_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(["--data", "a", "--said", "b", "--annotated", "c", *options])
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_lips_meet_in_bilabials_whatever_the_vowels() -> None:
    phones = [Phone("AA", 0.0, 0.2), Phone("M", 0.2, 0.26), Phone("AA", 0.26, 0.5)]
    closed = close_lips(np.full(50, 0.1), phones)
    assert closed[19:25].max() < 1e-9 and closed[5] == closed[40] == 0.1


def test_stress_tells_a_schwa_from_its_vowel() -> None:
    names = [from_arpabet(symbol, 0.0, 0.1)[0].name for symbol in ("AH0", "AH1", "ah", "ER0")]
    assert names == ["AX", "AH", "AH", "ER"]


def test_ipa_of_other_languages_becomes_phones_that_look_alike() -> None:
    assert [p.name for p in from_ipa("pf", 0.0, 0.1)] == ["P", "F"]
    assert [p.name for p in from_ipa("yː", 0.0, 0.1)] == ["UW"]
    assert from_ipa("ʔ", 0.0, 0.1) == []


def test_one_part_of_a_pack_is_replaced_and_the_other_stays(tmp_path: Path) -> None:
    base, out, trained = write_pack(tmp_path / "base"), tmp_path / "out", tmp_path / "trained"
    trained.mkdir()
    make_pack.main([*WORDS, "--base", str(base), "--out", str(out)])  # as float16, from now on
    before = load_pack(str(out))
    config = MotionConfig(axes=("jawOpen", "mouthPucker"), hidden=5)
    save_pack(trained, config, MotionNetwork(40, 5, 2, 2), {})
    generator = (out / "generator.safetensors").read_bytes()
    make_pack.main([*WORDS, "--base", str(out), "--motion", str(trained), "--out", str(out)])
    after = load_pack(str(out))
    assert (out / "generator.safetensors").read_bytes() == generator
    assert after.card.motion == config and after.card.identities == before.card.identities
    assert after.card.generator == before.card.generator and after.card.axes == before.card.axes


def test_half_a_pack_without_a_base_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_pack.main(["--motion", "somewhere", "--out", "elsewhere", *WORDS])
    assert "expected --generator and --motion, or --base PACK" in capsys.readouterr().err


def test_sung_vowels_open_lips_where_they_sound_and_hums_close_them() -> None:
    flat = np.ones((len(PHONES), 3))
    target = np.zeros((len(PHONES), 3))
    target[[PHONES.index(name) for name in ("AA", "AE", "AO", "AH", "EH", "IY")], 0] = 0.08
    table = Dominance(target, 4.0 * flat, 0.04 * flat, 0.04 * flat)
    scenes = list(sung_scenes(table, rendered_lips(), np.random.default_rng(0), 3))
    for scene in scenes:
        shown = shown_aperture(scene.curves.astype(float), AXES, rendered_lips())
        loud = loudness(scene.samples)[: len(shown)]
        assert len(scene.samples) == 192_000 and np.isfinite(scene.samples).all()
        silent = [p for p in scene.phones if p.name == "SIL" and p.stop - p.start > 0.5]
        for phone in silent:
            middle = round(50 * (phone.start + phone.stop))
            assert shown[middle] < 1e-3 and loud[middle] < 1e-3
        assert all(closures(shown, scene.phones)) and shown.max() > 0.05


def test_how_long_ago_a_scene_began_tells_nothing() -> None:
    scene = Scene(
        "lips/s3/a",
        speech(1.0),
        np.full((100, len(AXES)), 0.5, np.float32),
        [Phone("AA", 0.2, 1.0)],
    )
    later = in_the_room_before(scene, 0.714)
    np.testing.assert_array_equal(later.samples[71 * 160 :], scene.samples)
    np.testing.assert_array_equal(later.curves[71:], scene.curves)
    assert not later.curves[:71].any() and len(later.curves) == 171
    assert [phone.name for phone in later.phones] == ["SIL", "AA"]
    assert [phone.start for phone in later.phones] == pytest.approx([0.0, 0.91])
    assert np.abs(later.samples[: 71 * 160]).max() <= np.abs(scene.samples[:1600]).max()
