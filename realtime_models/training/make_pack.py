"""Put a trained generator and a trained motion model together as an avatar pack.

`python -m latentcam.realtime_models.training.make_pack --generator CHECKPOINT \\
    --motion FOLDER --out PACK`

One of the two may be left out: `--base PACK` gives it, unchanged. Of several checkpoints, and of
several folders, the pack gets the mean of their weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors.numpy import load_file

from latentcam.realtime_models.avatar_pack import (
    FORMAT,
    AvatarPack,
    Card,
    Tensors,
    load_pack,
    sha256,
)
from latentcam.realtime_models.axes import FACE_AXES, Axis
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.basis import global_pca
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.network import Generator
from latentcam.realtime_models.motion.model import MotionConfig
from latentcam.realtime_models.training.expressions import EMOTION_AXES, SAMPLES, emotion_basis
from latentcam.realtime_models.training.generator.data import axis_scale
from latentcam.realtime_models.training.heads.identity import CURATED, curated_z
from latentcam.realtime_models.training.int8 import int8_layers, ready_for_int8
from latentcam.realtime_models.training.weights import save_weights

PCA_AXES = 8
PCA_RANGE = 2.0  # standard deviations
W_SAMPLES = 10_000
TRUNCATION_PSI = 0.7
ARTICULATION = 1.5
Names = tuple[str, ...]
GENERATOR_FILE, MOTION_FILE = "generator.safetensors", "motion.safetensors"

PROVENANCE = (
    "Generator: trained from scratch on heads rendered from MakeHuman's CC0 assets by "
    "realtime_models.training.heads. Motion model: trained on speech with tracked lips of the GRID "
    "corpus (CC BY 4.0, Cooke et al. 2006) and on speech with phone times: LJ Speech (public "
    "domain), speechocean762 (Zhang et al. 2021, free for any use), LibriSpeech (CC BY 4.0, "
    "Panayotov et al. 2015), VCTK (CC BY 4.0, Veaux et al. 2017), Common Voice (CC0), CMU Arctic "
    "prompts read by Kathleen (CC0), wake words of many speakers (Picovoice, Apache-2.0), "
    "sentences of voices of flite, festival and espeak-ng, and vowels made of numbers."
)
LICENCE = "Apache-2.0"
CONSENT = "The faces are computer graphics and show no real person."
RETRAIN = (
    "python -m latentcam.realtime_models.training.heads.render --assets MAKEHUMAN --out RENDERS",
    "python -m latentcam.realtime_models.training.generator.train --data RENDERS --out GENERATOR",
    "python -m latentcam.realtime_models.training.motion.targets.calibrate --data SPEECH "
    "--renders RENDERS --out realtime_models/training/motion/targets/rendered_lips.json",
    "python -m latentcam.realtime_models.training.motion.data.synthesise --data SPEECH --out SAID",
    "python -m latentcam.realtime_models.training.motion.data.annotate --data SPEECH --said SAID "
    "--natural NATURAL --learners LEARNERS --out ANNOTATED",
    "python -m latentcam.realtime_models.training.motion.targets.prepare --data SPEECH --said SAID "
    "--natural NATURAL --learners LEARNERS --annotated ANNOTATED --out PREPARED",
    "python -m latentcam.realtime_models.training.motion.train --prepared PREPARED --out MOTION",
    "python -m latentcam.realtime_models.training.make_pack --generator GENERATOR/checkpoint.pt "
    "--motion MOTION --out PACK",
    "python -m latentcam.realtime_models.training.seal --avatar PACK --model face_landmarker.task",
)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--generator", type=Path, nargs="+", default=[],
        help="checkpoint.pt; of several that continue one another, the mean of their averages",
    )  # fmt: skip
    parser.add_argument(
        "--motion", type=Path, nargs="+", default=[],
        help="folders of motion.safetensors; of several that continue one another, the mean",
    )  # fmt: skip
    parser.add_argument("--base", type=Path, help="a pack that gives the part not given")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack; may be --base")
    args = parser.parse_args(argv)
    if not args.base and not (args.generator and args.motion):
        parser.error("got only one part, expected --generator and --motion, or --base PACK")
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        base = load_pack(str(args.base)) if args.base else None
        generator, int8, crowded, axes, identities, psi = _generator_part(
            args.generator, args.out, base
        )
    except (AvatarPackError, FileNotFoundError) as error:
        parser.error(str(error))
    motion, articulation = _motion_part(args.motion, args.out, base)
    # Whose faces they are is said by whoever made them.
    about = base.card if base and not args.generator else None
    card = Card(
        format=FORMAT,
        name=args.out.name,
        licence=about.licence if about else LICENCE,
        provenance=about.provenance if about else PROVENANCE,
        consent=about.consent if about else CONSENT,
        retrain=about.retrain if about else RETRAIN,
        generator=generator,
        int8=int8,
        int8_crowded=crowded,
        truncation_psi=psi,
        motion=motion,
        articulation=articulation,
        axes=axes,
        identities=identities,
        digests={name: sha256(args.out / name) for name in (GENERATOR_FILE, MOTION_FILE)},
    )
    (args.out / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {size / 1e6:.1f} MB")


def _generator_part(
    checkpoints: Sequence[Path], out: Path, base: AvatarPack | None
) -> tuple[GeneratorConfig, Names, Names, tuple[Axis, ...], Names, float]:
    """Write generator.safetensors; what the card says of it: sizes, layers for int8, alone and
    crowded, axes, faces, truncation."""
    if not checkpoints:
        assert base is not None
        _save(base.generator, out / GENERATOR_FILE)
        card = base.card
        return (
            card.generator, card.int8, card.int8_crowded,
            card.axes, card.identities, card.truncation_psi,
        )  # fmt: skip
    config, state = mean_generator(checkpoints)
    tensors, axes = generator_tensors(config, state)
    int8, crowded = int8_layers(config)
    _save(ready_for_int8(config, tensors, axes, (*int8, *crowded)), out / GENERATOR_FILE)
    return config, int8, crowded, axes, tuple(CURATED), TRUNCATION_PSI


def mean_generator(paths: Sequence[Path]) -> tuple[GeneratorConfig, dict[str, torch.Tensor]]:
    """Configuration and mean of the moving averages of trainings that went on from one another
    (Wortsman et al. 2022, "Model soups"). Raises AvatarPackError where their networks differ."""
    configs, states = [], []
    for path in paths:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        configs.append(checkpoint["config"])
        states.append(checkpoint["ema"])
        shapes = [{n: t.shape for n, t in state.items()} for state in (states[0], states[-1])]
        if configs[-1] != configs[0] or shapes[0] != shapes[1]:
            raise AvatarPackError(
                f"{path} holds another network than {paths[0]}, expected one configuration"
            )
    mean = {name: torch.stack([s[name] for s in states]).mean(dim=0) for name in states[0]}
    return GeneratorConfig(**configs[0]), mean


def _motion_part(
    folders: Sequence[Path], out: Path, base: AvatarPack | None
) -> tuple[MotionConfig, float]:
    """Write motion.safetensors; what the card says of it: sizes, articulation.

    The mean of the weights of trainings that went on from one another tells more of voices unheard
    than any of them (Wortsman et al. 2022, "Model soups").
    """
    if not folders:
        assert base is not None
        _save(base.motion, out / MOTION_FILE)
        return base.card.motion, base.card.articulation
    parts = [load_file(folder / MOTION_FILE) for folder in folders]
    mean = {key: np.mean([part[key] for part in parts], axis=0) for key in parts[0]}
    _save(mean, out / MOTION_FILE)
    trained = msgspec.json.decode((folders[-1] / "motion.json").read_bytes())
    return MotionConfig.from_json(trained["config"]), ARTICULATION


def _save(tensors: Tensors, path: Path) -> None:
    """As float16: a pack's weights that were float16 before come out bit for bit the same."""
    save_weights({key: tensor.astype(np.float16) for key, tensor in tensors.items()}, path)


@torch.no_grad()
def generator_tensors(
    config: GeneratorConfig, state: dict[str, torch.Tensor]
) -> tuple[dict[str, np.ndarray], tuple[Axis, ...]]:
    """Tensors of generator.safetensors and its axes: named ones, emotions, PCA.

    The basis learned on axes over their range; the pack's is in the axes' own units.
    """
    motion_layers = state["basis"].shape[0]
    generator = Generator(config, len(FACE_AXES), motion_layers).eval()
    generator.load_state_dict(state)
    torch.manual_seed(0)
    w = generator.mapping(torch.randn(W_SAMPLES, config.z_dim))
    generator.mapping.w_avg.copy_(w.mean(dim=0))
    named = (generator.basis / axis_scale()).numpy()
    emotions = emotion_basis(w[:SAMPLES].numpy(), named)
    moving = np.concatenate([named, emotions], axis=2)
    rest = ((0, config.num_ws - motion_layers), (0, 0), (0, 0))
    pca = np.repeat(global_pca(w.numpy(), PCA_AXES)[None], config.num_ws, axis=0)
    basis = np.concatenate([np.pad(moving, rest), pca], axis=2)
    z = torch.from_numpy(np.stack([curated_z(name) for name in CURATED]))
    identities = generator.mapping(z)[:, None].repeat(1, config.num_ws, 1)
    tensors = {
        name: tensor.numpy() for name, tensor in generator.state_dict().items() if name != "basis"
    }
    tensors.update(basis=basis, identities=identities.numpy())
    components = (Axis(f"pca{i}", -PCA_RANGE, PCA_RANGE, "std") for i in range(PCA_AXES))
    return tensors, (*FACE_AXES, *EMOTION_AXES, *components)


if __name__ == "__main__":
    main()
