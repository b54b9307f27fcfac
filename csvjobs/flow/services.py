"""Services: the settings and adapters that the flow works with, put together by wiring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from csvjobs.engines.base import Engine
from csvjobs.flow.named_tables import NamedTables
from csvjobs.jobs.base import JobIndex
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.queues.base import JobQueue
from csvjobs.settings import Settings
from csvjobs.storage.base import Storage


@dataclass(frozen=True)
class Services:
    """The dependencies of every function of the flow. `engine` makes an engine on a scratch folder."""

    settings: Settings
    storage: Storage
    index: JobIndex
    queue: JobQueue
    pipelines: NamedPipelines
    tables: NamedTables
    engine: Callable[[Path], Engine]
