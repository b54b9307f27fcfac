"""What the flow works with: the seams, already joined to concrete adapters by wiring."""

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
    """Everything that a verb of the flow may use. `engine` makes one run's engine with its scratch folder."""

    settings: Settings
    storage: Storage
    index: JobIndex
    queue: JobQueue
    pipelines: NamedPipelines
    tables: NamedTables
    engine: Callable[[Path], Engine]
