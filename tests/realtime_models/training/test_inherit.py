"""A smaller network begins as the larger one: all of it where both are alike, else of its channels
those that count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")

from latentcam.realtime_models.generator.layers import (  # noqa: E402
    GeneratorConfig,
    light_branch,
    stylegan2,
)
from latentcam.realtime_models.generator.network import SynthesisNetwork  # noqa: E402
from latentcam.realtime_models.training.generator.inherit import inherit  # noqa: E402

WHOLE = stylegan2(
    z_dim=8, w_dim=8, mapping_layers=1, resolution=64, channel_base=256, channel_max=16, channels=4,
    subpixels=1,
)  # fmt: skip
WS = torch.from_numpy(np.random.default_rng(0).normal(size=(6, WHOLE.num_ws, 8)).astype(np.float32))


def network(config: GeneratorConfig) -> SynthesisNetwork:
    torch.manual_seed(1)
    return SynthesisNetwork(config)


def names(config: GeneratorConfig) -> list[str]:
    return [layer.name for layer in config.layers]


def test_all_of_a_network_that_is_alike() -> None:
    whole = network(WHOLE)
    torch.manual_seed(2)
    other = SynthesisNetwork(WHOLE)
    assert inherit(other, whole, WS) == names(WHOLE)
    torch.testing.assert_close(other(WS), whole(WS))


def test_channels_that_do_nothing_are_left_out() -> None:
    """The same picture comes out of half the channels if the others move no layer."""
    whole, narrow = network(WHOLE), light_branch(WHOLE, resolution=64, channel_base=128,
                                                 channel_max=16)  # fmt: skip
    kept = {layer.name: layer.out_channels for layer in narrow.layers if not layer.draws}
    idle: dict[str, Any] = {}  # of a layer's channels
    last = ""
    with torch.no_grad():
        for layer in WHOLE.layers:
            if last and kept[last] < layer.in_channels:
                idle.setdefault(last, torch.randperm(layer.in_channels)[kept[last] :])
                whole.conv(layer).weight[:, idle[last]] = 0.0
            if not layer.draws:
                last = layer.name
    small = SynthesisNetwork(narrow)
    assert idle and inherit(small, whole, WS) == names(narrow)
    torch.testing.assert_close(small(WS), whole(WS))


def test_what_is_wider_or_of_another_kind_stays_as_it_was() -> None:
    whole = network(WHOLE)
    wider = SynthesisNetwork(light_branch(WHOLE, resolution=32, channel_base=256))
    assert inherit(wider, whole, WS) == [], "more channels from the first layer on"
    short = light_branch(WHOLE, resolution=32, channel_base=256, channel_max=16)
    lower = SynthesisNetwork(short)
    last = lower.conv(short.layers[-1]).weight.clone()
    got = inherit(lower, whole, WS)
    assert got == names(short)[:-1], "the last one draws four pixels where the other draws one"
    torch.testing.assert_close(lower.conv(short.layers[-1]).weight, last)
