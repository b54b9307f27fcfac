"""A rejected.csv that comes back: the table's own cells are read, ours have done their work.

It is known by its header row: no other file ends with all our columns, in our order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from csvjobs.reading.facts import DELIMITERS, Facts
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Tokenizer, lines
from csvjobs.reading.rejects import EXTRA, extra_names
from csvjobs.reading.source import Dialect

HEAD_BYTES = 1024**2
LAYOUT = "rejected.csv"


def as_written(path: Path, facts: Facts, options: ReadOptions) -> ReadOptions | None:
    """How to read a rejected.csv, be its delimiter another one by now; None for any other file.

    What was declared of the file's form is true of the file from which the rows were rejected.
    """
    delimiter = None if options.layout == "table" else _delimiter(path)
    if delimiter is None:
        return None
    form = {"delimiter": delimiter, "quote": '"', "escape": "", "comment": "", "skip": 0, "header": True}
    encoding = "utf-8" if facts.utf8 else options.encoding
    most = options.max_columns + len(EXTRA)
    return options.model_copy(update={**form, "encoding": encoding, "max_columns": most})


def own_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The table's own columns of a rejected.csv; all where ours do not follow them."""
    own = tuple(columns[: -len(EXTRA)])
    return own if own and [*columns[len(own) :]] == extra_names(own) else tuple(columns)


def only_record(cells: Sequence[bytes]) -> bool:
    """Whether nothing but `_record` tells what the row of a rejected.csv held."""
    return bool(cells[-1]) and not any(cell.strip() for cell in cells[: -len(EXTRA)])


def _delimiter(path: Path) -> str | None:
    """What stands between the names of a rejected.csv."""
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES)
    if EXTRA[0].encode() not in start:
        return None
    head = start.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    return next((mark for mark in DELIMITERS if _ours(head, Tokenizer(Dialect(mark)))), None)


def _ours(head: Sequence[bytes], tokenizer: Tokenizer) -> bool:
    first = next((record for record in tokenizer.records(lines(head)) if record.text), None)
    if first is None or first.fault:
        return False
    names = [tokenizer.text(cell).decode("utf-8", "replace") for cell in tokenizer.cells(first)]
    return len(own_columns(names)) < len(names)
