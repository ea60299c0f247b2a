"""How large a cluster may be, and what each of its replicas takes."""

from __future__ import annotations

import math

import msgspec

from latentcam.server.errors import ConfigError


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """least, most: replicas. cpus, gpus: of a replica, as Ray counts them. drain: seconds after
    which the calls of a replica that is to go are cut. shrink_after: seconds for which fewer
    replicas must be wanted before one goes."""

    least: int
    most: int
    cpus: float
    gpus: float
    drain: float
    shrink_after: float

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ConfigError(
                f"got {self.least} to {self.most} replicas, expected at least 1, and the least "
                "number first"
            )
        if not 0 < self.cpus < math.inf:
            raise ConfigError(f"--cpus is {self.cpus:g}, expected more than 0")
        if not 0 <= self.gpus < math.inf:
            raise ConfigError(f"--gpus is {self.gpus:g}, expected 0 or more")
        if not 0 < self.drain < math.inf:
            raise ConfigError(f"--drain is {self.drain:g}, expected seconds, more than 0")
        if not 0 <= self.shrink_after < math.inf:
            raise ConfigError(f"--shrink-after is {self.shrink_after:g}, expected 0 or more")
