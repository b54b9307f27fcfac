"""What a user may ask to be told beside the output."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

FEW_BYTES = 64 * 1024**2


class ReportOptions(BaseModel):
    """What a job says of its file and its steps; what costs much only where it is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: bool | None = Field(
        None,
        description="Whether to count the cells that each step changes, which takes up to another pass over "
        "the file; when left out, for files of up to 64 MiB, and where `changes` lists them.",
    )

    profile: bool = Field(
        False,
        description="Whether to say in `profile.json` what the columns of the file and of the output hold, "
        "which takes a pass over each.",
    )

    changes: bool = Field(
        False,
        description="Whether to list in `changes.csv` each cell that a step changes, which takes room on the "
        "disk, and up to another pass over the file for each step by which rows go.",
    )

    def counts_cells(self, file_bytes: int) -> bool:
        """Whether changed cells of a file of that size are counted."""
        return self.changes or file_bytes <= FEW_BYTES if self.cells is None else self.cells
