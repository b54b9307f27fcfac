"""JSON lines (jsonlines.org): a JSON object on each line, whose keys name the columns.

A number keeps its own digits; true and false become these words; null or a missing key becomes an empty cell;
an object or list stays its JSON, character for character.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

from csvjobs.errors import EmptyFile, NotCsv
from csvjobs.reading.careful import TICK_EVERY, replaced, short
from csvjobs.reading.clean import Cell, CleanWriter
from csvjobs.reading.encoding import wrong_bytes
from csvjobs.reading.header import Header
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line
from csvjobs.reading.rejects import RejectsWriter
from csvjobs.reading.scan import Scan, Tick
from csvjobs.reading.source import Found, Source
from csvjobs.reading.tables import (
    HEAD_BYTES,
    HEAD_ROWS,
    Head,
    Place,
    Sieve,
    Table,
    check_width,
    named_head,
)
from csvjobs.reading.text import Text

LOOKED_AT = 10
"""Lines examined to recognise the format."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK = re.compile(r"[ \t\n\r]*")
_ENTRY = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:')
_LIKE = re.compile(_ENTRY.pattern + rb".*\}\s*")
"""A line that should be an object, even if it is none."""

_BEGIN = re.compile(rb"\s*\[\s*[\[{]|\s*\{\s*(?:[\r\n]|$)")

Object = dict[str, Cell]


def is_jsonl(head: list[Line]) -> bool:
    """Whether the first line, or most lines, are JSON objects. Raises NotCsv for JSON of another layout."""
    said = [line.content for line in head if line.content.strip()][:LOOKED_AT]
    good = [
        bool(_LIKE.fullmatch(line)) or (line.lstrip().startswith(b"{") and _parses(line)) for line in said
    ]
    if good[:1] == [True] or sum(good) * 2 > len(said):
        return True
    text = b"\n".join(said)
    if _BEGIN.match(text) or (said and _ENTRY.match(said[0]) and _left_open(said[0])):
        raise NotCsv(
            "The file looks like one JSON document, not like a table.",
            hint="Write one object on each line, with jq -c '.[]' say; or set format: csv if it is a table.",
        )
    return False


def _left_open(line: bytes) -> bool:
    """Whether a bracket or brace of the line is not closed on it."""
    return line.count(b"{") + line.count(b"[") > line.count(b"}") + line.count(b"]")


@dataclass
class Jsonl(Table):
    """A JSON lines table. `path` is in UTF-8; `cut`: it is only the beginning of the file."""

    cut: bool = False
    keys: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.detected["format"] = Found("jsonl")

    def head(self, tick: Tick) -> Head:
        """The head; its columns are the keys of the first rows only."""
        found: list[Object | str] = []
        whole = not self.cut
        named = False
        for start, each in self._beginning():
            if named and (len(found) >= HEAD_ROWS or start > HEAD_BYTES):
                whole = False
                break
            # If no line has named a column yet, it goes on, but keeps no more lines.
            found[HEAD_ROWS:] = [each]
            named = named or (isinstance(each, dict) and bool(each))
            tick(start)
        if self.cut:
            del found[-1:]
        self.keys = list(dict.fromkeys(key for each in found if isinstance(each, dict) for key in each))
        if not self.keys:
            hint = "Leave format out if it is CSV. The keys of the objects are the columns."
            raise EmptyFile("No line of the file is a JSON object with a key.", hint=hint)
        faults = Counter[str]()
        head = named_head(self.keys, self._rows(found, faults), self.options)
        self.told = head.header.warnings
        return head._replace(whole=head.whole and whole and len(found) <= HEAD_ROWS, faults=faults)

    def source(self, header: Header, target: Path, scan: Scan) -> Source:
        """Reads all rows; if a new key occurs, starts again with a column for it."""
        while True:
            run = _Run(self, target, scan)
            if source := run.source():
                return source
            self.keys = list(run.keys)

    def _beginning(self) -> Iterator[tuple[int, Object | str]]:
        """Where each line begins, and its object, or the reject code of a bad one."""
        with self.path.open("rb") as file:
            for line in _lines(file, self.options.max_record_bytes):
                if line.content.strip():
                    try:
                        yield line.start, _object(line, self.options)
                    except _Bad as bad:
                        yield line.start, bad.code

    def _rows(self, found: Iterable[Object | str], faults: Counter[str]) -> Iterator[list[Cell]]:
        """The good rows; counts the bad ones by code."""
        for each in found:
            if isinstance(each, str):
                faults[each] += 1
            else:
                yield [each.get(key) for key in self.keys]


class _Run:
    """One pass over the file, with columns for the keys known before it."""

    def __init__(self, table: Jsonl, target: Path, scan: Scan) -> None:
        self.keys = dict.fromkeys(table.keys)
        self._table, self._options = table, table.options
        self._target, self._scan, self._replaced = target, scan, 0

    def source(self) -> Source | None:
        """The source and its account; None if new keys were found."""
        known = named_head(list(self.keys), [], self._options).header
        longest = self._options.max_record_bytes
        with (
            self._table.path.open("rb", buffering=0) as file,
            CleanWriter(self._target) as out,
            RejectsWriter(self._scan.rejected, known.columns) as rejects,
            self._scan.numbers,
        ):
            self._sieve = Sieve(self._options, out, rejects, self._scan)
            next_tick = TICK_EVERY
            for line in _lines(file, longest):
                self._add(line, len(known.columns))
                if line.start >= next_tick:
                    self._scan.tick(line.start)
                    next_tick = line.start + TICK_EVERY
        if len(self.keys) > len(known.columns):
            return None
        late = known.warnings[len(self._table.told) :]
        return self._sieve.source(self._target, known.columns, [*late, *self._notes()])

    def _notes(self) -> Iterator[str]:
        if self._replaced:
            yield replaced(self._replaced)

    def _add(self, line: Line, known: int) -> None:
        if not line.content.strip():
            self._sieve.blank += 1
            return
        try:
            found = _object(line, self._options)
        except _Bad as bad:
            self._sieve.reject(_place(line), bad.code, line.content, bad.found)
            return
        if self._options.bad_bytes == "replace":
            self._replaced += wrong_bytes(line.content) != ""
        if not found.keys() <= self.keys.keys():
            self.keys.update(dict.fromkeys(found))
            check_width(len(self.keys), self._options)
        if len(self.keys) == known:
            self._sieve.take(_place(line), list(map(found.get, self.keys)))


class _Bad(Exception):
    """A line that is not a row, with its code and what was found."""

    def __init__(self, code: str, found: str = "") -> None:
        self.code, self.found = code, found


def _object(line: Line, options: ReadOptions) -> Object:
    """The object on the line. Raises _Bad."""
    content = line.content
    if len(content) > options.max_record_bytes:
        raise _Bad("record-too-long")
    try:
        text = content.decode("utf-8", "replace" if options.bad_bytes == "replace" else "strict")
    except UnicodeDecodeError:
        raise _Bad("bad-bytes", wrong_bytes(content)) from None
    try:
        return cells(text)
    except ValueError as error:
        raise _Bad("bad-json", short(str(error).encode())) from None


def _place(line: Line) -> Place:
    return Place(line.number, line.start)


def cells(text: str) -> Object:
    """The object's values as texts. Raises ValueError, with what was found, if it is not such an object."""
    found = _loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"a {_KINDS[type(found)]}")
    if any(isinstance(value, dict | list) for value in found.values()):
        found = _raw(text, found)
    made = {key: _text(value) for key, value in found.items()}
    # JSON escapes can spell lone surrogates, which no text can contain.
    if "\\u" in text and _SURROGATE.search("".join([*made, *filter(None, made.values())])):
        raise ValueError("half of a surrogate pair")
    return made


_KINDS = {list: "list", str: "text or number", bool: "truth value", type(None): "null"}


def _loads(text: str) -> Any:
    """Parses JSON; numbers keep their own digits."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _raw(text: str, found: dict[str, Any]) -> dict[str, Any]:
    """The same, with objects and lists as in the text."""
    made: dict[str, Any] = {}
    at = text.index("{") + 1
    for _ in found:
        key, at = scanstring(text, text.index('"', at) + 1)
        at = _behind(text, text.index(":", at) + 1)
        value, end = _DECODER.raw_decode(text, at)
        made[key] = text[at:end] if isinstance(value, dict | list) else value
        at = end
    return made


def _behind(text: str, at: int) -> int:
    """The position after white space."""
    blanks = _BLANK.match(text, at)
    return blanks.end() if blanks else at


def _text(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value  # type: ignore[no-any-return]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key!r} twice")
        made[key] = value
    return made


def _no_number(name: str) -> Any:
    raise ValueError(f"{name}, which is no JSON")


_DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_no_number, object_pairs_hook=_once
)


def _lines(file: Any, longest: int) -> Iterator[Line]:
    start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
    file.seek(start)
    return Text(file, start, longest, check_bytes=False)


def _parses(line: bytes) -> bool:
    try:
        cells(line.decode("utf-8", "replace"))
    except ValueError:
        return False
    return True
