"""The person without what is behind: MediaPipe's selfie segmentation, its edge made finer.

Model file: https://ai.google.dev/edge/mediapipe/solutions/vision/image_segmenter, or the one inside
the npm package @mediapipe/selfie_segmentation (Apache-2.0), which lacks the description of its
input and gets it here. The mask is 256x256; a guided filter (He et al. 2010) lets it follow the
picture's own edges, and the colour of the person in half-transparent pixels is estimated as in
Forte 2021 ("Approximate fast foreground colour estimation"), so that no rim of the former
background stays on the hair.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol

Alpha = NDArray[np.float32]
"""float32 [H, W] in [0, 1]."""

Segment = Callable[[Rgb], Alpha]

GUIDE_RADIUS = 8  # pixels at a side of 512
GUIDE_EPSILON = 1e-4
CERTAIN = (0.08, 0.92)  # of the mask, stretched to 0 and 1
WIDE, NARROW = 61, 9  # pixels at a side of 512, of the two passes of colour estimation


class Segmenter:
    """model: selfie_segmenter.tflite or selfie_segmentation.tflite."""

    def __init__(self, model: Path) -> None:
        # Only here: mediapipe is an extra of its own.
        from mediapipe import Image, ImageFormat
        from mediapipe.tasks.python import BaseOptions, vision

        if not model.is_file():
            raise FileNotFoundError(
                f"{model} is no file, expected MediaPipe's selfie_segmenter.tflite"
            )
        options = vision.ImageSegmenterOptions(
            base_options=BaseOptions(model_asset_buffer=described(model.read_bytes())),
            output_confidence_masks=True,
            output_category_mask=False,
        )
        try:
            self._segmenter: Any = vision.ImageSegmenter.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise CannotEnrol(f"{model} is no segmenter that MediaPipe can use: {error}") from None
        self._image: Callable[[Rgb], Any] = lambda rgb: Image(ImageFormat.SRGB, rgb)

    def segment(self, picture: Rgb) -> Alpha:
        """How surely each pixel belongs to a person."""
        masks = self._segmenter.segment(self._image(np.ascontiguousarray(picture)))
        mask = np.array(masks.confidence_masks[-1].numpy_view(), np.float32)
        return mask.reshape(picture.shape[:2])


def described(model: bytes) -> bytes:
    """The model with a description of its input, which MediaPipe demands: RGB, 0 to 1."""
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as words
    from mediapipe.tasks.metadata import schema_py_generated as schema

    def packed(thing: Any, kind: bytes) -> bytes:
        builder = flatbuffers.Builder(0)
        builder.Finish(thing.Pack(builder), kind)
        return bytes(builder.Output())

    try:
        whole = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(model), 0))
    except Exception as error:  # whatever reading random bytes as offsets leads to
        raise CannotEnrol(f"the segmenter's file is not a TensorFlow Lite model: {error}") from None
    if any(part.name == b"TFLITE_METADATA" for part in whole.metadata or []):
        return model
    scale = words.NormalizationOptionsT()
    scale.mean, scale.std = [0.0], [255.0]
    unit = words.ProcessUnitT()
    unit.optionsType = words.ProcessUnitOptions.NormalizationOptions
    unit.options = scale
    colours = words.ImagePropertiesT()
    colours.colorSpace = words.ColorSpaceType.RGB
    content = words.ContentT()
    content.contentPropertiesType = words.ContentProperties.ImageProperties
    content.contentProperties = colours
    image, mask = words.TensorMetadataT(), words.TensorMetadataT()
    image.name, image.content, image.processUnits = "image", content, [unit]
    mask.name = "mask"
    graph = words.SubGraphMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata = [image], [mask]
    about = words.ModelMetadataT()
    about.name, about.subgraphMetadata, about.minParserVersion = "selfie", [graph], "1.0.0"
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(packed(about, b"M001"), np.uint8)
    whole.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(whole.buffers) - 1
    whole.metadata = [*(whole.metadata or []), entry]
    return packed(whole, b"TFL3")


def refine(mask: Alpha, picture: Rgb) -> Alpha:
    """The mask, along the edges that the picture has."""
    side = picture.shape[0] / 512
    guide = picture.astype(np.float32) / 255
    radius = max(2, round(GUIDE_RADIUS * side))
    fine = cv2.ximgproc.guidedFilter(guide, mask.astype(np.float32), radius, GUIDE_EPSILON)
    low, high = CERTAIN
    alpha: Alpha = np.clip((np.asarray(fine, np.float32) - low) / (high - low), 0, 1)
    return alpha


def premultiplied(picture: Rgb, alpha: Alpha) -> NDArray[np.uint8]:
    """uint8 [H, W, 4]: the person's own colours times alpha, and alpha."""
    side = picture.shape[0] / 512
    image, a = picture.astype(np.float32), alpha[..., None]
    person = image
    behind = image
    for width in (WIDE, NARROW):
        size = max(3, round(width * side) | 1)
        near = cv2.blur(alpha, (size, size))[..., None]
        person_near = cv2.blur(person * a, (size, size)) / (near + 1e-4)
        behind_near = cv2.blur(behind * (1 - a), (size, size)) / (1 - near + 1e-4)
        rest = image - a * person_near - (1 - a) * behind_near
        person = np.clip(person_near + a * rest, 0, 255)
        behind = behind_near
    done = np.concatenate([person * a, 255 * a], axis=2)
    return np.asarray(np.round(done), np.uint8)
