"""Column names from the cells of a header row."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvjobs.reading.header import MOST_TOLD, column_names, numbered_names

NAMES = ["a", "b", "A", "a_2", "a_3", "a_2_2", "column_1", "column_2", "column_2_2", "", " ", "\ufeff", "\t"]
cells = st.sampled_from(NAMES) | st.text(max_size=4)


@pytest.mark.parametrize(
    ("cells", "names", "warned"),
    [
        (["a", "b"], ["a", "b"], 0),
        ([" a ", "\tb\n"], ["a", "b"], 0),
        (["\ufeffa", "b"], ["a", "b"], 0),
        (["\ufeff a", " \ufeff b"], ["a", "b"], 0),
        (["\ufeff  ", "b"], ["column_1", "b"], 1),
        (["", "b", "  "], ["column_1", "b", "column_3"], 2),
        (["a", "a", "a"], ["a", "a_2", "a_3"], 2),
        (["a", " a"], ["a", "a_2"], 1),
        (["a", "A"], ["a", "A"], 0),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"], 1),
        (["a_2", "a", "a"], ["a_2", "a", "a_3"], 1),
        (["column_2", ""], ["column_2", "column_2_2"], 1),
        (["", "column_1"], ["column_1_2", "column_1"], 1),
        (["a\nb"], ["a\nb"], 0),
    ],
)
def test_names(cells: list[str], names: list[str], warned: int) -> None:
    found, warnings = column_names(cells)
    assert list(found) == names
    assert len(warnings) == warned


def test_a_warning_tells_the_column_and_its_new_name() -> None:
    _, warnings = column_names(["a", "", "a"])
    assert "Column 2 " in warnings[0]
    assert "'column_2'" in warnings[0]
    assert "Column 3 " in warnings[1]
    assert "'a_2'" in warnings[1]


def test_of_many_new_names_the_first_are_told_and_the_others_counted() -> None:
    _, warnings = column_names(["a"] * 1000)
    assert [warning.split()[1] for warning in warnings[:MOST_TOLD]] == ["2", "3", "4", "5", "6"]
    assert warnings[MOST_TOLD:] == ["994 more columns were renamed: see the output's header row."]


@given(cells=st.lists(cells, max_size=12))
@example(cells=["\ufeff ", "x"])
def test_names_are_unique_and_not_blank(cells: list[str]) -> None:
    names, warnings = column_names(cells)
    assert len(names) == len(cells) == len(set(names))
    assert all(name and name == name.strip() for name in names)
    kept = [cell.strip() == name for cell, name in zip(cells, names, strict=True)]
    marked = sum("\ufeff" in cell for cell in cells)
    assert kept.count(False) <= len(warnings) + marked or len(warnings) == MOST_TOLD + 1


@given(cells=st.lists(cells, max_size=12))
def test_a_name_that_is_given_once_is_kept(cells: list[str]) -> None:
    names, _ = column_names(cells)
    given_names = [cell.strip().removeprefix("\ufeff").strip() for cell in cells]
    for given_name, name in zip(given_names, names, strict=True):
        if given_name and given_names.count(given_name) == 1:
            assert name == given_name


def test_as_many_names_as_a_file_may_have() -> None:
    names, _ = column_names(["x"] * 20_000)
    assert (names[0], names[1], names[-1]) == ("x", "x_2", "x_20000")


def test_numbered_names() -> None:
    assert numbered_names(3) == ("column_1", "column_2", "column_3")
