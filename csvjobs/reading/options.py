"""What a user may declare about reading; a declared option always wins over detection."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ReadOptions(BaseModel):
    """None means: find out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    encoding: str | None = Field(None, description="Name of the text encoding, for example latin-1.")
    skip: int | None = Field(None, ge=0, description="Lines above the table that are no part of it.")
    header: bool | None = Field(None, description="Whether the first row names the columns.")
    bad_rows: Literal["reject", "pad", "fail"] = Field(
        "reject",
        description="What becomes of a row with too few or too many cells: set it aside in "
        "rejected.csv, fill it up with empty cells (only where cells are missing), or fail the job.",
    )

    @model_validator(mode="after")
    def _two_characters(self) -> ReadOptions:
        if self.delimiter is not None and self.delimiter == (self.quote if self.quote is not None else '"'):
            raise ValueError("delimiter and quote must differ")
        return self
