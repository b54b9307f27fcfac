"""What a user may declare about writing the output."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

EXCEL = {"bom": True, "newline": "crlf"}


class WriteOptions(BaseModel):
    """How the output is written: by default UTF-8 CSV as RFC 4180 has it, but with LF."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv"] = Field("csv", description="`csv` is all there is.")
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

    @property
    def filename(self) -> str:
        """What the job's output file is called."""
        return f"output.{self.format}"


PLAIN = WriteOptions()
FILENAMES = ("output.csv",)
"""All that an output file may be called."""
