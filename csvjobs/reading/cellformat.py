"""Converts a number in a spreadsheet cell to text, according to its number format (ECMA-376, 18.8.30).

Dates and times become ISO 8601. Leading zeros that the format adds are kept, as in 00042, if the format
consists of zeros and separators only. Any other number becomes its value, whatever rounding, grouping or
colour the format has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

Shown = Callable[[str], str]
"""Converts the number in the file to the text of the cell."""

BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), *range(50, 59)), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 45, 47), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    46: "[h]:mm:ss",
}
"""Codes of the built-in formats, which no file contains, as far as they matter here."""

DAY = 86_400_000
"""Milliseconds."""

LAST_DAY = 2_958_465
"""31 December 9999."""

MOST_CODE = 255
"""Characters of a format, in any spreadsheet program."""

NO_SUCH_DAY = 60
"""29 February 1900, which did not exist."""

_WHOLE = re.compile(r"-?\d+")
_NOT_SAID = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|AM/PM|A/P', re.IGNORECASE)
_NOUGHTS = re.compile(r'(?:0|\\.|"[^"]*"|[-() /])+')
_SIGNS = re.compile(r'(0)|\\(.)|"([^"]*)"|(.)')


def shown(code: str, *, epoch1904: bool = False) -> Shown:
    """The conversion for numbers of that format; `epoch1904`: days count from 1904, not from 1900."""
    first = code[:MOST_CODE].partition(";")[0]
    if _NOUGHTS.fullmatch(first) and first.count("0") > 1:
        return partial(_with_noughts, [found.groups() for found in _SIGNS.finditer(first)])
    letters = set(_NOT_SAID.sub("", first).lower())
    clock, elapsed = bool(letters & set("hs")), "[" in _NOT_SAID.sub("", first)
    dated = bool(letters & set("dy")) or ("m" in letters and not clock)
    if not clock and not dated:
        return number
    return partial(_moment, clock=clock, dated=dated, elapsed=elapsed, epoch1904=epoch1904)


def number(text: str) -> str:
    """The digits of a whole number unchanged; otherwise the shortest text that reads back as the same
    double."""
    if _WHOLE.fullmatch(text):
        return text
    try:
        return repr(float(text)).removesuffix(".0")
    except ValueError:
        return text


def _with_noughts(signs: list[tuple[str | None, ...]], text: str) -> str:
    """The digits in the places of the format's zeros; any more digits go to the first place."""
    if not text.isdecimal():
        return number(text)
    places = sum(nought is not None for nought, *_ in signs)
    digits = text.zfill(places)
    left = iter([digits[: len(digits) - places + 1], *digits[len(digits) - places + 1 :]])
    return "".join(next(left) if nought else next(filter(None, others), "") for nought, *others in signs)


def _moment(text: str, *, clock: bool, dated: bool, elapsed: bool, epoch1904: bool) -> str:
    """A day, a day with its time, a time of day, or hours that count on beyond a day."""
    try:
        days, rest = divmod(round(float(text) * DAY), DAY)
    except (ValueError, OverflowError):
        return text
    if elapsed and days >= 0:
        return _clock(days * DAY + rest)
    if days == 0 and (clock or rest) and not (dated and epoch1904):
        return _clock(rest)
    if not 0 <= days <= LAST_DAY or (not epoch1904 and days in (0, NO_SUCH_DAY)):
        return number(text)
    # The 1900 date system counts the day that did not exist.
    start = date(1904, 1, 1) if epoch1904 else date(1899, 12, 31 - (days > NO_SUCH_DAY))
    try:
        day = (start + timedelta(days)).isoformat()
    except OverflowError:
        return number(text)
    return f"{day}T{_clock(rest)}" if clock or rest else day


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    fraction = f".{rest:03}".rstrip("0") if rest else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
