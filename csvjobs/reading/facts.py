"""What is known about a file once its bytes have streamed past, without a second read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Facts(BaseModel):
    """Counted over all bytes, whatever they mean. "Outside quotes" takes `"` as the quote."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str
    head: bytes  # TODO helper
