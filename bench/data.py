"""Makes the test files: `python bench/data.py FILE BYTES`. The same call makes the same rows.

Mixed columns as exports have them: ids, names, cities (some quoted), numbers with missing cells, dates, a
remark. `salary` and `balance`, the columns that are filled, have two decimals and millions of values.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

SAMPLE = 100_000

CITIES = ("Lagos", "Berlin", "São Paulo", "Washington, D.C.", "Zürich", "Kraków", "Osaka", "Nairobi", "Lima")
FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Niklaus", "Radia", "Zoë")
LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Wirth", "Perlman", "O'Neil")
REMARKS = ("", "called back", "prefers e-mail", 'said "later", twice', "moved; address unknown", "n/a")

ROWS = """
SELECT
    i + 1000000 AS id,
    {first} AS first_name,
    {last} AS last_name,
    {city} AS city,
    18 + draw(i, 4) % 70 AS age,
    CASE WHEN draw(i, 5) % 20 > 0 THEN printf('%.2f', 20000 + (draw(i, 6) % 9000000) / 100.0) END AS salary,
    CASE WHEN draw(i, 7) % 12 > 0 THEN printf('%.2f', (draw(i, 8) % 80000000) / 100.0 - 99999) END AS balance,
    DATE '2015-01-01' + (draw(i, 9) % 4000)::INTEGER AS joined,
    {remark} AS remark
FROM range({rows}) AS numbers(i)
"""


def make(target: Path, size: int) -> None:
    """Writes a CSV file of about `size` bytes (UTF-8, comma, LF, header row)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    _write(unfinished, SAMPLE)
    _write(unfinished, round(size / (unfinished.stat().st_size / SAMPLE)))
    unfinished.rename(target)


def _write(target: Path, rows: int) -> None:
    query = ROWS.format(
        rows=rows,
        first=_one_of(FIRST, 1),
        last=_one_of(LAST, 2),
        city=_one_of(CITIES, 3),
        remark=_one_of(REMARKS, 10),
    )
    with duckdb.connect() as connection:
        connection.execute("CREATE MACRO draw(i, salt) AS hash(i * 64 + salt) >> 8")
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER true)")


def _one_of(values: tuple[str, ...], salt: int) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"list_extract([{listed}], (1 + draw(i, {salt}) % {len(values)})::INTEGER)"


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
