"""Pipelines stored by clients under a name, in immutable versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from csvjobs.errors import PipelineNotFound, PreconditionFailed, TooManyPipelines
from csvjobs.pipelines.spec import Pipeline, build
from csvjobs.pipelines.versions import NO_ROOM, Versions, most

Fits = Callable[[str], bool]


def whatever(_: str) -> bool:
    """Accepts every version."""
    return True


NONE = "There is none now."
LOOK = "Look at what is there now, and send If-Match with its ETag."


class StoredPipelines:
    """The pipelines in `folder`, which may be missing."""

    def __init__(self, folder: Path) -> None:
        self._stored = Versions(folder, "pipeline", PipelineNotFound)
        self.names, self.versions = self._stored.names, self._stored.of

    def get(self, name: str, version: int | None = None) -> Pipeline:
        """That version, or the newest. Raises PipelineNotFound, InvalidPipeline."""
        number, text = self._stored.get(name, version)
        return build(json.loads(text)).numbered(number)

    def put(self, pipeline: Pipeline, fits: Fits = whatever) -> tuple[Pipeline, bool]:
        """Stores the pipeline under its name; also returns whether this made a new version, as the newest may
        be the same.

        fits: whether the newest version may be replaced, given its sha256, or "" if there is none. Raises
        PreconditionFailed, TooManyPipelines.
        """
        while True:
            # Get the number first: if another process stores a version after this, it takes that number.
            number, newest = self._stored.following(pipeline.name), self.check(pipeline.name, fits)
            if newest and newest.sha256 == pipeline.sha256:
                return newest, False
            if self._stored.full(pipeline.name):
                raise TooManyPipelines(f"No more pipelines are kept here: {most()}.", hint=NO_ROOM)
            text = json.dumps(pipeline.document(), ensure_ascii=False, indent=1) + "\n"
            if self._stored.append(pipeline.name, number, text):
                return pipeline.numbered(number), True

    def delete(self, name: str) -> None:
        """Deletes all versions; jobs have copies of their own. Raises PipelineNotFound."""
        if not self._stored.delete(name):
            raise PipelineNotFound(f"There is no stored pipeline {name!r}.")

    def check(self, name: str, fits: Fits) -> Pipeline | None:
        """The newest version, if there is one. Raises PreconditionFailed if it may not be replaced."""
        newest = self._newest(name)
        now = newest.sha256 if newest else ""
        if not fits(now):
            found = f"The newest version is {newest.version}, sha256 {now}." if newest else NONE
            raise PreconditionFailed(found, hint=LOOK)
        return newest

    def _newest(self, name: str) -> Pipeline | None:
        return self.get(name) if self.versions(name) else None
