"""Put a trained generator and a trained motion model together as an avatar pack.

`python -m latentcam.realtime_models.training.make_pack --generator CHECKPOINT \\
    --motion FOLDER --licence WORDS --provenance WORDS --consent WORDS --out PACK`

Either may be left out: `--base PACK` then provides it, unchanged; with `--borrow` the new pack only
names the base's file, which stays where it is. Given several checkpoints or folders, the pack gets
the mean of their weights. Licence, provenance and consent are stated anew for every pack: only its
maker knows them. `--smaller` names smaller sizes at which the generator was trained, too; `--light`
adds a light branch that learned from it, `--textures` the faces that a generator with a flow moves;
`--emotions` finds the directions of emotions of the base's generator anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from latentcam.realtime_models.avatar_pack import MOTION_FILE, AvatarPack, Tensors, load_pack
from latentcam.realtime_models.axes import FACE_AXES, Axis
from latentcam.realtime_models.card import FORMAT, Calibration, Card, Files, Light, Weights
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.basis import global_pca
from latentcam.realtime_models.generator.latents import z_to_w
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.network import Generator
from latentcam.realtime_models.motion.model import MotionConfig
from latentcam.realtime_models.pack_places import find_lender, find_pack
from latentcam.realtime_models.training.expressions import EMOTION_AXES, SAMPLES, emotion_basis
from latentcam.realtime_models.training.generator.data import load_textures, reach
from latentcam.realtime_models.training.int8 import int8_layers, ready_for_int8
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.identity import cast_z
from latentcam.realtime_models.training.retrain import LIGHT, RETRAIN
from latentcam.realtime_models.training.write_pack import (
    borrowed,
    unwritten,
    write_card,
    write_generator,
    write_identities,
    write_light,
    write_motion,
    write_textures,
)

PCA_AXES = 8
PCA_RANGE = 2.0  # standard deviations
W_SAMPLES = 10_000
TRUNCATION_PSI = 0.7
ARTICULATION = 1.5


class GeneratorPart(NamedTuple):
    """A generator's tensors with what a card says of them."""

    config: GeneratorConfig
    tensors: Tensors
    identities: NDArray[np.float32]
    axes: tuple[Axis, ...]
    names: tuple[str, ...]
    int8: tuple[str, ...]
    int8_crowded: tuple[str, ...]
    smaller: tuple[int, ...]
    truncation_psi: float
    textures: NDArray[np.uint8] | None


class LightPart(NamedTuple):
    """A light branch's tensors with what a card says of it."""

    light: Light
    tensors: Tensors


class MotionPart(NamedTuple):
    """A motion model's tensors with what a card says of them."""

    config: MotionConfig
    tensors: Tensors
    calibration: Calibration


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
    parser.add_argument(
        "--smaller", type=int, nargs="+",
        help="sizes below its resolution at which the generator was trained, too",
    )  # fmt: skip
    parser.add_argument(
        "--light", type=Path, help="checkpoint of training.generator.light, of this generator"
    )
    parser.add_argument(
        "--textures", type=Path, help="folder of looks.render --rest that --generator learned with"
    )
    parser.add_argument(
        "--emotions", action="store_true", help="find the base's directions of emotions anew"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack; may be --base")
    parser.add_argument(
        "--borrow", action="store_true", help="leave the base's weights where they are"
    )
    parser.add_argument(
        "--licence", required=True, help="of the pack, in words or by its SPDX name"
    )
    parser.add_argument("--provenance", required=True, help="what the pack was made of")
    parser.add_argument("--consent", required=True, help="who is shown, and that they agreed")
    args = parser.parse_args(argv)
    for word in ("licence", "provenance", "consent"):
        if not getattr(args, word).strip():
            parser.error(f"--{word} is empty, expected words that say it")
    if not args.base and not (args.generator and args.motion):
        parser.error("got only one part, expected --generator and --motion, or --base PACK")
    if args.borrow and not args.base:
        parser.error("got --borrow without --base PACK, expected the pack to borrow from")
    if args.emotions and (args.generator or args.borrow or not args.base):
        parser.error(
            "got --emotions, expected it with --base PACK, without --generator or --borrow"
        )
    try:
        base = load_pack(str(args.base)) if args.base else None
        generator = _generator_part(args.generator, base, args.textures)
        if args.smaller is not None:
            generator = generator._replace(smaller=tuple(sorted(args.smaller, reverse=True)))
        light = _light_part(args.light, generator, base if not args.generator else None)
        if args.emotions:
            generator = generator._replace(tensors=with_emotions(generator))
        motion = _motion_part(args.motion, base)
        # Made, and so checked, before anything is written.
        card = Card(
            format=FORMAT,
            name=args.out.name,
            licence=args.licence.strip(),
            provenance=args.provenance.strip(),
            consent=args.consent.strip(),
            retrain=_retrain(base if not args.generator else None, args.light),
            files=unwritten(light is not None, generator.textures is not None),
            generator=generator.config,
            int8=generator.int8,
            int8_crowded=generator.int8_crowded,
            smaller=generator.smaller,
            light=light and light.light,
            truncation_psi=generator.truncation_psi,
            axes=generator.axes,
            motion=motion.config,
            calibration=motion.calibration,
            identities=generator.names,
        )
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    lent: dict[str, Weights] = {}
    if base and args.borrow:
        lender = find_pack(str(args.base))
        # A new generator has no light branch of the base's.
        parts = [
            ("generator", args.generator), ("motion", args.motion),
            ("light", args.light or args.generator),
        ]  # fmt: skip
        lent = {
            part: borrowed(weights, lender.name)
            for part, given in parts
            if not given and (weights := getattr(base.card.files, part))
        }
        for name in {weights.borrow or "" for weights in lent.values()}:
            found = find_lender(args.out, name)
            if found is None or found.resolve() == args.out.resolve():
                parser.error(
                    f"{args.out} would borrow from the pack {name}, expected that one installed, "
                    "or beside it"
                )
    args.out.mkdir(parents=True, exist_ok=True)
    files = Files(
        generator=lent.get("generator") or write_generator(args.out, generator.tensors),
        motion=lent.get("motion") or write_motion(args.out, motion.tensors),
        identities=write_identities(args.out, generator.identities),
        light=lent.get("light") or (write_light(args.out, light.tensors) if light else None),
        textures=None
        if generator.textures is None
        else write_textures(args.out, generator.textures),
    )
    write_card(args.out, msgspec.structs.replace(card, files=files))
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {size / 1e6:.1f} MB")


def _retrain(base: AvatarPack | None, light: Path | None) -> tuple[str, ...]:
    """The commands that a card shows."""
    commands = RETRAIN if base is None else base.card.retrain
    return commands if light is None else (*(c for c in commands if c not in LIGHT), *LIGHT)


def _generator_part(
    checkpoints: Sequence[Path], base: AvatarPack | None, textures: Path | None
) -> GeneratorPart:
    """The generator of new checkpoints with its textures, or else the base's."""
    if not checkpoints:
        assert base is not None
        card = base.card
        return GeneratorPart(
            card.generator, base.generator, base.identities, card.axes, card.identities,
            card.int8, card.int8_crowded, card.smaller, card.truncation_psi,
            None if base.textures is None else base.textures.pictures,
        )  # fmt: skip
    config, state = mean_generator(checkpoints)
    if (textures is not None) != bool(config.flow):
        raise AvatarPackError(
            f"{checkpoints[0]} holds a generator that draws {'a' if config.flow else 'no'} flow, "
            f"expected {'--textures' if config.flow else 'no --textures'} with it"
        )
    tensors, identities, axes = generator_tensors(config, state)
    int8, crowded = int8_layers(config)
    tensors = ready_for_int8(config, tensors, identities, axes, (*int8, *crowded))
    return GeneratorPart(
        config, tensors, identities, axes, tuple(CAST), int8, crowded, (), TRUNCATION_PSI,
        None if textures is None else load_textures(textures, list(CAST), config),
    )  # fmt: skip


def with_emotions(generator: GeneratorPart) -> Tensors:
    """The generator's tensors, the columns of V that are emotions found anew.

    Raises AvatarPackError for a generator that has none, or other axes than FACE_AXES before them.
    """
    expected = (*FACE_AXES, *EMOTION_AXES)
    if generator.axes[: len(expected)] != expected:
        raise AvatarPackError(
            f"the base's axes begin with {', '.join(axis.name for axis in generator.axes[:3])}, "
            "expected those of a generator that learned from renders, and its emotions"
        )
    basis = generator.tensors["basis"].copy()
    named = basis[:, :, : len(FACE_AXES)]
    moving = int(np.flatnonzero(named.any(axis=(1, 2))).max()) + 1
    z = np.random.default_rng(0).standard_normal((SAMPLES, generator.config.z_dim))
    w = z_to_w(generator.config, generator.tensors, z.astype(np.float32))
    columns = slice(len(FACE_AXES), len(expected))
    basis[:moving, :, columns] = emotion_basis(w, named[:moving])
    return {**generator.tensors, "basis": basis}


def _light_part(
    checkpoint: Path | None, generator: GeneratorPart, base: AvatarPack | None
) -> LightPart | None:
    """The light branch of a checkpoint, made ready for int8, or else the base's, if any.

    Raises AvatarPackError for one that learned from another generator.
    """
    if checkpoint is None:
        if base is None or base.card.light is None or base.light is None:
            return None
        return LightPart(base.card.light, base.light)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    try:
        config = msgspec.convert(state["config"], GeneratorConfig)
    except msgspec.ValidationError as error:
        raise AvatarPackError(
            f"{checkpoint} is a checkpoint of another version of the training: {error}"
        ) from None
    if base is None or state["of"] != base.card.files.generator.digest:
        raise AvatarPackError(
            f"{checkpoint} learned from another generator, expected --base with the pack that it "
            "learned from"
        )
    rows = config.num_ws
    network = {f"synthesis.{name}": tensor.numpy() for name, tensor in state["ema"].items()}
    whole = {**network, "basis": generator.tensors["basis"][:rows]}
    int8, crowded = int8_layers(config)
    faces = generator.identities[:, :rows]
    ready = ready_for_int8(config, whole, faces, generator.axes, (*int8, *crowded))
    light = Light(config.resolution, config.layers, int8, crowded)
    return LightPart(light, {name: ready[name] for name in network})


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
    try:
        return msgspec.convert(configs[0], GeneratorConfig), mean
    except msgspec.ValidationError as error:
        raise AvatarPackError(
            f"{paths[0]} is a checkpoint of another version of the training: {error}"
        ) from None


def _motion_part(folders: Sequence[Path], base: AvatarPack | None) -> MotionPart:
    """The motion model of new trainings, or else the base's.

    The mean of the weights of trainings that went on from one another tells more of voices unheard
    than any of them (Wortsman et al. 2022, "Model soups").
    """
    if not folders:
        assert base is not None
        return MotionPart(base.card.motion, base.motion, base.card.calibration)
    parts = [load_file(folder / MOTION_FILE) for folder in folders]
    mean = {key: np.mean([part[key] for part in parts], axis=0) for key in parts[0]}
    trained = msgspec.json.decode((folders[-1] / "motion.json").read_bytes())
    config = MotionConfig.from_json(trained["config"])
    return MotionPart(config, mean, Calibration.straight(ARTICULATION, config.axes))


@torch.no_grad()
def generator_tensors(
    config: GeneratorConfig, state: dict[str, torch.Tensor]
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32], tuple[Axis, ...]]:
    """Tensors of generator.safetensors, the curated identities, and the axes: named ones, emotions,
    PCA.

    The basis learned on axes over their range; the pack's is in the axes' own units.
    """
    motion_layers = state["basis"].shape[0]
    generator = Generator(config, len(FACE_AXES), motion_layers).eval()
    generator.load_state_dict(state)
    torch.manual_seed(0)
    w = generator.mapping(torch.randn(W_SAMPLES, config.z_dim))
    generator.mapping.w_avg.copy_(w.mean(dim=0))
    named = (generator.basis / reach(FACE_AXES)).numpy()
    emotions = emotion_basis(w[:SAMPLES].numpy(), named)
    moving = np.concatenate([named, emotions], axis=2)
    rest = ((0, config.num_ws - motion_layers), (0, 0), (0, 0))
    pca = np.repeat(global_pca(w.numpy(), PCA_AXES)[None], config.num_ws, axis=0)
    basis = np.concatenate([np.pad(moving, rest), pca], axis=2)
    z = torch.from_numpy(np.stack([cast_z(name) for name in CAST]))
    identities = generator.mapping(z)[:, None].repeat(1, config.num_ws, 1)
    tensors = {
        name: tensor.numpy() for name, tensor in generator.state_dict().items() if name != "basis"
    }
    tensors["basis"] = basis
    components = (Axis(f"pca{i}", -PCA_RANGE, PCA_RANGE, "std") for i in range(PCA_AXES))
    return tensors, identities.numpy(), (*FACE_AXES, *EMOTION_AXES, *components)


if __name__ == "__main__":
    main()
