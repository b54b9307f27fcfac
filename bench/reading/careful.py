"""How fast the careful lane is on one core, beside Python's csv.reader and csv.writer on the same files.

python bench/reading/careful.py [MB]

Each lane reads and writes every file whole; the figure is of input bytes a second of CPU, the better of two
runs, taken by turns.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from csvjobs.reading.careful import TextTable, careful
from csvjobs.reading.header import Header
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.scan import Scan
from csvjobs.reading.source import Dialect

NAMES = ("id", "name", "email", "day", "amount", "city", "state", "group")
MB = 1_000_000


def cells(number: int) -> list[str]:
    day, name = f"2024-01-{number % 28 + 1:02d}", f"Name {number % 1000}"
    mail, amount = f"user{number}@example.org", f"{number * 1.5:.2f}"
    return [str(number), name, mail, day, amount, "London", "active", str(number % 7)]


def plain(number: int) -> str:
    return ",".join(cells(number))


def one_quoted(number: int) -> str:
    first, name, *others = cells(number)
    return ",".join([first, f'"{name}, Dr."', *others])


def all_quoted(number: int) -> str:
    return ",".join(f'"{cell}"' for cell in cells(number))


def line_breaks(number: int) -> str:
    first, name, *others = cells(number)
    return ",".join([first, f'"{name}\nsecond line, with ""quotes"""', *others])


def ragged(number: int) -> str:
    return plain(number) + (",more" if number % 100 == 0 else "")


def stray_quotes(number: int) -> str:
    return plain(number) + (' 5" wide' if number % 10 == 0 else "")


KINDS = (plain, one_quoted, all_quoted, line_breaks, ragged, stray_quotes)


def write(path: Path, kind: Callable[[int], str], size: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        written = file.write(",".join(NAMES) + "\n")
        for number in count():
            written += file.write(kind(number) + "\n")
            if written > size:
                return


def ours(path: Path, folder: Path) -> None:
    table = TextTable(path, Dialect(), Header(NAMES, 0, 1, []), ReadOptions(), check_bytes=False)
    careful(table, folder / "clean.csv", Scan(folder / "rejected.csv", lambda _: None))


def module(path: Path, folder: Path) -> None:
    with path.open(newline="") as source, (folder / "clean.csv").open("w", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(csv.reader(source))


def speed(lane: Callable[[Path, Path], None], path: Path, folder: Path) -> float:
    began = time.process_time()
    lane(path, folder)
    return path.stat().st_size / MB / (time.process_time() - began)


def main(size: int) -> None:
    print(f"{'MB/s':<14} {'csvjobs':>8} {'csv':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in KINDS:
            write(folder / "input.csv", kind, size)
            turns = [[speed(lane, folder / "input.csv", folder) for lane in (ours, module)] for _ in range(2)]
            best = [max(each) for each in zip(*turns, strict=True)]
            print(f"{kind.__name__:<14} {best[0]:>8.0f} {best[1]:>8.0f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) * MB if len(sys.argv) > 1 else 100 * MB)
