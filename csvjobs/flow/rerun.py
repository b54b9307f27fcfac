"""Rerun: makes a new job from the input of an old one, with another pipeline or read options."""

from __future__ import annotations

import os
import shutil
from dataclasses import astuple, replace
from pathlib import Path

import uuid_utils

from csvjobs.flow.apply import TIDY, Processing, kept
from csvjobs.flow.idempotency import earlier, payload_of
from csvjobs.flow.services import Services
from csvjobs.flow.submit import DEFAULT, begin, request
from csvjobs.flow.tables import pinned
from csvjobs.flow.view import request_of
from csvjobs.jobs.job import Job, Request, Terms
from csvjobs.pipelines.fitted import Fitted
from csvjobs.pipelines.spec import Pipeline, build, with_read
from csvjobs.storage.base import INPUT, Slot, writing


def rerun(
    services: Services,
    job_id: str,
    processing: Processing = TIDY,
    *,
    terms: Terms = DEFAULT,
    slot: Slot | None = None,
) -> Job:
    """Makes and announces a job with the stored input of another one, which stays unchanged.

    processing: without a pipeline, or without fitted parameters to apply, those of the other job are used;
    options override its read options; terms, slot: as for `Incoming.submit`.
    Raises the errors of `Incoming.submit`.
    """
    payload = payload_of(job_id, *astuple(processing), terms.model_dump())
    if job := earlier(services, slot, payload):
        return job
    old = request_of(services, job_id)
    chosen, fitted = _asked(services, old, processing)
    tables = pinned(services, chosen) if processing.pipeline or processing.apply else old.tables
    read, asked = with_read(chosen, processing.options), terms.model_copy(update={"payload": payload})
    new = request(str(uuid_utils.uuid7()), old.filename, read, old.facts, tables, asked)
    folder = services.storage.reserve(new.job_id)
    try:
        with services.storage.fetch(job_id, INPUT) as path:
            _same(path, folder / INPUT)
        return begin(services, folder, new, fitted, slot)
    finally:
        services.storage.discard(new.job_id)


def _asked(services: Services, old: Request, processing: Processing) -> tuple[Pipeline, Fitted | None]:
    """The pipeline and fitted parameters of the new job. Unless a pipeline is given, the old job's read
    options are kept: they belong to the file."""
    if processing.apply:
        chosen, fitted = replace(processing, options={}).resolve(services)
        if not processing.pipeline:
            chosen = chosen.model_copy(update={"read": build(old.pipeline).read})
        return chosen, fitted
    if processing.pipeline:
        return services.pipelines.resolve(processing.pipeline), None
    return build(old.pipeline).numbered(old.pipeline_ref.version), kept(services, old)


def _same(path: Path, target: Path) -> None:
    """Makes `target` a hard link to the file, which nobody ever writes to; a copy where links fail."""
    try:
        os.link(path, target)
    except OSError:
        with writing("The file"):
            shutil.copyfile(path, target)
