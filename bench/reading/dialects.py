"""Which delimiter and quote files have: ours beside DuckDB's sniffer, CleverCSV and csv.Sniffer.

python bench/reading/dialects.py FOLDER [-v]

FOLDER: the `python` folder of a checkout of ws-garcia/CSVsniffer: its files, and `ground truth/*.txt` that
say what they are. A failure counts as wrong. -v prints each file that ours gets wrong.
"""

from __future__ import annotations

import csv
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import duckdb
from reading import detected, utf8

from csvjobs.errors import DataError

MARKS = {
    **{"comma": ",", "semicolon": ";", "tab": "\t", "vslash": "|", "space": " ", "nsign": "#"},
    **{"colon": ":", "doublequote": '"', "singlequote": "'", "tilde": "~"},
}

LOOSE = "strict_mode = false, ignore_errors = true, null_padding = true"
STRICT_THEN_LOOSE = ("strict_mode = true", "strict_mode = false", LOOSE)

Find = Callable[[Path], tuple[str, str]]


class Set(NamedTuple):
    files: str
    labels: str


SETS = {
    "POLLOCK": Set("CSV", "POLLOCK-dialect_annotations.txt"),
    "CSV Wrangling": Set("CSV_Wrangling", "CCSV-manual_Dialect_Annotation.txt"),
    "W3C": Set("W3C-CSVW", "W3C-CSVW-dialect_annotations.txt"),
}


class Labelled(NamedTuple):
    path: Path
    delimiter: str
    quote: str


def labelled(folder: Path, name: str) -> Iterator[Labelled]:
    """The files of one set that are there, with their labels."""
    truth = folder / "ground truth" / SETS[name].labels
    for row in csv.reader(truth.open(encoding="utf-8"), delimiter="|"):
        path = folder / SETS[name].files / row[0]
        if len(row) > 3 and row[0] != "file_name" and path.is_file():
            yield Labelled(path, MARKS[row[2]], MARKS[row[3]])


def ours(path: Path) -> tuple[str, str]:
    found = detected(path)
    # The labels do not tell a delimiter from one with a blank behind it.
    return found["delimiter"].value[:1], found["quote"].value


def duckdb_sniffer(path: Path) -> tuple[str, str]:
    """Strict, and loose where that finds nothing or one column, on UTF-8."""
    found = []
    with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
        copy.write(utf8(path))
        copy.flush()
        for given in STRICT_THEN_LOOSE:
            sniff = f"FROM sniff_csv('{copy.name}', sample_size = -1, {given})"
            with suppress(duckdb.Error):
                found += duckdb.execute(f"SELECT Delimiter, Quote, len(Columns) {sniff}").fetchall()
    delimiter, quote, _ = next((one for one in found if one[2] > 1), found[0])
    # Where it needs no quote it names none; by the labels that is the usual one.
    return delimiter, quote if quote in MARKS.values() else '"'


def python_sniffer(path: Path) -> tuple[str, str]:
    found = csv.Sniffer().sniff(utf8(path)[:65536].decode("utf-8", "replace"))
    return found.delimiter, found.quotechar or '"'


def clevercsv_sniffer(path: Path) -> tuple[str, str]:
    import clevercsv

    found = clevercsv.Sniffer().sniff(utf8(path)[:6144].decode("utf-8", "replace"))
    if found is None:
        raise ValueError
    return found.delimiter, found.quotechar or '"'


def right(find: Find, file: Labelled) -> bool:
    try:
        delimiter, quote = find(file.path)
    except (ValueError, LookupError, csv.Error, duckdb.Error, DataError):
        return False
    # A file without quotes has none to find.
    has_quotes = file.quote.encode() in file.path.read_bytes()
    return delimiter == file.delimiter and (quote == file.quote or not has_quotes)


def judged(find: Find, sets: dict[str, list[Labelled]]) -> str:
    """What a finder got right, in all and in each set, and how long a file took."""
    began = time.perf_counter()
    good = {name: sum(right(find, file) for file in files) for name, files in sets.items()}
    count = sum(map(len, sets.values()))
    took = (time.perf_counter() - began) / count * 1000
    each = (
        f"{name} {good[name]}/{len(files)} = {good[name] / len(files):.1%}" for name, files in sets.items()
    )
    return f"{sum(good.values()) / count:.1%}  {'  '.join(each)}  {took:.0f} ms a file"


def main() -> None:
    folder, verbose = Path(sys.argv[1]), "-v" in sys.argv
    finders: dict[str, Find] = {"csvjobs": ours, "DuckDB": duckdb_sniffer, "csv.Sniffer": python_sniffer}
    if importlib.util.find_spec("clevercsv"):
        finders["CleverCSV"] = clevercsv_sniffer
    sets = {name: list(labelled(folder, name)) for name in SETS}
    for file in (file for files in sets.values() for file in files if verbose and not right(ours, file)):
        print("wrong:", file.path.name, "is", (file.delimiter, file.quote), "taken for", ours(file.path))
    for who, find in finders.items():
        print(f"{who:12} {judged(find, sets)}")


if __name__ == "__main__":
    main()
