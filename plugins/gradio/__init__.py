"""A face for Gradio, by fastrtc: `pip install 'latentcam[gradio]'`; docs/plugins.md."""

from latentcam.plugins.gradio.handler import FaceHandler

__all__ = ["FaceHandler"]
