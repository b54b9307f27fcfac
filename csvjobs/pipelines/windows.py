"""Window functions of a query: a value for each row, computed from the rows around it.

The expressions that a window partitions, orders and aggregates by must become columns first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from csvjobs.engines.base import Sql
from csvjobs.engines.parsing import Node
from csvjobs.pipelines.derive import doubts_of
from csvjobs.pipelines.expressions import parts, valued
from csvjobs.pipelines.expressions.aggregates import AGGREGATES, Asked, Kind
from csvjobs.pipelines.expressions.terms import Misfit, Nothing, Number, Term, whole
from csvjobs.pipelines.expressions.values import Values
from csvjobs.pipelines.expressions.writing import Writer, Wrong, fitting, only, ordered, plain
from csvjobs.pipelines.rows import MOST, WINDOW, Grouped, Key, RowChange, Window, Windows
from csvjobs.pipelines.step import Column, Doubt

Written = Callable[[Node], tuple[Term, Values]]
Within = Callable[[Window], Asked]

KNOWN = ("function_name", "arguments", "partitions", "orders", "start", "end", "start_expr", "end_expr")
"""What a window's node may contain; anything else changes its meaning."""

STANDARD = ("UNBOUNDED_PRECEDING", "CURRENT_ROW_RANGE")
"""The default frame: from the first row to the last one that is equal to this."""

BOUNDS = {
    "UNBOUNDED_PRECEDING": "UNBOUNDED PRECEDING",
    "EXPR_PRECEDING_ROWS": "{} PRECEDING",
    "CURRENT_ROW_ROWS": "CURRENT ROW",
    "EXPR_FOLLOWING_ROWS": "{} FOLLOWING",
    "UNBOUNDED_FOLLOWING": "UNBOUNDED FOLLOWING",
}
NOTHING = Nothing()
WHOLE = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
SO_FAR = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
FROM_HERE = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"


@dataclass(frozen=True)
class Over:
    """A window function of `term`, over the rows with equal `by`, in this order.

    frame: empty for the default; number: how many rows lag and lead look back or ahead, or how many parts
    ntile makes; other: the value of lag and lead if there is no such row.
    """

    name: str
    function: Function
    by: tuple[str, ...]
    order: tuple[Key, ...]
    frame: str
    term: Term = NOTHING
    number: int = 1
    other: Term | None = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def needed(self) -> list[str]:
        """The expressions that must become columns."""
        return [*self.by, *(key.sql for key in self.order), *parts.listed(self.term)]

    def of(self, columns: Mapping[str, str]) -> Over:
        """The same, over the columns that were made from `needed`."""
        by = tuple(columns[sql] for sql in self.by)
        order = tuple(Key(columns[key.sql], key.descending) for key in self.order)
        return replace(self, by=by, order=order, term=parts.each(columns.__getitem__, self.term))

    def asked(self, within: Within) -> list[Term]:
        """The terms to compute over the rows of the window."""
        return self.function.asks(self, within)

    def made(self, sql: Sql, *asked: Term) -> Term:
        """The value, from the terms that were computed."""
        return self.function.makes(self, sql, *asked)

    @property
    def of_group(self) -> bool:
        """Whether it is an aggregate with the same value for all rows with equal `by`."""
        return self.function.aggregates and self.equals == Window(self.by)

    @property
    def equals(self) -> Window:
        """The window that treats rows equal in the order alike, unless the frame counts rows."""
        if self.frame == WHOLE:
            return Window(self.by)
        return self.rows(self.frame) if self.frame else Window(self.by, self.order)

    def rows(self, frame: str = "") -> Window:
        """The window that takes rows equal in the order in their current order."""
        return Window(self.by, self.order, frame, alone=True)


class Function(NamedTuple):
    """A kind of window function. usage: how to write it; arguments: their possible numbers; takes: converts
    its value, None if it has none; asks: the terms to compute over the rows; makes: the value, from these;
    aggregates: it can be computed for a group."""

    usage: str
    arguments: range
    takes: Callable[[Values, Term], Term] | None
    asks: Callable[[Over, Within], list[Term]]
    makes: Callable[..., Term] = lambda over, sql, asked: asked
    framed: bool = False
    aggregates: bool = False


class Asking(Protocol):
    """Collects the terms to compute over windows; `rows` is the change whose columns hold them."""

    def within(self, window: Window) -> Asked: ...

    @property
    def rows(self) -> RowChange: ...


class OfWindows:
    def __init__(self) -> None:
        self._windows = dict[Window, str]()

    def within(self, window: Window) -> Asked:
        name = self._windows.setdefault(window, Window.name(len(self._windows)))
        return lambda function, arguments: f"{function}({arguments}) OVER {name}"

    @property
    def rows(self) -> RowChange:
        return Windows(tuple(self._windows))


class OfGroups:
    """For windows that are whole groups."""

    def __init__(self) -> None:
        self._groups = dict[tuple[str, ...], dict[str, str]]()

    def within(self, window: Window) -> Asked:
        names = self._groups.setdefault(window.by, {})
        group = list(self._groups).index(window.by)
        return lambda function, arguments: names.setdefault(
            f"{function}({arguments})", f"{WINDOW}{group}_{len(names)}"
        )

    @property
    def rows(self) -> RowChange:
        return Grouped({by: {name: sql for sql, name in names.items()} for by, names in self._groups.items()})


def over(node: Node, written: Written, sql: Sql) -> Over:
    """The window function of a node; `written`: writes other nodes. Raises Wrong."""
    name, arguments = str(node["function_name"]).lower(), node.get("arguments", ())
    function = FUNCTIONS.get("count_star" if name == "count" and not arguments else name)
    if function is None:
        raise Wrong(f"there is no window function {name[:40]!r} here; there are {LISTED}", node)
    only(node, *KNOWN)
    made = Over(name, function, _by(node, written), _order(node, written), _frame(node, function))
    return _with_arguments(made, node, [plain(each) for each in arguments], written, sql)


def _by(node: Node, written: Written) -> tuple[str, ...]:
    """Missing cells are equal, as in groups."""
    return tuple(f"NULLIF({valued(*written(each)).sql}, '')" for each in node.get("partitions", ()))


def _order(node: Node, written: Written) -> tuple[Key, ...]:
    orders = map(ordered, node.get("orders", ()))
    return tuple(key for each, down in orders for key in parts.keys(*written(each), descending=down))


def _frame(node: Node, function: Function) -> str:
    bounds = (node["start"], node["end"])
    if bounds == STANDARD:
        return ""
    if not function.framed:
        raise Wrong(f"a frame makes no difference to {function.usage}; leave it out", node)
    if not BOUNDS.keys() >= set(bounds):
        raise Wrong("a frame is ROWS BETWEEN … AND …; RANGE and GROUPS cannot be used here", node)
    first, last = (
        BOUNDS[bound].format(_whole(node[key], 0) if key in node else "")
        for bound, key in zip(bounds, ("start_expr", "end_expr"), strict=True)
    )
    return f"ROWS BETWEEN {first} AND {last}"


def _with_arguments(made: Over, node: Node, arguments: list[Node], written: Written, sql: Sql) -> Over:
    function = made.function
    if len(arguments) not in function.arguments:
        raise Wrong(f"it is written {function.usage} OVER (…)", node)
    if takes := function.takes:
        term, values = written(arguments.pop(0))
        term = fitting(node, lambda term: takes(values, term), term)
        doubts = tuple(
            doubts_of(valued(term, values), f"The value for {made.name}", f"No value for {made.name}")
        )
        made = replace(made, term=parts.safe(term, sql), doubts=doubts)
    if arguments:
        made = replace(made, number=_whole(arguments.pop(0), 1 if takes is None else 0))
    if arguments:
        made = replace(made, other=Writer(_no_column, sql).term(arguments.pop(0)))
    return made


def _whole(node: Node, least: int) -> int:
    literal = node.get("literal", {})
    if literal.get("kind") != "INTEGER" or not least <= int(literal["text"]) <= MOST:
        raise Wrong(f"write a whole number from {least} to {MOST} here", node)
    return int(literal["text"])


def _no_column(name: str) -> Column:
    raise Misfit(f"write a value here, not a column ({name[:40]!r})")


def _any(values: Values, term: Term) -> Term:
    return term


def _numbered(function: str) -> Function:
    def asks(over: Over, within: Within) -> list[Term]:
        return [whole(within(over.rows())(function, ""))]

    return Function(f"{function.lower()}()", range(1), None, asks)


def _ranked(function: str) -> Function:
    def asks(over: Over, within: Within) -> list[Term]:
        return [whole(within(over.equals)(function, ""))]

    return Function(f"{function.lower()}()", range(1), None, asks)


def _in_parts(over: Over, within: Within) -> list[Term]:
    return [whole(within(over.rows())("NTILE", str(over.number)))]


def _shifted(function: str) -> Function:
    def asks(over: Over, within: Within) -> list[Term]:
        asked = within(over.rows())
        value = parts.each(lambda part: asked(function, f"{part}, {over.number}"), over.term)
        return [value, whole(asked(function, f"1, {over.number}"))] if over.other else [value]

    def makes(over: Over, sql: Sql, value: Term, *there: Number) -> Term:
        if over.other is None:
            return value
        return Values(sql).chosen([f"{one.about} IS NOT NULL" for one in there], [value], over.other)

    return Function(f"{function.lower()}(value, n, other)", range(1, 4), _any, asks, makes)


def _first(over: Over, within: Within) -> list[Term]:
    asked = within(over.rows(over.frame or SO_FAR))
    return [parts.each(lambda part: asked("FIRST_VALUE", part), over.term)]


def _last(over: Over, within: Within) -> list[Term]:
    """The default frame ends with the last of the rows that are equal to this one, in their current order."""
    equal = Window((*over.by, *(key.sql for key in over.order)), (), FROM_HERE, alone=True)
    asked = within(over.rows(over.frame) if over.frame else equal)
    return [parts.each(lambda part: asked("LAST_VALUE", part), over.term)]


def _aggregate(name: str, kind: Kind) -> Function:
    def asks(over: Over, within: Within) -> list[Term]:
        return kind.over(over.term, within(over.equals))

    def makes(over: Over, sql: Sql, *asked: Any) -> Term:
        return kind.made(sql, *asked)

    if name == "count_star":
        return Function("count(*)", range(1), None, asks, makes, framed=True, aggregates=True)
    return Function(f"{name}(value)", range(1, 2), kind.takes, asks, makes, framed=True, aggregates=True)


FUNCTIONS = {
    "row_number": _numbered("ROW_NUMBER"),
    "rank": _ranked("RANK"),
    "dense_rank": _ranked("DENSE_RANK"),
    "ntile": Function("ntile(n)", range(1, 2), None, _in_parts),
    "lag": _shifted("LAG"),
    "lead": _shifted("LEAD"),
    "first_value": Function("first_value(value)", range(1, 2), _any, _first, framed=True),
    "last_value": Function("last_value(value)", range(1, 2), _any, _last, framed=True),
    **{name: _aggregate(name, kind) for name, kind in AGGREGATES.items() if not kind.of_groups_only},
}
LISTED = ", ".join(name for name in FUNCTIONS if name != "count_star")
