"""What the benchmarks of reading share: a file as csvjobs sees it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from csvjobs.reading.dialect import find_dialect
from csvjobs.reading.encoding import find_encoding, is_utf8, transcode
from csvjobs.reading.facts import Facts, FactsCollector
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import first_lines
from csvjobs.reading.source import Found


def facts_of(path: Path) -> Facts:
    collector = FactsCollector()
    collector.update(path.read_bytes())
    return collector.finish()


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
