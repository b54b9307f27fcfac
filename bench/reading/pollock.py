"""The Pollock benchmark: does what was read hold the header, records and cells of the clean file?

python bench/reading/pollock.py FOLDER [polluted_files | survey_sample] [--given] [-v]

FOLDER: a checkout of HPI-Information-Systems/Pollock. --given declares delimiter, quote, encoding, lines above
and header as its parameters say; without it everything is found out. The ten measures of its metrics.py:
success, and precision, recall and F1 of header, records and cells as multisets. Its normalisation of
numbers, dates and prices is left out, so our figures are at most too low. "with" counts rejected records as
read (their cells as split by the delimiter), "without" counts them as lost. -v names the worst files.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reading import facts_of

from csvjobs.engines.base import ReadFailed
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import DataError, EmptyFile
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import Reading, read
from csvjobs.reading.rejects import EXTRA

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
        reading = read(
            path, facts_of(path), options, scratch, rejected, lambda _: None, force_careful=careful
        )
        found = engine.rows(engine.relation(reading.source, numbered=False))
        return reading, [["" if cell is None else cell for cell in row] for row in found]

    try:
        reading, rows = once(careful=False)
    except ReadFailed:
        reading, rows = once(careful=True)
    else:
        if len(rows) != reading.source.records:
            reading, rows = once(careful=True)
    return Table(reading.source.columns, rows, _rejected(rejected, reading))


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
        delimiter=parameters["delimiter"][:1] or None,
        quote=parameters["quotechar"] or None,
        encoding=parameters["encoding"] or None,
        skip=int(parameters["preamble_lines"]),
        header=int(parameters["header_lines"]) > 0,
    )


def score(clean: Sequence[Row], header: Row, rows: Sequence[Row], *, named: bool) -> list[float]:
    """The ten measures. A clean file's first row is its header; columns that we numbered count as none."""
    if not clean:
        return [1.0] * MEASURES
    records = [_plain("".join(row)) for row in clean[1:]]
    given = [header] if named else []
    return [
        1.0,
        *_prf(map(_plain, clean[0]), map(_plain, header if named else rows[0] if rows else [])),
        *_prf(records, [_plain("".join(row)) for row in (rows if named else rows[1:])]),
        *_prf((cell for row in clean for cell in row), (cell for row in [*given, *rows] for cell in row)),
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


def main() -> None:
    arguments = [word for word in sys.argv[1:] if not word.startswith("-")]
    folder, dataset = Path(arguments[0]), (arguments[1:] or ["polluted_files"])[0]
    weights: dict[str, float] = json.loads((folder / "pollock_weights.json").read_text())
    csv.field_size_limit(2**31)
    scores: dict[str, dict[str, list[float]]] = {"without": {}, "with": {}}
    with tempfile.TemporaryDirectory() as scratch:
        engine = DuckEngine(Path(scratch), 512 * 1024**2)
        for path in sorted((folder / dataset / "csv").iterdir()):
            clean_path = folder / dataset / "clean" / path.name
            if not clean_path.exists():
                continue
            parameters = json.loads(
                (folder / dataset / "parameters" / f"{path.name}_parameters.json").read_text()
            )
            options = declared(parameters) if "--given" in sys.argv else ReadOptions()
            clean = rows_of(clean_path)
            try:
                found = table(path, options, engine, Path(scratch))
            except EmptyFile:
                found = Table([], [], [])
            except DataError as error:
                print("failed:", path.name, error)
                for kind in scores.values():
                    kind[path.name] = [0.0] * MEASURES
                continue
            named = not (found.header and found.header[0] == "column_1")
            scores["without"][path.name] = score(clean, found.header, found.rows, named=named)
            scores["with"][path.name] = score(
                clean, found.header, [*found.rows, *found.rejected], named=named
            )
    for kind, by_file in scores.items():
        simple = sum(sum(values) for values in by_file.values()) / len(by_file)
        line = f"{dataset}, {kind} rejected records: simple {simple:.3f}"
        if dataset == "polluted_files":
            total = sum(weights.get(name, 0) for name in by_file)
            line += f", weighted {sum(sum(values) * weights.get(name, 0) for name, values in by_file.items()) / total:.3f}"
        print(line, f"({len(by_file)} files)")
    if "-v" in sys.argv:
        worst = sorted(scores["without"].items(), key=lambda item: sum(item[1]))[:40]
        for name, values in worst:
            print(
                f"   {sum(values):.2f} weight {weights.get(name, 0):.4f} {name}  with: {sum(scores['with'][name]):.2f}"
            )


if __name__ == "__main__":
    main()
