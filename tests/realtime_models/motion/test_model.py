"""The motion model: causal, deaf to how the sound is cut, equal to torch, at rest in silence."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.motion.lstm import MotionLstm, weight_shapes
from latentcam.realtime_models.motion.mel import RELATIVE_FLOOR
from latentcam.realtime_models.motion.model import MotionConfig, MotionModel

TINY = MotionConfig(axes=("jawOpen", "mouthPucker", "gazeYaw"), hidden=8)


def tiny_weights(config: MotionConfig = TINY, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(config.mel.mels, config.hidden, config.layers, len(config.axes))
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    weights["input.mean"] = np.full(config.mel.mels, -7, np.float32)
    weights["input.std"] = np.full(config.mel.mels, 4, np.float32)
    return weights


def babble(seconds: float, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    n = int(seconds * 16000)
    loud = np.abs(np.sin(np.arange(n) / 1700.0))
    return np.asarray(0.2 * loud * rng.standard_normal(n), np.float32)


@pytest.mark.parametrize("chunk", [1, 97, 160, 533, 640, 9999])
def test_any_cutting_gives_bit_equal_controls(chunk: int) -> None:
    model = MotionModel(TINY, tiny_weights())
    samples = babble(0.4)
    whole, _ = model.steps(samples, model.initial_state())
    state, parts = model.initial_state(), []
    for start in range(0, len(samples), chunk):
        part, state = model.steps(samples[start : start + chunk], state)
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.ptp(whole, axis=0).min() > 0.01  # it does listen


def test_step_is_the_newest_of_steps_and_holds_when_no_hop_is_complete() -> None:
    model = MotionModel(TINY, tiny_weights())
    samples = babble(0.2)
    every, _ = model.steps(samples, model.initial_state())
    x, state = model.step(samples, model.initial_state())
    np.testing.assert_array_equal(x, every[-1])
    again, same = model.step(samples[:0], state)
    np.testing.assert_array_equal(again, x)
    np.testing.assert_array_equal(same.mel.tail, state.mel.tail)
    assert x.dtype == np.float32 and x.shape == (3,)


def test_more_input_never_changes_earlier_output() -> None:
    model = MotionModel(TINY, tiny_weights())
    samples = babble(1.0)
    other = np.concatenate([samples[:8000], babble(0.5, seed=5)])
    first, _ = model.steps(samples, model.initial_state())
    second, _ = model.steps(other, model.initial_state())
    np.testing.assert_array_equal(first[:50], second[:50])
    assert not np.array_equal(first[51:], second[51:])


def test_the_given_state_is_not_changed() -> None:
    model = MotionModel(TINY, tiny_weights())
    _, state = model.step(babble(0.3), model.initial_state())
    kept = [state.lstm.h.copy(), state.lstm.c.copy(), state.mel.tail.copy(), state.x.copy()]
    first, _ = model.step(babble(0.3, 1), state)
    second, _ = model.step(babble(0.3, 1), state)
    np.testing.assert_array_equal(first, second)
    for before, now in zip(
        kept, [state.lstm.h, state.lstm.c, state.mel.tail, state.x], strict=True
    ):
        np.testing.assert_array_equal(before, now)


def test_controls_stay_in_the_range_of_their_axes() -> None:
    weights = tiny_weights()
    weights["output.weight"] = weights["output.weight"] * 50
    model = MotionModel(TINY, weights)
    controls, _ = model.steps(babble(2.0), model.initial_state())
    assert controls[:, :2].min() == 0.0 and controls[:, :2].max() == 1.0
    assert controls[:, 2].min() >= -25.0 and controls[:, 2].max() <= 25.0


def test_digital_silence_comes_to_an_exact_rest() -> None:
    config = msgspec.structs.replace(TINY, axes=("jawOpen", "mouthPucker"))
    weights = tiny_weights(config)
    weights["input.mean"] = np.full(config.mel.mels, np.log(RELATIVE_FLOOR), np.float32)
    weights["output.bias"] = np.full(2, -6, np.float32)
    model = MotionModel(config, weights)
    controls, _ = model.steps(np.zeros(16000, np.float32), model.initial_state())
    np.testing.assert_array_equal(controls[-50:], 0.0)


def test_weights_that_do_not_fit_are_refused_with_one_sentence() -> None:
    weights = tiny_weights()
    missing = {name: w for name, w in weights.items() if name != "output.bias"}
    with pytest.raises(ValueError, match=r"got weights without 'output.bias', expected .*\(3,\)"):
        MotionModel(TINY, missing)
    with pytest.raises(ValueError, match=r"got 'lstm.weight_hh_l1' of shape .* expected \(36, 9\)"):
        MotionModel(
            msgspec.structs.replace(TINY, hidden=9),
            {
                **tiny_weights(msgspec.structs.replace(TINY, hidden=9)),
                "lstm.weight_hh_l1": weights["lstm.weight_hh_l1"],
            },
        )
    with pytest.raises(ValueError, match="got unknown weights"):
        MotionModel(TINY, {**weights, "lstm.weight_ih_l2": weights["lstm.weight_ih_l1"]})


def test_the_configuration_survives_json_and_refuses_what_it_does_not_know() -> None:
    fields = TINY.to_json()
    assert MotionConfig.from_json(fields) == TINY
    with pytest.raises(ValueError, match="unknown field"):
        MotionConfig.from_json({**fields, "colour": 1})
    with pytest.raises(ValueError, match="unknown field"):
        MotionConfig.from_json({**fields, "mel": {"bands": 3}})
    with pytest.raises(ValueError, match="unknown axes"):
        MotionConfig.from_json({**fields, "axes": ["jawOpne"]})


def test_numpy_equals_torch() -> None:
    torch = pytest.importorskip("torch", reason="the training stack is not installed")
    weights = tiny_weights()
    lstm = torch.nn.LSTM(40, 8, num_layers=2, batch_first=True)
    lstm.load_state_dict(
        {k.removeprefix("lstm."): torch.from_numpy(w) for k, w in weights.items() if "lstm" in k}
    )
    features = np.random.default_rng(3).normal(-7, 4, (300, 40)).astype(np.float32)
    with torch.no_grad():
        h, _ = lstm(torch.from_numpy((features + 7) / 4)[None])
    z = h[0].numpy() @ weights["output.weight"].T + weights["output.bias"]
    expected = np.clip(1.1 / (1 + np.exp(-z)) - 0.05, 0, 1)
    net = MotionLstm(40, 8, 2, 3, weights)
    state, got = net.initial_state(), []
    for frame in features:
        x, state = net.step(frame, state)
        got.append(x)
    np.testing.assert_allclose(np.stack(got), expected, atol=1e-4)
