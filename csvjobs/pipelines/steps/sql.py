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

    It may have `WHERE`, `GROUP BY`, `HAVING`, `ORDER BY`, `LIMIT` and `DISTINCT`, and the aggregates `count`,
    `sum`, `avg`, `min` and `max`. All that stands in these is an expression and means what it means in
    `derive`: [expressions.md](expressions.md). `input` is the table as the steps before have left it; there
    is no other table, no sub-query, join or window function. All that is computed is named:
    `count(*) AS orders`. Such a name is known in `GROUP BY`, `HAVING` and `ORDER BY`, before one of `input`.

    Cells that a query takes as they are come out unchanged, all else as in `derive`. A cell that is no number
    is NULL where one is needed, and aggregates leave NULL out; a warning counts such rows. `sum` and `avg`
    are exact where their numbers are, else as doubles, whose last digits may differ from one run to another:
    `sum(round(a / b, 4))` is exact. `min` and `max` of a cell are of numbers; write
    `max(CAST(sent AS DATE))` or `min(CAST(name AS VARCHAR))` otherwise.

    Rows stand as they stood, groups as the first row of each does in the file, unless `ORDER BY` says
    otherwise; what is equal there stays so. It puts cells that are numbers first, by size, then other texts
    by code points; NULL comes last in both orders. Of no rows at all there is no group, not even for
    `count(*)`.
    """

    example: ClassVar = Example(
        options={
            "query": "SELECT city, count(*) AS orders, sum(price * quantity) AS total\n"
            "FROM input WHERE status = 'paid' GROUP BY city ORDER BY total DESC"
        },
        before="city,status,price,quantity\nBath,paid,4,1\nLondon,paid,9.90,2\nLondon,open,5,1\n"
        "London,paid,0.20,1\n",
        after="city,orders,total\nLondon,2,20\nBath,1,4\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["sql"] = "sql"
    query: Annotated[str, AfterValidator(_check)] = Field(description="The query, in SQL.")

    @property
    def makes_rows(self) -> bool:
        return parse(self.query).grouped

    def change(self, columns: Columns, learnt: Learnt, sql: base.Sql) -> Changes:
        return changes(parse(self.query), columns, sql)
