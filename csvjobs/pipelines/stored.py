"""Pipelines that clients store by name: immutable versions, each a file that appears whole or not at all.

Several processes may store at once: a version's file is created exclusively. An empty one stands for a
deletion, so that no number ever means something else.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

from csvjobs.errors import PipelineNotFound, PreconditionFailed, TooManyPipelines
from csvjobs.pipelines.spec import Pipeline, build

MAX_NAMES = 1000
MAX_VERSIONS = 1000


class StoredPipelines:
    """The versions of each name under `folder`, which may be missing: folder/name/1.json, 2.json, …"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names that have a version."""
        return [path.name for path in _children(self.folder) if path.is_dir() and self.versions(path.name)]

    def versions(self, name: str) -> list[int]:
        """Those that can be had, oldest first: the ones since the name was last deleted."""
        live: list[int] = []
        for number in self._numbers(name):
            live = [*live, number] if self._path(name, number).stat().st_size else []
        return live

    def get(self, name: str, version: int | None = None) -> Pipeline:
        """That version, or the newest. Raises PipelineNotFound, InvalidPipeline."""
        there = self.versions(name)
        if not there or (version is not None and version not in there):
            known = f"Its versions are {_listed(there)}." if there else None
            asked = name if version is None else f"{name}@{version}"
            raise PipelineNotFound(f"There is no pipeline {asked!r}.", hint=known)
        number = version or there[-1]
        pipeline = build(json.loads(self._path(name, number).read_text("utf-8")))
        return pipeline.numbered(number)

    def put(self, pipeline: Pipeline, expected: str | None = None) -> tuple[Pipeline, bool]:
        """Stores it under its name, and says whether that made a new version: the newest may be the same.

        expected: sha256 of what must be the newest now, "*" for any, "" for none, None for whatever there is.
        Raises PreconditionFailed, TooManyPipelines.
        """
        while True:
            # The number first: what another process stores after that takes it.
            number, newest = self._next(pipeline.name), self._newest(pipeline.name)
            _check(newest, expected)
            if newest and newest.sha256 == pipeline.sha256:
                return newest, False
            text = json.dumps(pipeline.document(), ensure_ascii=False, indent=1) + "\n"
            self._check_room(number)
            if self._append(pipeline.name, number, text):
                return pipeline.numbered(number), True

    def delete(self, name: str) -> None:
        """Takes all versions back; jobs have copies of their own. Raises PipelineNotFound."""
        while (number := self._next(name)) and self.versions(name):
            if self._append(name, number, ""):
                return
        raise PipelineNotFound(f"There is no stored pipeline {name!r}.")

    def _newest(self, name: str) -> Pipeline | None:
        return self.get(name) if self.versions(name) else None

    def _next(self, name: str) -> int:
        return max(self._numbers(name), default=0) + 1

    def _check_room(self, number: int) -> None:
        if number > MAX_VERSIONS or (number == 1 and len(_children(self.folder)) >= MAX_NAMES):
            most = f"at most {MAX_NAMES} names with {MAX_VERSIONS} versions each"
            raise TooManyPipelines(f"No more pipelines are kept here: {most}.")

    def _append(self, name: str, number: int, text: str) -> bool:
        """Says whether it was written under that number; not where another process was faster."""
        target = self._path(name, number)
        draft = self.folder / f".{uuid.uuid4().hex}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(draft, text)
            os.link(draft, target)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _numbers(self, name: str) -> list[int]:
        stems = (path.stem for path in _children(self.folder / name) if path.suffix == ".json")
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def _path(self, name: str, number: int) -> Path:
        return self.folder / name / f"{number}.json"


def _check(newest: Pipeline | None, expected: str | None) -> None:
    now = newest.sha256 if newest else ""
    if expected is not None and expected != now and not (expected == "*" and newest):
        found = f"The newest version is {newest.version}, sha256 {now}." if newest else "There is none now."
        raise PreconditionFailed(found, hint="Look at what is there now, and send If-Match with its ETag.")


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


def _listed(versions: list[int]) -> str:
    return ", ".join(map(str, versions[-12:]))
