"""Guesses what a column contains from its cells; for display only, no value changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from csvjobs.pipelines.readings import DATES, TIMES, moment
from csvjobs.pipelines.types import FALSE, TRUE
from csvjobs.reading.profile import ColumnProfile

MOST = 0.9
"""The share of cells that must be of a kind; single ones may be wrong."""

CATEGORIES = 50
FEWEST = 20
"""The least number of cells, all different, for them to be taken for ids."""

FORMS = {
    "integer": re.compile(r"[+-]?(?:0|[1-9]\d*)"),
    "decimal": re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?"),
    "url": re.compile(r"(?:https?|ftp)://\S+"),
}
CODE = re.compile(r"[\w./:-]+")
LEADING_ZEROS = "code with leading zeros"
"""Digits with leading zeros, which a number would lose."""


def meaning(column: ColumnProfile, cells: Sequence[str]) -> str:
    """One of empty, boolean, email, phone, iban, card, national_id, id, integer, decimal, url, category, text
    and LEADING_ZEROS; or date or datetime followed by the formats that fit all cells, as `cast` takes them:
    `date %d/%m/%Y`. `cells`: the filled cells of the profile."""
    if not cells:
        return "empty"
    texts = {cell.strip() for cell in cells}
    for kind, count in column.personal.items():
        if count >= MOST * column.filled:
            return kind
    if len(texts) == 2 and {text.lower() for text in texts} <= {*TRUE, *FALSE}:
        return "boolean"
    if fitting := formats(cells):
        return f"{'date' if fitting[0] in DATES else 'datetime'} {', '.join(fitting)}"
    if any(re.fullmatch(r"0\d+", text, re.ASCII) for text in texts) and all(map(str.isdecimal, texts)):
        return LEADING_ZEROS
    alone = column.distinct == column.filled >= FEWEST
    if alone and all(map(CODE.fullmatch, texts)) and not _all("decimal", texts - _of("integer", texts)):
        return "id"
    form = next((form for form in FORMS if _all(form, texts)), None)
    few = column.distinct <= min(CATEGORIES, column.filled / 2)
    return form or ("category" if few else "text")


def _of(form: str, texts: set[str]) -> set[str]:
    return {text for text in texts if FORMS[form].fullmatch(text)}


def _all(form: str, texts: set[str]) -> bool:
    """False for no texts at all."""
    return bool(texts) and len(_of(form, texts)) == len(texts)


def formats(cells: Sequence[str]) -> list[str]:
    """The formats of dates and times that fit all cells."""
    texts = set(cells)
    return [one for one in chain(DATES, TIMES) if all(moment(text, one) for text in texts)]
