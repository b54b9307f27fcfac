"""The engine of a single machine: DuckDB, with every setting explicit and no auto-detection."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from csvjobs.engines.base import Engine, Interrupted, Pair, ReadFailed, Sql, Unsure, balanced, shape
from csvjobs.engines.copying import csv_options, distinct, jsonl_options, parquet_options
from csvjobs.engines.options import PLAIN, WriteOptions
from csvjobs.engines.sheet import CHUNK, around, as_xml, zipped
from csvjobs.errors import (
    MAKE_ROOM,
    BadPattern,
    DamagedArchive,
    DiskFull,
    MemoryLimit,
    NoMaskKey,
    PipelineTooDeep,
)
from csvjobs.reading.parquet import what_it_says
from csvjobs.reading.source import Source

# DuckDB reads a file in pieces of this size, each on any core, several to a buffer; one must hold the longest
# record. Smaller than its default of 32 MiB; measured to be faster and to need less memory.
PIECE = 2 * 1024**2
PIECES, PIECES_OF_PART = 4, 2

# Memory that the engine reserves for a column, measured without any step: room for a few times 2048 cells,
# most of which a table of few rows never touches. On one thread it is less, and rows may be more.
COLUMN_BYTES = 144 * 1024
FEW_ROWS, FEW_ROWS_ON_ONE = 256, 1024

# Variables, so that the key is in no query text.
INNER, OUTER = "getvariable('inner_key')", "getvariable('outer_key')"
BLOCK = 64

# False after a run has locked its database for safety, which cannot be undone.
OPEN = "current_setting('enable_external_access') AND NOT current_setting('lock_configuration')"

WORTH_SHARING = 100
"""Rows for each column. With fewer, searching for common subexpressions, which takes the square of the
columns, costs more than computing them twice."""

UNWANTED = "in_clause"
"""The optimizer that makes a join of an IN with six constants or more: rows leave it in any order."""

UNSURE = "csvjobs: a row for which something has to be learnt first"

T = TypeVar("T")


class DuckSql(Sql):
    def text(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    def matches(self, expression: str, pattern: str) -> str:
        _check_pattern(pattern)
        return f"regexp_full_match({expression}, {self.text(pattern)})"

    def substitute(self, expression: str, pattern: str, replacement: str) -> str:
        _check_pattern(pattern, replacement)
        _check_dollars(pattern, replacement)
        return f"regexp_replace({expression}, {self.text(pattern)}, {self.text(replacement)}, 'g')"

    def group(self, expression: str, pattern: str, number: int) -> str:
        _check_pattern(pattern, rf"\{number}")
        return f"regexp_extract({expression}, {self.text(pattern)}, {number})"

    def mapped(self, expression: str, texts: Mapping[str, str]) -> str:
        """A map, made from one constant: DuckDB takes several times as long to plan one constant for each
        text, and longest for a CASE."""
        made = self.text(json.dumps(texts, ensure_ascii=False))
        return f"""from_json({made}, '"MAP(VARCHAR, VARCHAR)"')[{expression}]"""

    def upper(self, expression: str) -> str:
        return f"upper({expression})"

    def lower(self, expression: str) -> str:
        return f"lower({expression})"

    def number(self, expression: str) -> str:
        """Excludes what DuckDB's cast accepts beyond NUMBER; a regular expression would cost as much as
        reading the file. A comparison costs next to nothing, and what is not before '-' begins with no plus
        and no space."""
        cast = f"TRY_CAST({expression} AS DOUBLE)"
        signed_once = f"CASE WHEN {expression} >= '-' THEN TRUE ELSE NOT contains({expression}, '+-') END"
        plain = f"isfinite({cast}) AND NOT contains({expression}, '_') AND {signed_once}"
        return f"CASE WHEN {plain} THEN {cast} END"

    def attempt(self, expression: str) -> str:
        return f"TRY({expression})"

    def let(self, values: Sequence[str], body: Callable[[Sequence[str]], str]) -> str:
        """A lambda over a list of one. Its parameter is named after the values, so that no inner one can hide
        another."""
        name = f"v{hashlib.sha256(' '.join(values).encode()).hexdigest()[:12]}"
        fields = ", ".join(f"x{place}: {value}" for place, value in enumerate(values))
        made = body([f"{name}.x{place}" for place in range(len(values))])
        return f"list_transform([{{{fields}}}], lambda {name}: {made})[1]"

    def about_distinct(self, expression: str) -> str:
        return f"APPROX_COUNT_DISTINCT({expression})"

    def about_quantiles(self, expression: str, parts: Sequence[float]) -> str:
        return f"APPROX_QUANTILE({expression}, [{', '.join(map(str, parts))}])"

    def lowest(self, expression: str, by: str, condition: str) -> str:
        return f"STRUCT_EXTRACT(MIN(ROW({by}, {expression})) FILTER (WHERE {condition}), 2)"

    def highest(self, expression: str, by: str, condition: str) -> str:
        return f"STRUCT_EXTRACT(MAX(ROW({by}, {expression})) FILTER (WHERE {condition}), 2)"

    def listed(self, expressions: Sequence[str], condition: str) -> str:
        return f"LIST([{', '.join(expressions)}]) FILTER (WHERE {condition})"

    def stacked(self, expressions: Sequence[str], place: str, value: str) -> str:
        places = f"UNNEST(RANGE({len(expressions)})) AS {place}"
        return f"{places}, UNNEST([{', '.join(expressions)}]) AS {value}"

    def differing(self, pairs: Sequence[Pair]) -> str:
        # In most rows nothing differs; making and unnesting a list there too would double the cost.
        some = " OR ".join(f"{pair.before} IS DISTINCT FROM {pair.after}" for pair in pairs)
        return f"CASE WHEN {some} THEN [{', '.join(map(self._differing, pairs))}] ELSE [] END"

    def _differing(self, pair: Pair) -> str:
        step, label, place, name, before, after = pair
        names = f"label := {self.text(label)}, name := {self.text(name)}"
        which = f"step := {step}, place := {place}, {names}"
        packed = f"struct_pack({which}, before := {before}, after := {after})"
        return f"CASE WHEN {before} IS DISTINCT FROM {after} THEN {packed} END"

    def each(self, pairs: Sequence[str], relation: str, beside: str) -> str:
        listed = f"SELECT {beside}, UNNEST({balanced(pairs, '||')}) AS pair FROM ({relation})"
        return f"SELECT {beside}, UNNEST(pair) FROM ({listed}) WHERE pair IS NOT NULL"

    def latest(self, relation: str, by: str, other: str, since: str) -> str:
        return f"({relation}) ASOF JOIN ({other}) ON {by} >= {since}"

    def keyed_hash(self, expression: str) -> str:
        if not self.keyed:
            raise NoMaskKey("There is no key to hash with.", hint="Set CSVJOBS_MASK_KEY for the service.")
        inner = f"unhex(sha256({INNER} || encode({expression})))"
        return f"sha256({OUTER} || {inner})"

    def refused(self) -> str:
        return f"error({self.text(UNSURE)})"

    def counted(self, counter: int) -> str:
        """Uses a sequence: DuckDB takes its next value for each row, and does not move a predicate that has
        one."""
        return f"nextval('passed{counter}')"

    def moment(self, expression: str, strptime: str) -> str:
        """DuckDB allows white space around, but also a year 0 and fewer digits; its %S has no fraction."""
        formats = ", ".join(map(self.text, (strptime, strptime.replace("%S", "%S.%f"))))
        pattern = self.text(rf"\s*{shape(strptime)}\s*")
        fits = f"regexp_full_match({expression}, {pattern})"
        return f"CASE WHEN {fits} THEN try_strptime({expression}, [{formats}]) END"


class DuckEngine(Engine):
    """An in-memory DuckDB that spills into `scratch` and may access only the files of its run.

    memory: bytes that the buffer manager may use; key: for keyed hashes; idle: holds the database of an
    earlier run, if there is one, which is reused; this run leaves its own there.
    """

    def __init__(
        self,
        scratch: Path,
        memory: int,
        key: bytes = b"",
        idle: list[duckdb.DuckDBPyConnection] | None = None,
    ) -> None:
        self.sql = DuckSql(keyed=bool(key))
        self._memory, self._empty = memory, 0
        self._counters = 0
        self._idle, self._spill, self._well = idle, scratch / "spill", True
        self._stopped = False
        self._threads = os.cpu_count() or 1
        self._database = _taken(idle) or duckdb.connect()
        # A connection of its own: its variables and temporary tables end with this run.
        self._connection = self._database.cursor()
        self._execute(f"SET VARIABLE inner_key = {_blob(_padded(key, 0x36))}")
        self._execute(f"SET VARIABLE outer_key = {_blob(_padded(key, 0x5C))}")
        # Every setting that a run ever changes: the database may be that of an earlier run.
        settings = {
            "temp_directory": str(self._spill),
            "memory_limit": _size(memory),
            "threads": self._threads,
            "preserve_insertion_order": True,
            # With such threads, DuckDB 2.0 deadlocks in about one of 25 interrupted copies, and is no faster.
            "async_threads": 0,
            "enable_progress_bar": True,
            "enable_progress_bar_print": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # Otherwise it uses nested loops where it expects few rows, which is often wrong.
            "asof_loop_join_threshold": 0,
            "disabled_optimizers": UNWANTED,
            # Instants in Parquet files are texts in UTC.
            "TimeZone": "UTC",
        }
        self._execute("; ".join(f"SET {name} = {self.sql.text(str(v))}" for name, v in settings.items()))

    def relation(self, source: Source, *, numbered: bool) -> str:
        few = source.records < WORTH_SHARING * len(source.columns)
        unwanted = f"{UNWANTED},common_subexpressions" if few else UNWANTED
        self._execute(f"SET disabled_optimizers = '{unwanted}'")
        if source.query:
            own = ", number AS __row" if numbered else ""
            return f"SELECT * EXCLUDE (number){own} FROM ({source.query})"
        whole = self._read_csv(source, _no_glob(source.path), source.skip)
        if not numbered:
            return f"SELECT * FROM ({whole})"
        return " UNION ALL ".join(self._parts(source)) or _numbered(whole)

    def spare(self) -> None:
        """Uses one thread: each holds blocks of its own, in a sort one for each spilled run. Only then does
        DuckDB read without guessing whether a piece of the file begins within quotes."""
        self._threads = 1
        self._execute("SET threads = 1")

    @contextmanager
    def kept(self, query: str) -> Iterator[str]:
        # The order of the kept rows does not matter, and preserving it takes a third of the time.
        self._execute("SET preserve_insertion_order = false")
        self._limit(self._memory * 2 // 3)
        self._execute(f"CREATE OR REPLACE TEMP TABLE kept AS {query}")
        self._execute("SET preserve_insertion_order = true")
        yield "SELECT * FROM kept"
        self._execute("DROP TABLE kept")
        self._limit(self._memory)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        self._well = False
        found = _translated(lambda: self._connection.execute(query).fetchall())
        self._well = True
        return found

    def copy(self, query: str, header: Sequence[str], target: Path, write: WriteOptions = PLAIN) -> int:
        writers = {"csv": self._csv, "jsonl": self._jsonl, "parquet": self._parquet, "xlsx": self._xlsx}
        return writers[write.format](query, header, target, write)

    def counting(self, number: int) -> None:
        self._counters = number
        for counter in range(number):
            # A sequence has no current value before its first.
            made = f"CREATE OR REPLACE TEMP SEQUENCE passed{counter} MINVALUE 0"
            self._execute(f"{made}; SELECT nextval('passed{counter}')")

    def passed(self) -> list[int]:
        listed = ", ".join(f"currval('passed{counter}')" for counter in range(self._counters))
        return list(self.rows(f"SELECT {listed}")[0]) if listed else []

    def progress(self) -> float:
        return max(0.0, self._connection.query_progress() / 100)

    def interrupt(self) -> None:
        self._stopped = True
        self._connection.interrupt()

    def close(self) -> None:
        kept = self._idle if self._reusable() else None
        for registered in self._connection.list_filesystems():
            # Otherwise DuckDB prints a complaint when the process ends.
            self._connection.unregister_filesystem(registered)
        self._connection.close()
        if kept == []:
            kept.append(self._database)
        else:
            self._database.close()

    def _reusable(self) -> bool:
        """Whether the database keeps nothing of this run: no query failed, nothing was spilled (the folder
        cannot be changed afterwards), and no setting was locked."""
        if not self._well or self._spill.exists():
            return False
        return self.rows(f"SELECT {OPEN}") == [(True,)]

    def _parts(self, source: Source) -> Iterator[str]:
        """The numbered records in one relation per thread, if the file can be divided: DuckDB numbers the
        rows of one relation on one core, but those of several in parallel."""
        if not source.begins or self._threads == 1:
            return
        # Imported here: it is slow to load, and only large files need it.
        from csvjobs.engines.parts import Parts, divided

        if not self._connection.list_filesystems():
            self._connection.register_filesystem(Parts())
        for part, before in divided(source, self._threads):
            read = self._read_csv(source, part.name, 0 if before else source.skip, PIECES_OF_PART)
            yield _numbered(read, before)

    def _read_csv(self, source: Source, path: str, skip: int, pieces: int = PIECES) -> str:
        self._make_room(len(source.columns), source.records)
        columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(source.columns)))
        # Without new_line: with it, skip and CRLF, DuckDB 2.0 loses the first record; unset, it reads both.
        given = {
            "auto_detect": "false",
            "header": "false",
            "skip": str(skip),
            "delim": self.sql.text(source.dialect.delimiter),
            "quote": self.sql.text(source.dialect.quote),
            "escape": self.sql.text(source.dialect.quote),
            "comment": "''",
            "columns": f"{{{columns}}}",
            "strict_mode": "true",
            "allow_quoted_nulls": "false",
            "parallel": str(self._threads > 1),
            "compression": "'none'",
            **_sizes(source.longest + 2, pieces),
        }
        options = ", ".join(f"{name} = {value}" for name, value in given.items())
        return f"SELECT * FROM read_csv({self.sql.text(path)}, {options})"

    def _make_room(self, columns: int, records: int) -> None:
        """Raises the memory limit by what is reserved but stays untouched. Raises MemoryLimit if the table is
        too wide."""
        room = columns * COLUMN_BYTES
        if records <= (FEW_ROWS_ON_ONE if self._threads == 1 else FEW_ROWS):
            # Steps need several times the same again.
            self._empty = max(self._empty, 4 * room)
            self._limit(self._memory)
        elif room > self._memory:
            raise MemoryLimit(
                f"A table of {columns} columns needs {room // 1024**2} MiB at least; "
                f"{self._memory // 1024**2} MiB is the most that a job may use.",
                hint=f"Is the delimiter right? If so, set CSVJOBS_JOB_MEMORY to {2 * room} bytes, or make "
                "several files of fewer columns.",
            )

    def _limit(self, memory: int) -> None:
        self._execute(f"SET memory_limit = '{_size(memory + self._empty)}'")

    def _csv(self, query: str, header: Sequence[str], target: Path, write: WriteOptions) -> int:
        if len(header) == 1:
            # Most readers do not take an empty line for a row.
            query = f"SELECT COALESCE(COLUMNS(*), '') FROM ({query})"
        made = target if write.encoding == "utf-8" else target.with_suffix(".utf8")
        rows = self._copy(query, made, csv_options(header, write))
        if rows == 0:
            # DuckDB has written the suffix although there is no row.
            self._copy(f"SELECT * FROM ({query}) LIMIT 0", made, csv_options(header, write, empty=True))
        if made != target:
            self._as_utf16(made, target)
        return rows

    def _as_utf16(self, made: Path, target: Path) -> None:
        with made.open(encoding="utf-8", newline="") as text, target.open("wb") as out:
            while chunk := text.read(CHUNK):
                out.write(chunk.encode("utf-16-le"))
                self._check()
        made.unlink()

    def _jsonl(self, query: str, header: Sequence[str], target: Path, write: WriteOptions) -> int:
        """Builds each object as text: DuckDB's own JSON writer would rename columns that differ by case
        only."""
        columns = [f"c{place}" for place in range(len(header))]
        pairs = ", ".join(f"{self.sql.text(n)}, {c}" for n, c in zip(header, columns, strict=True))
        made = f"SELECT json_object({pairs}) FROM ({query}) AS made({', '.join(columns)})"
        return self._copy(made, target, jsonl_options(write))

    def _parquet(self, query: str, header: Sequence[str], target: Path, write: WriteOptions) -> int:
        """Raises DuplicateColumn."""
        named = ", ".join(map(_identifier, distinct(header)))
        return self._copy(f"SELECT * FROM ({query}) AS made({named})", target, parquet_options(len(header)))

    def _xlsx(self, query: str, header: Sequence[str], target: Path, write: WriteOptions) -> int:
        """Writes the rows as XML text, then zips it."""
        kinds = [str(kind) for _, kind, *_ in self.rows(f"DESCRIBE {query}")]
        made = target.with_suffix(".xml")
        before, behind = around(header, write)
        around_rows = {**jsonl_options(write), "PREFIX": before, "SUFFIX": behind}
        written = self._copy(as_xml(query, kinds), made, around_rows)
        zipped(made, target, self._check)
        made.unlink()
        return written

    def _check(self) -> None:
        """Raises Interrupted."""
        if self._stopped:
            raise Interrupted

    def _copy(self, query: str, target: Path, options: dict[str, str]) -> int:
        given = ", ".join(f"{name} {self.sql.text(value)}" for name, value in options.items())
        return int(self.rows(f"COPY ({query}) TO {self.sql.text(str(target))} ({given})")[0][0])

    def _execute(self, statement: str) -> None:
        self.rows(statement)


def _numbered(relation: str, before: int = 0) -> str:
    """The rows with their numbers, when `before` rows precede them."""
    return f"SELECT *, {before} + ROW_NUMBER() OVER () AS __row FROM ({relation})"


def _taken(idle: list[duckdb.DuckDBPyConnection] | None) -> duckdb.DuckDBPyConnection | None:
    with suppress(IndexError):
        return idle.pop() if idle else None
    return None


def _size(size: int) -> str:
    return f"{size // 1024}KiB"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _translated(run: Callable[[], T]) -> T:
    """Runs a function, and raises DuckDB's errors as ours."""
    try:
        return run()
    except duckdb.InterruptException:
        raise Interrupted from None
    except duckdb.OutOfMemoryException as error:
        raise _out_of_room(error) from None
    except duckdb.ParserException as error:
        if "tree depth" in str(error):
            raise PipelineTooDeep(hint="Divide the pipeline, and run one part after the other.") from None
        raise
    except duckdb.IOException as error:
        if "No space left" in str(error):
            raise _disk_full() from None
        _tell_of_damage(error)
        raise
    except (
        duckdb.InvalidInputException,
        duckdb.ConversionException,
        duckdb.NotImplementedException,
    ) as error:
        if str(error) == f"Invalid Input Error: {UNSURE}":
            raise Unsure from None
        _tell_of_damage(error)
        if "CSV" in str(error) or "unicode" in str(error).lower():
            raise ReadFailed(_first_line(error)) from None
        raise


def _out_of_room(error: duckdb.OutOfMemoryException) -> DiskFull | MemoryLimit:
    if "disk" in str(error).lower() or "temp_directory_size" in str(error).lower():
        return _disk_full()
    return MemoryLimit(f"{what_it_says(error)}.", hint="Raise CSVJOBS_JOB_MEMORY.")


def _tell_of_damage(error: duckdb.Error) -> None:
    """Raises DamagedArchive for damage inside a Parquet file, which only reading all of it reveals."""
    if any(sign in str(error).lower() for sign in ("parquet", "decompress", "thrift")):
        said = f"The Parquet file is damaged: {what_it_says(error)}."
        raise DamagedArchive(said, hint="Write it anew and send it again.") from None


def _disk_full() -> DiskFull:
    return DiskFull("What the job makes cannot be kept: no space is left on the disk.", hint=MAKE_ROOM)


@lru_cache(maxsize=256)
def _check_pattern(pattern: str, replacement: str = "") -> None:
    """Raises BadPattern early; in a query the pattern would fail like an internal error."""
    with duckdb.connect() as connection:
        try:
            connection.execute("SELECT regexp_replace('', ?, ?)", [pattern, replacement]).fetchall()
        except duckdb.InvalidInputException as error:
            raise _bad_pattern(pattern, _first_line(error)) from None


def _check_dollars(pattern: str, replacement: str) -> None:
    """Raises BadPattern for $1 where the pattern has such a group and no group is used: other languages write
    groups so, and here it would be put into every match as it is."""
    dollars = [] if "\\" in replacement else re.findall(r"\$\{?([1-9])(?!\d)", replacement)
    for number in dollars:
        if _has_group(pattern, number):
            said = rf"The replacement {replacement[:80]!r} uses no group: write \{number}, not ${number}."
            hint = "If the text is meant, write the groups of the pattern as (?:…)."
            raise BadPattern(said, hint=hint)


def _has_group(pattern: str, number: str) -> bool:
    try:
        _check_pattern(pattern, rf"\{number}")
    except BadPattern:
        return False
    return True


def _bad_pattern(pattern: str, error: str) -> BadPattern:
    shown, reason = repr(pattern[:80]), error.removeprefix("Invalid Input Error: ").rstrip(".")
    if "Rewrite schema requests" in reason:
        hint = r"A group is a pair of parentheses; \1 is what the first one holds."
        return BadPattern(f"The pattern {shown} has fewer groups than are asked for.", hint=hint)
    if "Rewrite schema" in reason:
        hint = r"\0 is the whole match, \1 what its first group holds, \\ a backslash."
        return BadPattern(f"The replacement for {shown} has a backslash that no digit follows.", hint=hint)
    hint = "Patterns are in RE2 syntax."
    return BadPattern(f"{shown} is not a regular expression: {reason}.", hint=hint)


def _padded(key: bytes, pad: int) -> bytes:
    """The key padded for the inner or the outer hash of HMAC (RFC 2104, section 2)."""
    short = key if len(key) <= BLOCK else hashlib.sha256(key).digest()
    return bytes(byte ^ pad for byte in short.ljust(BLOCK, b"\0"))


def _blob(value: bytes) -> str:
    return f"unhex('{value.hex()}')"


def _sizes(longest: int, pieces: int) -> dict[str, str]:
    """The sizes of a piece and a buffer. For a record longer than a usual piece, a buffer is one piece:
    DuckDB 2.0 loses the last record of some files if pieces do not fill a buffer."""
    if longest > PIECE:
        return {"buffer_size": str(longest)}
    return {"max_line_size": str(PIECE), "buffer_size": str(pieces * PIECE)}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _no_glob(path: Path) -> str:
    """The path as a pattern that matches itself only."""
    return "".join(f"[{c}]" if c in "[*?" else c for c in str(path))
