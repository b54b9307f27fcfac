"""Where commands read from and write to: files, - for the standard streams, pipes and devices."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from csvjobs.client import drafted, put_in_place, written_in_place
from csvjobs.errors import InvalidOption

STANDARD = Path("-")


def source(given: Path) -> Path:
    """The file to read; - is standard input."""
    return Path("/dev/stdin") if given == STANDARD else given


def size_of(path: Path) -> int | None:
    """Its bytes; None for what has no end that can be known, like a pipe."""
    return path.stat().st_size if path.is_file() else None


def streams(target: Path) -> bool:
    """Whether the target is filled in its place, because there is no file to replace."""
    return target == STANDARD or written_in_place(target)


@contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """A folder to work in, gone afterwards. It lies beside the target, so that what is made in it arrives
    there by a rename: whole or not at all. Raises InvalidOption."""
    beside = None if streams(target) else target.resolve().parent
    try:
        made = tempfile.TemporaryDirectory(prefix=".csvjobs-", dir=beside)
    except OSError as error:
        where = beside or "for temporary files"
        raise InvalidOption(f"The folder {where} cannot be written to: {error.strerror}.") from None
    with made as folder:
        yield Path(folder)


def place(made: Path, target: Path) -> None:
    """Brings a file that was made to its target; a file that was there is replaced."""
    if target == STANDARD:
        _pour(made, sys.stdout.buffer)
    elif streams(target) or made.stat().st_dev != target.resolve().parent.stat().st_dev:
        with drafted(target) as draft, draft.open("wb") as file:
            _pour(made, file)
    else:
        put_in_place(made, target.resolve())


def _pour(made: Path, sink: BinaryIO) -> None:
    with made.open("rb") as content:
        shutil.copyfileobj(content, sink, 1024**2)
    sink.flush()
