"""The Pollock benchmark: does what was read hold the header, records and cells of the clean file?

python bench/reading/pollock.py FOLDER [polluted_files | survey_sample] [--given] [-v]

FOLDER: a checkout of HPI-Information-Systems/Pollock. Judged by its own metrics.py, which needs numpy,
joblib, multiset, chardet, python-dateutil and price-parser. --given declares delimiter, quote, encoding,
lines above and header as its parameters say; without it everything is found out. Ten measures: success,
and precision, recall and F1 of header, records and cells as multisets; the first row counts as header.
"without": rejected records count as lost, names are as the file has them. "counted": rejected records count
as read, their cells as split by the delimiter. "delivered": names as a job has them, made up where the file
has none or one twice. -v names the files that miss anything.
"""

from __future__ import annotations

import csv
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from reading import Row, as_job, facts_of

from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import DataError, EmptyFile
from csvjobs.reading.header import fitted
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import Reading, look
from csvjobs.reading.structure import find_beginning

MEASURES = 10


class Table(NamedTuple):
    """`header`: the names as the file has them; `delivered`: with those that we make up."""

    header: Row
    delivered: Row
    rows: list[Row]
    rejected: list[Row]


def table(path: Path, options: ReadOptions, engine: DuckEngine, scratch: Path) -> Table:
    """The file as a job would have it."""
    rejected = scratch / "rejected.csv"
    rejected.unlink(missing_ok=True)
    reading, rows = as_job(path, options, engine, scratch, rejected)
    names = _names(path, reading, options, scratch)
    return Table(names, reading.source.columns, rows, _rejected(rejected, reading))


def _names(path: Path, reading: Reading, options: ReadOptions, scratch: Path) -> Row:
    """The names as the file has them; our warnings say which were renamed. None where it has none."""
    if not reading.detected["header"].value:
        return []
    found = look(path, facts_of(path), options, scratch, lambda _: None)
    beginning = find_beginning(found.head, found.dialect, options)
    return [cell.decode("utf-8", "replace") for cell in fitted(beginning.top.cells, beginning.body)[0]]


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
        header_rows=int(parameters["header_lines"]) or None,
    )


class Scorer:
    """The benchmark's own metrics.py, on what it would find in a file of ours."""

    def __init__(self, folder: Path, dataset: str) -> None:
        sys.path.insert(0, str(folder))
        self._metrics: Any = importlib.import_module("pollock.metrics")
        # It parses each cell as a date and a price, and the same cells stand in thousands of files.
        self._metrics.normalize_cell = cache(self._metrics.normalize_cell)
        self._clean = folder / dataset / "clean"

    def score(self, name: str, header: Row, rows: Sequence[Row], target: Path) -> list[float]:
        """Success, and precision, recall and F1 of header, records and cells; `target` is written."""
        with target.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows] if header else rows)
        measured = self._metrics.header_record_cell_measures_csv(self._clean / name, target)
        return [1.0, *map(float, measured)]


class Scored(NamedTuple):
    """A file's measures: without and with rejected records, and with all names as a job delivers them."""

    name: str
    without: list[float]
    counted: list[float]
    delivered: list[float]


def scored(folder: Path, dataset: str, *, given: bool) -> Iterator[Scored]:
    scorer = Scorer(folder, dataset)
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        engine = DuckEngine(scratch, 512 * 1024**2)
        for path in sorted((folder / dataset / "csv").iterdir()):
            clean = folder / dataset / "clean" / path.name
            if not clean.exists():
                continue
            parameters = (folder / dataset / "parameters" / f"{path.name}_parameters.json").read_text()
            options = declared(json.loads(parameters)) if given else ReadOptions()
            try:
                found = table(path, options, engine, scratch)
            except EmptyFile:
                found = Table([], [], [], [])
            except DataError as error:
                print("failed:", path.name, error)
                yield Scored(path.name, *[[0.0] * MEASURES] * 3)
                continue
            target = scratch / "converted.csv"
            yield Scored(
                path.name,
                without=scorer.score(path.name, found.header, found.rows, target),
                counted=scorer.score(path.name, found.header, [*found.rows, *found.rejected], target),
                delivered=scorer.score(path.name, found.delivered, found.rows, target),
            )


def main() -> None:
    arguments = [word for word in sys.argv[1:] if not word.startswith("-")]
    folder, dataset = Path(arguments[0]), (arguments[1:] or ["polluted_files"])[0]
    csv.field_size_limit(2**31)
    files = list(scored(folder, dataset, given="--given" in sys.argv))
    weights: dict[str, float] = json.loads((folder / "pollock_weights.json").read_text())
    if dataset != "polluted_files":
        weights = dict.fromkeys((name for name, *_ in files), 1.0)
    total = sum(weights.get(file.name, 0.0) for file in files)
    for kind in ("without", "counted", "delivered"):
        sums = {file.name: sum(getattr(file, kind)) for file in files}
        simple = sum(sums.values()) / len(files)
        weighted = sum(points * weights.get(name, 0.0) for name, points in sums.items()) / total
        print(f"{dataset}, {kind}: {simple:.3f} simple, {weighted:.3f} weighted")
    if "-v" in sys.argv:
        for file in sorted(
            (file for file in files if sum(file.without) < 9.995), key=lambda f: sum(f.without)
        ):
            points = "".join(f"{sum(measures):6.2f}" for measures in file[1:])
            print(f"{points} weight {weights.get(file.name, 0):8.4f} {file.name}")


if __name__ == "__main__":
    main()
