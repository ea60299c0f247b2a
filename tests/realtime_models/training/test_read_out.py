"""The read-out, fitted anew: it learns from real lips, and forgets nothing on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")
pytest.importorskip("scipy", reason="the training stack is not installed")

from latentcam.realtime_models.motion.model import MotionConfig, MotionModel  # noqa: E402
from latentcam.realtime_models.training.motion import read_out  # noqa: E402
from latentcam.realtime_models.training.motion.data.phones import Phone  # noqa: E402
from latentcam.realtime_models.training.motion.data.vary import FLOOR  # noqa: E402
from latentcam.realtime_models.training.motion.judge.evaluate import judge  # noqa: E402
from latentcam.realtime_models.training.motion.judge.figures import correlation  # noqa: E402
from latentcam.realtime_models.training.motion.network import MotionNetwork  # noqa: E402
from latentcam.realtime_models.training.motion.read_out import (  # noqa: E402
    Sounding,
    fit,
    hear,
    mel_of,
    real_lips,
    speech_bounds,
    with_background,
)
from latentcam.realtime_models.training.motion.targets.retarget import (  # noqa: E402
    AXES,
    rendered_lips,
)
from latentcam.realtime_models.training.motion.train import ShownAperture, save_pack  # noqa: E402
from tests.realtime_models.training.test_motion_training import write_many  # noqa: E402
from tests.voice import speech  # noqa: E402

CONFIG = MotionConfig(axes=AXES, hidden=8, look_ahead_s=0.04)


def network() -> MotionNetwork:
    torch.manual_seed(0)
    return MotionNetwork(40, 8, 2, len(AXES))


def sounding(name: str, features: np.ndarray, skip: int = 0) -> Sounding:
    nothing = np.zeros(len(features) - skip, np.float32)
    return Sounding(name, features.astype(np.float32), nothing, nothing, skip)


def test_what_is_heard_is_what_the_model_hears() -> None:
    """In company of longer clips, and after something else, too."""
    own = network()
    model = MotionModel(CONFIG, {n: t.numpy() for n, t in own.weights().items()})
    voice = speech(1.0)
    features = mel_of(voice, CONFIG)
    before = np.full((30, 40), -3.0, np.float32)
    first, after = (
        next(h for h in hear(own, 4, [sounding("a/b/c", f, skip), sounding("x/y/z", longer)])
             if h.name == "a/b/c")
        for f, skip in ((features, 0), (np.concatenate([before, features]), 30))
        for longer in [np.zeros((200, 40))]
    )  # fmt: skip
    with torch.no_grad():
        x = (1.1 * torch.sigmoid(own.output(torch.from_numpy(first.h))) - 0.05).clamp(0, 1)
    np.testing.assert_allclose(x.numpy()[:90], judge(model).controls(voice)[:90], atol=1e-5)
    assert after.h.shape == first.h.shape
    np.testing.assert_allclose(after.h[90:94], first.h[90:94], atol=0.05)


def test_speech_is_bounded_by_its_first_and_last_sound() -> None:
    features = np.full((200, 40), FLOOR)
    assert speech_bounds(features) is None
    features[60:150, 5:20] = -1.0
    found = speech_bounds(features)
    assert found is not None
    assert found.start == pytest.approx(0.6, abs=0.04)
    assert found.stop == pytest.approx(1.5, abs=0.04)


def test_how_long_ago_a_clip_began_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    features = np.concatenate([np.full((40, 40), -9.0), np.zeros((20, 40))]).astype(np.float32)
    lengths = set()
    for _ in range(20):
        skip, longer = with_background(features, rng)
        np.testing.assert_array_equal(longer[skip:], features)
        assert abs(longer[:skip].mean() + 9.0) < 0.1 and longer.min() >= FLOOR
        lengths.add(skip)
    assert len(lengths) > 10 and min(lengths) >= 50


def test_lips_meet_where_phones_say_so_and_nowhere_else() -> None:
    phones = [Phone("SIL", 0.0, 0.2), Phone("AA", 0.2, 0.6), Phone("M", 0.6, 0.7)]
    phones.append(Phone("IY", 0.7, 1.2))
    asked = read_out.asked_of_lips(phones, 120)
    assert (asked[60:69] == 1).all() and (asked[:27] == 0).all(), "and rests in silence"
    assert (asked[30:50] == -1).all() and (asked[53:59] == 0).all() and (asked[78:110] == -1).all()
    assert not read_out.asked_of_lips([], 50).any()
    lips, counts = torch.from_numpy(asked)[None], torch.ones(1, 120)
    for shown, parted in ((0.03, True), (0.0, False)):
        loss = read_out.parting_loss(torch.full((1, 120), shown), lips, counts)
        assert (loss.item() == 0.0) == parted
    assert read_out.parting_loss(torch.zeros(1, 120), lips, torch.zeros(1, 120)).item() == 0.0


def test_everybody_is_heard_but_those_who_judge(tmp_path: Path) -> None:
    write_many(tmp_path)
    drawn = list(real_lips(tmp_path, CONFIG, (), np.random.default_rng(0)))
    names = [one.name for one in drawn]
    assert {n: names.count(n) for n in set(names)} == {
        "grid/s1/bbaf3s": 2, "lips/s3/lbwo3s": 6, "lips/s5/pgas7n": 6, "lips/s9/flow21": 6,
    }  # fmt: skip
    for one in drawn:
        assert len(one.features) == one.skip + len(one.aperture) == one.skip + len(one.lips)
        assert one.aperture.max() > 0.05, "each on their own scale"
    without = real_lips(tmp_path, CONFIG, ("s3", "s9"), np.random.default_rng(0))
    assert {one.name for one in without} == {"grid/s1/bbaf3s", "lips/s5/pgas7n"}


def test_real_lips_are_learned_and_a_mouth_in_silence_rests() -> None:
    rng = np.random.default_rng(0)
    own = network()
    features = [np.repeat(rng.normal(-5, 3, (30, 40)), 10, axis=0) for _ in range(8)]
    heard = hear(own, 0, [sounding(f"lips/s{i % 2}/{i}", f) for i, f in enumerate(features)])
    # Lips that open with what one of the hidden units hears.
    real = [
        read_out.Heard(
            h.name, h.h, (0.05 + 0.05 * np.tanh(20 * h.h[:, 3])).astype(np.float32), h.lips
        )
        for h in heard[:6]
    ]
    real += [read_out.Heard("grid/s1/a", real[0].h, real[0].aperture, real[0].lips)]
    closing = np.ones(300, np.float32)
    other = [read_out.Heard(f"lj/linda/{h.name[-1]}", h.h, h.lips, closing) for h in heard[6:]]
    quiet = hear(own, 0, [sounding("rest/nobody/0", np.full((400, 40), FLOOR))])[0]
    shown = ShownAperture(AXES, rendered_lips())

    def apertures(one: read_out.Heard) -> np.ndarray:
        with torch.no_grad():
            x = 1.1 * torch.sigmoid(own.output(torch.from_numpy(one.h))) - 0.05
            return np.asarray(shown(x).numpy(), np.float64)

    def likeness() -> float:
        return float(
            np.mean([correlation(apertures(o), o.aperture.astype(np.float64)) for o in real])
        )

    def at_rest() -> float:
        with torch.no_grad():
            x = 1.1 * torch.sigmoid(own.output(torch.from_numpy(quiet.h[50:]))) - 0.05
            return float(x.clamp(min=0.0).mean())

    before, restless, weights = likeness(), at_rest(), own.weights()
    fit(own, real, [*other, quiet], 60, 0.05)
    assert likeness() > before + 0.5
    assert at_rest() < 0.4 * restless
    moved = {n for n, t in own.weights().items() if not torch.equal(t, weights[n])}
    assert moved == {"output.weight", "output.bias"}


def test_a_model_of_other_axes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = ("jawOpen", "mouthPucker")
    save_pack(tmp_path, MotionConfig(axes=axes, hidden=5), MotionNetwork(40, 5, 2, 2), {})
    for pack, message in (
        (tmp_path, f"of the axes {axes}, expected"),
        ("none", "and avatar 'none'"),
    ):
        with pytest.raises(SystemExit):
            read_out.main(["--data", "a", "--said", "b", "--out", "c", "--pack", str(pack)])
        assert message in capsys.readouterr().err
