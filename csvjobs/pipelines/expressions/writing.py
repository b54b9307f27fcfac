"""Writes the tree of an expression as new SQL, which contains only what is known here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from csvjobs.engines.base import Sql
from csvjobs.engines.parsing import IN_PARTS, MAX_DEPTH, TOO_DEEP, Node
from csvjobs.pipelines.expressions.functions import ALIASES, FUNCTIONS
from csvjobs.pipelines.expressions.hints import instead
from csvjobs.pipelines.expressions.terms import (
    Date,
    Misfit,
    Nothing,
    Number,
    Term,
    Text,
    Truth,
    added,
    literal,
    multiplied,
    whole,
)
from csvjobs.pipelines.expressions.values import Values
from csvjobs.pipelines.step import Column, missing

T = TypeVar("T")

MAX_SQL = 100_000
"""Characters: nested numbers and conditions are written out many times."""

COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
TEXTS = ("VARCHAR", "TEXT", "STRING", "CHAR")
NUMBERS = ("DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL")
TIMES = ("TIMESTAMP", "DATETIME")
OTHERS = {"+", "-", "*", "/", "%", "mod", "||", "nullif", "if", "~~", "!~~", "~~*", "!~~*"}
"""Functions that are operators, or take conditions."""

LIKES = {"~~": ("", ""), "!~~": ("NOT ", ""), "~~*": ("", "(?i)"), "!~~*": ("NOT ", "(?i)")}


class Wrong(Exception):
    """An expression that is not valid; the message says why, the node where."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


class Writer:
    """Writes one expression; `columns` resolves column names."""

    def __init__(self, columns: Callable[[str], Column], sql: Sql) -> None:
        self.values = Values(sql)
        self._columns = columns
        self._depth = 0

    def term(self, node: Node) -> Term:
        """The term of the node. Raises Wrong."""
        write = self._WRITES.get(node["class"])
        if write is None:
            raise Wrong(_unusable(node), node)
        only(node, *KNOWN[node["class"]])
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Wrong(TOO_DEEP, node)
        try:
            made = write(self, node)
        except Misfit as misfit:
            raise Wrong(str(misfit), node) from None
        self._depth -= 1
        if _size(made) > MAX_SQL:
            raise Wrong(f"it is too complex; {IN_PARTS}", node)
        return made

    def _all(self, nodes: list[Node]) -> list[Term]:
        return [self.term(node) for node in nodes]

    def _constant(self, node: Node) -> Term:
        kind, text = node["literal"]["kind"], node["literal"].get("text", "")
        match kind:
            case "STRING":
                return Text(self.values.sql.text(text), text)
            case "INTEGER" | "NUMERIC":
                return literal(text)
            case "BOOLEAN":
                return Truth("(1 = 1)" if text == "true" else "(1 = 0)")
            case "NULL_LITERAL":
                return Nothing()
        raise Misfit(f"{text[:40]!r} cannot be used here")

    def _column(self, node: Node) -> Term:
        names = node["column_names"]
        if len(names) > 1:
            said = "put a name with a point in it in double quotes"
            raise Misfit(f'{said}: "{".".join(names)[:80]}"')
        column = self._columns(names[0])
        there = f"(CASE WHEN NOT {missing(self.values.sql, column.sql)} THEN {column.sql} END)"
        return Text(there, cell=column, sure=False)

    def _comparison(self, node: Node) -> Term:
        left, right = self._all([node["left"], node["right"]])
        match node["type"]:
            case "COMPARE_NOT_DISTINCT_FROM":
                return self.values.same(left, right)
            case "COMPARE_DISTINCT_FROM":
                return Truth(f"(NOT {self.values.same(left, right).sql})")
            case kind if kind in COMPARISONS:
                return self.values.compared(COMPARISONS[kind], left, right)
        raise Misfit("this comparison cannot be used here")

    def _between(self, node: Node) -> Term:
        value, low, high = self._all([node["input"], node["lower"], node["upper"]])
        above, below = self.values.compared(">=", value, low), self.values.compared("<=", value, high)
        return Truth(f"({above.sql} AND {below.sql})")

    def _conjunction(self, node: Node) -> Term:
        sign = " AND " if node["type"] == "CONJUNCTION_AND" else " OR "
        return Truth(f"({sign.join(self.values.truth(each).sql for each in self._all(node['children']))})")

    def _case(self, node: Node) -> Term:
        checks = node["case_checks"]
        conditions = [self.values.truth(self.term(check["when_expr"])).sql for check in checks]
        branches = [self.term(check["then_expr"]) for check in checks]
        last = self.term(node["else_expr"]) if "else_expr" in node else Nothing()
        return self.values.chosen(conditions, branches, last)

    def _operator(self, node: Node) -> Term:
        children = node["children"]
        match node["type"]:
            case "OPERATOR_NOT":
                return Truth(f"(NOT {self.values.truth(self.term(children[0])).sql})")
            case "OPERATOR_IS_NULL":
                return Truth(f"({self.values.text(self.term(children[0])).sql} IS NULL)")
            case "OPERATOR_IS_NOT_NULL":
                return Truth(f"({self.values.text(self.term(children[0])).sql} IS NOT NULL)")
            case "COMPARE_IN":
                value, *others = self._all(children)
                equal = (self.values.compared("=", value, other).sql for other in others)
                return Truth(f"({' OR '.join(equal)})")
            case "OPERATOR_COALESCE":
                *first, last = self._all(children)
                there = [f"{self.values.text(each).sql} IS NOT NULL" for each in first]
                return self.values.chosen(there, first, last) if first else last
        raise Misfit(_unusable(node))

    def _cast(self, node: Node) -> Term:
        kind, term = node["type_expr"]["type_name"].upper(), self.term(node["child"])
        only(node["type_expr"], "type_name", "class", "type")
        if kind in TEXTS:
            text = self.values.text(term)
            return Text(text.sql, text.literal)
        if kind in NUMBERS:
            return self.values.number(term)
        if kind == "DATE":
            return self.values.date(term)
        if kind in TIMES:
            return self.values.time(term)
        if kind == "BOOLEAN":
            return self.values.truth(term)
        known = "DECIMAL, DATE, TIMESTAMP or VARCHAR"
        raise Misfit(f"cells are cast to {known}, not to {kind[:40]}{instead(kind)}")

    def _function(self, node: Node) -> Term:
        name = node["function_name"].lower()
        if ALIASES.get(name, name) not in FUNCTIONS and name not in OTHERS:
            raise Misfit(self._unknown(node))
        terms = self._all([plain(each) for each in node.get("arguments", ())])
        if name in LIKES:
            return self._like(name, *terms)
        if made := self._arithmetic(name, terms):
            return made
        if name == "nullif" and len(terms) == 2:
            return self.values.chosen([self.values.compared("=", *terms).sql], [Nothing()], terms[0])
        if name == "if" and len(terms) == 3:
            return self.values.chosen([self.values.truth(terms[0]).sql], [terms[1]], terms[2])
        known = FUNCTIONS.get(ALIASES.get(name, name))
        if known is None:
            raise Misfit(f"{name[:40]} does not take {len(terms)} values")
        return known.call(self.values, terms)

    def _unknown(self, node: Node) -> str:
        """The message for an unknown function."""
        return f"there is no {_called(node)} here{instead(node['function_name'], KNOWN_NAMES)}"

    def _arithmetic(self, name: str, terms: list[Term]) -> Term | None:
        values = self.values
        match name, terms:
            case "||", [_, _]:
                return Text(f"({' || '.join(values.text(each).sql for each in terms)})")
            case "+" | "-", [one]:
                return added(name, literal("0"), values.number(one))
            case "+", [Date() as date, days] | [days, Date() as date]:
                return values.shifted("+", date, days)
            case "-", [Date(first), Date(second)]:
                return whole(f"({first} - {second})")
            case "-", [Date() as date, days]:
                return values.shifted("-", date, days)
            case "+" | "-", [left, right]:
                return added(name, values.number(left), values.number(right))
            case "*", [left, right]:
                return multiplied(values.number(left), values.number(right), values.sql)
            case "/", [left, right]:
                return values.divided(left, right)
            case "%" | "mod", [left, right]:
                return values.divided(left, right, remainder=True)
        return None

    def _like(self, name: str, text: Term, pattern: Term) -> Term:
        """In LIKE, % is any text and _ one character; they cannot be escaped."""
        no, flags = LIKES[name]
        signs = {"%": "(?s:.*)", "_": "(?s:.)"}
        made = "".join(signs.get(sign, re.escape(sign)) for sign in self.values.written(pattern))
        return Truth(f"({no}{self.values.sql.matches(self.values.text(text).sql, flags + made)})")

    _WRITES: Mapping[str, Callable[[Writer, Node], Term]] = {
        "CONSTANT": _constant,
        "COLUMN_REF": _column,
        "COMPARISON": _comparison,
        "BETWEEN": _between,
        "CONJUNCTION": _conjunction,
        "CASE": _case,
        "OPERATOR": _operator,
        "CAST": _cast,
        "FUNCTION": _function,
    }


KNOWN = {
    "CONSTANT": ("literal",),
    "COLUMN_REF": ("column_names",),
    "COMPARISON": ("left", "right"),
    "BETWEEN": ("input", "lower", "upper"),
    "CONJUNCTION": ("children",),
    "CASE": ("case_checks", "else_expr"),
    "OPERATOR": ("children",),
    "CAST": ("child", "type_expr", "try_cast"),
    "FUNCTION": ("function_name", "arguments", "is_operator"),
}
"""What a node of each class may contain; anything else changes its meaning."""

KNOWN_NAMES = [*FUNCTIONS, "coalesce", "nullif"]

WAYS = {
    "schema": "(with a point): the function comes first, upper(name)",
    "children": "(with brackets): write DECIMAL or VARCHAR alone; round and left shorten",
}
"""What is wrong with a node that contains this key."""

HARMLESS = {"class", "type", "query_location", "query_location_length", "qualified_name"}
UNSORTED = {"type": "ORDER_MODIFIER"}


def only(node: Node, *known: str) -> None:
    if "alias" in node:
        raise Wrong("an operator is missing in front of what follows", node)
    if "filter" in node:
        instead = "count(CASE WHEN … THEN 1 END)" if "star" in node["function_name"] else "CASE within it"
        raise Wrong(f"FILTER cannot be used here; write {instead}", node)
    for key, value in node.items():
        if key not in HARMLESS and key not in known and not (key == "order_bys" and value == UNSORTED):
            why = WAYS.get(key, f"({key.replace('_', ' ')})")
            raise Wrong(f"{_called(node)} cannot be written this way {why}", node)


def fitting(node: Node, take: Callable[[Term], T], term: Term) -> T:
    """The term converted to what the node requires. Raises Wrong."""
    try:
        return take(term)
    except Misfit as misfit:
        raise Wrong(str(misfit), node) from None


def plain(argument: Node) -> Node:
    if argument.keys() != {"expression"}:
        raise Wrong("arguments have no names here", argument["expression"])
    return dict(argument["expression"])


def ordered(order: Node) -> tuple[Node, bool]:
    """The node to sort by, and whether descending. Raises Wrong."""
    node: Node = order["expression"]
    if order.keys() - {"expression", "type", "null_order"}:
        raise Wrong("rows cannot be sorted this way", node)
    if order.get("null_order", "ORDER_DEFAULT") not in ("ORDER_DEFAULT", "NULLS LAST"):
        raise Wrong("NULL always comes last", node)
    return node, order["type"] == "DESCENDING"


def _unusable(node: Node) -> str:
    hint = instead(str(node.get("function_name", node["type"])))
    return f"{_called(node)} cannot be used here{hint}"


def _called(node: Node) -> str:
    if node["class"] == "FUNCTION":
        name = node["function_name"][:40]
        return f"function {name!r}" if re.match(r"\w", name) else f"operator {name}"
    if node["class"] == "WINDOW":
        return f"window function {node['function_name'][:40]!r}"
    return str(node["type"]).lower().replace("_", " ")


def _size(term: Term) -> int:
    match term:
        case Nothing():
            return 0
        case Number(about, exact):
            return len(about) + len(exact or "")
        case _:
            return len(term.sql)
