"""Test workbooks: made with openpyxl, or by hand where the XML itself matters."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def by_openpyxl(rows: Sequence[Sequence[Any]], **sheets: Sequence[Sequence[Any]]) -> bytes:
    """A workbook whose first sheet has these rows, with more sheets behind it."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for name, others in sheets.items():
        sheet = book.create_sheet(name)
        for row in others:
            sheet.append(row)
    return saved(book)


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def by_hand(
    rows: str,
    *,
    strings: Sequence[str] = (),
    formats: Sequence[str] = (),
    book: str = "",
    prefix: str = "",
    before: str = "",
    behind: str = "",
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """A workbook whose one sheet has this XML as rows; `strings`: the XML within each shared text;
    `formats`: number formats of the styles 1, 2, …"""
    x = f"{prefix}:" if prefix else ""
    space = f'xmlns{":" if prefix else ""}{prefix}="{MAIN}"'
    numbered = list(enumerate(formats, 164))
    codes = "".join(
        f'<numFmt numFmtId="{n}" formatCode="{escape(f, {chr(34): "&quot;"})}"/>' for n, f in numbered
    )
    styles = "".join(f'<xf numFmtId="{n}"/>' for n in [0, *(n for n, _ in numbered)])
    parts = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}">{book}'
        '<sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            ("worksheet", "/xl/sheet.xml"), ("styles", "styles.xml"), ("sharedStrings", "strings.xml")
        ),
        "xl/sheet.xml": f"{before}<{x}worksheet {space}><{x}sheetData>{rows}</{x}sheetData>{behind}"
        f"</{x}worksheet>",
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>',
        "xl/strings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si>{text}</si>" for text in strings)}</sst>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def _relations(*targets: tuple[str, str]) -> str:
    each = (
        f'<Relationship Id="rId{place}" Type="{RELATED}/{kind}" Target="{target}"/>'
        for place, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{"".join(each)}</Relationships>'
