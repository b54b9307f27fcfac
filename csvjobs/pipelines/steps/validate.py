"""Checks rows against rules, and handles those that break one."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import WrongColumns
from csvjobs.pipelines.rows import BROKEN, Condition, Sound, SoundTogether
from csvjobs.pipelines.rules import Fate, Rule
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Names, Step
from csvjobs.pipelines.table_schema import Match, TableSchema

NO_OTHERS: tuple[Match, ...] = ("exact", "equal", "superset")
"""With these, the table must not have other columns than those named."""

TOLD = 12
"""The most columns that an error names."""


class Validate(Step):
    """Checks every row against rules. `on_fail`, of the step or of a single rule, says what happens to a row
    that breaks one.

    `reject` moves the row to rejected.csv, as it is in the file, with its line, the rule that it breaks and
    what was found; a row that breaks several rules is reported under the first and names the others. `null`
    makes the cell missing, `keep` leaves it as it is, and a warning counts both. `fail` ends the job at the
    first such row and names its line.

    All rules see the rows as they enter the step, so of three equal values the second and the third break
    `unique` whatever else is wrong with the first. Values are compared as values of `type`: 7 and 007 are the
    same integer; without a type they are texts. Write constants plainly: 12.5, 2026-04-03,
    2026-04-03T10:30:00, true. Numbers are compared as doubles. Times with bounds must not have a zone.

    `schema` takes a Table Schema (https://datapackage.org/standard/table-schema/) unchanged, including keys
    and missingValues; a schema with anything that cannot be checked is refused. Types are read as `cast`
    does, which is more lenient.

    After a step that merges rows or makes several out of one (`aggregate`, `unpivot`), no row of the file is
    left to reject: check before that step, or set `on_fail` to something else.
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
    columns: Names | None = Field(None, description="The names that the table's columns must have.")
    columns_match: Match = Field(
        "exact",
        description="How the table must match `columns`: `exact`, the same in the same order; `equal`, the "
        "same in any order; `subset`, it may have more; `superset`, it may lack some; `partial`, both, but "
        "it has at least one. A rule on a column that it may lack applies if the column is there.",
    )
    rules: list[Rule] = Field([], max_length=1000, description="The rules, in the order of checking.")
    table_schema: TableSchema | None = Field(
        None,
        alias="schema",
        description="A Table Schema of the Data Package standard, instead of `columns` and `rules`.",
    )
    on_fail: Fate = Field("reject", description="What happens to a row that breaks a rule.")

    @model_validator(mode="after")
    def _checks(self) -> "Validate":
        if self.table_schema and (self.rules or self.columns):
            raise PydanticCustomError("two_sources", "Give either schema, or columns and rules")
        if not (self.table_schema or self.rules or self.columns):
            raise PydanticCustomError("no_check", "Give rules, columns or schema")
        self._check_names()
        return self

    def _check_names(self) -> None:
        """Refuses rules on columns that no table with the right columns can have."""
        if self.columns is None or self.columns_match not in NO_OTHERS:
            return
        named = dict.fromkeys(name for rule in self.rules for name in rule.names)
        if beyond := [name for name in named if name not in self.columns]:
            said = (
                "The rules name {beyond}, but columns does not: add it there, or set columns_match to subset"
            )
            raise PydanticCustomError("beyond_columns", said, {"beyond": _listed(beyond)})

    @property
    def all_rules(self) -> list[Rule]:
        """The step's own rules, or those of its Table Schema."""
        return self.table_schema.rules() if self.table_schema else self.rules

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(rule.references.table for rule in self.all_rules if rule.references)

    @property
    def rejects(self) -> bool:
        return any((rule.on_fail or self.on_fail) == "reject" for rule in self.all_rules)

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        schema = self.table_schema
        names, match = (schema.names, schema.match) if schema else (self.columns, self.columns_match)
        if names:
            _check_columns(columns.names, names, match)
        optional = set(names or ()) - set(columns.names)
        conditions = tuple(
            condition
            for rule in self.all_rules
            if optional.isdisjoint(rule.names)
            for condition in rule.conditions(columns, self.on_fail, sql, self.step)
        )
        if not conditions:
            return Change(columns)
        together = any(condition.among for condition in conditions)
        rows = SoundTogether(conditions) if together else Sound(conditions)
        return Change(Columns(_emptied(column, conditions) for column in columns), rows)


def _check_columns(found: Sequence[str], wanted: Sequence[str], match: Match) -> None:
    """Raises WrongColumns if the columns found do not match those wanted."""
    lacking = [name for name in wanted if name not in found]
    beyond = [name for name in found if name not in wanted]
    here = f"It has {_listed(found)}. Correct the header, or put rename before this step."
    if match == "partial" and len(lacking) == len(wanted):
        raise WrongColumns(f"The table has none of the columns {', '.join(wanted[:TOLD])}.", hint=here)
    if lacking and match in ("exact", "equal", "subset"):
        raise WrongColumns(f"The table lacks {_listed(lacking)}.", column=lacking[0], hint=here)
    if beyond and match in NO_OTHERS:
        hint = "Drop them beforehand, or set columns_match (in a Table Schema fieldsMatch): subset."
        raise WrongColumns(f"The table must not have {_listed(beyond)}.", hint=hint)
    if match == "exact" and list(found) != list(wanted):
        place = next(place for place, name in enumerate(wanted) if found[place] != name)
        said = f"Column {place + 1} of the table is {found[place]!r}, but must be {wanted[place]!r}."
        hint = "Put the columns in order with reorder, or set columns_match (fieldsMatch): equal."
        raise WrongColumns(said, column=found[place], hint=hint)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return f"the column{'s' if len(names) > 1 else ''} {', '.join(map(repr, names[:TOLD]))}{more}"


def _emptied(column: Column, conditions: Sequence[Condition]) -> Column:
    """The column, its cells missing where a broken condition has `on_fail: null`."""
    broken = [
        f"{BROKEN}{place}"
        for place, condition in enumerate(conditions)
        if condition.on_fail == "null" and column.sql in condition.cells
    ]
    if not broken:
        return column
    return Column(column.name, f"CASE WHEN NOT ({' OR '.join(broken)}) THEN {column.sql} END")
