"""Plans on the real engine: the number of scans, the rows, and the account."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from csvjobs.engines.base import ReadFailed
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import DuplicateColumn, PipelineTooDeep, TooManyCategories, UnknownColumn
from csvjobs.pipelines.learnt import LearntStep
from csvjobs.pipelines.plan import Given, Plan, needs_row_numbers, plan
from csvjobs.pipelines.spec import parse
from csvjobs.reading.source import Dialect, Source


class CountingEngine(DuckEngine):
    """The real engine, counting the scans that fit passes make, and other queries."""

    scans = queries = 0

    def kept(self, query: str) -> AbstractContextManager[str]:
        self.scans += 1
        return super().kept(query)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        self.queries += query.startswith("SELECT")
        return super().rows(query)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[CountingEngine]:
    made = CountingEngine(tmp_path, 64 * 1024**2)
    yield made
    made.close()


def source(folder: Path, text: str) -> Source:
    path = folder / "in[1]*.csv"
    path.write_bytes(text.encode())
    header, *records = text.splitlines()
    return Source(path, Dialect(), 1, tuple(header.split(",")), len(records))


def planned(
    engine: DuckEngine,
    given: Source,
    steps: str,
    known: Sequence[LearntStep] | None = None,
    *,
    count_cells: bool = False,
) -> Plan:
    pipeline = parse(f"steps: {steps}")
    numbered = needs_row_numbers(pipeline.steps)
    relation = engine.relation(given, numbered=numbered)
    return plan(
        engine,
        relation,
        given.columns,
        pipeline.steps,
        numbered,
        Given(known=known, count_cells=count_cells),
    )


def output(engine: DuckEngine, made: Plan, folder: Path) -> str:
    engine.copy(made.query(), made.columns.names, folder / "out.csv")
    return (folder / "out.csv").read_text()


TABLE = "id,a,b\n1,4,x\n2,,y\n3,8,\n"


@pytest.mark.parametrize(
    ("steps", "scans"),
    [
        ("[]", 0),
        ("[{step: trim}]", 0),
        ("[{step: fill_missing, columns: [a], with: mean}]", 1),
        (
            "[{step: fill_missing, columns: [a], with: mean},"
            " {step: fill_missing, columns: [b], with: mode}]",
            1,
        ),
        ("[{step: fill_missing, columns: [a], with: mean}, {step: one_hot, columns: [b]}]", 1),
        ("[{step: fill_missing, columns: [a], with: mean}, {step: trim, columns: [b]},"
         " {step: fill_missing, columns: [b], with: mode}]", 1),
        ("[{step: fill_missing, columns: [a], with: mean}, {step: scale, columns: [a], method: minmax}]", 2),
        ("[{step: fill_missing, columns: [a], with: mean}, {step: drop_missing, columns: [b]},"
         " {step: scale, columns: [id], method: minmax}]", 2),
    ],
)  # fmt: skip
def test_steps_that_do_not_depend_on_each_other_learn_in_one_scan(
    engine: CountingEngine, tmp_path: Path, steps: str, scans: int
) -> None:
    planned(engine, source(tmp_path, TABLE), steps)
    assert engine.scans == scans


@pytest.mark.parametrize(("filling", "numbered"), [("mean", False), ("forward", True), ("backward", True)])
def test_rows_are_numbered_only_where_their_order_counts(filling: str, numbered: bool) -> None:
    steps = parse(f"steps: [{{step: fill_missing, columns: [a], with: {filling}}}]").steps
    assert needs_row_numbers(steps) is numbered


def test_applying_learns_nothing_and_looks_once_at_what_does_not_depend_on_each_other(
    engine: CountingEngine, tmp_path: Path
) -> None:
    steps = (
        "[{step: fill_missing, columns: [a], with: mean}, {step: one_hot, columns: [b]},"
        " {step: ordinal, order: {id: ['1', '2', '3']}, unknown: empty}]"
    )
    given = source(tmp_path, TABLE)
    learnt = planned(engine, given, steps)
    engine.scans = engine.queries = 0
    applied = planned(engine, given, steps, learnt.fitted)
    assert (engine.scans, engine.queries) == (0, 1)
    assert output(engine, applied, tmp_path) == output(engine, learnt, tmp_path)


def test_a_step_learns_from_the_rows_that_the_steps_before_it_left(
    engine: CountingEngine, tmp_path: Path
) -> None:
    steps = "[{step: drop_missing, columns: [b]}, {step: fill_missing, columns: [a], with: mean}]"
    made = planned(engine, source(tmp_path, TABLE), steps)
    # The row 3,8, is gone before the mean is taken: 4 is what is left.
    assert output(engine, made, tmp_path) == "id,a,b\n1,4,x\n2,4,y\n"


GROUPED = "fill_missing, columns: [a], with: mean, by: [b]"
TARGET = "target, columns: [b], target: a, smooth: 0"


@pytest.mark.parametrize(
    ("first", "second", "made"),
    [
        (GROUPED, "trim, columns: [b]", "1,1,x\n2,3,x\n3,1,x\n4,3,x\n"),
        (
            GROUPED,
            "fill_missing, columns: [b], with: backward, missing: [x]",
            "1,1, x\n2,3, x\n3,1, x\n4,3,x\n",
        ),
        (TARGET, "clip, columns: [a], upper: 0", "1,0,1.0\n2,0,3.0\n3,,1.0\n4,,3.0\n"),
        (
            TARGET,
            'replace, columns: [a], mapping: {"1": "10", "3": "10"}',
            "1,10,1.0\n2,10,3.0\n3,,1.0\n4,,3.0\n",
        ),
    ],
)
def test_a_step_learns_before_the_next_one_changes_what_it_reads(
    engine: CountingEngine, tmp_path: Path, first: str, second: str, made: str
) -> None:
    given = source(tmp_path, "id,a,b\n1,1, x\n2,3,x\n3,, x\n4,,x\n")
    steps = f"[{{step: {first}}}, {{step: {second}}}]"
    learnt = planned(engine, given, steps)
    assert output(engine, learnt, tmp_path) == f"id,a,b\n{made}"
    assert output(engine, planned(engine, given, steps, learnt.fitted), tmp_path) == f"id,a,b\n{made}"


def test_each_dropping_step_counts_what_it_dropped(engine: CountingEngine, tmp_path: Path) -> None:
    given = source(tmp_path, "a,b\n1,x\n1,x\n2,\n1,x\n,y\n")
    steps = (
        "[{step: drop_missing, columns: [a]}, {step: dedupe, by: [a]}, {step: filter, column: b, equals: x}]"
    )
    made = planned(engine, given, steps)
    assert made.count() == {
        "drop_missing (step 1)": {"changed": 0, "dropped": 1},
        "dedupe (step 2)": {"changed": 0, "dropped": 2},
        "filter (step 3)": {"changed": 0, "dropped": 1},
    }
    assert output(engine, made, tmp_path) == "a,b\n1,x\n"


def test_changed_cells_are_counted_in_the_scans_that_count_rows(
    engine: CountingEngine, tmp_path: Path
) -> None:
    given = source(tmp_path, "a,b\n x,y\n x,\n,y \n")
    steps = (
        "[{step: trim}, {step: case, columns: [a], to: upper}, {step: drop_missing, columns: [b]},"
        " {step: trim}, {step: fill_missing, columns: [a], with: constant, value: z}]"
    )
    made = planned(engine, given, steps, count_cells=True)
    engine.queries = 0
    assert made.count() == {
        "trim (step 1)": {"changed": 3},
        "case (step 2)": {"changed": 2},
        "drop_missing (step 3)": {"changed": 0, "dropped": 1},
        "trim (step 4)": {"changed": 0},
        "fill_missing (step 5)": {"changed": 1},
    }
    assert engine.queries == 2
    assert "changed" not in planned(engine, given, steps).count()["trim (step 1)"]


def test_no_row_left_is_a_header_alone(engine: CountingEngine, tmp_path: Path) -> None:
    made = planned(engine, source(tmp_path, TABLE), "[{step: filter, column: a, equals: nothing}]")
    assert output(engine, made, tmp_path) == "id,a,b\n"


def test_one_column_keeps_its_empty_cells(engine: CountingEngine, tmp_path: Path) -> None:
    """A blank line would be skipped by readers, so an empty cell is written with quotes."""
    path = tmp_path / "in.csv"
    path.write_text('a\n1\n""\n2\n')
    given = Source(path, Dialect(), 1, ("a",), 3)
    assert output(engine, planned(engine, given, "[]"), tmp_path) == 'a\n1\n""\n2\n'


def test_names_that_differ_by_case_only_stay_as_they_are(engine: CountingEngine, tmp_path: Path) -> None:
    text = "Name,name,NAME,select,c0\n1,2,3,4,5\n"
    assert output(engine, planned(engine, source(tmp_path, text), "[]"), tmp_path) == text


def test_a_step_that_does_not_fit_the_file_says_what_is_known(engine: CountingEngine, tmp_path: Path) -> None:
    given = source(tmp_path, TABLE)
    with pytest.raises(UnknownColumn) as caught:
        planned(engine, given, "[{step: trim, columns: [ID]}]")
    assert caught.value.column == "ID"
    assert caught.value.hint == "Did you mean 'id'?"
    with pytest.raises(TooManyCategories):
        planned(engine, given, "[{step: one_hot, columns: [id], max_categories: 2}]")
    clash = source(tmp_path, "a,a_1\n1,2\n")
    with pytest.raises(DuplicateColumn):
        planned(engine, clash, "[{step: one_hot, columns: [a]}]")


def test_a_source_that_is_not_clean_is_said_to_be_so(engine: CountingEngine, tmp_path: Path) -> None:
    made = planned(engine, source(tmp_path, "a,b\n1,2\n3\n"), "[]")
    with pytest.raises(ReadFailed):
        output(engine, made, tmp_path)


def test_steps_that_are_too_many_for_one_query_end_with_an_error_that_says_so(engine: CountingEngine) -> None:
    query = "SELECT 1 AS a"
    for _ in range(600):
        query = f"SELECT a + 1 AS a FROM ({query}) WHERE a > 0"
    with pytest.raises(PipelineTooDeep) as caught:
        engine.rows(query)
    assert "Divide the pipeline" in (caught.value.hint or "")


MANY = "[a, b, c, d, e, g, h]"


@pytest.mark.parametrize("records", [2, 10**6])
@pytest.mark.parametrize(
    "steps",
    [
        f"[{{step: drop_missing, columns: [x], missing: {MANY}}}]",
        f"[{{step: filter, column: x, one_of: {MANY}}}]",
    ],
)
def test_a_cell_is_looked_for_among_many_words_without_a_join(
    engine: DuckEngine, tmp_path: Path, steps: str, records: int
) -> None:
    """A join lets rows of a larger file out in any order, though not at every run."""
    given = replace(source(tmp_path, "place,x\n1,b\n2,a\n"), records=records)
    made = planned(engine, given, steps).query()
    [(_, told)] = engine.rows(f"EXPLAIN {made}")
    assert "join" not in told.lower()
    engine.rows("SET disabled_optimizers = ''")
    [(_, told)] = engine.rows(f"EXPLAIN {made}")
    assert "join" in told.lower(), "DuckDB makes none any more: nothing has to be prevented"
