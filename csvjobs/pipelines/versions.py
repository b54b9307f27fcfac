"""Texts stored by clients under a name: immutable versions, each a file that appears whole or not at all.

Several processes may store at once: a version's file is created exclusively. An empty file marks a deletion,
so that a number is never reused.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from csvjobs.errors import PipelineNotFound, TableNotFound

MAX_NAMES = 1000
MAX_VERSIONS = 1000


class Versions:
    """The versions of each name in `folder`, which may be missing: folder/name/1.json, 2.json, … `what`: what
    they are called, and the error for one that is not there."""

    def __init__(self, folder: Path, what: str, lacking: type[PipelineNotFound | TableNotFound]) -> None:
        self.folder = folder
        self._what, self._lacking = what, lacking

    def names(self) -> list[str]:
        """The names that have a version."""
        return [path.name for path in _children(self.folder) if path.is_dir() and self.of(path.name)]

    def of(self, name: str) -> list[int]:
        """The available versions, oldest first: those since the name was last deleted."""
        live: list[int] = []
        for number in self._numbers(name):
            live = [*live, number] if self._path(name, number).stat().st_size else []
        return live

    def get(self, name: str, number: int | None = None) -> tuple[int, str]:
        """The number and the text of that version, or the newest. Raises the error for what is not there."""
        there = self.of(name)
        if not there or (number is not None and number not in there):
            known = f"Its versions are {', '.join(map(str, there[-12:]))}." if there else None
            asked = name if number is None else f"{name}@{number}"
            raise self._lacking(f"There is no {self._what} {asked!r}.", hint=known)
        number = number or there[-1]
        return number, self._path(name, number).read_text("utf-8")

    def following(self, name: str) -> int:
        """The number of the next version."""
        return max(self._numbers(name), default=0) + 1

    def full(self, name: str) -> bool:
        """Whether there is no room for another version of that name."""
        versions = len(self.of(name))
        return versions >= MAX_VERSIONS or (versions == 0 and len(self.names()) >= MAX_NAMES)

    def append(self, name: str, number: int, text: str) -> bool:
        """Writes a version; returns False if another process has taken the number."""
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

    def delete(self, name: str) -> bool:
        """Deletes all versions; returns whether there was one."""
        while (number := self.following(name)) and self.of(name):
            if self.append(name, number, ""):
                return True
        return False

    def _numbers(self, name: str) -> list[int]:
        stems = (path.stem for path in _children(self.folder / name) if path.suffix == ".json")
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def _path(self, name: str, number: int) -> Path:
        return self.folder / name / f"{number}.json"


def most() -> str:
    """How many can be stored, for messages."""
    return f"at most {MAX_NAMES} names with {MAX_VERSIONS} versions each"


NO_ROOM = "Delete a name that is not used any more: its versions go with it."


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
