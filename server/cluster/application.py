"""What Ray Serve runs: replicas, and the router in front of them.

Ray starts the processes, restarts those that die, adds and drains them, and passes HTTP and
WebSockets on. A voice and a face go between a caller and its replica directly.

Serve's routers and policies are an alpha API, hence the ceiling of `ray` in pyproject.toml.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import (
    AutoscalingConfig,
    AutoscalingContext,
    AutoscalingPolicy,
    DeploymentActorConfig,
    RequestRouterConfig,
)
from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica
from ray.serve.schema import LoggingConfig

from latentcam.server.app import make_app
from latentcam.server.cluster.gathered import Board, Report
from latentcam.server.cluster.placement import Load, Placer, wanted
from latentcam.server.cluster.replica_app import replica_app
from latentcam.server.cluster.size import Size
from latentcam.server.config import ServerConfig
from latentcam.server.lobby import Lobby
from latentcam.server.messages import Stats
from latentcam.server.metrics import Counted
from latentcam.server.streams import Streams
from latentcam.stream.engine import Engine

NAME = "latentcam"
BOARD = "board"
LOADS_EVERY = 0.5  # seconds between two looks at a replica's load
HEALTH_EVERY, HEALTH_LIMIT = 2.0, 10.0  # seconds; a process that dies is noticed at once
TRIES = 3  # to start a replica, before the command gives up
REQUESTS_AT_ONCE = 1000  # of a replica: of calls, which its lobby limits, and of files
ASK_LIMIT = 2.0  # seconds for a replica to say how busy it is
GROW_AFTER = 2.0  # seconds for which more replicas must be wanted
SPARE = 0.25  # share of all places that should be free
QUIET = LoggingConfig(log_level="WARNING", enable_access_log=False)

Begin = Callable[[], tuple[Engine, ServerConfig]]
"""Makes what a replica needs, in the replica's process."""


@serve.ingress()
class Replica:
    """One engine and its application, in a process of its own."""

    def __init__(self, begin: Begin) -> None:
        self._engine, self._config = begin()
        self._id = serve.get_replica_context().replica_id.unique_id

    def __serve_build_asgi_app__(self) -> Any:
        app = make_app(self._engine, self._config)
        self._lobby: Lobby = app.state.lobby
        self._streams: Streams = app.state.streams
        unreachable = (RayError, ValueError)  # ValueError: its name is not known at present
        return replica_app(
            app, self._lobby, self._config, self._id, self._post, self._read, unreachable
        )

    async def _post(self, report: Report | None) -> None:
        board = serve.get_deployment_actor(BOARD)
        if report is None:
            await board.leave.remote(self._id)
        else:
            await board.post.remote(self._id, report)

    async def _read(self) -> tuple[dict[str, Stats], Counted]:
        found: tuple[dict[str, Stats], Counted] = await serve.get_deployment_actor(
            BOARD
        ).read.remote()
        return found

    def record_routing_stats(self) -> dict[str, Any]:
        """For `CallRouter`."""
        engine = self._engine
        return {
            "sessions": engine.sessions,
            "places": engine.max_sessions,
            "streams": self._streams.names,
        }

    def record_autoscaling_stats(self) -> dict[str, float]:
        """For `replicas_wanted`."""
        return {
            "sessions": float(self._engine.sessions),
            "places": float(self._engine.max_sessions),
        }


class CallRouter(RequestRouter):
    """Chooses replicas as `Placer` does; where any will do, Serve takes the least busy."""

    # Serve asks a replica how busy it is before it hands on a request, and by default asks again
    # and again when that takes more than 0.1 s, as it may where eight callers dial at once.
    queue_len_response_deadline_s = max_queue_len_response_deadline_s = ASK_LIMIT

    def initialize_state(self, **_: Any) -> None:
        self._placer = Placer(Random(), time.monotonic)

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        if pending_request is None:
            return [candidate_replicas]
        replicas = {replica.replica_id.unique_id: replica for replica in candidate_replicas}
        loads = {name: Load(**replica.routing_stats) for name, replica in replicas.items()}
        chosen = self._placer.choose(path_of(pending_request), loads)
        return [[replicas[name]] for name in chosen] or [candidate_replicas]

    def on_request_routed(
        self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any
    ) -> None:
        self._placer.sent(path_of(pending_request), replica_id.unique_id)


def path_of(request: PendingRequest) -> str:
    """Of an HTTP request or a WebSocket, as Serve's proxy hands it on: pickled."""
    path: str = pickle.loads(request.args[0]).asgi_scope["path"]
    return path


def replicas_wanted(context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
    """The autoscaling policy. Serve calls it several times a second in its controller, and bounds
    and delays what it returns. A replica that is to go gets no new calls, and ends with its last.
    """
    figures: Mapping[str, Mapping[Any, float]] = context.aggregated_metrics or {}
    sessions, places = figures.get("sessions", {}), figures.get("places", {})
    if not places:  # nobody has said anything yet
        return context.target_num_replicas, {}
    return wanted(sum(sessions.values()), round(max(places.values())), SPARE), {}


def application(begin: Begin, size: Size) -> serve.Application:
    """What `serve.run` takes. begin: called in each replica's process, and so pickled."""
    deployment = serve.deployment(
        name="replica",
        num_replicas=size.least if size.least == size.most else None,
        autoscaling_config=None
        if size.least == size.most
        else AutoscalingConfig(
            min_replicas=size.least,
            initial_replicas=size.least,
            max_replicas=size.most,
            metrics_interval_s=1.0,
            look_back_period_s=3.0,
            upscale_delay_s=GROW_AFTER,
            downscale_delay_s=size.shrink_after,
            policy=AutoscalingPolicy(policy_function=replicas_wanted),
        ),
        ray_actor_options={"num_cpus": size.cpus, "num_gpus": size.gpus},
        max_constructor_retry_count=TRIES,
        max_ongoing_requests=REQUESTS_AT_ONCE,
        graceful_shutdown_timeout_s=size.drain,
        graceful_shutdown_wait_loop_s=1.0,
        health_check_period_s=HEALTH_EVERY,
        health_check_timeout_s=HEALTH_LIMIT,
        request_router_config=RequestRouterConfig(
            request_router_class=CallRouter, request_routing_stats_period_s=LOADS_EVERY
        ),
        deployment_actors=[
            DeploymentActorConfig(
                name=BOARD, actor_class=ray.remote(Board), actor_options={"num_cpus": 0}
            )
        ],
        logging_config=QUIET,
    )(Replica)
    return deployment.bind(begin)
