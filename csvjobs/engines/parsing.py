"""Parses SQL text into a tree with DuckDB's own parser. Nothing is executed, no table or file is accessed."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import duckdb

MAX_TEXT = 4000
"""Characters. Even if all are brackets, parsing fits on any thread's stack."""

MAX_BRACKETS = 500
"""With twice as many unclosed brackets the parser takes a second; the time quadruples each time they
double."""

MAX_DEPTH = 100
"""Levels of nested expressions."""

IN_PARTS = "compute a part of it as a column in a step before"
TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep; {IN_PARTS}"
SELECT = "SELECT "

Node = dict[str, Any]


class NotParsed(Exception):
    """The text is not an expression or a query; the message says why, and `place` where, in characters from
    0."""

    def __init__(self, message: str, place: int | None = None) -> None:
        super().__init__(message)
        self.place = place


def expression(text: str) -> Node:
    """The tree of one expression, as `json_serialize_sql` writes it. Raises NotParsed."""
    statements = _parsed(text, SELECT)
    # Refuses what else a SELECT can have than one expression: FROM, WHERE, LIMIT, other statements, …
    node = statements[0]["node"]
    alone = node.get("from_table") == {"type": "EMPTY"} and node.keys() <= ALONE
    if len(statements) > 1 or not alone or len(node["select_list"]) > 1:
        raise NotParsed("it is more than one expression")
    [only] = node["select_list"]
    return dict(only)


def query(text: str) -> Node:
    """The tree of one SELECT. Raises NotParsed."""
    statements = _parsed(text)
    if len(statements) != 1:
        raise NotParsed("it is more than one query" if statements else "it is empty")
    return dict(statements[0]["node"])


def place(node: Node, text: str, before: str = "") -> int | None:
    """The position of the node in the text, in characters from 0; `before`: the text put in front of it to
    parse."""
    return _place(node.get("query_location"), text, before)


ALONE = {"type", "cte_map", "select_list", "from_table", "aggregate_handling"}


def _parsed(text: str, before: str = "") -> list[Node]:
    if len(text) > MAX_TEXT:
        raise NotParsed(f"it is longer than {MAX_TEXT} characters; {IN_PARTS}")
    if text.count("(") > MAX_BRACKETS:
        raise NotParsed(f"it has more than {MAX_BRACKETS} brackets; {IN_PARTS}")
    if odd := re.search("[\0\ud800-\udfff]", text):
        raise NotParsed("it contains an invalid character", odd.start())
    with _connection().cursor() as cursor:
        written = "SELECT json_serialize_sql(?, skip_default := true, skip_empty := true, skip_null := true)"
        [(answer,)] = cursor.execute(written, [before + text]).fetchall()
    try:
        found = json.loads(answer)
    except RecursionError:
        raise NotParsed(TOO_DEEP) from None
    if found["error"]:
        raise NotParsed(_reason(found["error_message"]), _place(found.get("position"), text, before))
    statements: list[Node] = found["statements"]
    return statements


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    # With a single thread none is started, so that the connection survives a fork of the process.
    config: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "enable_external_access": False}
    connection = duckdb.connect(config=config)
    connection.execute(f"SET max_expression_depth = {MAX_DEPTH}")
    return connection


def _reason(message: str) -> str:
    if "expression depth" in message:
        return TOO_DEEP
    if "selection list" in message:
        return "it is empty"
    if "Only SELECT" in message:
        return "only SELECT can be used here"
    return message.split("\n")[0]


def _place(location: Any, text: str, before: str) -> int | None:
    """Converts a location in bytes of the whole query to characters of the text."""
    if location is None:
        return None
    return len(text.encode()[: int(location) - len(before)].decode(errors="ignore"))
