"""Streams XLSX (ECMA-376, Office Open XML): the values of cells, not their looks.

docs/decisions/0017 explains why no library is used.
"""

from __future__ import annotations

import os
import posixpath
import re
import zipfile
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple
from xml.parsers import expat

from csvjobs.errors import DamagedArchive, EncryptedArchive, FieldTooLong, TooManyColumns
from csvjobs.reading.cellformat import BUILT_IN, Shown, number, shown
from csvjobs.reading.clean import Cell
from csvjobs.reading.compression import DAMAGE, ENCRYPTED, check_size, zip_file

MOST_ROWS, MOST_COLUMNS = 2**20, 2**14
"""The limits of a sheet."""

MOST_ELEMENTS = 200_000
"""The limit for one row, or before the first: a cell has hardly more than six."""

MOST_PARTS = 500_000
"""Elements of a part that is usually small: a workbook may have some 65,000 styles."""

MOST_XML = 64 * 1024**2
"""Bytes of one row, one text, or a part that is usually small."""

TOO_LONG = f"A row or text of the workbook has more than {MOST_XML} bytes."

CHUNK = 64 * 1024
SEND_AGAIN = "Save it again with a spreadsheet program, or send the sheet as CSV."

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_SURROGATE = re.compile("[\ud800-\udfff]")
_REFERENCE = re.compile(r"([A-Z]{1,3})\d{1,7}")


class Sheet(NamedTuple):
    """A sheet of a workbook, and its part in the file."""

    name: str
    part: str
    hidden: bool


class Row(NamedTuple):
    """A row's number from 1, and its cells up to the last that is not empty."""

    number: int
    cells: list[Cell]


class Raw(NamedTuple):
    """A cell as in the file; `text` is that of its value, or its inline text."""

    attributes: dict[str, str]
    text: str | None
    formula: bool


class Workbook:
    """An open workbook. `scratch` takes the texts that its sheets share; the file may contain `most_bytes`;
    `tick(bytes read)` may raise to stop.

    Raises DamagedArchive, EncryptedArchive, UnpackedTooLarge, FieldTooLong, TooManyColumns.
    """

    def __init__(self, path: Path, scratch: Path, most_bytes: int, tick: Callable[[int], None]) -> None:
        self.errors = self.uncalculated = 0
        self._tick, self._most, self._scratch = tick, most_bytes, scratch
        self._read, self._packed = 0, path.stat().st_size
        with _explained(), ExitStack() as stack:
            file = stack.enter_context(zip_file(path))
            self._archive = stack.enter_context(zipfile.ZipFile(file))
            book = next((part for kind, part in self._relations("").values() if kind == "officeDocument"), "")
            self._parts = self._relations(book)
            self._epoch1904, self.sheets = self._contents(book)
            self._formats = self._styles()
            self._opened = stack.pop_all()

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def rows(self, sheet: Sheet) -> Iterator[Row]:
        """The rows in the file, some numbers may be missing. Counts `errors` and formulas whose values are
        `uncalculated` on the way."""
        self.errors = self.uncalculated = last = 0
        with _explained(), self._strings() as strings, self._open(sheet.part) as part:
            for given, cells in _rows(part):
                place = int(given) if given else last + 1
                if not last < place <= MOST_ROWS:
                    raise ValueError(f"a row {place} follows the row {last}")
                yield Row(place, self._cells(cells, strings))
                last = place

    def _cells(self, row: list[Raw], strings: _Strings) -> list[Cell]:
        made: list[Cell] = []
        place, size = -1, 0
        for cell in row:
            place = _place(cell.attributes.get("r"), place + 1)
            if place >= MOST_COLUMNS:
                raise TooManyColumns(f"A row of the sheet has more than {MOST_COLUMNS} columns.")
            text = self._text(cell, strings)
            if text is not None:
                made += [None] * (place + 1 - len(made))
                made[place] = text
                size += len(text)
                if size > MOST_XML:
                    raise FieldTooLong(TOO_LONG)
        return made

    def _text(self, cell: Raw, strings: _Strings) -> Cell:
        attributes, text, formula = cell
        if text is None:
            self.uncalculated += formula
            return None
        match attributes.get("t", "n"):
            case "n":
                if value := text.strip():
                    return self._formats.get(attributes.get("s", "0"), number)(value)
                self.uncalculated += formula
                return None
            case "s":
                return strings[int(text)] if text.strip() else None
            case "b":
                return "true" if text.strip() in ("1", "true") else "false"
            case "e":
                self.errors += 1
        return unescaped(text)

    def _contents(self, book: str) -> tuple[bool, list[Sheet]]:
        """Whether days count from 1904, and the sheets."""
        epoch1904, sheets = False, []
        for name, given in self._attributes(book):
            if name == "workbookPr":
                epoch1904 = given.get("date1904") in ("1", "true", "on")
            elif name == "sheet":
                relation = next((value for key, value in given.items() if key.endswith(":id")), "")
                kind, part = self._parts.get(relation, ("", ""))
                if kind == "worksheet":
                    hidden = given.get("state", "visible") != "visible"
                    sheets.append(Sheet(given.get("name", ""), part, hidden))
        return epoch1904, sheets

    def _styles(self) -> dict[str, Shown]:
        """The conversion of a cell's number to text, by the cell's style."""
        codes, styles, among = dict(BUILT_IN), list[int](), ""
        for name, given in self._attributes(self._part("styles")):
            if name == "numFmt":
                codes[int(given["numFmtId"])] = given["formatCode"]
            elif name != "xf":
                among = name if name in ("cellXfs", "cellStyleXfs") else among
            elif among == "cellXfs":
                styles.append(int(given.get("numFmtId", 0)))
        known = {code: shown(codes.get(code, ""), epoch1904=self._epoch1904) for code in set(styles)}
        return {str(place): known[code] for place, code in enumerate(styles)}

    def _strings(self) -> _Strings:
        name = self._part("sharedStrings")
        return _Strings(self._open(name) if name else None, self._scratch / "shared-strings")

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """The related parts of a part: kind and part, by id."""
        folder, name = posixpath.split(part)
        made = {}
        for each, given in self._attributes(posixpath.join(folder, "_rels", f"{name}.rels")):
            if each == "Relationship" and given.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, given["Target"]))
                made[given["Id"]] = given["Type"].rpartition("/")[2], target.lstrip("/")
        return made

    def _part(self, kind: str) -> str:
        return next((part for found, part in self._parts.values() if found == kind), "")

    def _attributes(self, name: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The attributes of each element in a small part, with the element's name; none for a missing
        part."""
        if not name:
            return
        found: list[tuple[str, dict[str, str]]] = []
        count = 0
        with self._open(name) as part:
            parser = _parser(lambda tag, given: found.append((_local(tag), given)))
            for chunk in part:
                parser.Parse(chunk)
                yield from found
                count += len(found)
                if count > MOST_PARTS:
                    raise ValueError(f"{name} has more than {MOST_PARTS} elements")
                found.clear()
            parser.Parse(b"", True)
            yield from found

    def _open(self, name: str) -> _Part:
        info = self._archive.getinfo(name)
        if info.flag_bits & ENCRYPTED:
            raise EncryptedArchive("The workbook is locked with a password.", hint="Send it without one.")
        return _Part(self._archive.open(info), self._more)

    def _more(self, size: int) -> None:
        """Counts what was unpacked."""
        self._read += size
        check_size(self._read, self._packed, self._most)
        self._tick(min(self._read, self._packed))


class _Part:
    """A part of the file in chunks, with a limit on the bytes of one row or text: set `since` to 0 after
    each."""

    def __init__(self, stream: IO[bytes], more: Callable[[int], None]) -> None:
        self._stream, self._more = stream, more
        self.since = 0

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._stream.read(CHUNK):
            self.since += len(chunk)
            if self.since > MOST_XML:
                raise FieldTooLong(TOO_LONG)
            self._more(len(chunk))
            yield chunk


class _Strings:
    """The texts shared by sheets, by number: read as far as needed, and kept in a file."""

    def __init__(self, part: _Part | None, path: Path) -> None:
        self._part = part
        self._file = path.open("w+b", buffering=0)
        self._ends = array("Q", [0])
        self._left = iter(()) if part is None else _texts(part)

    def __enter__(self) -> _Strings:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._part:
            self._part.__exit__()

    def __getitem__(self, number: int) -> str:
        while not 0 <= number < len(self._ends) - 1:
            self._advance(number)
        start, end = self._ends[number], self._ends[number + 1]
        return os.pread(self._file.fileno(), end - start, start).decode()

    def _advance(self, number: int) -> None:
        texts = next(self._left, None) if number >= 0 else None
        if texts is None:
            raise KeyError(f"no shared text {number}")
        encoded = [text.encode() for text in texts]
        for text in encoded:
            self._ends.append(self._ends[-1] + len(text))
        self._file.write(b"".join(encoded))


class _Text:
    """Collects the text of elements, without phonetic readings."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.open = self._spoken = False

    def start(self, tag: str) -> None:
        """An element begins; its text counts if it is a `t` or `v`."""
        self._spoken |= tag == "rPh"
        self.open = tag in ("t", "v") and not self._spoken

    def end(self, tag: str) -> None:
        self._spoken &= tag != "rPh"
        self.open = False

    def add(self, text: str) -> None:
        if self.open:
            self.parts.append(text)


class _Rows:
    """Collects the rows of a sheet from its elements; `done` at the sheet's end."""

    def __init__(self, part: _Part) -> None:
        self.ended: list[tuple[str | None, list[Raw]]] = []
        self.done = False
        self.text = _Text()
        self._part, self._elements = part, 0
        self._number: str | None = None
        self._cells: list[Raw] = []
        self._attributes: dict[str, str] = {}
        self._said = self._formula = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins. Raises TooManyColumns."""
        tag = _local(tag)
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise TooManyColumns("A row of the sheet has more cells than any workbook may have.")
        if tag == "c":
            self._attributes, self._said, self._formula = attributes, False, False
            self.text.parts = []
        elif tag == "row":
            self._number = attributes.get("r")
        else:
            self._said |= tag in ("v", "is")
            self._formula |= tag == "f"
            self.text.start(tag)

    def end(self, tag: str) -> None:
        tag = _local(tag)
        if tag == "c":
            text = "".join(self.text.parts) if self._said else None
            self._cells.append(Raw(self._attributes, text, self._formula))
        elif tag == "row":
            self.ended.append((self._number, self._cells))
            self._cells = []
            self._part.since = self._elements = 0
        else:
            self.text.end(tag)
            self.done |= tag == "sheetData"


def _rows(part: _Part) -> Iterator[tuple[str | None, list[Raw]]]:
    """The rows, each with the number given in the file, which may be missing."""
    rows = _Rows(part)
    parser = _parser(rows.start, rows.end, rows.text.add)
    for chunk in part:
        parser.Parse(chunk)
        yield from rows.ended
        rows.ended.clear()
        if rows.done:
            # What is behind the rows does not matter, but the checksum at its end shows damage in them.
            for _ in part:
                part.since = 0
            return
    parser.Parse(b"", True)
    # Newer versions of expat put off what is left of a token that did not fit into a chunk.
    yield from rows.ended


def _texts(part: _Part) -> Iterator[list[str]]:
    """The shared texts, several at a time."""
    found: list[str] = []
    text = _Text()

    def start(tag: str, _: dict[str, str]) -> None:
        if (tag := _local(tag)) == "si":
            text.parts = []
        text.start(tag)

    def end(tag: str) -> None:
        if (tag := _local(tag)) == "si":
            found.append(unescaped("".join(text.parts)))
            part.since = 0
        text.end(tag)

    parser = _parser(start, end, text.add)
    for chunk in part:
        parser.Parse(chunk)
        if found:
            yield found
            found.clear()
    parser.Parse(b"", True)
    if found:
        yield found


def _parser(
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = _refuse
    return parser


def _refuse(*_: object) -> None:
    """Refuses a document type: workbooks have none (ECMA-376, part 2, 8.2.4), and entities can expand a small
    text to any size."""
    raise DamagedArchive("The workbook has a document type definition.", hint=SEND_AGAIN)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (*DAMAGE, expat.ExpatError, KeyError) as error:
        raise DamagedArchive(f"The workbook is damaged: {error}.", hint=SEND_AGAIN) from None


def _local(tag: str) -> str:
    """The tag without its namespace prefix."""
    return tag.rpartition(":")[2] if ":" in tag else tag


def _place(reference: str | None, following: int) -> int:
    """The column of a cell, from 0; `following` if it has no reference."""
    found = _REFERENCE.fullmatch(reference or "")
    if not found:
        return following
    place = 0
    for letter in found[1]:
        place = place * 26 + ord(letter) - 64
    return place - 1


def unescaped(text: str) -> str:
    """Decodes _xHHHH_, which represents characters that XML cannot hold (ECMA-376, 22.9.2.19)."""
    if "_x" not in text:
        return text
    made = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    if _SURROGATE.search(made):
        made = made.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return made
