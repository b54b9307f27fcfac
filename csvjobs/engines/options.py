"""What a user may declare about writing the output."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PROFILES: dict[Any, dict[str, Any]] = {
    "excel": {"bom": True, "newline": "crlf"},
    "excel-unicode": {"encoding": "utf-16", "delimiter": "\t", "bom": True, "newline": "crlf"},
}


class WriteOptions(BaseModel):
    """How the output is written: by default UTF-8 CSV as RFC 4180 has it, but with LF."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv", "jsonl", "parquet", "xlsx"] = Field(
        "csv",
        description="`csv`; `jsonl`, one JSON object a row, its keys in the order of the columns; `parquet`; "
        "or `xlsx`, a workbook with one sheet. In the last three an empty cell is null and a quoted empty "
        "one the empty text, and every cell is text; but columns that `cast` brought to a type have it in "
        "Parquet and XLSX.",
    )
    compression: Literal["none", "gzip", "zstd"] = Field(
        "none",
        description="How CSV and JSONL are packed: `none`, `gzip` or `zstd`. The others are by themselves.",
    )
    profile: Literal["excel", "excel-unicode"] | None = Field(
        None,
        description="`excel` stands for `bom: true` and `newline: crlf`, where these are not declared "
        "themselves. Set `delimiter: ;` as well where numbers are written with a decimal comma. "
        "`excel-unicode` is what Excel calls Unicode Text, which it opens everywhere alike: UTF-16 and tabs.",
    )
    encoding: Literal["utf-8", "utf-16"] = Field(
        "utf-8",
        description="`utf-8`, or `utf-16`: little-endian, with its mark unless `bom` says else.",
    )
    delimiter: str = Field(
        ",",
        pattern=r"^[\t !#-/:-@\[-`{-~]$",
        description="What stands between cells: one ASCII character, no letter, digit or double quote.",
    )
    quote: Literal["needed", "all"] = Field(
        "needed",
        description="Which cells stand in quotes: as `needed`, or `all` but empty ones, so that these and "
        "quoted empty ones stay different.",
    )
    newline: Literal["lf", "crlf"] = Field(
        "lf", description="What ends a row, `lf` or `crlf`; within cells nothing changes."
    )
    bom: bool = Field(
        False, description="Whether the file begins with the mark by which Excel knows it for UTF-8."
    )
    header: bool = Field(True, description="Whether the first row names the columns.")
    formula_guard: bool = Field(
        False,
        description="Whether a cell that a spreadsheet would take for a formula, because it begins with `=`, "
        "`+`, `-`, `@`, a tab or a carriage return, gets a `'` in front. Plain numbers such as -5, +1.5e3 or "
        "-1.234,50 stay as they are. The job's `warnings` say how many cells were changed.",
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
        """What would mean nothing was meant otherwise."""
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
    def filename(self) -> str:
        """What the job's output file is called."""
        return f"output.{self.format}{PACKED[self.compression]}"


CSV_ONLY = WriteOptions.model_fields.keys() - {"format", "compression"}
PACKED = {"none": "", "gzip": ".gz", "zstd": ".zst"}
FILENAMES = (
    *(f"output.{each}{end}" for each in ("csv", "jsonl") for end in PACKED.values()),
    "output.parquet",
    "output.xlsx",
)
"""All that an output file may be called."""

PLAIN = WriteOptions()
