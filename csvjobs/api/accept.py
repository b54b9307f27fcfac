"""Content negotiation: which of several media types a client prefers (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred(accept: str, offers: Sequence[str]) -> str:
    """The offered media type with the highest quality in the Accept header; the first of equals. The first
    offer too when the client accepts none of them or sends no preference."""
    ranges = dict(_range(part) for part in accept.lower().split(",") if part.strip())
    return max(offers, key=lambda offer: _quality(offer, ranges))


def _quality(offer: str, ranges: dict[str, float]) -> float:
    """The quality of the most specific media range that matches the offer; 0 when none does."""
    wide = f"{offer.partition('/')[0]}/*"
    return next((ranges[each] for each in (offer, wide, "*/*") if each in ranges), 0.0)


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip() for each in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0
