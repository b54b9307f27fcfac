"""Byte ranges of a file as files of their own, through DuckDB's interface for other file systems (fsspec)."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]

from csvjobs.reading.source import Begin, Source

PROTOCOL = "part"


class Part(NamedTuple):
    """The bytes of a file from `start` up to, not including, `end`."""

    start: int
    end: int
    path: str

    @classmethod
    def named(cls, name: str) -> Part:
        start, end, path = name.removeprefix(f"{PROTOCOL}://").split(":", 2)
        return cls(int(start), int(end), path)

    @property
    def name(self) -> str:
        return f"{PROTOCOL}://{self.start}:{self.end}:{self.path}"


def divided(source: Source, number: int) -> list[tuple[Part, int]]:
    """The source's file in that many parts of about equal size, or fewer, each with the number of records
    before it; lines before the first record belong to the first part."""
    size = source.path.stat().st_size
    wished = [size * part // number for part in range(1, number)]
    nearest = {min(source.begins, key=lambda begin: abs(begin.bytes - place)) for place in wished}
    bounds = [Begin(0, 0), *sorted(nearest), Begin(size, source.records)]
    path = str(source.path.absolute())
    return [(Part(one.bytes, end.bytes, path), one.records) for one, end in pairwise(bounds)]


class PartFile(io.RawIOBase):
    """A part opened for reading; positions count from its start. DuckDB drops it without closing it, so
    IOBase closes it when it is collected."""

    def __init__(self, part: Part, descriptor: int) -> None:
        super().__init__()
        self._part, self._at, self._descriptor = part, part.start, descriptor

    def seek(self, offset: int, _: int = os.SEEK_SET, /) -> int:
        self._at = self._part.start + offset
        return offset

    def tell(self) -> int:
        return self._at - self._part.start

    def read(self, size: int = -1, /) -> bytes:
        left = self._part.end - self._at
        found = os.pread(self._descriptor, left if size < 0 else min(size, left), self._at)
        self._at += len(found)
        return found

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class Parts(AbstractFileSystem):  # type: ignore[misc]
    """The file system of parts, each identified by its name."""

    protocol = PROTOCOL
    cachable = False

    def open(self, path: str, mode: str = "rb", **_: Any) -> PartFile:
        part = Part.named(path)
        return PartFile(part, os.open(part.path, os.O_RDONLY))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        part = Part.named(path)
        return {"name": path, "size": part.end - part.start, "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(Path(Part.named(path).path).stat().st_mtime, UTC)
