"""How a pack is made, command by command: docs/training.md and every new card show this."""

from __future__ import annotations

PACKAGE = "python -m latentcam.realtime_models.training"

RETRAIN = (
    f"{PACKAGE}.looks.bank --heads HEADS --out CACHE",
    f"{PACKAGE}.looks.skins --cache CACHE",
    f"{PACKAGE}.looks.render --cache CACHE --out PICTURES",
    f"{PACKAGE}.looks.render --cache CACHE --out REST --rest --samples 24",
    f"{PACKAGE}.looks.pack --pictures PICTURES --out RENDERS",
    f"{PACKAGE}.generator.train --data RENDERS --textures REST --out GENERATOR",
    f"{PACKAGE}.motion.targets.calibrate --data SPEECH --renders RENDERS "
    "--out realtime_models/training/motion/targets/rendered_lips.json",
    f"{PACKAGE}.motion.data.synthesise --data SPEECH --out SAID",
    f"{PACKAGE}.motion.data.annotate --data SPEECH --said SAID --natural NATURAL "
    "--learners LEARNERS --out ANNOTATED",
    f"{PACKAGE}.motion.targets.prepare --data SPEECH --said SAID --natural NATURAL "
    "--learners LEARNERS --annotated ANNOTATED --out PREPARED",
    f"{PACKAGE}.motion.train --prepared PREPARED --out MOTION",
    f"{PACKAGE}.motion.read_out --data SPEECH --said SAID --natural NATURAL "
    "--learners LEARNERS --annotated ANNOTATED --pack MOTION --out LIPS",
    f"{PACKAGE}.make_pack --generator GENERATOR/checkpoint.pt --textures REST --motion LIPS "
    "--smaller 256 --licence LICENCE --provenance PROVENANCE --consent CONSENT --out PACK",
    f"{PACKAGE}.smaller --avatar PACK",
    f"{PACKAGE}.seal --avatar PACK --model face_landmarker.task",
)

LIGHT = (
    f"{PACKAGE}.generator.light --avatar PACK --out LIGHT",
    f"{PACKAGE}.make_pack --base PACK --light LIGHT/light.pt --licence LICENCE "
    "--provenance PROVENANCE --consent CONSENT --out PACK",
)
"""What a pack with a light branch needs besides."""
