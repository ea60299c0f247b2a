"""Directions of emotions in the latent space, found from labelled latents.

As with the semantic directions of InterFaceGAN (Shen et al. 2020,
https://arxiv.org/abs/1907.10786), the normal of a linear classifier between the latents of faces
with and without an emotion is the direction that brings it on. The classifier is a logistic
regression; its latents are those of sampled faces that also talk, look and turn; its labels are
known because the faces' factors are. The stronger its penalty, the less it picks up accidental
correlations: with PENALTY its normal is nearly the plain regression of the latent on the known
strength, which `python -m latentcam.realtime_models.training.expressions` prints beside it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from latentcam.realtime_models.axes import FACE_AXES, Axis
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.generator.latents import z_to_w
from latentcam.realtime_models.motion.manner import BARED
from latentcam.realtime_models.training.looks.expression import control
from latentcam.realtime_models.training.looks.sampling import MOODS, sample_x

Array = NDArray[np.float32]

EMOTIONS = {
    name: {
        axis: own
        for axis, value in MOODS[name].items()
        if (own := round(value - BARED[name].get(axis, 0.0), 6))
    }
    for name in ("happy", "sad", "angry", "surprised", "afraid", "disgusted")
}
"""Emotion -> how its faces are labelled: action units of EMFACS (Ekman and Friesen 1978; Du et al.
2014, table 1) in our axes, without what parts lips, which a face adds while it may
(`motion.manner.BARED`). Neutral is the origin."""


EMOTION_AXES = tuple(Axis(name, 0.0, 1.0) for name in EMOTIONS)
SAMPLES = 6000
PENALTY = 1e6


@dataclass(frozen=True, slots=True)
class Labelled:
    """ws float32 [n, rows * w_dim]; strength float32 [n] in [0, 1], 0 for a neutral face."""

    ws: Array
    strength: Array


def label(w: Array, matrix: Array, emotion: str, rng: np.random.Generator) -> Labelled:
    """Latents of faces that talk and turn, half of them with the emotion.

    w: float32 [n, w_dim]. matrix: float32 [rows, w_dim, len(FACE_AXES)], the rows of V that move.
    """
    strength = np.where(rng.random(len(w)) < 0.5, rng.uniform(0.3, 1.0, len(w)), 0.0)
    talk = np.stack([sample_x(rng) for _ in w])
    basis = Basis(FACE_AXES, matrix)
    shown = strength[:, None].astype(np.float32) * control(EMOTIONS[emotion])
    ws = w[:, None] + np.einsum("ldk,nk->nld", matrix, basis.clamp(talk) + shown)
    return Labelled(ws.reshape(len(w), -1), strength.astype(np.float32))


def by_classification(data: Labelled) -> tuple[Array, float]:
    """Normal of the hyperplane between neutral and not, scaled so that 1 is full strength.

    Returns it, float32 [rows * w_dim], with the AUC on the half that was not fitted.
    """
    half = len(data.ws) // 2
    shown = data.strength > 0
    centred = (data.ws - data.ws[:half].mean(axis=0)) / data.ws[:half].std()
    model = LogisticRegression(C=1 / PENALTY, max_iter=500)
    model.fit(centred[:half], shown[:half])
    normal = model.coef_[0] / np.linalg.norm(model.coef_)
    along = data.ws @ normal
    length = np.polyfit(data.strength, along, 1)[0]
    auc = float(roc_auc_score(shown[half:], model.decision_function(centred[half:])))
    return (normal * length).astype(np.float32), auc


def by_regression(data: Labelled) -> Array:
    """Slope of the latent on the known strength, least squares. float32 [rows * w_dim]."""
    s = data.strength - data.strength.mean()
    return np.asarray(s @ (data.ws - data.ws.mean(axis=0)) / (s @ s), np.float32)


def emotion_basis(w: Array, matrix: Array) -> Array:
    """One column of V for each of EMOTION_AXES, float32 [rows, w_dim, 6]; arguments as `label`."""
    rng = np.random.default_rng(0)
    columns = [by_classification(label(w, matrix, name, rng))[0] for name in EMOTIONS]
    return np.stack([column.reshape(matrix.shape[:2]) for column in columns], axis=2)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", default=DEFAULT_PACK, help="name or folder of an avatar pack")
    args = parser.parse_args(argv)
    try:
        pack = load_pack(args.avatar)
    except AvatarPackError as error:
        parser.error(str(error))
    rng = np.random.default_rng(1)
    z = rng.standard_normal((SAMPLES, pack.card.generator.z_dim)).astype(np.float32)
    w = z_to_w(pack.card.generator, pack.generator, z)
    matrix = pack.generator["basis"][:, :, : len(FACE_AXES)]
    print("cosines with the sum of the emotion's own columns of V, which made the labels")
    for emotion in EMOTIONS:
        data = label(w, matrix, emotion, rng)
        normal, auc = by_classification(data)
        made = (matrix @ control(EMOTIONS[emotion])).ravel()
        print(
            f"{emotion:10} AUC on unseen latents {auc:.3f}; "
            f"cosine of its normal {cosine(normal, made):.3f}, "
            f"of plain regression {cosine(by_regression(data), made):.3f}"
        )


def cosine(a: Array, b: Array) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


if __name__ == "__main__":
    main()
