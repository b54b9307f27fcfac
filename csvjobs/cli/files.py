"""Input and output of commands: files, - for the standard streams, pipes and devices."""

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
    """The path to read from; - is standard input."""
    return Path("/dev/stdin") if given == STANDARD else given


def size_of(path: Path) -> int | None:
    """The file's size in bytes; None if it has no known size, like a pipe."""
    return path.stat().st_size if path.is_file() else None


def streams(target: Path) -> bool:
    """Whether the target is written to directly, as it is no file that can be replaced."""
    return target == STANDARD or written_in_place(target)


@contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """A temporary folder beside the target, so that files made in it can be moved to the target by an atomic
    rename. Raises InvalidOption when it cannot be made."""
    beside = None if streams(target) else target.resolve().parent
    try:
        made = tempfile.TemporaryDirectory(prefix=".csvjobs-", dir=beside)
    except OSError as error:
        where = beside or "for temporary files"
        raise InvalidOption(f"The folder {where} cannot be written to: {error.strerror}.") from None
    with made as folder:
        yield Path(folder)


def place(made: Path, target: Path) -> None:
    """Moves or copies a finished file to its target; an existing file is replaced."""
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
