"""Converts cells to the standard form of a type: numbers, booleans, dates and times."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from csvjobs.engines.base import Sql
from csvjobs.errors import InvalidCell
from csvjobs.pipelines.readings import DATES, TIMES, Chosen, Reading
from csvjobs.pipelines.step import (
    Change,
    Column,
    Columns,
    Example,
    LearningStep,
    Learnt,
    Names,
    Need,
    missing,
)
from csvjobs.pipelines.types import (
    FALSE,
    TRUE,
    DecimalSign,
    Formats,
    GroupSign,
    Type,
    Word,
    check_notation,
    readings,
)


class Cast(LearningStep):
    r"""Converts the cells of each column to the standard written form of a type.

    `integer`: 007 and +7 become 7, 12.0 becomes 12, 1.2E+03 becomes 1200, 12.5 does not fit; any number of
    digits. `decimal`: keeps all digits, 1.10 stays 1.10, 1.23E-02 becomes 0.0123; an exponent has up to three
    digits. `float`: the shortest text that reads back as the same double, 1.10 becomes 1.1. With `decimal:
    ","` and `group: "."`, 1.234,50 becomes 1234.50; groups have three digits. `boolean`: true or false.
    `date` and `datetime`: ISO 8601, 2026-04-03 and 2026-04-03T10:30:00; a time zone is kept.
    Spaces, tabs and line breaks around the value are removed; use trim before it for others, such as no-break
    spaces.

    A format is made of strptime directives: `%Y` (2026), `%y` (69 to 99 are 1969 to 1999, 00 to 68 are 2000
    to 2068), `%m`, `%d`, `%b` (Apr) and `%B` (April) in English, `%H`, `%I` with `%p` (10 PM), `%M`, `%S`
    (with or without a fraction of up to six digits), and at the end `%z` (Z, +02:00, +0200 or +02). To cut
    off more digits, put `replace` before this step, with the pattern `([.]\d{6})\d+` and `with: '\1'`. For
    dates without a day, such as Apr 2026, put one in front: the pattern `^` and `with: '1 '`.

    One format applies to a whole column: of a list, the one that fits every cell. Without `format`, common
    formats with a four-digit year are tried. If two formats fit all cells but give different dates
    (03/04/2026), or each fits only some cells, the job ends and asks for `format`. The format found for one
    file is stored in its `fitted.json`: applied to another file, it holds there too, and a cell of another
    format does not fit.

    A missing cell stays as it is. Any other cell that does not fit ends the job, unless `invalid` says
    otherwise. In a Parquet or XLSX output the column has this type, unless a later step changes its cells.
    """

    example: ClassVar = Example(
        options={"columns": ["sold"], "to": "date"},
        before="item,sold\nchair,03/04/2026\ntable,28/04/2026\nlamp,\n",
        after="item,sold\nchair,2026-04-03\ntable,2026-04-28\nlamp,\n",
    )

    step: Literal["cast"] = "cast"
    columns: Names = Field(description="Names of the columns to convert.")
    to: Type = Field(description="The type to convert to.")
    decimal: DecimalSign = Field(".", description="The decimal separator.")
    group: GroupSign | None = Field(
        None, description="The separator between groups of digits; a space also stands for no-break spaces."
    )
    format: Formats | None = Field(
        None, description="The format of the dates or times, or a list of formats to choose from."
    )
    true: Word = Field(TRUE, description="Words for true; case is ignored.")
    false: Word = Field(FALSE, description="Words for false; case is ignored.")
    invalid: Literal["fail", "empty", "keep"] = Field(
        "fail",
        description="What happens to a cell that does not fit: fail the job, make it empty, or keep it.",
    )

    @model_validator(mode="after")
    def _options_for_the_type(self) -> "Cast":
        check_notation(self, self, "to", self.to)
        return self

    def holds_here(self, need: Need) -> bool:
        """A single format is not learnt, so it is checked against the rows at hand."""
        return len(need.argument) == 1

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            [chosen] = self.learnt_of(column.name, learnt)
            reading: Reading | None = chosen["reading"]
            value = reading.read(column.sql, sql) if reading else "NULL"
            odd = column.sql if self.invalid == "keep" else "NULL"
            gone = missing(sql, column.sql)
            return f"CASE WHEN {gone} THEN {column.sql} ELSE COALESCE({value}, {odd}) END"

        told = (self._invalid(need.column, chosen) for need, chosen in learnt.items() if chosen["odd"])
        kept = self.invalid == "keep"
        types = {need.column: self.to for need, chosen in learnt.items() if not (kept and chosen["odd"])}
        return Change(self.rewrite(columns, cell), warnings=tuple(told), types=types)

    @property
    def _readings(self) -> tuple[Reading, ...]:
        return readings(self.to, self, DATES if self.to == "date" else TIMES)

    def needs_of(self, name: str) -> list[Need]:
        return [Need(name, "reading", self._readings)]

    def _invalid(self, name: str, chosen: Chosen) -> str:
        """The warning for cells that do not fit. Raises InvalidCell if they end the job."""
        cells = "1 cell" if chosen["odd"] == 1 else f"{chosen['odd']} cells"
        said = f"{cells} of column {name!r} cannot be read as {self._called(chosen['reading'])}"
        said += f", for example {(chosen['example'] or '')[:80]!r}"
        if self.invalid == "fail":
            raise InvalidCell(f"{said}.", column=name, cell=chosen["example"], hint=self._advice)
        return f"{said}; {'left empty' if self.invalid == 'empty' else 'left as found'}."

    @property
    def _advice(self) -> str:
        """What to do about a cell that does not fit."""
        match self.to:
            case "date" | "datetime":
                first = "Set format to how the cells are written, for example '%d.%m.%y'"
            case "boolean":
                first = "Set true and false to the words in the column"
            case _:
                first = "Set decimal and group to how numbers are written, remove other signs with replace"
        return f"{first}, or set invalid: empty or keep."

    def _called(self, reading: Reading | None) -> str:
        return reading.called if reading else f"a {self.to} of any format that was tried"
