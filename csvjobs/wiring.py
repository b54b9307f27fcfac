"""Settings in, Services out: the one place that knows which adapter stands behind each seam."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from csvjobs.jobs.base import JobIndex
from csvjobs.jobs.memory import MemoryIndex
from csvjobs.queues.base import JobQueue
from csvjobs.queues.inline import InlineQueue
from csvjobs.settings import Settings
from csvjobs.storage.base import Storage
from csvjobs.storage.local import LocalStorage

if TYPE_CHECKING:
    from redis import Redis

    from csvjobs.flow.services import Services


def services(settings: Settings) -> Services:
    """The services of the API and the worker: folders, and Redis for all that is live."""
    # Only here: a command that needs no server would take half as long again to start.
    from csvjobs.circuit_breaker import CircuitBreaker
    from csvjobs.jobs.redis import RedisIndex
    from csvjobs.queues.rq import RqQueue

    redis, name, breaker = connect(settings.redis_url), shared_name(settings), CircuitBreaker()
    index, queue = RedisIndex(redis, name, breaker), RqQueue(redis, settings.job_timeout, name, breaker)
    return _services(settings, storage(settings), index, queue)


def storage(settings: Settings) -> Storage:
    """Where the jobs are."""
    return LocalStorage(settings.jobs_dir)


def shared_name(settings: Settings) -> str:
    """What the queue and the index of these jobs are called in Redis: another service there, with a folder
    of its own, must not take them."""
    return f"csvjobs-{storage(settings).identity()}"


def local(settings: Settings, folder: Path) -> Services:
    """The same without any server, for one file in this process."""
    return _services(settings, LocalStorage(folder), MemoryIndex(), InlineQueue())


def _services(settings: Settings, storage: Storage, index: JobIndex, queue: JobQueue) -> Services:
    # Only here: a worker leaves the engine and the steps to its child.
    from csvjobs.engines.duckdb import DuckEngine
    from csvjobs.flow.named_tables import FOLDER, NamedTables
    from csvjobs.flow.services import Services
    from csvjobs.pipelines.named import NamedPipelines

    key = settings.mask_key.get_secret_value() if settings.mask_key else ""
    return Services(
        settings=settings,
        storage=storage,
        index=index,
        queue=queue,
        pipelines=NamedPipelines(settings.pipelines_dir),
        tables=NamedTables(settings.pipelines_dir / FOLDER),
        engine=partial(DuckEngine, memory=settings.engine_memory, key=key.encode(), idle=[]),
    )


def connect(url: str) -> Redis:
    """A client that tries twice, for 2 s each: a request must not hang on a dead server."""
    from redis import Redis
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import TimeoutError as RedisTimeoutError
    from redis.retry import Retry

    return Redis.from_url(
        url,
        socket_connect_timeout=2,
        socket_timeout=2,
        retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.1), 1),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
