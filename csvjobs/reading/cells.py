"""Classifies the text of a cell, for detection only; no value changes."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["number", "datetime", "address"]

_CURRENCY = rb"(?:[$]|\xc2\xa3|\xe2\x82\xac|\xc2\xa5)"
_AMOUNT = rb"\d{1,3}(?:[., ']\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d*)?|[.,]\d+"
_DAY = rb"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
_CLOCK = rb"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?(?:Z|[-+]\d\d:?\d\d)?"
_PATTERNS: dict[Kind, bytes] = {
    "number": rb"[-+(]?%b? ?(?:%b)(?:[eE][-+]?\d+)?\)? ?(?:%%|%b)?" % (_CURRENCY, _AMOUNT, _CURRENCY),
    "datetime": rb"%b(?:[ T]+%b)?|%b" % (_DAY, _CLOCK, _CLOCK),
    "address": rb"(?:https?|ftp)://\S+|[\w.+-]+@[\w-]+\.[\w.-]+",
}
_KINDS = {name: re.compile(pattern) for name, pattern in _PATTERNS.items()}
_CODE = re.compile(rb"[\w\x80-\xff][\w\x80-\xff./+-]*")
_WORDS = re.compile(rb"[\w\x80-\xff(\[#][\w\x80-\xff .,'&/()\[\]+%-]*")


def kind(text: bytes) -> Kind | None:
    """What the cell contains, None for words; `text` must have no spaces around it."""
    for name, pattern in _KINDS.items():
        if pattern.fullmatch(text):
            return name
    return None


def plausible(text: bytes) -> float:
    """How much the text looks like one cell, not like part of one or several: 0 to 1."""
    if _CODE.fullmatch(text) or kind(text):
        return 1.0
    if text[:1] in b"\"'" or text[-1:] in b"\"'":
        # Cut in the middle of a quoted text, or by a dialect that ignores quotes.
        return 0.2 if text[:1] != text[-1:] else 0.3
    if b'"' in text:
        return 0.3
    return 0.8 if _WORDS.fullmatch(text) else 0.5
