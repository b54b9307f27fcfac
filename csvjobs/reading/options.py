"""What a user may declare about reading; a declared option always wins over detection."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReadOptions(BaseModel):
    """None means: find out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: str | None = Field(None, min_length=1, max_length=1, description="Character between cells.")
    quote: str | None = Field(None, max_length=1, description="Character around cells; empty for none.")
    encoding: str | None = Field(None, description="Name of the text encoding, for example latin-1.")
    header: bool | None = Field(None, description="Whether the first row names the columns.")
    bad_rows: Literal["reject", "pad", "fail"] = Field(
        "reject",
        description="What becomes of a row with too few or too many cells: set it aside in "
        "rejected.csv, fill it up with empty cells (only where cells are missing), or fail the job.",
    )
