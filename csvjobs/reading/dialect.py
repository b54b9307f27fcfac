"""Dialect detection: finds the delimiter, quote and escape that make the first records most table-like.

Each dialect whose characters occur is tried on a sample. A good one gives records of equal width whose cells
look like cells: numbers, dates, names, plain words. Neither is enough alone: commas in text may be regular,
and a space cuts everything into plausible words. The two measures follow van den Burg, Nazábal and Sutton,
"Wrangling messy CSV files by detecting row and type patterns" (2019); their implementation is ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import NamedTuple

from csvjobs.reading.cells import plausible
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, Tokenizer
from csvjobs.reading.source import Dialect, Found

SAMPLE_RECORDS = 400
TYPED_RECORDS = 100
TYPED_CELLS = 40

USUAL = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, "^": 0.9, "~": 0.9, ":": 0.4, "#": 0.6, " ": 0.6}
"""The delimiters, and how common each is."""

QUOTES = {'"': 1.0, "'": 0.9}
NEAR = 0.4
"""The share of the best score that makes another dialect worth reporting."""

COMMENT = b"#"
BACKSLASH = "\\"
ONE_COLUMN = 0.6
"""How table-like one column of plausible cells is: less than two good columns, more than two bad ones."""

PUNCTUATION = 0.9
"""Factor for a delimiter that is always followed by a space, as in sentences."""

_IN_SINGLE_QUOTES = rb"(?m)(?:^|%b ?)'(?:[^'\n]|'')*'(?:$|\r|%b)"
_SEPARATOR = re.compile(rb"sep=([!-/:-@\[-`{-~\t ])", re.IGNORECASE)
"""The line that tells Excel the delimiter; not in any standard."""


class Trial(NamedTuple):
    """A dialect, how table-like it makes the sample (0 to 1), and the most cells in a record."""

    dialect: Dialect
    score: float
    width: int


def find_dialect(
    head: list[Line], options: ReadOptions, top: bytes = b"", *, cut: bool = False
) -> tuple[Dialect, dict[str, Found]]:
    """The dialect of a file that begins with the lines `head`, `cut` off the rest or not, above which lines
    may have been skipped, `top` the first of them; declared options win."""
    declared = _SEPARATOR.fullmatch(top or (head[0].content if head else b""))
    if declared and options.delimiter is None:
        options = options.model_copy(update={"delimiter": declared[1].decode()})
    trials = [_trial(head, dialect, cut=cut) for dialect in _candidates(head, options)]
    ranked = sorted(trials, key=lambda trial: trial.score, reverse=True)
    if options.delimiter is None:
        ranked[0] = _spaced(ranked[0], head)
    delimiter = _found(ranked, lambda dialect: dialect.delimiter, options.delimiter)
    if ranked[0].width < 2 and options.delimiter is None:
        # Nothing was split, so there is no evidence.
        delimiter = replace(delimiter, confidence=0.5)
    found = {
        "delimiter": delimiter,
        "quote": _found(ranked, lambda dialect: dialect.quote, options.quote),
        "escape": _found(ranked, lambda dialect: dialect.escape, options.escape),
    }
    return ranked[0].dialect, found


def _candidates(head: list[Line], options: ReadOptions) -> Iterator[Dialect]:
    """The dialects whose characters occur, the likelier of equals first."""
    said = [line.content for line in head if not line.content.startswith(COMMENT)]
    text = b"\n".join(said or [line.content for line in head])
    for quote in [options.quote] if options.quote is not None else QUOTES:
        for delimiter in [options.delimiter] if options.delimiter else _delimiters(text, quote):
            if options.quote is None and quote == "'" and not _in_single_quotes(text, delimiter):
                continue
            for escape in _escapes(text, quote) if options.escape is None else [options.escape]:
                yield Dialect(delimiter, quote, escape if quote else "", options.comment)


def _escapes(text: bytes, quote: str) -> list[str]:
    return ["", BACKSLASH] if quote and (BACKSLASH + quote).encode() in text else [""]


def _delimiters(text: bytes, quote: str) -> list[str]:
    """The delimiters that occur, and the comma even if it does not: it makes a single column."""
    able = [delimiter for delimiter in USUAL if delimiter != quote]
    found = [delimiter for delimiter in able if delimiter.encode() in text]
    return found if able[0] in found else [*found, able[0]]


def _in_single_quotes(text: bytes, delimiter: str) -> bool:
    """Whether any cell is in single quotes; an apostrophe, or a quoted word within a cell, does not count."""
    mark = re.escape(delimiter.encode())
    return bool(re.search(_IN_SINGLE_QUOTES % (mark, mark), text))


def _trial(head: list[Line], dialect: Dialect, *, cut: bool) -> Trial:
    tokenizer = Tokenizer(dialect)
    found = tokenizer.beginning(head, cut=cut)
    records = list(islice((r for r in found if r.text.strip()), SAMPLE_RECORDS))
    said = [record for record in records if not record.text.startswith(COMMENT)] or records
    rows = [tokenizer.cells(record) for record in said if not record.fault]
    if not rows:
        return Trial(dialect, 0.0, 0)
    widths = [len(row) for row in rows]
    usual = USUAL.get(dialect.delimiter, 1.0) if max(widths) > 1 else ONE_COLUMN
    usual *= QUOTES.get(dialect.quote, 1.0) * (0.9 if dialect.escape else 1.0)
    usual *= PUNCTUATION if _blank_follows(rows) else 1.0
    score = usual * (len(rows) / len(said)) * _regular(widths) * _plausible(rows, dialect)
    return Trial(dialect, score, max(widths))


def _blank_follows(rows: Sequence[Sequence[bytes]]) -> bool:
    """Whether all cells after the first of each row begin with a space, ignoring empty ones."""
    following = [cell for row in rows for cell in row[1:] if cell]
    return bool(following) and all(cell.startswith(b" ") for cell in following)


def _spaced(best: Trial, head: list[Line]) -> Trial:
    """Adds the space after the delimiter to it, if there always is one and quotes follow it: otherwise they
    would not count as quotes. Without quotes the space may belong to the cells."""
    dialect = replace(best.dialect, delimiter=f"{best.dialect.delimiter} ")
    bare, quote = best.dialect.delimiter.encode(), dialect.quote.encode()
    if best.width < 2 or bare == b" " or not quote:
        return best
    tokenizer = Tokenizer(dialect)
    records = islice((r for r in tokenizer.records(head) if r.text.strip()), SAMPLE_RECORDS)
    rows = [[] if record.fault else tokenizer.cells(record) for record in records]
    quoted = any(cell.startswith(quote) for row in rows for cell in row[1:])
    cut = all(row and not any(bare in cell for cell in row if not cell.startswith(quote)) for row in rows)
    return best._replace(dialect=dialect) if quoted and cut else best


def _regular(widths: Sequence[int]) -> float:
    """How alike the records' widths are: the share of the most common one, and the likeness of each to the
    next."""
    counts = Counter(widths)
    wide = {width: count for width, count in counts.items() if width > 1} or counts
    share = max(wide.values()) / len(widths)
    pairs = [pair for pair in pairwise(widths) if max(pair) > 1]
    alike = sum(min(pair) / max(pair) for pair in pairs) / len(pairs) if pairs else 1.0
    return (share + alike) / 2


def _plausible(rows: Sequence[Sequence[bytes]], dialect: Dialect) -> float:
    """How much the cells look like cells, on average; empty ones are ignored."""
    step = max(1, len(rows) // TYPED_RECORDS)
    worth = [
        _worth(cell, dialect.quote.encode())
        for row in rows[::step]
        for cell in row[:TYPED_CELLS]
        if cell.strip()
    ]
    return sum(worth) / len(worth) if worth else 0.5


def _worth(cell: bytes, quote: bytes) -> float:
    text = cell.strip()
    if quote and text.startswith(quote) and (text.endswith(quote) or text is cell):
        return 1.0
    return plausible(text)


def _found(ranked: Sequence[Trial], of: Callable[[Dialect], str], declared: str | None) -> Found:
    """The best trial's character; the confidence depends on how far behind the best trial with another one
    is."""
    value = of(ranked[0].dialect)
    if declared is not None:
        return Found(value)
    others = [trial for trial in ranked if of(trial.dialect) != value and trial.score > 0]
    rival = others[0].score / ranked[0].score if others and ranked[0].score else 0.0
    near = [trial for trial in others if trial.width > 1 and trial.score > ranked[0].score * NEAR]
    alternatives = tuple(dict.fromkeys(of(trial.dialect) for trial in near))
    return Found(value, round(1 - rival**4 / 2, 2), alternatives)
