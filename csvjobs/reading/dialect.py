"""How the bytes are a table: the delimiter that cuts the first lines most evenly."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from csvjobs.reading.facts import DELIMITERS
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, Tokenizer
from csvjobs.reading.source import Dialect, Found

SAMPLE_RECORDS = 1000


def find_dialect(head: list[Line], options: ReadOptions) -> tuple[Dialect, dict[str, Found]]:
    """The dialect of a file that begins with the lines `head`; declared options win."""
    quote = '"' if options.quote is None else options.quote
    delimiter = Found(options.delimiter) if options.delimiter else _find_delimiter(head, quote)
    dialect = Dialect(delimiter=delimiter.value, quote=quote)
    return dialect, {"delimiter": delimiter, "quote": Found(quote)}


def _find_delimiter(head: list[Line], quote: str) -> Found:
    candidates = DELIMITERS.replace(quote, "") if quote else DELIMITERS
    scores = {delimiter: _score(head, Dialect(delimiter, quote)) for delimiter in candidates}
    ranked = sorted(scores, key=lambda delimiter: scores[delimiter], reverse=True)
    best, others = ranked[0], tuple(d for d in ranked[1:] if scores[d][0] > 0)
    if scores[best][0] == 0:
        # One column: nothing to cut, so nothing that a wrong guess could harm.
        return Found(candidates[0], 0.5)
    return Found(best, round(scores[best][0], 2), others)


def _score(head: list[Line], dialect: Dialect) -> tuple[float, int]:
    """The share of records, the header among them, that have the commonest number of cells; then that."""
    tokenizer = Tokenizer(dialect)
    records = islice((r for r in tokenizer.records(head) if r.text and not r.fault), SAMPLE_RECORDS)
    widths = [len(tokenizer.cells(record)) for record in records]
    if not widths:
        return 0.0, 0
    width, count = Counter(widths).most_common(1)[0]
    if width == 1:
        width = widths[0]
        count = widths.count(width) if width > 1 else 0
    fits = 1.0 if widths[0] == width else 0.5
    return fits * count / len(widths), width
