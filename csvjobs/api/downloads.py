"""Downloads according to RFC 9110: ranges, validators, HEAD; the body is streamed in chunks."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import NamedTuple
from urllib.parse import quote

from anyio import to_thread
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from csvjobs.api.conditions import changed, unchanged
from csvjobs.api.problems import problem
from csvjobs.errors import PreconditionFailed, RangeNotSatisfiable
from csvjobs.flow.deliver import Delivery
from csvjobs.storage.base import INPUT

# Larger than usual: with chunks of 1 MiB a byte costs a third of the CPU time that it costs with 64 KiB.
CHUNK = 1024**2

MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "gz": "application/gzip",
    "zst": "application/zstd",
}

OTHERS = ("jsonl", "xlsx", "parquet", "gz", "zst")
"""File name endings of uploads that are not CSV."""


class Span(NamedTuple):
    """Bytes from `first` up to, not including, `end`."""

    first: int
    end: int


def download(request: Request, delivery: Delivery) -> Response:
    """The response to GET or HEAD: 200, 206, 304, 412 or 416. Only GET can ask for a range (section 14.2)."""
    headers = _headers(delivery)
    if changed(request.headers, headers.get("ETag"), delivery.modified):
        delivery.file.close()
        other = PreconditionFailed("The file has changed.", hint="Download it again from the beginning.")
        return problem(request, other)
    if unchanged(request.headers, headers.get("ETag"), delivery.modified):
        delivery.file.close()
        kept = {n: v for n, v in headers.items() if n in ("ETag", "Cache-Control", "Last-Modified")}
        return Response(status_code=304, headers=kept)
    is_head = "head" in request.scope
    span = None if is_head else _span(request, delivery, headers)
    if span is not None and span.first >= span.end:
        delivery.file.close()
        beyond = RangeNotSatisfiable(f"The file has {delivery.bytes} bytes.")
        return problem(request, beyond, {"Content-Range": f"bytes */{delivery.bytes}"})
    whole = Span(0, delivery.bytes)
    status = 200
    if span is not None:
        status = 206
        headers["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{delivery.bytes}"
    sent = span or whole
    headers["Content-Length"] = str(sent.end - sent.first)
    if is_head:
        delivery.file.close()
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_body(delivery, sent), status_code=status, headers=headers)


def disposition(filename: str) -> str:
    """The Content-Disposition (RFC 6266): an ASCII name for old clients, the real one in UTF-8 (RFC 8187)."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _headers(delivery: Delivery) -> dict[str, str]:
    headers = {
        "Content-Type": _media_type(delivery),
        "Content-Disposition": disposition(delivery.download_name),
        "Accept-Ranges": "bytes",
        "Last-Modified": formatdate(delivery.modified, usegmt=True),
    }
    if delivery.sha256:
        digest = base64.b64encode(bytes.fromhex(delivery.sha256)).decode()
        headers["ETag"] = f'"{delivery.sha256}"'
        headers["Repr-Digest"] = f"sha-256=:{digest}:"
        headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return headers


def _media_type(delivery: Delivery) -> str:
    ending = delivery.name.rpartition(".")[2]
    if delivery.name == INPUT:
        # The input is kept as received under one name; only the client's file name tells its format.
        own = delivery.download_name.lower().rpartition(".")[2]
        ending = own if own in OTHERS else ending
    known = MEDIA_TYPES.get(ending, "application/octet-stream")
    if ending != "csv":
        return known
    charset = f"; charset={delivery.encoding}" if delivery.encoding else ""
    header = {True: "; header=present", False: "; header=absent", None: ""}[delivery.header]
    return f"{known}{charset}{header}"


def _span(request: Request, delivery: Delivery, headers: dict[str, str]) -> Span | None:
    """The requested range; None for the whole file, an empty span when the range cannot be satisfied.

    Other units and multiple ranges are ignored, as section 14.2 permits.
    """
    condition = request.headers.get("if-range")
    if condition is not None and condition not in (headers.get("ETag"), headers["Last-Modified"]):
        return None
    match = re.fullmatch(r"bytes=\s*(\d{0,999})-(\d{0,999})\s*", request.headers.get("range", ""), re.ASCII)
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    size = delivery.bytes
    if not first:
        return Span(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return Span(int(first), min(size, int(last) + 1) if last else size)


async def _body(delivery: Delivery, span: Span) -> AsyncIterator[bytes]:
    with delivery.file as file:
        file.seek(span.first)
        left = span.end - span.first
        while left and (chunk := await to_thread.run_sync(file.read, min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
