"""Which of several media types a client would rather have (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred(accept: str, offers: Sequence[str]) -> str:
    """Of the media types that are offered the one that the client likes best, of equals the first; the first
    too where it takes none of them or does not say."""
    ranges = dict(_range(part) for part in accept.lower().split(",") if part.strip())
    return max(offers, key=lambda offer: _quality(offer, ranges))


def _quality(offer: str, ranges: dict[str, float]) -> float:
    """That of the most exact range in which it lies."""
    wide = f"{offer.partition('/')[0]}/*"
    return next((ranges[each] for each in (offer, wide, "*/*") if each in ranges), 0.0)


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip() for each in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0
