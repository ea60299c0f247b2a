"""The motion model in torch, for training only; `motion.lstm` runs the same weights in numpy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentcam.realtime_models.motion.lstm import REST_MARGIN
from latentcam.realtime_models.training.motion.data.phones import PHONES


class MotionNetwork(nn.Module):
    """Features [n, t, mels] -> activations [n, t, k], not yet clamped to [0, 1].

    Where the numpy model clamps, this one does not: a clamp has no gradient to come back from.
    """

    def __init__(
        self, mels: int, hidden: int, layers: int, outputs: int, bidirectional: bool = False
    ) -> None:
        """bidirectional: hears all of the future too; no session can run it."""
        super().__init__()
        self.lstm = nn.LSTM(
            mels, hidden, layers, batch_first=True, dropout=0.15, bidirectional=bidirectional
        )
        self.forget = nn.Dropout(0.15)
        self.output = nn.Linear(hidden * (1 + bidirectional), outputs)
        self.phones = nn.Linear(hidden * (1 + bidirectional), len(PHONES))
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(mels))
        self.register_buffer("std", torch.ones(mels))

    def forward(self, features: Tensor) -> Tensor:
        return self.both(features)[0]

    def both(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The activations, and the scores of PHONES [n, t, phones], which only training asks."""
        h, _ = self.lstm((features - self.mean) / self.std)
        h = self.forget(h)
        stretched = (1 + 2 * REST_MARGIN) * torch.sigmoid(self.output(h)) - REST_MARGIN
        return stretched, self.phones(h)

    def weights(self) -> dict[str, Tensor]:
        """The tensors under the names of `motion.lstm.weight_shapes`."""
        own = {
            name: tensor.detach().clone()
            for name, tensor in self.state_dict().items()
            if not name.startswith("phones.")
        }
        own["input.mean"], own["input.std"] = own.pop("mean"), own.pop("std")
        return own

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """The inverse of `weights`."""
        own = dict(weights)
        own["mean"], own["std"] = own.pop("input.mean"), own.pop("input.std")
        own |= {f"phones.{name}": t for name, t in self.phones.state_dict().items()}
        self.load_state_dict(own)
