"""Makes a new table with an SQL query."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from csvjobs.engines import base
from csvjobs.engines.duckdb import DuckSql
from csvjobs.engines.parsing import MAX_TEXT
from csvjobs.pipelines.expressions import faults
from csvjobs.pipelines.queries import changes, parse, try_out
from csvjobs.pipelines.step import Changes, Columns, Example, Learnt, Step


def _check(text: str) -> str:
    with faults("a query", text):
        try_out(parse(text), DuckSql())
    return text


class Sql(Step):
    """Makes a new table with one SQL query, `SELECT … FROM input`.

    `input` is the table as the previous steps left it. The query can have `WHERE`, `GROUP BY`, `HAVING`,
    `QUALIFY`, `ORDER BY`, `LIMIT` and `DISTINCT`, and the aggregates `count`, `sum`, `avg`, `min`, `max`,
    `median`, `stddev` (sample, ddof=1; `stddev_samp` is the same), `stddev_pop` (population, ddof=0) and
    `string_agg(text, ', ')`. Expressions in it mean the same as in `derive`:
    [expressions.md](expressions.md). A query can read from another one, `FROM (SELECT … FROM input)` or
    `WITH paid AS (SELECT … FROM input) SELECT … FROM paid`, nested to any depth. An expression cannot contain
    a query, and tables are joined with `lookup`. Every computed column needs a name: `count(*) AS orders`.
    `GROUP BY`, `HAVING`, `QUALIFY` and `ORDER BY` can use that name; it takes precedence over a column of the
    table.

    Cells that a query selects without computing come out unchanged, all others as in `derive`. Where a number
    is needed, a cell that is not one is NULL; aggregates leave NULL out, and a warning counts these rows.
    `sum` and `avg` are exact if their numbers are (in window functions up to 18 digits before the point);
    otherwise they are doubles, whose last digits may differ from run to run: `sum(round(a / b, 4))` is exact.
    `min` and `max` of a cell compare numbers; for other types write `max(CAST(sent AS DATE))` or
    `min(CAST(name AS VARCHAR))`. `string_agg` joins texts in the order of the rows, which a subquery with
    `ORDER BY` can change, and needs memory for all of them.

    Unless `ORDER BY` says otherwise, rows keep their order, and groups come in the order of their first rows
    in the file. `ORDER BY` puts cells that are numbers first, by value, then other texts by code point; NULL
    comes last in both orders, and equal rows keep their order. Without any rows there is no group, not even
    for `count(*)`.

    A window function computes a value for each row from other rows too: `sum(price) OVER (PARTITION BY city
    ORDER BY id)` is a running total in each city, `price / sum(price) OVER (PARTITION BY city)` the row's
    share of its city, and `avg(price) OVER (ORDER BY id ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)` a moving
    average. Besides `count`, `sum`, `avg`, `min` and `max` there are `lag(value, n, other)` and `lead`, the
    value `n` rows before or after (1 by default) or `other` if there is no such row, `first_value`,
    `last_value`, `row_number()`, `rank()`, `dense_rank()` and `ntile(n)`. Frames are counted in `ROWS`;
    without one, an aggregate with `ORDER BY` covers all rows up to this one and those equal to it. Functions
    that must tell equal rows apart take them in the order of the table; without `ORDER BY` that goes for all
    rows. Window functions can be in the select list, `QUALIFY` and `ORDER BY`, and see the columns of the
    table or of the groups. `QUALIFY` keeps the rows for which a condition on a window is true: `SELECT * FROM
    input QUALIFY row_number() OVER (PARTITION BY customer ORDER BY sent DESC) = 1`. An aggregate with neither
    `ORDER BY` nor a frame needs memory for its groups only. All other windows sort the rows, on disk if there
    are many; an aggregate with `ORDER BY` or a frame also needs up to 7 bytes of memory for each row of the
    largest group of `PARTITION BY`, or of the table. A query that runs out of memory ends with
    `memory-limit`.
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
    query: Annotated[str, AfterValidator(_check)] = Field(
        description=f"The query, in SQL, of up to {MAX_TEXT} characters."
    )

    @property
    def makes_rows(self) -> bool:
        return any(query.grouped for query in parse(self.query))

    def change(self, columns: Columns, learnt: Learnt, sql: base.Sql) -> Changes:
        return changes(parse(self.query), columns, sql)
