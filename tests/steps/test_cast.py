"""Types in their standard written form, compared with Python's int, Decimal, float and datetime."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from workbench import Bench

from csvjobs.engines.base import shape
from csvjobs.errors import AmbiguousFormat, InvalidCell
from csvjobs.pipelines.steps.cast import DATES, TIMES

few = settings(max_examples=5)
COLUMN = {"min_size": 8, "max_size": 30}


def cast(bench: Bench, cells: list[str], **options: Any) -> list[str]:
    step = {"step": "cast", "columns": ["x"], **options}
    return [cell for [cell] in bench.column(step, list(cells))]


@few
@given(numbers=st.lists(st.integers(-(10**40), 10**40), **COLUMN), noughts=st.integers(0, 3))
@example(numbers=[9223372036854775808, -(2**63) - 1, 0], noughts=0)
def test_integers_of_any_size_digit_for_digit(bench: Bench, numbers: list[int], noughts: int) -> None:
    written = [f"{'-' if n < 0 else ''}{'0' * noughts}{abs(n)}" for n in numbers]
    assert cast(bench, written, to="integer") == [str(n) for n in numbers]
    grouped = [f"{n:,}" for n in numbers]
    assert cast(bench, grouped, to="integer", group=",") == [str(n) for n in numbers]


exact = st.decimals(
    min_value=-(10**30), max_value=10**30, places=12, allow_nan=False, allow_infinity=False
).filter(bool) | st.decimals(-1000, 1000, places=2).filter(bool)


@few
@given(numbers=st.lists(exact, **COLUMN))
def test_decimals_digit_for_digit(bench: Bench, numbers: list[Decimal]) -> None:
    written = [format(n, "f") for n in numbers]
    assert cast(bench, written, to="decimal") == written
    swapped = [format(n, ",f").translate(str.maketrans(",.", ".,")) for n in numbers]
    assert cast(bench, swapped, to="decimal", decimal=",", group=".") == written


@few
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), **COLUMN))
def test_floats_read_back_as_the_same(bench: Bench, numbers: list[float]) -> None:
    out = cast(bench, [repr(n) for n in numbers], to="float")
    assert [repr(float(cell)) for cell in out] == [repr(n) for n in numbers]
    assert all(len(cell) <= len(repr(n)) for cell, n in zip(out, numbers, strict=True))


@few
@given(numbers=st.lists(st.tuples(exact, st.integers(-30, 30)), **COLUMN))
@example(numbers=[(Decimal("1.23"), 5), (Decimal("-0.00"), 2), (Decimal("1"), -999), (Decimal("1"), 999)])
def test_exponents_move_the_point(bench: Bench, numbers: list[tuple[Decimal, int]]) -> None:
    written = [f"{n:f}E{exponent:+03}" for n, exponent in numbers]
    with localcontext(prec=100):
        moved = [n.scaleb(exponent) for n, exponent in numbers]
    assert cast(bench, written, to="decimal") == [f"{n:f}" if n else f"{abs(n):f}" for n in moved]
    comma = [cell.replace(".", ",") for cell in written]
    assert cast(bench, comma, to="decimal", decimal=",") == cast(bench, written, to="decimal")
    whole = [f"{n:.0f}" if n == n.to_integral_value() else None for n in moved]
    found = cast(bench, written, to="integer", invalid="keep")
    for cell, as_whole, out in zip(written, whole, found, strict=True):
        assert out == (
            cell if as_whole is None else as_whole.replace("-0", "0") if not int(as_whole) else as_whole
        )


PATTERNS = {
    "integer": r"[+-]?(\d+(\.0*)?|(\d+\.?\d*|\.\d+)[eE][+-]?0*\d{1,3})",
    "decimal": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?0*\d{1,3})?",
    "float": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
}


def is_whole(cell: str) -> bool:
    with suppress(InvalidOperation):
        number = Decimal(cell.strip(" "))
        return number == number.to_integral_value()
    return False


@pytest.mark.parametrize("to", PATTERNS)
@settings(max_examples=10)
@given(cells=st.lists(st.text("+-.,01e_ \u0661x", min_size=1, max_size=7), **COLUMN))
def test_what_is_no_number_is_left_alone(bench: Bench, to: str, cells: list[str]) -> None:
    for cell, out in zip(cells, cast(bench, cells, to=to, invalid="keep"), strict=True):
        # The rest of what they cast is judged above.
        whole = to != "integer" or is_whole(cell)
        if re.fullmatch(PATTERNS[to], cell.strip(" "), re.ASCII) and whole:
            assert Decimal(out) == Decimal(cell.strip(" ")) or to == "float"
        else:
            assert out == cell


days = st.dates(date(1, 1, 1), date(9999, 12, 31))
moments = st.datetimes()


def written_as(strptime: str, moment: date) -> str:
    """As strftime does, but with four digits of the year on every platform."""
    return moment.strftime(strptime.replace("%Y", f"{moment.year:04}"))


@pytest.mark.parametrize("strptime", DATES)
@few
@given(column=st.lists(days, **COLUMN))
def test_dates_in_every_format_are_those_of_python(bench: Bench, strptime: str, column: list[date]) -> None:
    cells = [written_as(strptime, day) for day in column]
    assert cast(bench, cells, to="date", format=strptime) == [day.isoformat() for day in column]


@pytest.mark.parametrize("strptime", TIMES)
@few
@given(column=st.lists(moments, **COLUMN), minutes=st.integers(-1439, 1439))
def test_times_in_every_format_are_those_of_python(
    bench: Bench, strptime: str, column: list[datetime], minutes: int
) -> None:
    known = [
        moment.replace(
            microsecond=0,
            second=moment.second if "%S" in strptime else 0,
            tzinfo=timezone(timedelta(minutes=minutes)) if "%z" in strptime else None,
        )
        for moment in column
    ]
    cells = [written_as(strptime.replace("%z", "zone"), moment) for moment in known]
    cells = [cell.replace("zone", moment.isoformat()[-6:]) for cell, moment in zip(cells, known, strict=True)]
    out = cast(bench, cells, to="datetime", format=strptime)
    assert out == [moment.isoformat() for moment in known]


@few
@given(column=st.lists(moments, **COLUMN))
def test_fractions_of_a_second_stay(bench: Bench, column: list[datetime]) -> None:
    out = cast(bench, [moment.isoformat(" ") for moment in column], to="datetime")
    assert [datetime.fromisoformat(_six_digits(cell)) for cell in out] == column


def _six_digits(cell: str) -> str:
    whole, _, fraction = cell.partition(".")
    return f"{whole}.{fraction:0<6}" if cell else ""


def test_a_column_of_mixed_formats_is_cast_once_for_each(bench: Bench) -> None:
    cells = ["28/04/2026", "2026-05-01", "03.04.2026"]
    with pytest.raises(AmbiguousFormat, match="mixes formats") as caught:
        cast(bench, cells, to="date")
    assert "To read several, cast once for each, with invalid: keep" in (caught.value.hint or "")
    each = [
        {"step": "cast", "columns": ["x"], "to": "date", "format": strptime, "invalid": "keep"}
        for strptime in ("%d/%m/%Y", "%d.%m.%Y")
    ]
    rows = [(str(place), cell) for place, cell in enumerate(cells)]
    made = bench.table(each, ("place", "x"), rows).rows
    assert [row[1] for row in made] == ["2026-04-28", "2026-05-01", "2026-04-03"]


LOCAL = [strptime for strptime in {*DATES, *TIMES, "%d.%m.%y", "%Y%m%d%H%M%S"} if "%z" not in strptime]


@pytest.mark.parametrize("strptime", sorted(LOCAL))
@few
@given(data=st.data())
def test_only_what_python_takes_for_a_time_is_one(bench: Bench, strptime: str, data: st.DataObject) -> None:
    alike = st.from_regex(re.compile(shape(strptime), re.ASCII), fullmatch=True)
    column = data.draw(st.lists(alike | st.text("0123456789/-.: TAPMay", min_size=1), **COLUMN))
    out = cast(bench, column, to="datetime", format=strptime, invalid="empty")
    for cell, ours in zip(column, out, strict=True):
        known = parsed(cell, strptime)
        if re.fullmatch(shape(strptime), cell.strip(), re.ASCII):
            assert _six_digits(ours) == (known.isoformat(timespec="microseconds") if known else ""), cell
        else:
            # Python is laxer: with fewer digits, more blanks.
            assert ours == "", cell


def parsed(cell: str, strptime: str) -> datetime | None:
    for known in (strptime, strptime.replace("%S", "%S.%f")):
        try:
            return datetime.strptime(cell, known)
        except ValueError:
            continue
    return None


@given(column=st.lists(st.tuples(st.integers(1, 31), st.integers(1, 31)), **COLUMN))
@example(column=[(3, 4), (5, 6)])
@example(column=[(3, 3), (13, 4)])
@example(column=[(13, 4), (4, 13)])
@example(column=[(30, 30), (3, 3)])
def test_one_format_for_the_column_or_a_question(bench: Bench, column: list[tuple[int, int]]) -> None:
    cells = [f"{one}/{other}/2024" for one, other in column]
    read = [[parsed(cell, strptime) for cell in cells] for strptime in ("%d/%m/%Y", "%m/%d/%Y")]
    some = [any(both) for both in zip(*read, strict=True)]
    whole = [days for days in read if [day is not None for day in days] == some]
    if any(some) and (not whole or whole[0] != whole[-1]):
        with pytest.raises(AmbiguousFormat):
            cast(bench, cells, to="date", invalid="empty")
    else:
        known = [day.date().isoformat() if day else "" for day in (whole or read)[0]]
        assert cast(bench, cells, to="date", invalid="empty") == known


@pytest.mark.parametrize(
    ("to", "hint"),
    [("date", "Set format"), ("boolean", "Set true and false"), ("decimal", "Set decimal and group")],
)
def test_a_cell_that_does_not_fit_tells_which_options_say_how_it_is_written(
    bench: Bench, to: str, hint: str
) -> None:
    with pytest.raises(InvalidCell) as caught:
        cast(bench, ["3.4.26 €"], to=to)
    assert (caught.value.hint or "").startswith(hint)
