"""Training of the motion model: what its losses ask for, and that nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")
pytest.importorskip("scipy", reason="the training stack is not installed")

from benchmarks.motion import follows, log_loudness, loudness  # noqa: E402
from realtime_models.avatar_pack import load_pack  # noqa: E402
from realtime_models.motion import MotionConfig, MotionModel  # noqa: E402
from realtime_models.motion_lstm import weight_shapes  # noqa: E402
from realtime_models.training import make_pack  # noqa: E402
from realtime_models.training.motion.coarticulation import Dominance, close_lips  # noqa: E402
from realtime_models.training.motion.corpora import sung_scenes  # noqa: E402
from realtime_models.training.motion.evaluate import judge  # noqa: E402
from realtime_models.training.motion.figures import auc, best_lag, closures  # noqa: E402
from realtime_models.training.motion.network import MotionNetwork  # noqa: E402
from realtime_models.training.motion.phones import PHONES, Phone, from_ipa  # noqa: E402
from realtime_models.training.motion.prepared import Prepared  # noqa: E402
from realtime_models.training.motion.retarget import (  # noqa: E402
    AXES,
    compose,
    rendered_lips,
    shown_aperture,
)
from realtime_models.training.motion.train import (  # noqa: E402
    LEAD,
    Crops,
    ShownAperture,
    clarity_loss,
    grown,
    save_pack,
)
from tests.tiny import write_pack  # noqa: E402
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
        weights=np.ones((2 * hops, 1), np.float16),
    )
    crops = Crops(prepared, look_ahead, {"grid": 0.5, "said": 0.5})
    _, targets, _, real = crops.draw(40, np.random.default_rng(0))
    begin = targets[:, look_ahead, 0]  # what is heard `look_ahead` hops after the crop's begin
    assert {float(first) for first in begin[real]} >= {0.0}, "a crop that begins with its clip"
    assert min(begin[real]) == 0 and min(begin[~real]) == LEAD


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


def test_figures_know_right_from_wrong() -> None:
    assert auc([3, 4, 5], [0, 1, 2]) == 1.0 and auc([1, 2], [1, 2]) == 0.5
    t = np.arange(300) * 0.01
    wave = np.sin(7 * t) + 1.0
    assert best_lag(np.roll(wave, 3), wave) == 3
    phones = [Phone("M", 1.0, 1.1), Phone("B", 2.0, 2.1)]
    curve = np.full(300, 1.0)
    curve[103:107] = 0.0
    assert closures(curve, phones) == [True, False]


def test_lips_meet_in_bilabials_whatever_the_vowels() -> None:
    phones = [Phone("AA", 0.0, 0.2), Phone("M", 0.2, 0.26), Phone("AA", 0.26, 0.5)]
    closed = close_lips(np.full(50, 0.1), phones)
    assert closed[19:25].max() < 1e-9 and closed[5] == closed[40] == 0.1


def test_ipa_of_other_languages_becomes_phones_that_look_alike() -> None:
    assert [p.name for p in from_ipa("pf", 0.0, 0.1)] == ["P", "F"]
    assert [p.name for p in from_ipa("yː", 0.0, 0.1)] == ["UW"]
    assert from_ipa("ʔ", 0.0, 0.1) == []


def test_one_part_of_a_pack_is_replaced_and_the_other_stays(tmp_path: Path) -> None:
    base, out, trained = write_pack(tmp_path / "base"), tmp_path / "out", tmp_path / "trained"
    trained.mkdir()
    make_pack.main(["--base", str(base), "--out", str(out)])  # as float16, from now on
    before = load_pack(str(out))
    config = MotionConfig(axes=("jawOpen", "mouthPucker"), hidden=5)
    save_pack(trained, config, MotionNetwork(40, 5, 2, 2), {})
    generator = (out / "generator.safetensors").read_bytes()
    make_pack.main(["--base", str(out), "--motion", str(trained), "--out", str(out)])
    after = load_pack(str(out))
    assert (out / "generator.safetensors").read_bytes() == generator
    assert after.card.motion == config and after.card.identities == before.card.identities
    assert after.card.generator == before.card.generator and after.card.axes == before.card.axes


def test_half_a_pack_without_a_base_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_pack.main(["--motion", "somewhere", "--out", "elsewhere"])
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
