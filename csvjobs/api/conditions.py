"""Conditional requests (RFC 9110 section 13): If-Match, If-None-Match and their date variants."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from starlette.datastructures import Headers

TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def tags(header: str) -> list[str]:
    """The entity tags in a header's list, unchanged; `*` matches any."""
    return ["*"] if header.strip() == "*" else TAG.findall(header)


def unchanged(headers: Headers, etag: str | None, modified: float | None = None) -> bool:
    """Whether the client already has the current version (304): If-None-Match, compared weakly, or without
    it If-Modified-Since. etag, modified: of the current version, where it has them."""
    given = headers.get("if-none-match")
    if given is not None:
        return any(tag == "*" or tag.removeprefix("W/") == _bare(etag) for tag in tags(given))
    since = _date(headers.get("if-modified-since"))
    return since is not None and modified is not None and int(modified) <= since


def changed(headers: Headers, etag: str | None, modified: float) -> bool:
    """Whether the client asks for a version that is no longer current (412): If-Match, or without it
    If-Unmodified-Since. etag: a strong one, which no weak tag equals."""
    given = headers.get("if-match")
    if given is not None:
        return not any(tag in ("*", etag) for tag in tags(given))
    since = _date(headers.get("if-unmodified-since"))
    return since is not None and int(modified) > since


def _bare(etag: str | None) -> str | None:
    return etag.removeprefix("W/") if etag else None


def _date(header: str | None) -> float | None:
    """An HTTP date in seconds since the epoch; None for an invalid date, which has to be ignored."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except (ValueError, OverflowError):
        return None
