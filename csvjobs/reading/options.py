"""What a user may declare about reading; a declared option always wins over detection."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from csvjobs.reading.charset import codec_of

MAX_COLUMNS = 20_000
MAX_RECORD_BYTES = 16 * 1024**2
MAX_OPEN_LINES = 1000

_DIALECT = {"delimiter", "quote", "escape", "comment"}
_BY_KEYS = {*_DIALECT, "sheet", "skip", "header", "header_rows"}
_IDLE: dict[str, set[str]] = {
    "csv": {"sheet"},
    "jsonl": _BY_KEYS,
    "parquet": {*_BY_KEYS, "encoding", "max_record_bytes"},
    "xlsx": {*_DIALECT, "encoding"},
}
"""Options that mean nothing in a file of a format, and would not just ask for what is so there anyway."""

_ANYWAY: dict[str, Any] = {"skip": 0, "header": True, "header_rows": 1}
"""So it is in every file that names its columns itself."""


def _listed(given: Any) -> Any:
    """A text as the list that it says: JSON where it begins like that, else parts between commas."""
    if not isinstance(given, str):
        return given
    if not given.lstrip().startswith("["):
        return [part.strip() for part in given.split(",") if part.strip()]
    try:
        found = json.loads(given)
        # Escapes can spell halves of characters, which no file can hold.
        json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError):
        raise ValueError('a list is JSON, such as ["NA", "n/a"], or texts between commas') from None


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str)]


def _known(encoding: str) -> str:
    if codec_of(encoding) is None:
        raise ValueError("it is not the name of a text encoding, such as utf-8, cp1252 or latin-1")
    return encoding


class ReadOptions(BaseModel):
    """None means: find out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv", "jsonl", "parquet", "xlsx"] | None = Field(
        None, description="What kind of file it is; found out by what is in it, whatever it is called."
    )
    sheet: str | None = Field(
        None,
        min_length=1,
        description="Which sheet of a workbook: its name, or its place from 1; the first visible one when "
        "left out.",
    )
    delimiter: str | None = Field(
        None,
        pattern=r"^[^\r\n\x00]{1,4}$",
        description="What stands between cells: one character, or up to four.",
    )
    quote: str | None = Field(
        None, pattern=r"^[!-~]?$", description="ASCII character around cells; empty for none."
    )
    escape: str | None = Field(
        None,
        pattern=r"^\\?$",
        description="What makes a quote within quotes plain text: a backslash, or empty where it is doubled.",
    )
    encoding: Annotated[str, AfterValidator(_known)] | None = Field(
        None, description="Name of the text encoding, for example latin-1."
    )
    comment: str = Field(
        "",
        pattern=r"^[^\r\n\x00]{0,4}$",
        description="With what a line begins that is no row, such as #; empty where every line is one.",
    )
    skip: int | None = Field(None, ge=0, description="Lines above the table that are no part of it.")
    header: bool | None = Field(None, description="Whether the first row names the columns.")
    header_rows: int | None = Field(
        None,
        ge=1,
        le=20,
        description="How many rows name the columns, where several do: their cells are joined by a blank.",
    )
    layout: Literal["table"] | None = Field(
        None,
        description="Set it to table to keep all columns of a rejected.csv: else those that csvjobs has put "
        "there are left out when it is sent in again.",
    )
    nulls: Texts = Field(
        (),
        description="Texts that mean missing in the whole file, such as NA, beside the empty cell: between "
        "commas, or as a JSON list. No cell is changed by it: it says what steps take for missing.",
    )
    bad_rows: Literal["reject", "pad", "fail"] = Field(
        "reject",
        description="What becomes of a bad row: set it aside in rejected.csv, fill it up with empty cells "
        "(only where cells are missing; any other is set aside), or fail the job at the first one (with the "
        "error bad-row), the header row included.",
    )
    max_bad_rows: str | None = Field(
        None,
        pattern=r"^(\d{1,15}|\d{1,3}(\.\d{1,6})?%)$",
        coerce_numbers_to_str=True,
        description="How many rows may be set aside: a number, or a part of all rows such as 1%. With one "
        "more the job ends with the error too-many-bad-rows, once all of them are in rejected.csv.",
    )
    bad_bytes: Literal["reject", "replace", "fail"] = Field(
        "reject",
        description="What becomes of a row with bytes that are not UTF-8, in a file that is declared to be: "
        "set it aside with the code bad-bytes, put U+FFFD in their place, or fail the job.",
    )
    max_columns: int = Field(
        MAX_COLUMNS,
        ge=1,
        le=100_000,
        description="A file with more columns ends its job with the error too-many-columns.",
    )
    max_record_bytes: int = Field(
        MAX_RECORD_BYTES,
        ge=1024,
        le=256 * 1024**2,
        description="A longer row, of one line or several, is set aside with the code record-too-long.",
    )
    max_open_lines: int = Field(
        MAX_OPEN_LINES,
        ge=1,
        le=1_000_000,
        description="A cell in quotes that goes on over more lines is taken for one whose closing quote was "
        "forgotten: its first line is set aside with the code too-many-open-lines, the others are rows.",
    )

    @model_validator(mode="after")
    def _two_characters(self) -> ReadOptions:
        if self.delimiter is not None and self.delimiter == (self.quote if self.quote is not None else '"'):
            raise ValueError("delimiter and quote must differ")
        if self.comment and self.comment[0] in (self.delimiter or "", self.quote or '"'):
            raise ValueError("comment must begin otherwise than delimiter and quote")
        return self

    @property
    def bounded(self) -> bool:
        """Whether rows are to be smaller than the engine would take by itself."""
        return self.max_record_bytes < MAX_RECORD_BYTES or self.max_open_lines < MAX_OPEN_LINES

    def idle(self, kind: str) -> list[str]:
        """The options that are declared here and do nothing where the file's format is `kind`."""
        fields = ReadOptions.model_fields.items()
        declared = {name: value for name, field in fields if (value := getattr(self, name)) != field.default}
        return [
            name for name, value in declared.items() if name in _IDLE[kind] and value != _ANYWAY.get(name)
        ]

    def failing(self, code: str) -> str:
        """The option by which a row with that code ends the job; empty where it is set aside."""
        option = "bad_bytes" if code == "bad-bytes" and self.bad_bytes == "fail" else "bad_rows"
        return option if getattr(self, option) == "fail" else ""

    def too_many_bad(self, bad: int, rows: int | None) -> bool:
        """Whether `bad` of so many rows are more than `max_bad_rows`; rows: None where not all are known."""
        if self.max_bad_rows is None:
            return False
        if self.max_bad_rows.endswith("%"):
            return rows is not None and bad * 100 > rows * Decimal(self.max_bad_rows.removesuffix("%"))
        return bad > int(self.max_bad_rows)
