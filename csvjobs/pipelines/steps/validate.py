"""Checks rows against rules, and says what becomes of those that break one."""

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

TOLD = 12
"""Columns that an error names."""


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

    `schema` takes a Table Schema (https://datapackage.org/standard/table-schema/) as it is, with keys and
    missingValues; what cannot be checked is refused. Types are read as `cast` does, which is more lenient.

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
    columns: Names | None = Field(None, description="What the columns of the table have to be called.")
    columns_match: Match = Field(
        "exact",
        description="What `columns` are to the table: `exact`, the same in the same order; `equal`, in any "
        "order; `subset`, it may have more; `superset`, it may lack some; `partial`, both, but it has one of "
        "them. Rules on columns that it may lack hold where they are there.",
    )
    rules: list[Rule] = Field([], max_length=1000, description="What has to be, in order.")
    table_schema: TableSchema | None = Field(
        None,
        alias="schema",
        description="A Table Schema of the Data Package standard, as it is, in place of columns and rules.",
    )
    on_fail: Fate = Field("reject", description="What becomes of a row that breaks a rule.")

    @model_validator(mode="after")
    def _checks(self) -> "Validate":
        if self.table_schema and (self.rules or self.columns):
            raise PydanticCustomError("two_sources", "Give either schema, or columns and rules")
        if not (self.table_schema or self.rules or self.columns):
            raise PydanticCustomError("no_check", "Give rules, columns or schema")
        return self

    @property
    def all_rules(self) -> list[Rule]:
        """Its own, or what the Table Schema says."""
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
    """Raises WrongColumns."""
    lacking = [name for name in wanted if name not in found]
    beyond = [name for name in found if name not in wanted]
    if match == "partial" and len(lacking) == len(wanted):
        raise WrongColumns(f"The table has none of the columns {', '.join(wanted[:TOLD])}.")
    if lacking and match in ("exact", "equal", "subset"):
        raise WrongColumns(f"The table lacks {_listed(lacking)}.", column=lacking[0])
    if beyond and match in ("exact", "equal", "superset"):
        hint = "Drop them beforehand, or set columns_match (in a Table Schema fieldsMatch): subset."
        raise WrongColumns(f"The table has the unexpected {_listed(beyond)}.", hint=hint)
    if match == "exact" and list(found) != list(wanted):
        place = next(place for place, name in enumerate(wanted) if found[place] != name)
        said = f"Column {place + 1} of the table is {found[place]!r}, but must be {wanted[place]!r}."
        hint = "Put the columns in order with reorder, or set columns_match (fieldsMatch): equal."
        raise WrongColumns(said, column=found[place], hint=hint)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return f"the column{'s' if len(names) > 1 else ''} {', '.join(map(repr, names[:TOLD]))}{more}"


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
