"""Steps that change texts, or make columns of texts, compared with plain Python on any text."""

import hmac
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from test_any_text import cells, columns, headers, shown, texts
from workbench import Bench

from csvjobs.engines.duckdb import DuckEngine

short = st.text("ab-é", min_size=1, max_size=3)
"""Texts that often stand in one another."""
wanted = short | texts
crowded = columns | st.lists(st.text("ab-é\n", max_size=9), min_size=1, max_size=12)
new_names = texts.filter(str.strip)


@given(column=crowded, text=wanted, filler=wanted | st.just(""))
@example(column=["aaa", "%", "\\1"], text="aa", filler="\\1")
def test_replace_a_text(bench: Bench, column: list[str | None], text: str, filler: str) -> None:
    step = {"step": "replace", "columns": ["x"], "text": text, "with": filler}
    assert bench.column(step, column) == [[shown(c).replace(text, filler)] for c in column]
    whole = bench.column({**step, "whole": True}, column)
    assert whole == [[filler if c == text else shown(c)] for c in column]


@given(column=crowded, mapping=st.dictionaries(wanted, texts | st.just(""), min_size=1, max_size=30))
@example(
    column=["a", "\\", '"', "\x01", "é", "\u2028", "😀", "null"],
    mapping={c: c + c for c in '\\"\x01é\u2028😀'},
)
@example(column=["a", "b"], mapping={"a": ""})
@example(column=["999", "a", "99"], mapping={str(number): f"n{number}" for number in range(5000)})
def test_a_mapping_replaces_whole_cells(
    bench: Bench, column: list[str | None], mapping: dict[str, str]
) -> None:
    step = {"step": "replace", "columns": ["x"], "mapping": mapping}
    assert bench.column(step, column) == [[mapping.get(shown(c), shown(c))] for c in column]


@given(column=crowded, text=wanted, filler=wanted | st.just(""), whole=st.booleans())
def test_a_pattern_of_a_text_replaces_what_the_text_does(
    bench: Bench, column: list[str | None], text: str, filler: str, whole: bool
) -> None:
    step: dict[str, Any] = {"step": "replace", "columns": ["x"], "whole": whole}
    pattern = {"pattern": re.escape(text), "with": filler.replace("\\", "\\\\")}
    by_text = bench.column({**step, "text": text, "with": filler}, column)
    assert bench.column({**step, **pattern}, column) == by_text


PATTERNS = [r"(a)(b)?", r"(a|ab)(-*)", r"(?i)(É+)(.)?", r"^(.)(.*)$", r"([^a])([\s\S])", r"(\w+?)(-|$)"]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(column=crowded)
def test_patterns_find_what_those_of_python_find(
    bench: Bench, pattern: str, column: list[str | None]
) -> None:
    # For Python $ stands before a last line break too.
    known = re.compile(pattern.replace("$", r"\Z"), re.ASCII if "É" not in pattern else 0)
    step = {"step": "replace", "columns": ["x"], "pattern": pattern, "with": r"[\2\1]"}
    assert bench.column(step, column) == [[known.sub(r"[\2\1]", shown(c))] for c in column]
    found = [known.search(shown(c)) for c in column]
    step = {"step": "extract", "column": "x", "pattern": pattern, "into": ["p", "q"], "keep": False}
    assert bench.column(step, column) == [[*match.groups("")] if match else ["", ""] for match in found]


@given(column=crowded, by=wanted, count=st.integers(1, 5))
@example(column=["a---b--", "--", "---"], by="--", count=3)
def test_split_leaves_the_rest_in_the_last(
    bench: Bench, column: list[str | None], by: str, count: int
) -> None:
    into = [f"p{place}" for place in range(count)]
    expected = []
    for cell in column:
        parts = shown(cell).split(by, count - 1)
        expected.append([shown(cell), *parts, *[""] * (count - len(parts))])
    assert bench.column({"step": "split", "column": "x", "by": by, "into": into}, column) == expected


@given(rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8), text=texts | st.just(""))
def test_join_leaves_out_what_is_missing(bench: Bench, rows: list[tuple[str | None, ...]], text: str) -> None:
    step = {"step": "join", "columns": ["c", "a", "b"], "with": text, "into": "all", "keep": False}
    out = bench.table([{"step": "reorder", "last": ["c"]}, step], ("c", "a", "b"), rows)
    # A lone empty cell is written with quotes; both read as the empty text.
    assert out.table == [["all"], *([text.join(cell for cell in row if cell)] for row in rows)]


@given(cells=st.lists(texts.filter(lambda text: "-" not in text), min_size=1, max_size=5))
def test_split_takes_apart_what_join_has_joined(bench: Bench, cells: list[str]) -> None:
    names = [f"c{place}" for place in range(len(cells))]
    join = {"step": "join", "columns": names, "with": "-", "into": "all", "keep": False}
    split = {"step": "split", "column": "all", "by": "-", "into": names, "keep": False}
    assert bench.table([join, split], names, [cells]).table == [names, cells]


@given(column=crowded, width=st.integers(1, 15), filler=texts.filter(lambda text: len(text) == 1))
def test_pad_never_cuts(bench: Bench, column: list[str | None], width: int, filler: str) -> None:
    step = {"step": "pad", "columns": ["x"], "width": width, "with": filler}
    left = [[c.rjust(width, filler) if c else ""] for c in column]
    right = [[c.ljust(width, filler) if c else ""] for c in column]
    assert bench.column(step, column) == left
    assert bench.column({**step, "side": "right"}, column) == right


@given(names=headers, data=st.data())
def test_columns_change_places_with_their_cells(bench: Bench, names: list[str], data: st.DataObject) -> None:
    placed = data.draw(st.permutations(names))
    first = data.draw(st.integers(0, len(names) - 1))
    last = data.draw(st.integers(first + 1, len(names)))
    front, back = placed[:first], placed[last:]
    rest = [name for name in names if name not in front + back]
    assume(front or back)
    options = {key: value for key, value in (("columns", front), ("last", back)) if value}
    out = bench.table([{"step": "reorder", **options}], names, [[f"cell {name}" for name in names]])
    assert out.table == [[*front, *rest, *back], [f"cell {name}" for name in (*front, *rest, *back)]]
    out = bench.table([{"step": "drop", "columns": front + back}], names, [names])
    assert out.table == [rest, rest]


@given(names=headers, new=st.lists(new_names, min_size=1, max_size=3, unique=True))
def test_new_columns_may_have_any_name(bench: Bench, names: list[str], new: list[str]) -> None:
    assume(not set(new) & set(names))
    made = [f"{place}" for place in range(len(new))]
    row = ["-".join(made), *("x" for _ in names[1:])]
    pattern = "-".join(["(.)"] * len(new))
    steps: list[dict[str, Any]] = [
        {"step": "split", "column": names[0], "by": "-", "into": new},
        {"step": "drop", "columns": new},
        {"step": "extract", "column": names[0], "pattern": pattern, "into": new},
        {"step": "join", "columns": new, "with": "-", "into": names[0], "keep": False},
    ]
    cut = bench.table(steps[:1], names, [row])
    assert cut.table == [[names[0], *new, *names[1:]], [row[0], *made, *row[1:]]]
    assert bench.table(steps[:3], names, [row]).table == cut.table
    back = bench.table([*steps[:2], {**steps[2], "keep": False}, steps[3]], names, [row])
    assert back.table == [names, row]


def test_every_letter_becomes_one_letter(bench: Bench) -> None:
    letters = [chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    column = ["".join(letters[start : start + 1000]) for start in range(0, len(letters), 1000)]
    for to, change in {"upper": str.upper, "lower": str.lower}.items():
        out = bench.column({"step": "case", "columns": ["x"], "to": to}, column)
        turned = "".join(cell for [cell] in out)
        assert len(turned) == len(letters)
        for letter, other in zip(letters, turned, strict=True):
            known = change(letter)
            single = len(known) == 1
            assert other == known if single else other.casefold()[0] == letter.casefold()[0], (letter, other)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=columns, key=st.binary(min_size=1, max_size=100))
def test_a_keyed_hash_is_that_of_python(tmp_path: Path, column: list[str | None], key: bytes) -> None:
    engine = DuckEngine(tmp_path, 64 * 1024**2, key)
    try:
        made = Bench(engine, tmp_path).column({"step": "mask", "columns": ["x"], "method": "hash"}, column)
    finally:
        engine.close()
    assert made == [[hmac.new(key, cell.encode(), "sha256").hexdigest() if cell else ""] for cell in column]
