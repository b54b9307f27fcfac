"""Names of text encodings, as people and media types give them."""

from __future__ import annotations

import codecs
import re

NOTATIONS = frozenset({"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""What Python takes for encodings too: ways to write text down in other text, which no file is in."""


def codec_of(name: str) -> str | None:
    """The codec of that name as Python calls it; None where it is not the name of a text encoding."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # Other codecs (base64, zip …) turn bytes into bytes.
    return codec.name if codec._is_text_encoding and codec.name not in NOTATIONS else None


def charset_of(codec: str) -> str:
    """What media types call the encoding that Python calls so."""
    bare = codec.removesuffix("-sig").replace("iso8859-", "iso-8859-")
    return re.sub(r"^cp(125\d)$", r"windows-\1", re.sub(r"^(utf-\d\d)-(le|be)$", r"\1\2", bare))
