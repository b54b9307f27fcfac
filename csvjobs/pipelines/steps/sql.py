"""Makes another table of the table by a query in SQL."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from csvjobs.engines import base
from csvjobs.engines.duckdb import DuckSql
from csvjobs.pipelines.expressions import faults
from csvjobs.pipelines.queries import changes, parse, try_out
from csvjobs.pipelines.step import Changes, Columns, Example, Learnt, Step


def _check(text: str) -> str:
    with faults("a query", text):
        try_out(parse(text), DuckSql())
    return text


class Sql(Step):
    """Makes another table of the table, by one `SELECT … FROM input`.

    It may have `WHERE`, `GROUP BY`, `HAVING`, `QUALIFY`, `ORDER BY`, `LIMIT` and `DISTINCT`, and the
    aggregates `count`, `sum`, `avg`, `min` and `max`. All that stands in these is an expression and means
    what it means in `derive`: [expressions.md](expressions.md). `input` is the table as the steps before have
    left it. A query may be of what another one makes, `FROM (SELECT … FROM input)` or
    `WITH paid AS (SELECT … FROM input) SELECT … FROM paid`, as often as wanted. No query stands within an
    expression, and tables are joined by `lookup`. All that is computed is named: `count(*) AS orders`. Such a
    name is known in `GROUP BY`, `HAVING`, `QUALIFY` and `ORDER BY`, before one of the table.

    Cells that a query takes as they are come out unchanged, all else as in `derive`. A cell that is no number
    is NULL where one is needed, and aggregates leave NULL out; a warning counts such rows. `sum` and `avg`
    are exact where their numbers are, else as doubles, whose last digits may differ from one run to another:
    `sum(round(a / b, 4))` is exact. `min` and `max` of a cell are of numbers; write
    `max(CAST(sent AS DATE))` or `min(CAST(name AS VARCHAR))` otherwise.

    Rows stand as they stood, groups as the first row of each does in the file, unless `ORDER BY` says
    otherwise; what is equal there stays so. It puts cells that are numbers first, by size, then other texts
    by code points; NULL comes last in both orders. Of no rows at all there is no group, not even for
    `count(*)`.

    A window is a value for each row, of other rows too: `sum(price) OVER (PARTITION BY city ORDER BY id)` is
    a running total in each city, `price / sum(price) OVER (PARTITION BY city)` the share of it, and
    `avg(price) OVER (ORDER BY id ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)` a moving average. Beside the
    aggregates there are `lag(value, n, other)` and `lead`, the value `n` rows before or behind (1 if left
    out) or `other` where no row is, `first_value`, `last_value`, `row_number()`, `rank()`, `dense_rank()` and
    `ntile(n)`. Frames are counted in `ROWS`; without one, an aggregate with `ORDER BY` is of all rows up to
    this one and those that are equal to it. Where equal rows must be told apart they are taken as they
    stand, and so are all where there is no `ORDER BY`. Windows stand in the select list, `QUALIFY` and
    `ORDER BY`, and see the columns of the table or what groups have. `QUALIFY` keeps rows by one:
    `SELECT * FROM input QUALIFY row_number() OVER (PARTITION BY customer ORDER BY sent DESC) = 1`.
    An aggregate with neither `ORDER BY` nor a frame takes memory for its groups only. All else puts rows in
    order, on disk where they are many; an aggregate with one of them takes up to 7 bytes beside that for
    each row of the largest group of `PARTITION BY`, or of the table. A query that has too little memory ends
    with `memory-limit`.
    """

    example: ClassVar = Example(
        options={
            "query": "SELECT city, count(*) AS orders, sum(price * quantity) AS total,\n"
            "round(100 * sum(price * quantity) / sum(sum(price * quantity)) OVER (), 1) AS share\n"
            "FROM input WHERE status = 'paid' GROUP BY city ORDER BY total DESC"
        },
        before="city,status,price,quantity\nBath,paid,4,1\nLondon,paid,9.90,2\nLondon,open,5,1\n"
        "London,paid,0.20,1\n",
        after="city,orders,total,share\nLondon,2,20,83.3\nBath,1,4,16.7\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["sql"] = "sql"
    query: Annotated[str, AfterValidator(_check)] = Field(description="The query, in SQL.")

    @property
    def makes_rows(self) -> bool:
        return any(query.grouped for query in parse(self.query))

    def change(self, columns: Columns, learnt: Learnt, sql: base.Sql) -> Changes:
        return changes(parse(self.query), columns, sql)
