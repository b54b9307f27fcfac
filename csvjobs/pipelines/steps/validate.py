"""Checks rows against rules, and says what becomes of those that break one."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import BROKEN, Condition, Sound, SoundTogether
from csvjobs.pipelines.rules import Fate, Rule
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Step


class Validate(Step):
    """Checks every row against rules. What becomes of a row that breaks one, `on_fail` says, for the step or
    for a rule of its own.

    `reject` sets the row aside in rejected.csv, as it stands in the file, with its line, what it breaks and
    what was found; a row that breaks several rules is told for the first and names the others. `null`
    makes the cell missing, `keep` leaves it as it is: both are counted in a warning. `fail` ends the job at
    the first such row, naming its line.

    All rules look at the rows as they come to the step, so that of three equal values the second and the
    third are too many whatever else is wrong with the first. Values are those of `type`, be it that 7 and 007
    are the same integer; without a type they are texts. Constants are written plainly: 12.5, 2026-04-03,
    2026-04-03T10:30:00, true. Numbers are compared as doubles. Times that have bounds have no zone.

    Behind a step that merges rows or makes several of one (`aggregate`, `unpivot`) there are no rows of the
    file left that could be rejected: check before it, or set `on_fail` to something else.
    """

    example: ClassVar = Example(
        options={
            "rules": [
                {"column": "id", "required": True, "type": "integer", "unique": True},
                {"column": "age", "at_least": 0, "at_most": 120, "on_fail": "null"},
            ]
        },
        before="id,name,age\n1,Ada,36\n2,Alan,850\n2,Grace,45\nx,Noor,\n",
        after="id,name,age\n1,Ada,36\n2,Alan,\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["validate"] = "validate"
    rules: list[Rule] = Field(min_length=1, max_length=1000, description="What has to be, in order.")
    on_fail: Fate = Field("reject", description="What becomes of a row that breaks a rule.")

    @property
    def rejects(self) -> bool:
        return any((rule.on_fail or self.on_fail) == "reject" for rule in self.rules)

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        conditions = tuple(
            condition
            for rule in self.rules
            for condition in rule.conditions(columns, self.on_fail, sql, self.step)
        )
        together = any(condition.among for condition in conditions)
        rows = SoundTogether(conditions) if together else Sound(conditions)
        return Change(Columns(_emptied(column, conditions) for column in columns), rows)


def _emptied(column: Column, conditions: Sequence[Condition]) -> Column:
    """The column, its cells missing where a condition says so."""
    broken = [
        f"{BROKEN}{place}"
        for place, condition in enumerate(conditions)
        if condition.on_fail == "null" and column.sql in condition.cells
    ]
    if not broken:
        return column
    return Column(column.name, f"CASE WHEN NOT ({' OR '.join(broken)}) THEN {column.sql} END")
