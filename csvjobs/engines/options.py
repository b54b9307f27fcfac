"""Options for writing the output."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from csvjobs.reading.options import TabByName

PROFILES: dict[Any, dict[str, Any]] = {
    "excel": {"bom": True, "newline": "crlf"},
    "excel-unicode": {"encoding": "utf-16", "delimiter": "\t", "bom": True, "newline": "crlf"},
}


class WriteOptions(BaseModel):
    """How to write the output; by default UTF-8 CSV as in RFC 4180, but with LF."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv", "jsonl", "parquet", "xlsx"] = Field(
        "csv",
        description="`csv`; `jsonl`, one JSON object per row, its keys in the order of the columns; "
        "`parquet`; or `xlsx`, a workbook with one sheet. In the last three, an empty cell is null and a "
        "quoted empty one the empty text. Every cell is text, except that in Parquet and XLSX a column "
        "converted by `cast` has its type.",
    )
    compression: Literal["none", "gzip", "zstd"] = Field(
        "none",
        description="How to compress CSV and JSONL: `none`, `gzip` or `zstd`. Parquet and XLSX always are.",
    )
    profile: Literal["excel", "excel-unicode"] | None = Field(
        None,
        description="`excel` sets `bom: true` and `newline: crlf`, unless these are given themselves. Also "
        "set `delimiter: ;` where numbers are written with a decimal comma. `excel-unicode` is Excel's "
        "Unicode Text, UTF-16 with tabs, which Excel opens the same way in every country.",
    )
    encoding: Literal["utf-8", "utf-16"] = Field(
        "utf-8",
        description="`utf-8`, or `utf-16`: little-endian, with a byte order mark unless `bom` is false.",
    )
    delimiter: Annotated[str, TabByName] = Field(
        ",",
        pattern=r"^[\t !#-/:-@\[-`{-~]$",
        description="The delimiter: one ASCII character, but no letter, digit or double quote; "
        r"`\t` is a tab.",
    )
    quote: Literal["needed", "all"] = Field(
        "needed",
        description="Which cells to quote: as `needed`, or `all` except empty ones, so that these stay "
        "different from quoted empty ones.",
    )
    newline: Literal["lf", "crlf"] = Field(
        "lf", description="The line end after a row, `lf` or `crlf`; line breaks in cells do not change."
    )
    bom: bool = Field(
        False, description="Whether the file begins with a byte order mark, by which Excel recognises UTF-8."
    )
    header: bool = Field(True, description="Whether to write a header row.")
    formula_guard: bool = Field(
        False,
        description="Whether to put a `'` in front of a cell that a spreadsheet would take for a formula, "
        "because it begins with `=`, `+`, `-`, `@`, a tab or a carriage return. Plain numbers such as -5, "
        "+1.5e3 or -1.234,50 stay as they are. The job's `warnings` say how many cells were changed.",
    )

    @model_validator(mode="before")
    @classmethod
    def _profiled(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        marked = {"bom": True} if given.get("encoding") == "utf-16" else {}
        return PROFILES.get(given.get("profile"), {}) | marked | given

    @model_validator(mode="after")
    def _meaningful(self) -> WriteOptions:
        """Refuses options that do not apply to the format."""
        mine = {
            "csv": {"compression"} if self.encoding == "utf-16" else set(),
            "jsonl": CSV_ONLY,
            "parquet": {*CSV_ONLY, "compression"},
            "xlsx": {*CSV_ONLY, "compression"} - {"header"},
        }[self.format]
        if idle := [name for name in sorted(mine) if getattr(self, name) != getattr(PLAIN, name)]:
            form = f"{self.format} in {self.encoding}" if self.format == "csv" else self.format
            raise ValueError(f"{', '.join(idle)} cannot be declared with the format {form}")
        return self

    @property
    def given(self) -> dict[str, Any]:
        """The options that restore these: those that `profile` and `encoding` do not set by themselves."""
        profiled = WriteOptions(profile=self.profile)
        implied = WriteOptions(profile=self.profile, encoding=self.encoding).model_dump()
        implied |= {"profile": None, "encoding": profiled.encoding}
        return {name: value for name, value in self.model_dump().items() if value != implied[name]}

    @property
    def filename(self) -> str:
        """The name of the job's output file."""
        return f"output.{self.format}{PACKED[self.compression]}"


CSV_ONLY = WriteOptions.model_fields.keys() - {"format", "compression"}
PACKED = {"none": "", "gzip": ".gz", "zstd": ".zst"}
FILENAMES = (
    *(f"output.{each}{end}" for each in ("csv", "jsonl") for end in PACKED.values()),
    "output.parquet",
    "output.xlsx",
)
"""All possible names of an output file."""

PLAIN = WriteOptions()
