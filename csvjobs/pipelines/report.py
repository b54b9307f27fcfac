"""Options for what a job reports besides its output."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

FEW_BYTES = 64 * 1024**2


class ReportOptions(BaseModel):
    """What a job reports about its file and its steps; what is expensive only if asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: bool | None = Field(
        None,
        description="Whether to count the cells that each step changes, which takes up to another pass over "
        "the file; by default for files of up to 64 MiB, and with `changes`.",
    )

    profile: bool = Field(
        False,
        description="Whether to describe the contents of the columns of the file and of the output in "
        "`profile.json`, which takes up to two passes over each.",
    )

    changes: bool = Field(
        False,
        description="Whether to list each cell that a step changes in `changes.csv`, which takes disk space, "
        "and up to another pass over the file for each step that drops rows.",
    )

    def counts_cells(self, file_bytes: int) -> bool:
        """Whether to count changed cells in a file of that size."""
        return self.changes or file_bytes <= FEW_BYTES if self.cells is None else self.cells
