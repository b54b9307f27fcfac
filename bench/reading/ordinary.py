"""Ordinary public files: does every clean one come out cell for cell?

python bench/reading/ordinary.py FOLDER… [--alone]

All CSV files below the folders are read with everything found out, as a job would read them. The reference
is Python's csv module, strict, told the delimiter by the file's name (.csv: comma, .tsv and .tab: tab); it
judges the files that are clean by it: UTF-8 throughout, no error, rows of equal width, two rows and two
columns at least, all other lines blank. No program knows which files have no names, or a title above them:
those in which people saw it are in names.tsv, beside this script, each with the row that has the names, 0 for
none, -2 for none below two rows that are no part of the table; in all others it is the first one. The table
is that row and all rows below. So the reference's own error, where a .csv has semicolons, counts as a
difference: each one is printed, to be looked at. Where only the names were taken for data, or data for names,
that is counted apart. Names that are blank or repeated we make up, so they are not compared. Files above
20 MB are left out. Beside it DuckDB, with its sniffer and all columns text, unless --alone.
"""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import duckdb
from reading import Row, as_job

from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import DataError
from csvjobs.reading.options import ReadOptions

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
LARGEST = 20_000_000
LABELS = Path(__file__).with_name("names.tsv")
MADE_UP = re.compile(r"column\d+")
NAMELESS = "the row of names was taken for data"
NAMED = "a row of data was taken for names"


class Table(NamedTuple):
    names: Row
    rows: list[Row]


Read = Callable[[Path], Table]


def files(folders: list[Path]) -> Iterator[Path]:
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.suffix.lower() in DELIMITERS and path.is_file() and path.stat().st_size <= LARGEST:
            yield path


@cache
def labels() -> list[tuple[str, int]]:
    """Paths within their repositories, with the row of names."""
    with LABELS.open(encoding="utf-8", newline="") as file:
        return [(name, int(row)) for name, row in csv.reader(file, delimiter="\t")]


def names_row(path: Path) -> int:
    return next((row for name, row in labels() if path.match(name)), 1)


def reference(path: Path) -> Table | None:
    """None where the file is not clean."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter=DELIMITERS[path.suffix.lower()], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    rows = [row for row in rows if row]
    if len(rows) < 2 or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return None
    first = names_row(path)
    return Table(rows[first - 1] if first > 0 else [], rows[abs(first) :])


def ours(path: Path) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        engine = DuckEngine(scratch, 512 * 1024**2)
        reading, rows = as_job(path, ReadOptions(), engine, scratch, scratch / "rejected.csv")
        engine.close()
    return Table(reading.source.columns if reading.detected["header"].value else [], rows)


def duckdb_sniffed(path: Path) -> Table:
    # In its file names [ and * are patterns.
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / f"plain{path.suffix}"
        plain.symlink_to(path.resolve())
        found = duckdb.sql(f"FROM read_csv('{plain}', all_varchar = true)")
        rows = [[cell or "" for cell in row] for row in found.fetchall()]
        made_up = all(MADE_UP.fullmatch(name) for name in found.columns)
        return Table([] if made_up else found.columns, rows)


def difference(wanted: Table, found: Table) -> str | None:
    """What differs first; None where nothing does."""
    have, want = [list(row) for row in found.rows], [list(row) for row in wanted.rows]
    if wanted.names and not found.names and have == [list(wanted.names), *want]:
        return NAMELESS
    if found.names and not wanted.names and have == want[1:]:
        return NAMED
    if len(found.names) != len(wanted.names):
        return f"{len(found.names)} columns for {len(wanted.names)}"
    counts: dict[str, int] = {}
    for name, given in zip(wanted.names, found.names, strict=True):
        key = name.strip()
        counts[key] = counts.get(key, 0) + 1
        if key and counts[key] == 1 and given.strip() != key:
            return f"column {given!r} for {key!r}, {len(found.rows)} rows for {len(wanted.rows)}"
    for number, (row, other) in enumerate(zip_longest(wanted.rows, found.rows), 1):
        if row != other:
            return f"row {number}, {len(found.rows)} rows for {len(wanted.rows)}"
    return None


def judged(read: Read, path: Path, wanted: Table) -> str | None:
    try:
        return difference(wanted, read(path))
    except (DataError, duckdb.Error) as error:
        return f"error: {str(error).splitlines()[0]}"


def main() -> None:
    csv.field_size_limit(2**31 - 1)
    seen = clean = 0
    readers: dict[str, Read] = {"csvjobs": ours, "DuckDB": duckdb_sniffed}
    if "--alone" in sys.argv:
        del readers["DuckDB"]
    different = {who: Counter[bool]() for who in readers}
    for path in files([Path(word) for word in sys.argv[1:] if word != "--alone"]):
        seen += 1
        if (wanted := reference(path)) is None:
            continue
        clean += 1
        for who, read in readers.items():
            if told := judged(read, path, wanted):
                different[who][told in (NAMELESS, NAMED)] += 1
                print(f"{who}: {path}: {told}")
    print(f"{seen} files, {clean} of them clean by the reference ({clean / seen:.1%})")
    for who, counts in different.items():
        nameless, wrong = counts[True], counts[False]
        same = clean - nameless - wrong
        told = f"{nameless} but for the row of names, {wrong} otherwise ({wrong / clean:.2%})"
        print(f"{who}: {same} of {clean} cell for cell ({same / clean:.2%}), {told}")


if __name__ == "__main__":
    main()
