"""What a user may declare about writing the output."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

EXCEL = {"bom": True, "newline": "crlf"}


class WriteOptions(BaseModel):
    """How the output is written: by default UTF-8 CSV as RFC 4180 has it, but with LF."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv", "jsonl", "parquet"] = Field(
        "csv",
        description="`csv`; `jsonl`, one JSON object a row, its keys in the order of the columns; or "
        "`parquet`. In the last two every cell is text, an empty one is null and a quoted empty one the "
        "empty text.",
    )
    compression: Literal["none", "gzip", "zstd"] = Field(
        "none", description="How CSV and JSONL are packed: `none`, `gzip` or `zstd`. Parquet is by itself."
    )
    profile: Literal["excel"] | None = Field(
        None,
        description="`excel` stands for `bom: true` and `newline: crlf`, where these are not declared "
        "themselves. Set `delimiter: ;` as well where numbers are written with a decimal comma.",
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
        if isinstance(given, dict) and given.get("profile") == "excel":
            return EXCEL | given
        return given

    @model_validator(mode="after")
    def _meaningful(self) -> WriteOptions:
        """What would mean nothing was meant otherwise."""
        mine = {"csv": set(), "jsonl": CSV_ONLY, "parquet": {*CSV_ONLY, "compression"}}[self.format]
        if idle := [name for name in sorted(mine) if getattr(self, name) != getattr(PLAIN, name)]:
            raise ValueError(f"{', '.join(idle)} cannot be declared with the format {self.format}")
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
)
"""All that an output file may be called."""

PLAIN = WriteOptions()
