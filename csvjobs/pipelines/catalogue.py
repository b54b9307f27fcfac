"""All steps, in the order of the documentation. A test compares this tuple with the folder."""

from collections.abc import Collection

from csvjobs.pipelines.installed import installed
from csvjobs.pipelines.step import Step
from csvjobs.pipelines.steps.aggregate import Aggregate
from csvjobs.pipelines.steps.bin import Bin
from csvjobs.pipelines.steps.case import Case
from csvjobs.pipelines.steps.cast import Cast
from csvjobs.pipelines.steps.clip import Clip
from csvjobs.pipelines.steps.dedupe import Dedupe
from csvjobs.pipelines.steps.derive import Derive
from csvjobs.pipelines.steps.drop import Drop
from csvjobs.pipelines.steps.drop_missing import DropMissing
from csvjobs.pipelines.steps.extract import Extract
from csvjobs.pipelines.steps.fill_missing import FillMissing
from csvjobs.pipelines.steps.filter import Filter
from csvjobs.pipelines.steps.frequency import Frequency
from csvjobs.pipelines.steps.join import Join
from csvjobs.pipelines.steps.label import Label
from csvjobs.pipelines.steps.limit import Limit
from csvjobs.pipelines.steps.lookup import Lookup
from csvjobs.pipelines.steps.mask import Mask
from csvjobs.pipelines.steps.one_hot import OneHot
from csvjobs.pipelines.steps.ordinal import Ordinal
from csvjobs.pipelines.steps.pad import Pad
from csvjobs.pipelines.steps.pivot import Pivot
from csvjobs.pipelines.steps.rename import Rename
from csvjobs.pipelines.steps.reorder import Reorder
from csvjobs.pipelines.steps.replace import Replace
from csvjobs.pipelines.steps.sample import Sample
from csvjobs.pipelines.steps.scale import Scale
from csvjobs.pipelines.steps.select import Select
from csvjobs.pipelines.steps.sort import Sort
from csvjobs.pipelines.steps.split import Split
from csvjobs.pipelines.steps.sql import Sql
from csvjobs.pipelines.steps.target import Target
from csvjobs.pipelines.steps.trim import Trim
from csvjobs.pipelines.steps.unpivot import Unpivot
from csvjobs.pipelines.steps.validate import Validate

STEPS: tuple[type[Step], ...] = (
    Trim,
    Case,
    Replace,
    Pad,
    Mask,
    Rename,
    Select,
    Drop,
    Reorder,
    Split,
    Extract,
    Join,
    Derive,
    Lookup,
    Filter,
    Dedupe,
    Sort,
    Limit,
    Sample,
    Aggregate,
    Unpivot,
    Pivot,
    Sql,
    Validate,
    Cast,
    DropMissing,
    FillMissing,
    Clip,
    Bin,
    Scale,
    OneHot,
    Label,
    Ordinal,
    Frequency,
    Target,
)


def wire_name(step: type[Step]) -> str:
    """The step's name in pipelines."""
    return str(step.model_fields["step"].default)


def paragraphs(step: type[Step]) -> list[str]:
    """What the step does, a paragraph to each line; the first one is its summary."""
    return [" ".join(part.split()) for part in (step.__doc__ or "").split("\n\n")]


OWN: dict[str, type[Step]] = {wire_name(step): step for step in STEPS}
BY_NAME: dict[str, type[Step]] = OWN | installed(OWN)
"""Includes the steps of other installed packages."""

ELSEWHERE = {
    name: step
    for step, names in {
        "trim": "strip",
        "case": "upper lower uppercase lowercase",
        "replace": "map substitute",
        "mask": "hash redact anonymize",
        "join": "concat concatenate",
        "derive": "compute calculate mutate assign formula",
        "lookup": "merge vlookup",
        "filter": "where query",
        "dedupe": "drop_duplicates distinct unique",
        "sort": "order order_by sort_values arrange",
        "limit": "head",
        "aggregate": "group groupby group_by summarize",
        "unpivot": "melt stack gather",
        "pivot": "pivot_table spread",
        "cast": "convert astype parse",
        "drop_missing": "dropna drop_na drop_null",
        "fill_missing": "fillna fill_na impute",
        "clip": "winsorize",
        "bin": "cut qcut discretize",
        "scale": "normalize standardize",
        "one_hot": "encode get_dummies dummies",
    }.items()
    for name in names.split()
}
"""The steps that do what others call by these names."""

OPTIONS_ELSEWHERE = {
    "column": "columns",
    "separator": "sep",
    "at_least": "min minimum ge gte",
    "at_most": "max maximum le lte",
    "above": "gt greater_than",
    "below": "lt less_than",
    "equals": "eq is equal",
    "not_equals": "ne is_not",
    "one_of": "in isin enum",
    "none_of": "not_in notin",
    "matches": "regex regexp pattern",
    "is_missing": "is_null isnull isna",
    "lower": "min minimum",
    "upper": "max maximum",
    "count": "bins",
    "on": "by key keys left_on",
    "name": "columns var_name names_to",
    "value": "values value_name values_to",
    "names": "columns mapping",
    "columns": "subset cols value_vars",
    "by": "columns subset key keys index on sep separator delimiter",
    "function": "aggfunc agg",
    "to": "type dtype",
    "group": "thousands thousands_separator",
    "invalid": "errors on_error",
    "method": "with strategy how",
    "pattern": "regex regexp",
    "text": "from old find",
    "with": "to new value replacement sep separator method strategy",
    "into": "names as",
    "rows": "n count size",
    "fraction": "frac share",
    "seed": "random_state",
    "values": "columns aggregates agg",
    "query": "sql",
}
"""For our options what others call them; the first option that a step has is meant."""


def option_meant(name: str, known: Collection[str]) -> str | None:
    """The one of the known options that others call by this name."""
    others = OPTIONS_ELSEWHERE.items()
    return next((ours for ours, names in others if ours in known and name.lower() in names.split()), None)
