"""Named lookup tables: a name has immutable versions, each of which is the output of one job."""

from __future__ import annotations

from pathlib import Path

from csvjobs.errors import InvalidOption, TableNotFound, TooManyTables
from csvjobs.jobs.job import TableRef
from csvjobs.pipelines.named import NAME, VERSIONED
from csvjobs.pipelines.versions import NO_ROOM, Versions, most

FOLDER = "tables"


class NamedTables:
    """The names stored under `folder`, which may be missing."""

    def __init__(self, folder: Path) -> None:
        self._stored = Versions(folder, "table", TableNotFound)

    def find(self, called: str) -> TableRef | None:
        """The table of that name or name@version; None for an unknown name. Raises TableNotFound for an
        unknown version."""
        match = VERSIONED.fullmatch(called)
        if not match or not self.versions(match[1]):
            return None
        return self.get(match[1], int(match[2]) if match[2] else None)

    def get(self, name: str, version: int | None = None) -> TableRef:
        """A version of the table, by default the newest. Raises TableNotFound."""
        return TableRef.model_validate_json(self._stored.get(_checked(name), version)[1])

    def put(self, name: str, job_id: str, sha256: str) -> tuple[TableRef, bool]:
        """Makes a job's output the newest version of that name; returns whether the version is new.

        Raises InvalidOption, TooManyTables.
        """
        if not NAME.fullmatch(name):
            hint = "Letters, digits, dot, - and _; at most 100, a letter or digit first."
            raise InvalidOption(f"A table cannot be called {name[:120]!r}.", hint=hint)
        while True:
            # The number first: if another process stores a version meanwhile, `append` fails and we retry.
            number, there = self._stored.following(name), self.versions(name)
            newest = self.get(name) if there else None
            if newest and newest.job_id == job_id:
                return newest, False
            if self._stored.full(name):
                raise TooManyTables(f"No more tables are kept by name: {most()}.", hint=NO_ROOM)
            made = TableRef(job_id=job_id, sha256=sha256, name=name, version=number)
            if self._stored.append(name, number, made.model_dump_json()):
                return made, True

    def delete(self, name: str) -> None:
        """Deletes the name with its versions; the jobs stay. Raises TableNotFound."""
        if not self._stored.delete(_checked(name)):
            raise _unknown(name)

    def versions(self, name: str) -> list[int]:
        """The version numbers of a name, oldest first."""
        return self._stored.of(name)

    def newest(self) -> list[TableRef]:
        """The newest version of each name."""
        return [self.get(name) for name in self._stored.names()]


def _checked(name: str) -> str:
    """The name. Raises TableNotFound for one that no table can have."""
    if not NAME.fullmatch(name):
        raise _unknown(name)
    return name


def _unknown(name: str) -> TableNotFound:
    return TableNotFound(f"There is no table {name[:120]!r}.")
