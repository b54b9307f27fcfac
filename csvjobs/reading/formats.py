"""Detects the file format from the contents."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from csvjobs.errors import DamagedArchive, NotCsv
from csvjobs.reading.compression import is_office
from csvjobs.reading.facts import Facts
from csvjobs.reading.jsonl import Jsonl, is_jsonl
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.parquet import Parquet
from csvjobs.reading.records import Line
from csvjobs.reading.spreadsheet import Spreadsheet
from csvjobs.reading.tables import Table

PARQUET = (b"PAR1", b"PARE")
TAIL = 4
MARKUP_BYTES = 64 * 1024
# Possessive: otherwise many comments could be taken in exponentially many ways.
PROLOG = rb"(?>\s|\xef\xbb\xbf|<!--.*?-->)*+"
DECLARED = re.compile(
    PROLOG + rb"<(?:!doctype\s+(html)|!doctype\s|(html)(?=\s|>(?![,;|\t]))|\?xml)", re.I | re.S
)
NESTED = re.compile(PROLOG + rb"<([a-z][\w:.-]*)(?:\s[^<>]*)?>\s*<[a-z!/?]", re.I | re.S)
"""A tag with another behind it."""

HTML = frozenset(
    b"body center div font form h1 h2 h3 head link meta p script section span style table title".split()
)


def binary_table(
    path: Path, facts: Facts, options: ReadOptions, scratch: Path, most_bytes: int
) -> Table | None:
    """A workbook or a Parquet file; None for text. Raises NotCsv if it is not what was declared,
    DamagedArchive if only its beginning is there."""
    kind = options.format
    if kind not in (None, "parquet", "xlsx"):
        return None
    found = "parquet" if _is_parquet(path, cut=facts.cut) else "xlsx" if _is_workbook(path) else None
    if kind and found != kind:
        raise NotCsv(f"The file has not the format {kind}.", hint="Leave format out to detect it.")
    if found and facts.cut:
        raise DamagedArchive(
            f"A {found} file says at its end what it holds: its beginning alone cannot be read.",
            hint="Send all of it.",
        )
    if found == "parquet":
        return Parquet(path, options)
    return Spreadsheet(path, options, scratch=scratch, most_bytes=most_bytes) if found else None


def text_table(path: Path, head: list[Line], options: ReadOptions, *, cut: bool) -> Table | None:
    """JSON lines that begin with `head`; None for CSV. Raises NotCsv for other JSON, HTML and XML."""
    if options.format not in (None, "jsonl"):
        return None
    if options.format is None and (kind := _markup(head)):
        raise NotCsv(
            f"The file looks like {kind}, not like a table.",
            hint="If it was downloaded, check that the download did not end at an error or sign-in page. Set "
            "format: csv if it is a table.",
        )
    return Jsonl(path, options, cut=cut) if options.format or is_jsonl(head) else None


def _markup(head: list[Line]) -> str:
    """What kind of document begins with these lines; empty if it is none."""
    text = b"\n".join(line.content for line in head)[:MARKUP_BYTES]
    if found := DECLARED.match(text):
        html = found[1] or found[2]
    elif (found := NESTED.match(text)) and _one_element(text[found.end() - 1 :], found[1]):
        html = found[1].lower() in HTML
    else:
        return ""
    return "a web page (HTML)" if html else "an XML document"


def _one_element(text: bytes, name: bytes) -> bool:
    """Whether the text is all in an element of that name: cells with tags in them end before their line."""
    _, end, behind = text.partition(b"</%b>" % name)
    return b"</" in text and not (end and behind.strip())


def _is_parquet(path: Path, *, cut: bool) -> bool:
    with path.open("rb") as file:
        mark = file.read(len(PARQUET[0]))
        # A header row may begin with these letters too.
        binary = b"\0" in file.read(64)
        if mark not in PARQUET or binary or cut:
            return mark in PARQUET and binary
        file.seek(-TAIL, 2)
        return file.read(TAIL) == mark


def _is_workbook(path: Path) -> bool:
    if not is_office(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/workbook.xml") for name in archive.namelist())
