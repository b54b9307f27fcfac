"""Builds Services from Settings: the only place that chooses the adapter for each interface."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from csvjobs.errors import BadSetup
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


def services(settings: Settings, *, make: bool = True) -> Services:
    """The services of the API and the worker: jobs in folders; queue and index in Redis. make: as for
    `storage`."""
    # Imported here: commands that need no server would take half as long again to start.
    from csvjobs.circuit_breaker import CircuitBreaker
    from csvjobs.jobs.redis import RedisIndex
    from csvjobs.queues.rq import RqQueue

    redis, stored, breaker = connect(settings.redis_url), storage(settings, make=make), CircuitBreaker()
    name = shared_name(stored)
    index, queue = RedisIndex(redis, name, breaker), RqQueue(redis, settings.job_timeout, name, breaker)
    return _services(settings, stored, index, queue)


def storage(settings: Settings, *, make: bool = True) -> Storage:
    """The storage of the jobs: local folders. make: whether the jobs folder is made if it is missing. Whoever
    joins a service that runs must not: the disk may be away for a while, and an empty folder in its place
    would take jobs that are hidden when it is back. Raises BadSetup."""
    return LocalStorage(settings.jobs_dir, make=make)


def shared_name(stored: Storage) -> str:
    """The name of the queue and the index in Redis, unique to the jobs folder: a service with another folder
    must not take these jobs."""
    return f"csvjobs-{stored.identity()}"


def local(settings: Settings, folder: Path) -> Services:
    """The services without a server, for one file in this process."""
    return _services(settings, LocalStorage(folder), MemoryIndex(), InlineQueue())


def _services(settings: Settings, storage: Storage, index: JobIndex, queue: JobQueue) -> Services:
    # Imported here: a worker does not need the engine and the steps; its child does.
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
    """A Redis client that tries twice, for 2 s each, so that no request hangs on a dead server. Raises
    BadSetup for an address with options that there are not."""
    from redis import Redis
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import TimeoutError as RedisTimeoutError
    from redis.retry import Retry

    try:
        client = Redis.from_url(
            url,
            socket_connect_timeout=2,
            socket_timeout=2,
            retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.1), 1),
            retry_on_error=[RedisConnectionError, RedisTimeoutError],
        )
        # It does not connect, but looks at the options in the address.
        client.connection_pool.make_connection()
    except (TypeError, ValueError) as error:
        raise BadSetup(f"REDIS_URL has an option that cannot be used: {str(error).rstrip('.')}.") from None
    return client
