"""Parses YAML or JSON text into plain data: texts, lists and mappings without duplicate keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from csvjobs.errors import InvalidOption, InvalidPipeline

MAX_TEXT = 256 * 1024
"""Characters. YAML of this length takes a second to parse."""


IN_QUOTES = (
    'Put the whole value in quotes, "price > 5", or on the next line after a |: so it may contain quotes, a '
    "colon, and any first character."
)
HINTS = {
    r"'\t'": "Indent with blanks, not with tabs.",
    "aliases": "Write out the value, or put it in quotes if it begins with *.",
    "escape character": "Put it in single quotes: in double quotes, a backslash begins an escape.",
    "mapping values are not allowed": "Indent the key like the others. If it is no key, but a value with a "
    "colon, put the whole value in quotes.",
    "but found '<scalar>'": IN_QUOTES,
    "cannot start any token": IN_QUOTES,
    "expected alphabetic or numeric character": IN_QUOTES,
    "sequence entries are not allowed": IN_QUOTES,
}
"""For parts of what the YAML parser says."""


def plain(text: str) -> Any:
    """The data of the text, all scalars as text. Raises InvalidPipeline."""
    if len(text) > MAX_TEXT:
        said = f"The pipeline is longer than {MAX_TEXT} characters (found {len(text)})."
        raise InvalidPipeline([InvalidOption(said)])
    try:
        loaded = _json(text) or yaml.load(text, _PlainLoader)  # noqa: S506 (makes text, lists and dicts only)
        # JSON escapes can spell lone surrogates, which no file can contain.
        json.dumps(loaded, ensure_ascii=False).encode()
        return loaded
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise InvalidPipeline([_fault(error)]) from None


class _PlainLoader(yaml.BaseLoader):
    """Loads scalars as text; allows no tags, and no aliases, which can expand a small text to any size."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            said = "aliases (*name) are not allowed here"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=self.current_event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                said = f"the key {key.value!r} is there twice"
                raise yaml.MarkedYAMLError(problem=said, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _json(text: str) -> Any:
    """None if it is not JSON, or has a duplicate key: YAML can begin with a brace too, and its errors give
    positions."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_once)
    except ValueError:
        return None


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is there twice")
    return made


def _fault(error: Exception) -> InvalidOption:
    deep = isinstance(error, RecursionError)
    said = "it is nested too deep" if deep else " ".join(str(error).split())
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        said = f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    hint = next((hint for part, hint in HINTS.items() if part in said), None)
    return InvalidOption(f"The pipeline is not valid YAML or JSON: {said}.", hint=hint)
