"""The Pollock benchmark: does what was read hold the header, records and cells of the clean file?

python bench/reading/pollock.py FOLDER [polluted_files | survey_sample] [--given] [-v]

FOLDER: a checkout of HPI-Information-Systems/Pollock. --given declares delimiter, quote, encoding, lines
above and header as its parameters say; without it everything is found out. The ten measures of its
metrics.py: success, and precision, recall and F1 of header, records and cells as multisets. Its
normalisation of numbers, dates and prices is left out, which lowers our figures a little; the header is
compared as the file has it, not by the names that we give to blank and repeated ones, which raises them.
"with" counts rejected records as read (their cells as split by the delimiter), "without" counts them as
lost. -v names the worst files.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reading import facts_of

from csvjobs.engines.base import ReadFailed
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import DataError, EmptyFile
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import Reading, look, read
from csvjobs.reading.structure import find_beginning

Row = Sequence[str]
MEASURES = 10


class Table(NamedTuple):
    header: Row
    rows: list[Row]
    rejected: list[Row]


def table(path: Path, options: ReadOptions, engine: DuckEngine, scratch: Path) -> Table:
    """The file as a job would have it."""
    rejected = scratch / "rejected.csv"
    rejected.unlink(missing_ok=True)

    def once(careful: bool) -> tuple[Reading, list[Row]]:
        looked_at = look(path, facts_of(path), options, scratch, lambda _: None)
        reading = read(looked_at, options, scratch, rejected, lambda _: None, force_careful=careful)
        found = engine.rows(engine.relation(reading.source, numbered=False))
        return reading, [["" if cell is None else cell for cell in row] for row in found]

    try:
        reading, rows = once(careful=False)
    except ReadFailed:
        reading, rows = once(careful=True)
    else:
        if len(rows) != reading.source.records:
            reading, rows = once(careful=True)
    return Table(_names(path, reading, options, scratch), rows, _rejected(rejected, reading))


def _names(path: Path, reading: Reading, options: ReadOptions, scratch: Path) -> Row:
    """The names as the file has them; our warnings say which were renamed. None where it has none."""
    if not reading.detected["header"].value:
        return []
    found = look(path, facts_of(path), options, scratch, lambda _: None)
    top = find_beginning(found.head, found.dialect, options).top.cells
    given = [cell.decode("utf-8", "replace") for cell in top]
    return given + [""] * (len(reading.source.columns) - len(given))


def _rejected(path: Path, reading: Reading) -> list[Row]:
    if not path.exists():
        return []
    dialect = reading.source.dialect
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    width = len(reading.source.columns)
    return [
        row["_record"].split(dialect.delimiter) if row["_record"] else list(row.values())[:width]
        for row in found
    ]


def declared(parameters: dict[str, Any]) -> ReadOptions:
    """What the benchmark says about a file, as far as it can be declared."""
    return ReadOptions(
        delimiter=parameters["delimiter"] or None,
        quote=parameters["quotechar"] or None,
        escape="\\" if parameters["escapechar"] == "\\" else "",
        encoding=parameters["encoding"] or None,
        skip=int(parameters["preamble_lines"]),
        header=int(parameters["header_lines"]) > 0,
    )


def score(clean: Sequence[Row], header: Row, rows: Sequence[Row]) -> list[float]:
    """The ten measures; the first row, of the clean file and of what was read, counts as the header."""
    if not clean:
        return [1.0] * MEASURES
    if not header:
        header, rows = (rows[0], rows[1:]) if rows else ([], [])
    return [
        1.0,
        *_prf(map(_plain, clean[0]), map(_plain, header)),
        *_prf((_plain("".join(row)) for row in clean[1:]), (_plain("".join(row)) for row in rows)),
        *_prf((cell for row in clean for cell in row), (cell for row in [header, *rows] for cell in row)),
    ]


def _plain(text: str) -> str:
    return text.lower()


def _prf(wanted: Iterable[str], found: Iterable[str]) -> tuple[float, float, float]:
    ours, theirs = Counter(found), Counter(wanted)
    if not theirs:
        return 1.0, 1.0, 1.0
    common = (ours & theirs).total()
    if not common:
        return 0.0, 0.0, 0.0
    precision, recall = common / theirs.total(), common / ours.total()
    return precision, recall, 2 * precision * recall / (precision + recall)


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def scored(folder: Path, dataset: str, *, given: bool) -> Iterator[tuple[str, list[float], list[float]]]:
    """Of each file its name, and the measures without and with rejected records."""
    with tempfile.TemporaryDirectory() as scratch:
        engine = DuckEngine(Path(scratch), 512 * 1024**2)
        for path in sorted((folder / dataset / "csv").iterdir()):
            clean = folder / dataset / "clean" / path.name
            if not clean.exists():
                continue
            parameters = (folder / dataset / "parameters" / f"{path.name}_parameters.json").read_text()
            options = declared(json.loads(parameters)) if given else ReadOptions()
            try:
                found = table(path, options, engine, Path(scratch))
            except EmptyFile:
                found = Table([], [], [])
            except DataError as error:
                print("failed:", path.name, error)
                yield path.name, [0.0] * MEASURES, [0.0] * MEASURES
                continue
            wanted = rows_of(clean)
            without = score(wanted, found.header, found.rows)
            yield path.name, without, score(wanted, found.header, [*found.rows, *found.rejected])


def main() -> None:
    arguments = [word for word in sys.argv[1:] if not word.startswith("-")]
    folder, dataset = Path(arguments[0]), (arguments[1:] or ["polluted_files"])[0]
    csv.field_size_limit(2**31)
    files = list(scored(folder, dataset, given="--given" in sys.argv))
    weights: dict[str, float] = json.loads((folder / "pollock_weights.json").read_text())
    if dataset != "polluted_files":
        weights = dict.fromkeys((name for name, *_ in files), 1.0)
    total = sum(weights.get(name, 0.0) for name, *_ in files)
    for place, kind in ((1, "without"), (2, "with")):
        simple = sum(sum(file[place]) for file in files) / len(files)
        weighted = sum(sum(file[place]) * weights.get(file[0], 0.0) for file in files) / total
        print(f"{dataset}, {kind} rejected records: {simple:.3f} simple, {weighted:.3f} weighted")
    if "-v" in sys.argv:
        for name, *measures in sorted(files, key=lambda file: sum(file[1]))[:40]:
            without, with_rejected = map(sum, measures)
            print(f"   {without:5.2f} {with_rejected:5.2f} weight {weights.get(name, 0):8.4f} {name}")


if __name__ == "__main__":
    main()
