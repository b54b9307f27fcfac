"""SQL queries over the table: parses the user's SELECT into a tree, and turns it into the changes of a step.

A query may contain expressions and aggregates of them; everything else is refused. A subquery in FROM or WITH
runs first, and the outer query reads its result.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, islice
from typing import Any, NamedTuple

from csvjobs.engines.base import Sql
from csvjobs.engines.parsing import Node, NotParsed, query
from csvjobs.pipelines.derive import doubts_of, undecided
from csvjobs.pipelines.distribution import Layers, together
from csvjobs.pipelines.expressions import Judgement, check_known, parts, valued
from csvjobs.pipelines.expressions.aggregates import AGGREGATES, Kind
from csvjobs.pipelines.expressions.hints import OF_ROWS
from csvjobs.pipelines.expressions.terms import Misfit, Nothing, Number, Term, Text, attempted
from csvjobs.pipelines.expressions.values import Values
from csvjobs.pipelines.expressions.writing import UNSORTED, Writer, Wrong, fitting, only, ordered, plain
from csvjobs.pipelines.rows import MOST, STANDS, Alike, Keep, Key, Merge, Order, RowChange, Take
from csvjobs.pipelines.step import Change, Changes, Column, Columns, Doubt, columns_of, unique
from csvjobs.pipelines.windows import Asking, OfGroups, OfWindows, over

STEP = "sql"
TABLE = "input"
PLACES = (
    "windows are allowed in the select list, QUALIFY and ORDER BY, not within another; QUALIFY keeps rows by "
    "what one gives"
)
SELECT = {
    "type", "modifiers", "select_list", "from_table", "where_clause", "having", "qualify", "cte_map",
    "group_expressions", "group_sets", "aggregate_handling",
}  # fmt: skip
FROM = {"type", "table_name", "qualified_name", "query_location", "query_location_length"}
BRACKETS = {"type", "alias", "subquery", "query_location", "query_location_length"}
WITH = {"materialized", "query_node"}
MODIFIERS = {"DISTINCT_MODIFIER": set[str](), "ORDER_MODIFIER": {"orders"}, "LIMIT_MODIFIER": {"limit"}}
"""What each part of a query may contain; anything else changes its meaning."""


class Item(NamedTuple):
    """A column of the result, or all columns of the table if the node is a star."""

    name: str
    node: Node

    @property
    def star(self) -> bool:
        return bool(self.node["class"] == "STAR")


@dataclass(frozen=True)
class Query:
    """One SELECT. order: expressions, and whether each is descending."""

    items: tuple[Item, ...]
    where: Node | None
    groups: tuple[Node, ...]
    having: Node | None
    qualify: Node | None
    order: tuple[tuple[Node, bool], ...]
    limit: int | None
    distinct: bool

    @property
    def aggregates(self) -> list[Node]:
        """The aggregates used, each once."""
        nodes = [*(item.node for item in self.items), *self._later]
        found = (each for node in nodes for each in _found(node) if _function(each) in AGGREGATES)
        return list({_key(node): node for node in found}.values())

    @property
    def windows(self) -> list[Node]:
        """The windows used, each once."""
        nodes = [*(item.node for item in self.items), *self._last]
        return list({_key(node): node for node in _windows(nodes)}.values())

    @property
    def grouped(self) -> bool:
        return bool(self.groups or self.having or self.aggregates)

    @property
    def names(self) -> list[str]:
        """The columns of the table that are named, each once."""
        where = [self.where] if self.where else []
        arguments = [each for node in self.aggregates for each in node.get("arguments", ())]
        first = [*(item.node for item in self.items), *where, *self.groups, *arguments, *self.windows]
        given = {item.name for item in self.items}
        later = [name for node in self._later for name in _named(node) if name not in given]
        return list(dict.fromkeys([*(name for node in first for name in _named(node)), *later]))

    @property
    def _later(self) -> list[Node]:
        """Clauses that can use names given in the select list."""
        return [*([self.having] if self.having else []), *self._last]

    @property
    def _last(self) -> list[Node]:
        """Clauses that are evaluated after the windows."""
        return [*([self.qualify] if self.qualify else []), *(node for node, _ in self.order)]

    def needed(self, behind: Iterable[str]) -> list[str]:
        """The columns of the table that this query needs, together with a later one that names `behind`."""
        if not any(item.star for item in self.items):
            return self.names
        given = {item.name for item in self.items}
        return list(dict.fromkeys([*self.names, *(name for name in behind if name not in given)]))


Chain = tuple[Query, ...]
"""Queries, each of which reads the result of the previous one."""


@lru_cache(maxsize=128)
def parse(text: str) -> Chain:
    """The queries in the text. Raises NotParsed, Wrong for what cannot be used here."""
    return _chain(query(text), {TABLE: ()})


def needed(chain: Chain) -> list[str]:
    """The columns of the table that the queries need, each once."""
    names: list[str] = []
    for each in reversed(chain):
        names = each.needed(names)
    return names


def try_out(chain: Chain, sql: Sql) -> None:
    """Finds all faults except wrong column names, which are known only with the file.

    Raises Wrong, BadPattern, DuplicateColumn; UnknownColumn for a name that a subquery does not give.
    """
    columns_of(_answered(chain, Columns(Column(name, "c0") for name in needed(chain)), sql))


def changes(chain: Chain, columns: Columns, sql: Sql) -> Changes:
    """The changes that the queries make to the table. Raises UnknownColumn, DuplicateColumn, BadPattern."""
    check_known(needed(chain), columns, STEP)
    return _answered(chain, columns, sql)


def _answered(chain: Chain, columns: Columns, sql: Sql) -> Changes:
    for each in chain:
        check_known(each.names, columns, STEP)
        columns = yield from _changes(each, columns, sql)


def _chain(tree: Node, tables: Mapping[str, Chain]) -> Chain:
    """The subqueries of a tree, and its own query last; `tables`: the tables it may read, with the queries
    that make them."""
    if tree["type"] != "SELECT_NODE":
        raise NotParsed("it is not one SELECT; UNION and its like cannot be used here")
    if odd := sorted(tree.keys() - SELECT):
        raise NotParsed(f"{odd[0].replace('_', ' ').upper()} cannot be used here")
    made: dict[str, Chain] = {}
    for entry in tree["cte_map"].get("map", ()):
        if entry["value"].keys() - WITH:
            raise NotParsed(f"{entry['key'][:40]!r} in WITH is a name and a SELECT, nothing else")
        made[entry["key"].lower()] = _chain(entry["value"]["query_node"], {**tables, **made})
    chain = (*_within(tree["from_table"], {**tables, **made}), _query(tree))
    for name, within in made.items():
        if not any(each is within[-1] for each in chain):
            raise NotParsed(f"nothing is selected from {name[:40]!r}, which WITH makes")
    return chain


def _within(node: Node, tables: Mapping[str, Chain]) -> Chain:
    """The queries that make the table in FROM. Raises Wrong."""
    if node["type"] == "EMPTY":
        raise NotParsed("FROM input is missing")
    if node["type"] == "JOIN":
        raise Wrong("tables are not joined here, but by the step lookup", node)
    if node["type"] == "SUBQUERY" and not node.keys() - BRACKETS and node["subquery"].keys() == {"node"}:
        return _chain(node["subquery"]["node"], tables)
    name = str(node.get("table_name", ""))
    known = node["type"] == "BASE_TABLE" and node["qualified_name"] == {"path": [name]}
    if not known or name.lower() not in tables:
        listed = ", ".join(table[:40] for table in tables)
        raise Wrong(f"FROM holds the name of one table ({listed}), or a query in brackets", node)
    if node.keys() - FROM:
        raise Wrong(f"{name} has no alias here, and nothing follows it", node)
    return tables[name.lower()]


def _query(tree: Node) -> Query:
    items = tuple(map(_item, tree["select_list"]))
    modifiers = {modifier["type"]: modifier for modifier in map(_modifier, tree.get("modifiers", ()))}
    orders = modifiers.get("ORDER_MODIFIER", {}).get("orders", ())
    return Query(
        items,
        tree.get("where_clause"),
        tuple(_group(node, items) for node in _groups(tree)),
        tree.get("having"),
        tree.get("qualify"),
        tuple(_ordered(order, items) for order in orders),
        _limit(modifiers.get("LIMIT_MODIFIER")),
        "DISTINCT_MODIFIER" in modifiers,
    )


Made = Generator[Change, Columns, Columns]
"""Yields changes, and returns the columns of the last one."""


@dataclass(frozen=True)
class Table:
    """The table that a part of a query is written over; `known`: the terms of some nodes in it, by their key;
    if its rows are groups, nothing else can be used."""

    columns: Columns
    sql: Sql
    known: Mapping[str, Term] = field(default_factory=dict)
    grouped: bool = False

    def written(self, node: Node) -> tuple[Term, Values]:
        writer = TableWriter(self)
        return writer.term(node), writer.values

    def condition(self, node: Node) -> Judgement:
        term, values = self.written(node)
        return Judgement(fitting(node, values.truth, term).sql, tuple(values.losses))

    def naming(self, query: Query) -> Table:
        """The same table, where the names that the query gives are known."""
        items = (item for item in query.items if not (item.star or self.lacks(item.node)))
        given = {_reference(item.name): self.written(item.node)[0] for item in items}
        return replace(self, known={**self.known, **given})

    def lacks(self, node: Node) -> bool:
        """Whether the node contains a window that has not been computed yet."""
        return any(_key(window) not in self.known for window in _windows(node))


class TableWriter(Writer):
    """Writes an expression over a table."""

    def __init__(self, table: Table) -> None:
        super().__init__(self._called, table.sql)
        self._table = table

    def term(self, node: Node) -> Term:
        if self._table.known and (known := self._table.known.get(_key(node))):
            return known
        if node["class"] == "WINDOW":
            raise Wrong(f"{node['function_name'][:40]} OVER cannot be used here: {PLACES}", node)
        if _function(node) in AGGREGATES:
            raise Wrong(f"{node['function_name']} is an aggregate; it cannot be used here", node)
        return super().term(node)

    def _unknown(self, node: Node) -> str:
        aggregates = ", ".join(name for name in AGGREGATES if name != "count_star")
        said = super()._unknown(node).removesuffix(f"; {OF_ROWS}")
        return f"{said}; aggregates are {aggregates}"

    def _called(self, name: str) -> Column:
        if self._table.grouped:
            raise Misfit(f"column {name[:40]!r} is neither in GROUP BY nor within an aggregate")
        return self._table.columns.pick([name], STEP)[0]


def _changes(query: Query, columns: Columns, sql: Sql) -> Made:
    if query.where:
        judged = Table(columns, sql).condition(query.where)
        columns = yield Change(columns, Keep(judged.sql), doubts=tuple(undecided(judged)))
    table = Table(columns, sql)
    if query.grouped:
        table = yield from _merged(query, table)
    if query.having:
        _check_having(query.having, query.items)
        condition = table.naming(query).condition(query.having)
        table, _ = yield from _beside(table, Columns(), Keep(condition.sql), undecided(condition))
    if query.windows:
        table = yield from _windowed(query, table)
    if query.qualify:
        condition = table.naming(query).condition(query.qualify)
        table, _ = yield from _beside(table, Columns(), Keep(condition.sql), undecided(condition))
    return (yield from _selected(query, table))


def _beside(
    table: Table, made: Columns, rows: RowChange | None = None, doubts: Iterable[Doubt] = ()
) -> Generator[Change, Columns, tuple[Table, Sequence[Column]]]:
    """Adds columns to the table; returns it with the new columns."""
    known, shown = table.known.values(), len(table.columns)
    kept = [*table.columns, *parts.columns("known", known)]
    columns = yield Change(Columns([*kept, *made]), rows, doubts=tuple(doubts))
    again = dict(zip(table.known, parts.again(known, columns[shown:]), strict=True))
    return replace(table, columns=Columns(columns[:shown]), known=again), columns[len(kept) :]


def _merged(query: Query, table: Table) -> Generator[Change, Columns, Table]:
    """Makes one row of each group; known are the grouping expressions and the aggregates."""
    groups = [table.written(node) for node in query.groups]
    keys = [Text(f"NULLIF({valued(*group).sql}, '')") for group in groups]
    values = [_of_group(term, key, table.sql) for (term, _), key in zip(groups, keys, strict=True)]
    # Aggregates of the same argument share the columns beside the rows.
    of = [_key(node.get("arguments")) for node in query.aggregates]
    asked = [
        _aggregate(node, table, str(of.index(each))) for node, each in zip(query.aggregates, of, strict=True)
    ]
    terms = [*keys, *values, *(each.argument for each in asked)]
    doubts = tuple(doubt for each in asked for doubt in each.doubts)
    columns = yield Change(parts.columns("taken", terms), doubts=doubts)
    terms, count = parts.again(terms, columns), len(keys)
    by = tuple(column.sql for column in columns[:count])
    arguments = list(zip(asked, terms[2 * count :], strict=True))
    over = [each.over(term) for each, term in arguments]
    beside = together([each.beside(by, term) for each, term in arguments])
    least = [parts.each("MIN({})".format, term) for term in terms[count : 2 * count]]
    terms = [*least, *chain.from_iterable(over)]
    joined = any(each.kind.separated for each in asked)
    columns = yield Change(parts.columns("merged", terms), Merge(by, beside=beside, stands=joined))
    made = iter(parts.again(terms, columns))
    known = {_key(node): next(made) for node in query.groups}
    for node, each, some in zip(query.aggregates, asked, over, strict=True):
        known[_key(node)] = each.kind.made(table.sql, *islice(made, len(some)))
    return Table(Columns(), table.sql, known, grouped=True)


def _windowed(query: Query, table: Table) -> Generator[Change, Columns, Table]:
    """The table with the windows known too; those that are aggregates of whole groups first."""
    overs = [over(node, table.written, table.sql) for node in query.windows]
    doubts = {(each.name, doubt[0]): doubt for each in overs for doubt in each.doubts}.values()
    table, _ = yield from _beside(table, Columns(), doubts=doubts)
    for of_group, asking in ((True, OfGroups()), (False, OfWindows())):
        some = [node for node, each in zip(query.windows, overs, strict=True) if each.of_group == of_group]
        if some:
            table = yield from _asked(some, asking, table)
    return table


def _asked(nodes: Sequence[Node], asking: Asking, table: Table) -> Generator[Change, Columns, Table]:
    """The table with these windows known too."""
    overs = [over(node, table.written, table.sql) for node in nodes]
    needed = list(dict.fromkeys(sql for each in overs for sql in each.needed))
    hidden = Columns(Column(f"\0needed{place}", sql) for place, sql in enumerate(needed))
    table, columns = yield from _beside(table, hidden)
    made = dict(zip(needed, (column.sql for column in columns), strict=True))
    asked = [each.of(made).asked(asking.within) for each in overs]
    terms = list(chain.from_iterable(asked))
    table, columns = yield from _beside(table, parts.columns("over", terms), asking.rows)
    values = iter(parts.again(terms, columns))
    known = {
        _key(node): each.made(table.sql, *islice(values, len(some)))
        for node, each, some in zip(nodes, overs, asked, strict=True)
    }
    return replace(table, known={**table.known, **known})


def _selected(query: Query, table: Table) -> Made:
    """The columns of the result, then the order and the number of rows."""
    made, doubts = list[Column](), list[Doubt]()
    for item in query.items:
        if item.star and not table.grouped:
            made += table.columns
            continue
        term, values = table.written(item.node)
        value = valued(term, values)
        cell = term.cell if isinstance(term, Text) else None
        made.append(Column(item.name, cell.sql if cell else value.sql))
        doubts += doubts_of(value, f"Column {item.name!r}", f"Column {item.name!r} came out empty")
    named, shown = table.naming(query), len(made)
    keys = [key for node, down in query.order for key in parts.keys(*named.written(node), descending=down)]
    hidden = [Column(f"\0key{place}", key.sql) for place, key in enumerate(keys)]
    columns = yield Change(Columns([*unique(Columns(made), STEP), *hidden]), doubts=tuple(doubts))
    if query.distinct:
        alike = tuple(f"NULLIF({column.sql}, '')" for column in columns[:shown])
        columns = yield Change(columns, Alike(alike, "first"))
    if keys:
        by = zip(columns[shown:], keys, strict=True)
        columns = yield Change(columns, Order(tuple(Key(c.sql, key.descending) for c, key in by)))
    if query.limit is not None:
        columns = yield Change(columns, Take(query.limit))
    if keys:
        columns = yield Change(Columns(columns[:shown]))
    return columns


class Aggregate(NamedTuple):
    """An aggregate in use; `called`: what tells its columns from others'; `among`: DISTINCT if only distinct
    values count; `behind`: the SQL after the argument."""

    kind: Kind
    called: str
    argument: Term
    among: str
    doubts: list[Doubt]
    behind: str = ""

    def over(self, term: Term) -> list[Term]:
        def asked(function: str, of: str) -> str:
            return f"{function}({self.among}{of}{self.behind})"

        over = self.kind.merged or self.kind.over
        return over(term, asked, *([self.called] if self.kind.beside else []))

    def beside(self, by: Sequence[str], term: Term) -> Layers:
        return self.kind.beside(self.called, by, term) if self.kind.beside else ()


def _aggregate(node: Node, table: Table, called: str) -> Aggregate:
    """The aggregate of a node. Raises Wrong."""
    kind, arguments = AGGREGATES[_function(node)], list(node.get("arguments", ()))
    if node.get("order_bys", UNSORTED) != UNSORTED:
        raise Wrong(f"{node['function_name']} uses the order of the rows; put ORDER BY in a subquery", node)
    only(node, "function_name", "arguments", "distinct")
    among = "DISTINCT " if node.get("distinct") else ""
    if among and _function(node) != "count":
        raise Wrong(f"DISTINCT is allowed in count only, not in {node['function_name']}", node)
    if _function(node) == "count_star":
        return Aggregate(kind, called, Nothing(), among, [])
    behind = _separator(arguments.pop(), table) if kind.separated and len(arguments) == 2 else ""
    if len(arguments) != 1 or (kind.separated and not behind):
        usage = "(value, ', ')" if kind.separated else "(value)"
        raise Wrong(f"it is written {node['function_name']}{usage}", node)
    written, values = table.written(plain(arguments[0]))
    term = fitting(node, lambda term: kind.takes(values, term), written)
    doubts = doubts_of(
        valued(term, values),
        f"The value for {node['function_name']}",
        f"No value for {node['function_name']}",
    )
    return Aggregate(kind, called, parts.safe(term, table.sql), among, doubts, behind)


def _separator(argument: Node, table: Table) -> str:
    """The SQL after the text to join: its separator, and the order of the rows. Raises Wrong."""
    node = plain(argument)
    written, values = table.written(node)
    return f", {table.sql.text(fitting(node, values.written, written))} ORDER BY {STANDS}"


def _of_group(term: Term, key: Text, sql: Sql) -> Term:
    """The value of the group, for each of its rows: its key, if that is a text."""
    if isinstance(term, Text):
        return replace(term, sql=key.sql)
    made = parts.safe(term, sql)
    if isinstance(term, Number) and isinstance(made, Number) and term.integer is not None:
        return replace(made, integer=attempted(term.integer, [term], sql))
    return made


def _item(node: Node) -> Item:
    bare = {key: value for key, value in node.items() if key != "alias"}
    if node["class"] == "STAR":
        if node.keys() - {"class", "type", "query_location", "query_location_length"}:
            raise Wrong("write * by itself; or name the columns, or put select before this step", node)
        return Item("", bare)
    named = node["column_names"][-1] if node["class"] == "COLUMN_REF" else ""
    name = node.get("alias", named)
    if not name.strip() or "\0" in name:
        raise Wrong("the column needs a name: put AS and a name after it", node)
    return Item(name, bare)


def _modifier(node: Node) -> Node:
    allowed = MODIFIERS.get(node["type"])
    if allowed is None or node.keys() - allowed - {"type"}:
        first = "QUALIFY row_number() OVER (PARTITION BY a ORDER BY b) = 1 keeps the first row for each a"
        raise NotParsed(f"DISTINCT ON, OFFSET and LIMIT of a part cannot be used here; {first}")
    return node


def _groups(tree: Node) -> Sequence[Node]:
    nodes: list[Node] = tree.get("group_expressions", [])
    sets = tree.get("group_sets", [])
    if sets not in ([], [list(range(len(nodes)))]) or tree["aggregate_handling"] != "STANDARD_HANDLING":
        raise NotParsed("GROUP BY has a list of columns here, and nothing else")
    return nodes


def _check_having(having: Node, items: Sequence[Item]) -> None:
    later = {_reference(item.name) for item in items if _windows(item.node)}
    for node in _found(having):
        if _key(node) in later:
            raise Wrong(f"{node['column_names'][0][:40]!r} holds a window, which HAVING does not see", node)


def _group(node: Node, items: Sequence[Item]) -> Node:
    named = (item for item in items if _key(node) == _reference(item.name))
    item = _place(node, items) or next(named, None)
    return item.node if item else node


def _ordered(order: Node, items: Sequence[Item]) -> tuple[Node, bool]:
    node, descending = ordered(order)
    item = _place(node, items)
    return _named_so(item.name) if item else node, descending


def _place(node: Node, items: Sequence[Item]) -> Item | None:
    """The column of the result at the position that a number stands for. Raises Wrong."""
    if node["class"] != "CONSTANT" or node["literal"]["kind"] != "INTEGER":
        return None
    place = int(node["literal"]["text"])
    if not 1 <= place <= len(items) or any(item.star for item in items):
        raise Wrong("there is no column at this position; write its name", node)
    return items[place - 1]


def _limit(modifier: Node | None) -> int | None:
    if modifier is None:
        return None
    literal = modifier["limit"].get("literal", {})
    if literal.get("kind") != "INTEGER":
        raise Wrong("LIMIT is a whole number", modifier["limit"])
    if not 0 <= int(literal["text"]) <= MOST:
        raise Wrong(f"LIMIT is a number from 0 to {MOST}", modifier["limit"])
    return int(literal["text"])


def _function(node: Node) -> str:
    return str(node["function_name"]).lower() if node.get("class") == "FUNCTION" else ""


def _found(tree: Any) -> Iterator[Node]:
    """The nodes of a tree, except those within an aggregate."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict) and "class" in node:
            yield node
        if isinstance(node, dict) and _function(node) not in AGGREGATES:
            left += reversed(node.values())
        elif isinstance(node, list):
            left += reversed(node)


def _windows(tree: Any) -> list[Node]:
    return [node for node in _found(tree) if node["class"] == "WINDOW"]


def _named(tree: Any) -> list[str]:
    return [node["column_names"][-1] for node in _found(tree) if node["class"] == "COLUMN_REF"]


def _key(node: Any) -> str:
    """A key that is the same for nodes with the same meaning, wherever they are in the text."""
    return json.dumps(_bare(node), sort_keys=True)


def _bare(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _bare(value) for key, value in tree.items() if not key.startswith("query_location")}
    return [_bare(each) for each in tree] if isinstance(tree, list) else tree


def _reference(name: str) -> str:
    return _key(_named_so(name))


def _named_so(name: str) -> Node:
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [name]}
