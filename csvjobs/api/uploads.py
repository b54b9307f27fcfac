"""Streamed uploads, multipart or raw: written piece by piece, never held in memory or stored twice."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Container, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from csvjobs.errors import (
    BadRequest,
    DigestMismatch,
    InvalidOption,
    UnsupportedCoding,
    UnsupportedMediaType,
    nearest,
)
from csvjobs.flow.apply import Processing
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming, base_name, check_size
from csvjobs.flow.terms import granted
from csvjobs.jobs.job import Terms
from csvjobs.pipelines.fitted import MAX_TEXT
from csvjobs.pipelines.spec import from_file
from csvjobs.reading.charset import codec_of
from csvjobs.reading.facts import CHUNK
from csvjobs.reading.options import ReadOptions

MAX_FIELDS = 32
MAX_PARTS = MAX_FIELDS + 1  # and the file
MAX_FIELD_BYTES = 256 * 1024
MAX_APPLY_BYTES = MAX_TEXT
# Allowance for the other parts of a form, so that a file of the maximum size is still accepted.
ENVELOPE = 1024**2 + MAX_APPLY_BYTES

RAW_TYPES = (
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/csv",
    "application/octet-stream",
    "application/jsonl",
    "application/x-ndjson",
    "application/vnd.apache.parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-excel",
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
    "application/zip",
    "application/x-zip-compressed",
    "",
)

OTHER_TEXTS = ("application/csv", "application/jsonl", "application/x-ndjson")
"""Media types of raw bodies that are text, in addition to text/*."""

OTHER_FIELDS = ("pipeline", "filename", "apply", "retention", "priority")
"""Fields besides the read options."""

HEADERS = {"present": "true", "absent": "false"}
MULTIPART = b"multipart/form-data"
URLENCODED = b"application/x-www-form-urlencoded"

PACKED = ("gzip", "x-gzip", "zstd")
"""Content codings accepted for a raw file; it is stored compressed and decompressed when it is read."""


@asynccontextmanager
async def received(
    request: Request, services: Services, *, aside: Sequence[str] = ()
) -> AsyncIterator[tuple[Incoming, Form]]:
    """Streams the request's body into a reserved folder; yields the upload, which is discarded afterwards
    unless it was submitted, and the form. Query parameters are options, except those named in `aside`.

    Raises RequestError for an invalid request, DiskFull, ClientDisconnect when the client disconnects.
    """
    check_length(request, services.settings.max_upload_bytes)
    query = _once(pair for pair in request.query_params.multi_items() if pair[0] not in aside)
    given = request.headers.get("content-type", "")
    kind, options = parse_options_header(given)
    _check_coding(request, () if kind == MULTIPART else PACKED)
    incoming = await to_thread.run_sync(Incoming, services)
    try:
        if kind == MULTIPART:
            form = await _multipart(request, incoming, options.get(b"boundary", b""), query)
        elif kind.decode("latin-1") in RAW_TYPES:
            form = await _raw(request, incoming, Form(fields=query, has_file=True, declared=declared(given)))
        else:
            raise UnsupportedMediaType(
                f"The body has the media type {kind.decode('latin-1')!r}.",
                hint="Send multipart/form-data with a field file, or the CSV itself as text/csv.",
            )
        yield incoming, form
    finally:
        await to_thread.run_sync(incoming.discard)


async def asked(request: Request) -> Form:
    """The options of a request without a file, from its query and its form; the form wins.

    Raises RequestError for an invalid request, ClientDisconnect when the client disconnects.
    """
    form = Form(fields=_once(request.query_params.multi_items()))
    kind, options = parse_options_header(request.headers.get("content-type"))
    _check_coding(request)
    if kind != MULTIPART:
        form.fields |= await _urlencoded(request, kind)
        return form
    async for _ in _parsed(request, options.get(b"boundary", b""), Parts(form)):
        if form.has_file:
            raise BadRequest("A rerun uses the job's own file.", hint="Send another file to /upload_csv.")
    return form


@dataclass
class Form:
    """The fields sent with a file, and the file's name. `pipeline_file`: the name of the file in which the
    pipeline was sent, if it was; `declared`: read options by name, from the file's media type."""

    filename: str = "input.csv"
    pipeline_file: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    has_file: bool = False
    declared: dict[str, str] = field(default_factory=dict)

    @property
    def called(self) -> str:
        return self.fields.get("filename") or self.filename

    @property
    def pipeline(self) -> str | None:
        given = self.fields.get("pipeline")
        return from_file(given, base_name(self.pipeline_file)) if given and self.pipeline_file else given

    @property
    def processing(self) -> Processing:
        return Processing(self.pipeline, self.options, self.fields.get("apply"))

    def terms(self, services: Services, owner: str = "") -> Terms:
        """Raises InvalidOption."""
        return granted(services, self.fields.get("retention"), self.fields.get("priority"), owner)

    @property
    def options(self) -> dict[str, str]:
        """Read options by name; fields win over the media type. Empty fields, which forms send too, are
        ignored. Raises InvalidOption for a field that there is not."""
        fields = {name: value for name, value in self.fields.items() if value and name not in OTHER_FIELDS}
        for name in fields:
            _check_field(name)
        return {**self.declared, **fields}


def _check_field(name: str) -> None:
    known = (*OTHER_FIELDS, *ReadOptions.model_fields)
    if name not in known:
        near = nearest(name, known)
        hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}."
        raise InvalidOption(f"There is no field {name[:80]!r}.", hint=hint)


def _once(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The fields by name. Raises BadRequest if one is there twice: neither may be ignored unasked."""
    found: dict[str, str] = {}
    for name, value in fields:
        _check_once(name, found)
        found[name] = value
    return found


def _check_once(name: str, others: Container[str]) -> None:
    if name in others:
        raise BadRequest(
            f"The field {name[:80]!r} is given twice.",
            hint="Give it once. A list, such as nulls, is one field with commas between its texts.",
        )


def resolve(incoming: Incoming, form: Form) -> None:
    """Validates the fields. Raises InvalidOption, and the errors of `Incoming.resolve`."""
    form.terms(incoming.services)
    incoming.resolve(form.processing)


def declared(content_type: str) -> dict[str, str]:
    """The read options that a text media type declares by its parameters `charset` and `header` (RFC 4180
    section 3). Raises UnsupportedMediaType for an invalid value."""
    kind, parameters = parse_options_header(content_type)
    if not kind.startswith(b"text/") and kind.decode("latin-1") not in OTHER_TEXTS:
        return {}
    charset = parameters.get(b"charset", b"").decode("latin-1").strip()
    header = parameters.get(b"header", b"").decode("latin-1").strip()
    if charset and codec_of(charset) is None:
        raise UnsupportedMediaType(
            f"The file's media type declares the unknown charset {charset[:80]!r}.",
            hint="Name a text encoding, such as utf-8, windows-1252 or iso-8859-15, or leave charset out.",
        )
    if header and header.lower() not in HEADERS:
        raise UnsupportedMediaType(
            f"The file's media type declares header={header[:80]!r}.", hint="Use present or absent."
        )
    said = {"encoding": charset, "header": HEADERS.get(header.lower(), "")}
    return {name: value for name, value in said.items() if value}


def _check_coding(request: Request, packed: Sequence[str] = ()) -> None:
    """Raises UnsupportedCoding unless the body is uncoded or has one of the codings in `packed`."""
    given = request.headers.get("content-encoding", "").lower()
    codings = [coding for part in given.split(",") if (coding := part.strip()) not in ("", "identity")]
    if codings and not (codings[0] in packed and len(codings) == 1):
        raise UnsupportedCoding(
            f"The body has the Content-Encoding {given[:80]!r}.",
            hint="Send it without one, or send a compressed file (gzip, zstandard, zip) as the raw body.",
        )


def check_length(request: Request, limit: int) -> None:
    """Refuses a body whose Content-Length is too large, before reading it. Raises UploadTooLarge."""
    length = request.headers.get("content-length", "")
    if length.isdigit():
        multipart = request.headers.get("content-type", "").startswith("multipart/")
        check_size(int(length) - (ENVELOPE if multipart else 0), limit)


async def _raw(request: Request, incoming: Incoming, form: Form) -> Form:
    await to_thread.run_sync(resolve, incoming, form)
    arrived = Pieces()
    async for chunk in _verified(request):
        arrived.add(chunk)
        await _flush(arrived, incoming.write, CHUNK)
    await _flush(arrived, incoming.write, 1)
    return form


async def _multipart(request: Request, incoming: Incoming, boundary: bytes, query: dict[str, str]) -> Form:
    parts = Parts(Form(fields=query))
    resolved = False
    async for _ in _parsed(request, boundary, parts):
        if parts.form.has_file and not resolved:
            # The fields before the file can be checked before the file arrives.
            await to_thread.run_sync(resolve, incoming, parts.form)
            resolved = True
        await _flush(parts.file, incoming.write, CHUNK)
    if not parts.form.has_file:
        raise BadRequest(
            "The request has no file.", hint="Send it as the multipart field file: curl -F file=@my.csv …"
        )
    await _flush(parts.file, incoming.write, 1)
    return parts.form


async def _parsed(request: Request, boundary: bytes, parts: Parts) -> AsyncIterator[None]:
    """Feeds a multipart body to `parts`; yields after each chunk. Raises BadRequest."""
    if not boundary:
        raise BadRequest(
            "The multipart body has no boundary.",
            hint="Leave Content-Type to the HTTP library, which chooses the boundary, or name it there.",
        )
    try:
        parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]
        async for chunk in _verified(request):
            parser.write(chunk)
            yield
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(f"The multipart body is malformed: {error}") from None
    if not parts.ended:
        raise BadRequest("The multipart body ends before its last boundary.")


async def _urlencoded(request: Request, kind: bytes) -> dict[str, str]:
    check_length(request, 3 * ENVELOPE)
    body = bytearray()
    async for chunk in _verified(request):
        body += chunk
        check_size(len(body), 3 * ENVELOPE)
    if body and kind != URLENCODED:
        raise UnsupportedMediaType(
            f"The body has the media type {kind.decode('latin-1')!r}.",
            hint="Send the options as a form or as query parameters.",
        )
    try:
        pairs = parse_qsl(_utf8(body, "form"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidOption(f"The form has more than {MAX_FIELDS} fields.") from None
    return _once(pairs)


def _utf8(content: bytearray, what: str) -> str:
    """The text. Raises BadRequest if it is not UTF-8: no character may be replaced unasked."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        found = content[error.start : error.end].hex()
        said = f"The {what} is not UTF-8 text: byte 0x{found} at position {error.start}."
        raise BadRequest(said, hint="Save it as UTF-8 and send it again.") from None


async def _verified(request: Request) -> AsyncIterator[bytes]:
    """The body; at its end its sha-256 is compared with that of Content-Digest (RFC 9530), if there is one.

    Raises BadRequest, DigestMismatch.
    """
    given = request.headers.get("content-digest", "")
    match = re.search(r"\bsha-256=:([A-Za-z0-9+/]{43}=):", given)
    if "sha-256" in given and not match:
        raise BadRequest(f"Content-Digest is not well formed: {given[:80]!r}.", hint="sha-256=:<base64>:")
    digest = hashlib.sha256()
    async for chunk in request.stream():
        if match:
            digest.update(chunk)
        yield chunk
    arrived = base64.b64encode(digest.digest()).decode()
    if match and match[1] != arrived:
        raise DigestMismatch(
            f"The body has the sha-256 {arrived}, not {match[1]}.", hint="Send the file again."
        )


class Pieces:
    """Pieces of a file that are written together; `bytes`: their size."""

    def __init__(self) -> None:
        self._pieces = list[bytes]()
        self.bytes = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.bytes += len(piece)

    def take(self) -> bytes:
        """All of them; none are left."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self.bytes = 0
        return whole


async def _flush(arrived: Pieces, write: Callable[[bytes], None], least: int) -> None:
    """Writes the pieces in a thread once they have `least` bytes. Writes are awaited, so that a slow disk
    slows the client down."""
    if arrived.bytes >= least:
        await to_thread.run_sync(write, arrived.take())


class Parts:
    """Callbacks of the multipart parser: collects bytes of the part `file` in `file`, fields in the form."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.file = Pieces()
        self.ended = False
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = self._type = b""
        self._name: str | None = None
        self._field = bytearray()
        self._names = set[str]()
        self._count = 0

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all_ended,
        }

    def _begin(self) -> None:
        self._disposition = self._type = b""
        self._field.clear()

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        if self._header.lower() == b"content-type":
            self._type = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        self._count += 1
        if self._count > MAX_PARTS:
            raise InvalidOption(f"The form has more than {MAX_FIELDS} fields.")
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "file":
            if self.form.has_file:
                raise BadRequest("The request has two files.", hint="Send one file per job.")
            self.form.has_file = True
            self.form.declared = declared(self._type.decode("latin-1"))
            self.form.filename = options.get(b"filename", b"input.csv").decode("utf-8", "replace")
        if self._name == "pipeline":
            self.form.pipeline_file = options.get(b"filename", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file":
            self.file.add(data[start:end])
            return
        self._field += data[start:end]
        bound = MAX_APPLY_BYTES if self._name == "apply" else MAX_FIELD_BYTES
        if len(self._field) > bound:
            raise InvalidOption(f"The field {self._name!r} is longer than {bound} bytes.")

    def _end(self) -> None:
        if self._name and self._name != "file":
            _check_once(self._name, self._names)
            self._names.add(self._name)
            self.form.fields[self._name] = _utf8(self._field, f"field {self._name!r}")

    def _all_ended(self) -> None:
        self.ended = True
