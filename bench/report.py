"""The table: one row a figure, with its goal and whether it is met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """A figure. `goal` is for people; `meets` is None where there is no goal."""

    section: str
    what: str
    figure: str
    goal: str = ""
    meets: bool | None = None

    @property
    def verdict(self) -> str:
        return {None: "", True: "meets", False: "misses"}[self.meets]


def at_most(section: str, what: str, value: float, goal: float, unit: str = "", digits: int = 2) -> Row:
    """A row whose goal is met from `goal` downwards."""
    return Row(section, what, f"{value:.{digits}f}{unit}", f"at most {goal:g}{unit}", value <= goal)


def at_least(section: str, what: str, value: float, goal: float, unit: str = "", digits: int = 2) -> Row:
    """A row whose goal is met from `goal` upwards."""
    return Row(section, what, f"{value:.{digits}f}{unit}", f"at least {goal:g}{unit}", value >= goal)


def seconds(section: str, what: str, value: float) -> Row:
    """A row without a goal."""
    return Row(section, what, f"{value:.2f} s")


def megabytes(size: float) -> str:
    return f"{size / 1e6:.0f} MB"


def show(machine: str, rows: Iterable[Row]) -> None:
    """Prints the table."""
    table = Table("", "what", "figure", "goal", "verdict")
    last = ""
    for row in rows:
        table.add_row("" if row.section == last else row.section, row.what, row.figure, row.goal, row.verdict)
        last = row.section
    console = Console(width=120)
    console.print(machine)
    console.print(table)
