"""Writes a table as an XLSX workbook (ECMA-376): the engine makes rows of XML text, which are zipped."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from csvjobs.engines.base import balanced
from csvjobs.engines.options import WriteOptions

MOST_ROWS, MOST_COLUMNS, MOST_CHARACTERS = 2**20, 2**14, 2**15 - 1
"""The limits of a sheet, and of a cell."""

MOST_DIGITS = 15
"""Digits that a spreadsheet keeps of a number; there is a number format for up to as many decimal places."""

DAY, MOMENT = MOST_DIGITS + 1, MOST_DIGITS + 2
"""Numbers of the styles after those for 0 to 15 decimal places."""

CHUNK = 1024**2
LEVEL = 3
SINCE = (1980, 1, 1, 0, 0, 0)
"""The time stamp of each part, fixed so that the same table gives the same bytes."""

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_ILLEGAL = [*range(9), *range(11, 32), 0xFFFE, 0xFFFF]
_PANE = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" '
    'state="frozen"/></sheetView></sheetViews>'
)


def as_xml(relation: str, kinds: Sequence[str]) -> str:
    """A SELECT of the rows as XML, for a relation of columns of these DuckDB types."""
    columns = [f"c{place}" for place in range(len(kinds))]
    cells = balanced([_cell(*each) for each in zip(columns, kinds, strict=True)], "||")
    made = f"SELECT '<row>' || {cells} || '</row>' AS made FROM ({relation}) AS cells({', '.join(columns)})"
    return f"SELECT {_legal('made')} FROM ({made})"


def _cell(value: str, kind: str) -> str:
    """The XML of a cell, except for characters that XML cannot hold."""
    if kind == "BOOLEAN":
        made = f"'<c t=\"b\"><v>' || CAST(CAST({value} AS TINYINT) AS VARCHAR) || '</v></c>'"
    elif kind == "DATE":
        made = f"'<c s=\"{DAY}\"><v>' || CAST({value} - DATE '1899-12-30' AS VARCHAR) || '</v></c>'"
    elif kind == "TIMESTAMP":
        days = f"(epoch_us({value}) - epoch_us(TIMESTAMP '1899-12-30')) / 86400000000.0"
        made = f"'<c s=\"{MOMENT}\"><v>' || CAST(CAST({days} AS DOUBLE) AS VARCHAR) || '</v></c>'"
    elif kind == "VARCHAR":
        made = f"'<c t=\"inlineStr\"><is><t xml:space=\"preserve\">' || {_escaped(value)} || '</t></is></c>'"
    else:
        places = re.fullmatch(r"DECIMAL\(\d+,\s*(\d+)\)", kind)
        style = f' s="{places[1]}"' if places and places[1] != "0" else ""
        made = f"'<c{style}><v>' || CAST({value} AS VARCHAR) || '</v></c>'"
    return f"COALESCE({made}, '<c/>')"


def _escaped(value: str) -> str:
    return f"replace(replace(replace({value}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"


def _legal(value: str) -> str:
    """Characters that XML cannot hold become _xHHHH_, as does text of that form (22.9.2.19). For whole rows,
    whose tags have neither: for each cell it would be the greater part of a wide table's query."""
    plain = f"replace({value}, '_x', '_x005F_x')"
    odd = plain
    for code in _ILLEGAL:
        odd = f"replace({odd}, chr({code}), '_x{code:04X}_')"
    pattern = r"[\x00-\x08\x0b-\x1f\x{FFFE}\x{FFFF}]"
    return f"CASE WHEN regexp_matches({value}, '{pattern}') THEN {odd} ELSE {plain} END"


def around(header: Sequence[str], write: WriteOptions) -> tuple[str, str]:
    """The text of the sheet's part before the first row and after the last."""
    names = "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{_text(n)}</t></is></c>' for n in header)
    first = f"<row>{names}</row>\n" if write.header else ""
    view = _PANE if write.header else ""
    return f'{XML}<worksheet xmlns="{MAIN}">{view}<sheetData>\n{first}', "\n</sheetData></worksheet>"


def _text(name: str) -> str:
    made = name.replace("_x", "_x005F_x")
    return escape("".join(f"_x{ord(c):04X}_" if ord(c) in _ILLEGAL else c for c in made), quote=False)


def zipped(sheet: Path, target: Path, check: Callable[[], None]) -> None:
    """Writes a workbook of one sheet; `check()` is called regularly and may raise to stop."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, text in PARTS.items():
            archive.writestr(_part(name), XML + text)
        with sheet.open("rb") as file, archive.open(_part(SHEET), "w", force_zip64=True) as part:
            while chunk := file.read(CHUNK):
                part.write(chunk)
                check()


def _part(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, SINCE)
    made.compress_type = zipfile.ZIP_DEFLATED
    return made


def _relations(*targets: tuple[str, str]) -> str:
    each = (
        f'<Relationship Id="rId{place}" Type="{RELATED}/{kind}" Target="{target}"/>'
        for place, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(each)}</Relationships>'


def _styles() -> str:
    """A style for each number of decimal places, one for days and one for moments."""
    codes = ["0." + "0" * places for places in range(1, MOST_DIGITS + 1)]
    codes += ["yyyy\\-mm\\-dd", "yyyy\\-mm\\-dd\\ hh:mm:ss"]
    formats = "".join(f'<numFmt numFmtId="{n}" formatCode="{code}"/>' for n, code in enumerate(codes, 164))
    styles = "".join(
        f'<xf numFmtId="{n}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for n in (0, *range(164, 164 + len(codes)))
    )
    plain = '<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts count="{len(codes)}">{formats}</numFmts>'
        '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        f'<cellStyleXfs count="1">{plain}</cellStyleXfs>'
        f'<cellXfs count="{len(codes) + 1}">{styles}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )


SHEET = "xl/worksheets/sheet1.xml"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/{SHEET}" ContentType="{TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{TYPE}.styles+xml"/></Types>',
    "_rels/.rels": _relations(("officeDocument", "xl/workbook.xml")),
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": _relations(
        ("worksheet", "worksheets/sheet1.xml"), ("styles", "styles.xml")
    ),
    "xl/styles.xml": _styles(),
}
"""The parts of the workbook, except the sheet."""
