"""Starts Ray where none runs, deploys the application, and ends with the command."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from latentcam.server.cluster.size import Size
from latentcam.server.config import ServerConfig
from latentcam.server.endings import orderly
from latentcam.server.errors import ConfigError
from latentcam.server.run import greet, listen
from latentcam.stream.engine import Engine

OBJECT_STORE = 100 * 2**20  # bytes of shared memory, near Ray's least: no picture passes through it


def run_cluster(
    begin: Callable[[], tuple[Engine, ServerConfig]],
    config: ServerConfig,
    size: Size,
    address: str | None,
) -> None:
    """Serve until interrupted. Raises ConfigError where the replicas do not start.

    begin: makes what a replica needs, in its process. address: of a Ray cluster that runs; None
    starts one of this machine, which ends with the command.
    """
    with listen(config.host, config.port) as listener:  # Serve knows no 0, and no short sentence
        port = listener.getsockname()[1]
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told how this runs
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions, ProxyLocation

    from latentcam.server.cluster.application import NAME, QUIET, application

    for name in ("ray.serve", "ray._private.authentication"):  # what goes as it should
        logging.getLogger(name).setLevel(logging.ERROR)
    own = (
        {}
        if address
        else {
            "num_cpus": max(1, round(size.most * size.cpus)),
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE,
        }
    )
    try:
        ray.init(address or "local", logging_level=logging.WARNING, **own)
    except (ConnectionError, RuntimeError) as error:
        raise ConfigError(f"Ray does not start: {str(error).splitlines()[0]}") from None
    try:
        with orderly():
            http = HTTPOptions(
                host=config.host,
                port=port,
                ssl_certfile=config.tls_cert and str(config.tls_cert),
                ssl_keyfile=config.tls_key and str(config.tls_key),
            )
            everywhere = ProxyLocation.EveryNode
            serve.start(proxy_location=everywhere, http_options=http, logging_config=QUIET)
            try:
                serve.run(application(begin, size), name=NAME)
            except RuntimeError as error:
                cause = str(error).strip().splitlines()[-1]
                raise ConfigError(f"the replicas do not start: {cause}") from None
            greet(config, port)
            threading.Event().wait()
    finally:
        ray.shutdown()
