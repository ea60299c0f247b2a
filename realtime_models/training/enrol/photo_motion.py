"""A photograph, moved as the pack's own network moves a face.

Hair, cloth and skin go where the network's textures flow, which is smooth; lips go along the
optical flow between two of its pictures, which follows them more closely; and what a photograph
does not hold, lids and the inside of a mouth, is drawn by the network and by `inner_mouth`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentcam.realtime_models.generator.network import enlarged
from latentcam.realtime_models.generator.textures import FLOW_UNIT
from latentcam.realtime_models.training.enrol import motion_field
from latentcam.realtime_models.training.enrol.inner_mouth import InnerMouths
from latentcam.realtime_models.training.enrol.motion_field import Levels, Moved
from latentcam.realtime_models.training.enrol.network import Teacher, autocast
from latentcam.realtime_models.training.enrol.pack_tracking import PackTracking
from latentcam.realtime_models.training.generator.losses import levels

LIPS = (
    0.3,
    0.26,
)  # of the face's height, from the middle of the mouth: where lips are, wide and high
EDGE = 0.35  # of that, over which it ends


@dataclass(frozen=True, slots=True)
class PhotoMotion:
    """anchor: float32 [num_ws, w_dim], the latent of the pack's network that looks most like the
    person. mouths: of a person whose mouth was never seen open; None: the network's."""

    teacher: Teacher
    anchor: Tensor
    tracking: PackTracking
    mouths: InnerMouths | None = None

    @torch.no_grad()
    def move(self, photos: list[Levels], x: Tensor, there: Tensor) -> list[Moved]:
        """photos, that look as the network does at x, at `there`: both [n, k] over their reach."""
        teacher, count = self.teacher, len(photos)
        both = torch.cat([x, there]).to(teacher.device)
        with autocast(teacher.device):
            ws = teacher.latents(self.anchor.expand(len(both), -1, -1), both)
            drawn = teacher.synthesis.draw(ws)
        pictures = levels(drawn.picture.float())
        made = [
            motion_field.moved(photo, here, wanted)
            for photo, here, wanted in zip(photos, pictures[:count], pictures[count:], strict=True)
        ]
        if drawn.flow is not None and drawn.visible is not None:
            side = pictures.shape[1]
            flows = enlarged(drawn.flow[:, :2].float(), side).permute(0, 2, 3, 1)
            flows = (flows * (FLOW_UNIT * side)).cpu().numpy()
            covered = torch.sigmoid(drawn.visible[count:, 0].float()).cpu().numpy()
            lips = self._lips(side)
            made = [
                motion_field.between(
                    motion_field.flowed(photo, here, wanted, picture, shown), mouth, lips
                )
                for photo, here, wanted, picture, shown, mouth in zip(
                    photos, flows[:count], flows[count:], pictures[count:], covered, made,
                    strict=True,
                )
            ]  # fmt: skip
        if self.mouths is None:
            return made
        return [
            self.mouths.lend(one, picture, wanted)
            for one, picture, wanted in zip(made, pictures[count:], there, strict=True)
        ]

    def _lips(self, side: int) -> NDArray[np.float32]:
        """[side, side]: 1 about the mouth, 0 elsewhere."""
        along = (np.arange(side) + 0.5) / side
        x, y = np.meshgrid(along, along)
        wide, high = (share * self.tracking.height for share in LIPS)
        away = np.hypot((x - self.tracking.mouth[0]) / wide, (y - self.tracking.mouth[1]) / high)
        return np.asarray(np.clip((1 - away) / EDGE, 0, 1), np.float32)
