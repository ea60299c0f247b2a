"""A face for pipecat: `pip install 'latentcam[pipecat]'`; docs/plugins.md."""

from latentcam.plugins.pipecat.processor import FaceProcessor

__all__ = ["FaceProcessor"]
