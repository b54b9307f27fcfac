"""Options for reading a file; a declared option always wins over detection."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from csvjobs.reading.charset import codec_of

MAX_COLUMNS = 20_000
MAX_RECORD_BYTES = 16 * 1024**2
MAX_OPEN_LINES = 1000
MOST_OPEN_LINES = 1_000_000

DETECT = "detect"
"""The value of an option that is to be detected, although it was declared elsewhere."""

TabByName = BeforeValidator(lambda given: given.replace(r"\t", "\t") if isinstance(given, str) else given)
"""Takes `\\t` for a tab, as a YAML text without double quotes, a shell and a form have it."""

UNQUOTED = "none"
"""The value of `quote` that says the same as an empty one, where that cannot be given."""

_DETECTED = ("format", "delimiter", "quote", "escape", "encoding", "skip", "header", "header_rows")

_DIALECT = {"delimiter", "quote", "escape", "comment"}
_BY_KEYS = {*_DIALECT, "sheet", "skip", "header", "header_rows"}
_IDLE: dict[str, set[str]] = {
    "csv": {"sheet"},
    "jsonl": _BY_KEYS,
    "parquet": {*_BY_KEYS, "encoding", "max_record_bytes"},
    "xlsx": {*_DIALECT, "encoding"},
}
"""Options that have no effect for a format, except with a value that is always true of it (_ANYWAY)."""

_ANYWAY: dict[str, Any] = {"skip": 0, "header": True, "header_rows": 1}
"""True of every file whose format names the columns itself."""


def _listed(given: Any) -> Any:
    """The list that a text stands for: JSON if it begins with [, otherwise comma-separated."""
    if not isinstance(given, str):
        return given
    if not given.lstrip().startswith("["):
        return [part.strip() for part in given.split(",") if part.strip()]
    try:
        found = json.loads(given)
        # JSON escapes can spell lone surrogates, which no file can contain.
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
    """How to read a file. None means: detect it; in documents, which have no null, `detect` means so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv", "jsonl", "parquet", "xlsx"] | None = Field(
        None, description="The kind of file; detected from the contents, whatever its name."
    )
    sheet: str | None = Field(
        None,
        min_length=1,
        description="Which sheet of a workbook: its name, or its position from 1; by default the first "
        "visible one.",
    )
    delimiter: Annotated[str, TabByName] | None = Field(
        None,
        pattern=r"^[^\r\n\x00]{1,4}$",
        description=r"The delimiter between cells: one character, or up to four; `\t` is a tab.",
    )
    quote: str | None = Field(
        None,
        pattern=r"^[!-~]?$",
        description="The ASCII character that quotes cells; empty, or `none`, for none.",
    )
    escape: str | None = Field(
        None,
        pattern=r"^\\?$",
        description="What escapes a quote in a quoted cell: a backslash, or empty if it is doubled.",
    )
    encoding: Annotated[str, AfterValidator(_known)] | None = Field(
        None, description="Name of the text encoding, for example latin-1."
    )
    comment: str = Field(
        "",
        pattern=r"^[^\r\n\x00]{0,4}$",
        description="The text that comment lines begin with, such as #; empty if there are none.",
    )
    skip: int | None = Field(None, ge=0, description="The number of lines above the table to skip.")
    header: bool | None = Field(None, description="Whether the first row names the columns.")
    header_rows: int | None = Field(
        None,
        ge=1,
        le=20,
        description="The number of header rows; cells of several are joined with a space.",
    )
    layout: Literal["table"] | None = Field(
        None,
        description="Set it to table to keep all columns of a rejected.csv; otherwise those that csvjobs "
        "added are left out when it is sent in again.",
    )
    nulls: Texts = Field(
        (),
        description="Texts that mean missing in the whole file, such as NA, besides the empty cell: "
        "comma-separated, or a JSON list. They change no cell, only what steps take for missing.",
    )
    bad_rows: Literal["reject", "pad", "fail"] = Field(
        "reject",
        description="What happens to a bad row: reject it to rejected.csv, pad it with empty cells (only if "
        "cells are missing; any other is rejected), or fail the job at the first one (with the error "
        "bad-row), the header row included.",
    )
    max_bad_rows: str | None = Field(
        None,
        pattern=r"^(\d{1,15}|\d{1,3}(\.\d{1,6})?%)$",
        coerce_numbers_to_str=True,
        description="How many rows may be rejected: a number, or a share of all rows such as 1%. With more, "
        "the job ends with the error too-many-bad-rows, once all of them are in rejected.csv.",
    )
    bad_bytes: Literal["reject", "replace", "fail"] = Field(
        "reject",
        description="What happens to a row with bytes that are not text in the file's encoding: reject it "
        "with the code bad-bytes, replace the bytes with U+FFFD, or fail the job.",
    )
    max_columns: int = Field(
        MAX_COLUMNS,
        ge=1,
        le=100_000,
        description="A file with more columns ends the job with the error too-many-columns.",
    )
    max_record_bytes: int = Field(
        MAX_RECORD_BYTES,
        ge=1024,
        le=256 * 1024**2,
        description="A longer row, of one line or several, is rejected with the code record-too-long.",
    )
    max_open_lines: int = Field(
        MAX_OPEN_LINES,
        ge=1,
        le=MOST_OPEN_LINES,
        description="A quoted cell that spans more lines counts as one whose closing quote is missing: its "
        "first line is rejected with the code too-many-open-lines, the others are read as rows.",
    )

    @field_validator(*_DETECTED, mode="before")
    @classmethod
    def _undeclared(cls, given: Any) -> Any:
        return None if given == DETECT else given

    @field_validator("quote", mode="before")
    @classmethod
    def _unquoted(cls, given: Any) -> Any:
        # Empty fields of a form are ignored.
        return "" if given == UNQUOTED else given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler(core_schema)
        options = handler.resolve_ref_schema(made)["properties"]
        for name in _DETECTED:
            options[name]["anyOf"].append({"const": DETECT})
        options["quote"]["anyOf"].append({"const": UNQUOTED})
        return made

    @model_validator(mode="after")
    def _two_characters(self) -> ReadOptions:
        if self.delimiter is not None and self.delimiter == (self.quote if self.quote is not None else '"'):
            raise ValueError("delimiter and quote must differ")
        if self.comment and self.comment[0] in (self.delimiter or "", self.quote or '"'):
            raise ValueError("comment must begin otherwise than delimiter and quote")
        return self

    @property
    def bounded(self) -> bool:
        """Whether rows are limited to less than the engine accepts by default."""
        return self.max_record_bytes < MAX_RECORD_BYTES or self.max_open_lines < MAX_OPEN_LINES

    def idle(self, kind: str) -> list[str]:
        """The declared options that have no effect for the file format `kind`."""
        fields = ReadOptions.model_fields.items()
        declared = {name: value for name, field in fields if (value := getattr(self, name)) != field.default}
        return [
            name for name, value in declared.items() if name in _IDLE[kind] and value != _ANYWAY.get(name)
        ]

    def failing(self, code: str) -> str:
        """The option because of which a row with that code ends the job; empty if the row is rejected."""
        option = "bad_bytes" if code == "bad-bytes" and self.bad_bytes == "fail" else "bad_rows"
        return option if getattr(self, option) == "fail" else ""

    def too_many_bad(self, bad: int, rows: int | None) -> bool:
        """Whether `bad` of `rows` rows exceed `max_bad_rows`; rows: None while not all are known."""
        if self.max_bad_rows is None:
            return False
        if self.max_bad_rows.endswith("%"):
            return rows is not None and bad * 100 > rows * Decimal(self.max_bad_rows.removesuffix("%"))
        return bad > int(self.max_bad_rows)
