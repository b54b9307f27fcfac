"""Steps from other packages, installed by the operator under the entry point group `csvjobs.steps`."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from csvjobs.pipelines.step import Example, Step

GROUP = "csvjobs.steps"

log = logging.getLogger(__name__)


def installed(known: dict[str, type[Step]]) -> dict[str, type[Step]]:
    """The steps by their entry point names. A faulty one is skipped and logged: it must not stop the
    service."""
    found: dict[str, type[Step]] = {}
    for entry in sorted(entry_points(group=GROUP)):
        if fault := _fault(entry, step := _loaded(entry), {**known, **found}):
            log.error("the step %s of %s is left out: %s", entry.name, entry.value, fault)
        else:
            found[entry.name] = step
    return found


def _loaded(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:  # noqa: BLE001 (whatever a package does when it is imported)
        return error


def _fault(entry: EntryPoint, step: Any, known: dict[str, type[Step]]) -> str:
    """Why it is not a valid step; empty if it is one."""
    if isinstance(step, Exception):
        return f"{type(step).__name__}: {step}"
    if not (isinstance(step, type) and issubclass(step, Step)):
        return "it is no subclass of csvjobs.pipelines.step.Step"
    if entry.name in known:
        return "there is a step of that name already"
    if step.model_fields["step"].default != entry.name:
        return f"its field 'step' is {step.model_fields['step'].default!r}"
    if not isinstance(getattr(step, "example", None), Example):
        return "it has no example"
    return ""
