"""Recognises a corrected rejected.csv: the table's own cells are read, our columns are ignored.

The header row identifies it: no other file ends with all our columns, in our order.
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
LONGEST_DELIMITER = 4
REPLACED = "\ufffd".encode()
MARKS = b"\"'\\"
"""Quotes and escapes, which a cell may have in its record but not on its own."""


def as_written(path: Path, facts: Facts, options: ReadOptions) -> ReadOptions | None:
    """The options to read a rejected.csv, whose delimiter may have changed; None for any other file.

    Declared format options describe the file from which the rows were rejected, so they do not apply.
    """
    delimiter = None if options.layout == "table" else _delimiter(path)
    if delimiter is None:
        return None
    form = {"format": "csv", "delimiter": delimiter, "quote": '"', "escape": "", "comment": ""}
    top = {"skip": 0, "header": True, "header_rows": 1}
    encoding = "utf-8" if facts.utf8 else options.encoding
    most = options.max_columns + len(EXTRA)
    return options.model_copy(
        update={**form, **top, "sheet": None, "encoding": encoding, "max_columns": most}
    )


def own_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The table's own columns in a rejected.csv; all columns if ours do not follow them."""
    own = tuple(columns[: -len(EXTRA)])
    return own if own and [*columns[len(own) :]] == extra_names(own) else tuple(columns)


def uncorrected(cells: Sequence[bytes]) -> bool:
    """Whether the `_record` in a row of a rejected.csv says more than its own cells. It does if these are all
    empty, or are still those that the record begins with, or are all of it with bytes replaced; delimiters
    and quotes in the record do not matter."""
    own, record = [cell.translate(None, MARKS) for cell in cells[: -len(EXTRA)]], cells[-1]
    if not record or not any(cell.strip() for cell in own):
        return bool(record)
    said, damaged = record.translate(None, MARKS), REPLACED in record
    rest = said.removeprefix(own[0])
    delimiters = {rest[:size] for size in range(1, LONGEST_DELIMITER + 1)}
    joined = {delimiter.join(own): delimiter for delimiter in delimiters}
    return any(
        (end and said.startswith(text + end)) or (damaged and said == text) for text, end in joined.items()
    )


def _delimiter(path: Path) -> str | None:
    """The delimiter of a rejected.csv; None for any other file."""
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
