"""Scales numbers by a centre and a spread."""

from math import isfinite
from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.errors import NotANumber
from csvjobs.pipelines.step import (
    Change,
    Column,
    Columns,
    Example,
    LearningStep,
    Learnt,
    Names,
    Need,
    Statistic,
    constant,
    sure_number,
)

STATISTICS: dict[str, tuple[tuple[Statistic, float], ...]] = {
    "standard": (("mean", 0), ("deviation", 0)),
    "minmax": (("min", 0), ("max", 0)),
    "maxabs": (("min", 0), ("max", 0)),
    "robust": (("quantile", 0.25), ("quantile", 0.5), ("quantile", 0.75)),
}


class Scale(LearningStep):
    """Scales the numbers of each column: (number - centre) / spread.

    `standard`: the centre is the mean, the spread the population standard deviation. `minmax`: the centre is
    the smallest number, the spread the largest minus the smallest, so the results lie between 0 and 1.
    `maxabs`: the centre is 0, the spread the largest absolute value, so the results lie between -1 and 1, and
    0 stays 0. `robust`: the centre is the median, the spread the interquartile range (linear interpolation).
    A spread of 0 counts as 1. The results match scikit-learn's StandardScaler, MinMaxScaler, MaxAbsScaler and
    RobustScaler.

    A missing cell stays as it is; any other cell that is not a number ends the job.
    """

    example: ClassVar = Example(
        options={"columns": ["height"], "method": "minmax"},
        before="name,height\nAda,160\nAlan,180\nGrace,165\nNoor,\n",
        after="name,height\nAda,0.0\nAlan,1.0\nGrace,0.25\nNoor,\n",
    )
    strict_numbers: ClassVar = True

    step: Literal["scale"] = "scale"
    columns: Names = Field(description="Names of the columns to scale.")
    method: Literal["standard", "minmax", "maxabs", "robust"] = Field(
        description="How the centre and the spread are computed."
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            centre, spread = self._centre_and_spread(column.name, learnt)
            scaled = f"({sure_number(sql, column.sql)} - {constant(centre)}) / {constant(spread)}"
            return f"COALESCE(CAST({scaled} AS VARCHAR), {column.sql})"

        return Change(self.rewrite(columns, cell))

    def needs_of(self, name: str) -> list[Need]:
        return [Need(name, *statistic) for statistic in STATISTICS[self.method]]

    def _centre_and_spread(self, name: str, learnt: Learnt) -> tuple[float, float]:
        """Raises NotANumber when the spread is beyond what a double can hold."""
        found = self.learnt_of(name, learnt)
        match self.method:
            case "standard":
                centre, spread = found
            case "minmax":
                centre, spread = found[0], found[1] - found[0]
            case "maxabs":
                centre, spread = 0.0, max(map(abs, found))
            case "robust":
                centre, spread = found[1], found[2] - found[0]
        if not isfinite(spread):
            raise NotANumber(f"The numbers of column {name!r} are too far apart to scale.", column=name)
        return centre, spread or 1.0
