"""Idempotency keys: a request repeated with the same key gets the job that the first one made.

As in draft-ietf-httpapi-idempotency-key-header. The key's slot is held while the request is carried out, and
the job's id is written to it before the commit: if the process dies, the slot names the job, or one that
never began.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from csvjobs.errors import JobGone, JobNotFound, KeyInUse, KeyReused
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import Job
from csvjobs.storage.base import Slot


@contextmanager
def claimed(services: Services, owner: str, key: str) -> Iterator[Slot]:
    """Holds the owner's key while the block carries out the request. Raises KeyInUse when it is held."""
    with services.storage.claim(f"{owner}\0{key}") as slot:
        if slot is None:
            raise KeyInUse("A request with this key is still being processed.", hint="Retry later.")
        yield slot


def earlier(services: Services, slot: Slot | None, payload: str) -> Job | None:
    """The job made by an earlier request with this key, if any. Raises KeyReused when its payload differs,
    JobGone when the job was deleted since."""
    if slot is None:
        return None
    try:
        made = request_of(services, slot.read().decode())
    except JobGone:
        raise
    except JobNotFound:
        return None
    if made.terms.payload != payload:
        raise KeyReused(
            f"This Idempotency-Key was used for job {made.job_id}, with another file or other options.",
            hint="Use a new key for each new request; repeat a key only to retry the same request.",
        )
    return view(services, made.job_id)


def payload_of(*sent: object) -> str:
    """The sha256 of everything a client sent: text, numbers, lists and dictionaries."""
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
