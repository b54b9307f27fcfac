"""What the benchmarks of reading share: a file as csvjobs sees it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from csvjobs.engines.base import ReadFailed
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.reading.dialect import find_dialect
from csvjobs.reading.encoding import find_encoding, is_utf8, transcode
from csvjobs.reading.facts import Facts, FactsCollector
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import Reading, first_lines, look, read
from csvjobs.reading.scan import Scan
from csvjobs.reading.source import Found

Row = Sequence[str]


def facts_of(path: Path) -> Facts:
    collector = FactsCollector()
    collector.update(path.read_bytes())
    return collector.finish()


def as_job(
    path: Path, options: ReadOptions, engine: DuckEngine, scratch: Path, rejected: Path
) -> tuple[Reading, list[Row]]:
    """The file as a job would have it: the express lane first; an empty cell is an empty text here."""
    for careful in (False, True):
        looked_at = look(path, facts_of(path), options, scratch, lambda _: None)
        reading = read(looked_at, scratch, Scan(rejected, lambda _: None), force_careful=careful)
        try:
            found = engine.rows(engine.relation(reading.source, numbered=False))
        except ReadFailed:
            continue
        if careful or len(found) == reading.source.records:
            return reading, [[cell or "" for cell in row] for row in found]
    raise AssertionError(f"{path}: the engine refuses what the careful lane made")


@cache
def utf8(path: Path) -> bytes:
    """The file's text as UTF-8, by the encoding that we find."""
    encoding = find_encoding(path, facts_of(path), None).value
    if is_utf8(encoding):
        return path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        return transcode(path, encoding, Path(folder) / "utf8", lambda _: None).read_bytes()


def detected(path: Path) -> dict[str, Found]:
    with tempfile.NamedTemporaryFile() as copy:
        copy.write(utf8(path))
        copy.flush()
        return find_dialect(first_lines(Path(copy.name))[0], ReadOptions())[1]
