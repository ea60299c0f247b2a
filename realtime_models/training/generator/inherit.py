"""A smaller network that begins as a larger one of the same layers: of each layer's channels, those
that count most (as in network slimming, Liu et al. 2017, https://arxiv.org/abs/1708.06519, but by
what they do to the layers that take them, and without a training of its own)."""

from __future__ import annotations

import torch
from torch import Tensor

from latentcam.realtime_models.generator.network import ModulatedConv, SynthesisNetwork


def inherit(network: SynthesisNetwork, whole: SynthesisNetwork, ws: Tensor) -> list[str]:
    """Give a network the weights of a larger one, as far as both have the same layers: where it has
    fewer channels, it gets those that move the next layers most over `ws`, float32 [N, num_ws,
    w_dim]. Layers of which it has more, or which are of another kind, stay as they are, and so do
    all after them. Returns the names of those that it got."""
    if network.const.shape != whole.const.shape:
        return []
    found = _weigh(whole, ws)
    got: list[str] = []
    taken = torch.arange(network.const.shape[1])  # of the larger one's channels, those kept so far
    with torch.no_grad():
        network.const.copy_(whole.const)
        for layer in network.config.layers:
            if layer.name not in whole.convs or not layer.modulated:
                break
            to, source = network.conv(layer), whole.convs[layer.name]
            if not isinstance(source, ModulatedConv) or not _fits(to, source, len(taken)):
                break
            kept = torch.arange(len(source.bias))
            if not layer.draws and len(to.bias) < len(kept):
                kept = found[layer.name].topk(len(to.bias)).indices.sort().values
            to.weight.copy_(source.weight[kept][:, taken])
            to.bias.copy_(source.bias[kept])
            to.affine.weight.copy_(source.affine.weight[taken])
            to.affine.bias.copy_(source.affine.bias[taken])
            if not layer.draws:
                taken = kept
            got.append(layer.name)
    return got


def _fits(to: ModulatedConv, source: ModulatedConv, taken: int) -> bool:
    same = (to.layer.kind, to.layer.kernel_size) == (source.layer.kind, source.layer.kernel_size)
    drawn = not to.layer.draws or len(to.bias) == len(source.bias)
    return same and drawn and to.layer.in_channels == taken and len(to.bias) <= len(source.bias)


@torch.no_grad()
def _weigh(whole: SynthesisNetwork, ws: Tensor) -> dict[str, Tensor]:
    """For each layer with features, [O]: which share each of its channels has in the mean square of
    what arrives at the layers that take it, added up over these."""
    styles = whole.styles(ws)
    x: Tensor = whole.const
    weighed: dict[str, Tensor] = {}
    last: str | None = None
    for layer in whole.config.layers:
        if not layer.modulated:
            break
        conv, style = whole.conv(layer), styles[layer.name]
        if last is not None:
            squares = (x * style[:, :, None, None]).square().mean(dim=(0, 2, 3))  # [I]
            reach = conv.weight.square().sum(dim=(0, 2, 3))
            arrives = squares * reach
            # What a layer takes in all is one, so that no layer counts for more than another.
            weighed[last] = weighed.get(last, 0.0) + arrives / arrives.sum()
        y = conv.modulate(x, style)
        if not layer.draws:
            x, last = y, layer.name
    return weighed
