"""A face for LiveKit Agents: `pip install 'latentcam[livekit]'`; docs/plugins.md."""

from latentcam.plugins.livekit.avatar import FaceGenerator

__all__ = ["FaceGenerator"]
