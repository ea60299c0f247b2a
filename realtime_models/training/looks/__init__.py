"""Path-traced training pictures: real heads, hair as strands, soft light, alpha.

From a folder of heads to shards, each step on its own (Python 3.11; bpy==5.0.1, meshoptimizer,
numpy, scipy, pillow, msgspec):

    python -m latentcam.realtime_models.training.looks.bank --heads HEADS --out CACHE
    python -m latentcam.realtime_models.training.looks.skins --cache CACHE
    python -m latentcam.realtime_models.training.looks.render --cache CACHE --out PICTURES
    python -m latentcam.realtime_models.training.looks.pack --pictures PICTURES --out SHARDS

The many cheap pictures that training begins with are the same command at --size 128 --samples 2.

Who: `identity.py` (any z), `cast.py` (the named), made flesh by `people.py` out of `rig.py`,
`hair.py`, `beard.py`, `lids.py`, `wear.py`, `eyes.py`. How: `expression.py`, `sculpt.py`. Seen by
`scene.py` and `materials.py`, the only ones that import Blender. `measure.py` judges.
"""
