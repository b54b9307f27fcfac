"""formula_guard: turns cells that a spreadsheet would run as formulas into text, and counts them."""

from __future__ import annotations

import re

from csvjobs.engines.base import Sql
from csvjobs.pipelines.plan import Plan
from csvjobs.pipelines.step import Column, Columns

QUOTE = "'"
BEGIN = "=+-@\t\r"
NUMBER = r"[+-](\d+([.,]\d+)*[.,]?|[.,]\d+)([eE][+-]?\d+)? *%? *"
"""Plain numbers, with a decimal point or comma, which begin like a formula."""


def guard(planned: Plan, *, header: bool) -> None:
    """Puts a ' in front of each such cell, and adds a warning that counts them; `header`: include column
    names."""
    sql, columns = planned.sql, planned.columns
    counts = ", ".join(f"COUNT(CASE WHEN {_formula(c.sql, sql)} THEN 1 END)" for c in columns)
    [cells] = planned.engine.rows(f"SELECT {counts} FROM ({planned.relation})")
    names = [column.name for column in columns if header and _is_formula(column.name)]
    if count := sum(cells) + len(names):
        planned.columns = Columns(_guarded(column, sql) for column in columns)
        told = "Cells that a spreadsheet would take for a formula, now with a ' in front"
        planned.warnings.append(f"{told}: {count} (formula_guard).")


def _guarded(column: Column, sql: Sql) -> Column:
    name, cell = column
    made = f"CASE WHEN {_formula(cell, sql)} THEN CONCAT({sql.text(QUOTE)}, {cell}) ELSE {cell} END"
    return Column(QUOTE + name if _is_formula(name) else name, made)


def _formula(cell: str, sql: Sql) -> str:
    begins = ", ".join(map(sql.text, BEGIN))
    return f"SUBSTR({cell}, 1, 1) IN ({begins}) AND NOT {sql.matches(cell, NUMBER)}"


def _is_formula(text: str) -> bool:
    return text[:1] in tuple(BEGIN) and not re.fullmatch(NUMBER, text, re.ASCII)
