"""A session whose face is drawn elsewhere: its motion leaves instead of pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from latentcam.realtime_models.arrays import Latent
from latentcam.stream.messages import Motion


class LatentSession:
    """Hands on every motion, in order. What a person may change of a `Session` may be changed here;
    whose face it is matters only to whoever draws it."""

    skipped = 0

    def __init__(
        self, source: AsyncIterator[Motion], send: Callable[[Motion], None], anchor: Latent
    ) -> None:
        """send: must return at once."""
        self._source, self._send = source, send
        self.anchor = anchor

    def morph(self, anchor: Latent, seconds: float) -> None:
        """As `Session.morph`; there is nothing between two faces to be seen here."""
        self.anchor = anchor

    async def run(self) -> None:
        """Run until the source ends. Cancelling is a normal way to end."""
        async for motion in self._source:
            self._send(motion)
