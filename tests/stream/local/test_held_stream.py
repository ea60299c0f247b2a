"""A stream that is held, and given up for a moment."""

from __future__ import annotations

import asyncio

import pytest

from latentcam.stream.errors import DeviceError
from latentcam.stream.local.held_stream import HeldStream
from latentcam.stream.local.sound_devices import Stream
from tests.aio import Inline, run_virtual


class Port:
    """What PortAudio gives."""

    def __init__(self) -> None:
        self.open = 0

    def close(self, ignore_errors: bool) -> None:
        self.open -= 1


class Held(HeldStream):
    def __init__(self, port: Port) -> None:
        super().__init__(Inline())
        self.port, self.there = port, True

    async def open(self) -> None:
        if not self.there:
            raise DeviceError("gone", "plug it in")
        self.port.open += 1
        self._stream = Stream(self.port)


def test_it_is_closed_inside_and_open_again_after() -> None:
    async def scene() -> None:
        port = Port()
        held = Held(port)
        await held.open()
        async with held.aside():
            assert port.open == 0
        assert port.open == 1
        await held.close()
        await held.close()
        async with held.aside():
            pass
        assert port.open == 0  # as it was

    run_virtual(scene())


def test_a_device_that_went_away_meanwhile_is_left_to_who_watches_it() -> None:
    async def scene() -> None:
        held = Held(Port())
        await held.open()
        async with held.aside():
            held.there = False
        assert held.port.open == 0
        async with held.aside():  # nobody waits for ever
            pass

    run_virtual(scene())


def test_cancelled_inside_it_stays_closed() -> None:
    async def scene() -> None:
        held = Held(Port())
        await held.open()
        with pytest.raises(asyncio.CancelledError):
            async with held.aside():
                raise asyncio.CancelledError
        assert held.port.open == 0

    run_virtual(scene())
