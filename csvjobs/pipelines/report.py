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
        "the file; when left out, for files of up to 64 MiB.",
    )

    profile: bool = Field(
        False,
        description="Whether to say in `profile.json` what the columns of the file and of the output hold, "
        "which takes a pass over each.",
    )

    def counts_cells(self, file_bytes: int) -> bool:
        """Whether changed cells of a file of that size are counted."""
        return file_bytes <= FEW_BYTES if self.cells is None else self.cells
