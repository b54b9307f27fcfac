"""Names of text encodings as used by people and in media types."""

from __future__ import annotations

import codecs
import re

NOTATIONS = frozenset({"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""Codecs that Python treats as encodings, but that only write text down as other text; no file uses them."""


def codec_of(name: str) -> str | None:
    """Python's name for the codec of that name; None if it is not a text encoding."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # Other codecs (base64, zip …) convert bytes to bytes.
    return codec.name if codec._is_text_encoding and codec.name not in NOTATIONS else None


def charset_of(codec: str) -> str:
    """The name in media types of the encoding with that Python name."""
    bare = codec.removesuffix("-sig").replace("iso8859-", "iso-8859-")
    return re.sub(r"^cp(125\d)$", r"windows-\1", re.sub(r"^(utf-\d\d)-(le|be)$", r"\1\2", bare))
