"""The ten pipelines as people write them in pandas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

Make = Callable[[pd.DataFrame], pd.DataFrame]


def _clean(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.select_dtypes(exclude="number").columns:
        frame[name] = frame[name].str.strip()
    frame["city"] = frame["city"].str.upper()
    return frame.dropna(subset=["salary"])


def _fill(frame: pd.DataFrame) -> pd.DataFrame:
    frame["salary"] = frame["salary"].fillna(frame["salary"].mean())
    frame["balance"] = frame["balance"].fillna(frame["balance"].median())
    return frame


def _mode(frame: pd.DataFrame) -> pd.DataFrame:
    frame["remark"] = frame["remark"].fillna(frame["remark"].mode()[0])
    return frame


def _scale(frame: pd.DataFrame) -> pd.DataFrame:
    for name in ("salary", "age"):
        frame[name] = (frame[name] - frame[name].mean()) / frame[name].std(ddof=0)
    return frame


def _encode(frame: pd.DataFrame) -> pd.DataFrame:
    frame["last_name"] = frame["last_name"].astype("category").cat.codes
    return pd.get_dummies(frame, columns=["city"], dtype="int8")


def _filter(frame: pd.DataFrame) -> pd.DataFrame:
    kept = (frame["age"] >= 30) & (frame["age"] < 60) & frame["city"].isin(["Lagos", "Berlin", "Osaka"])
    return frame.loc[kept, ["id", "last_name", "city", "salary"]]


def _dedupe(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop_duplicates(["last_name", "city", "joined"])


def _sort(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("balance", ascending=False, kind="stable")


def _aggregate(frame: pd.DataFrame) -> pd.DataFrame:
    grouped = frame.groupby(["city", "age"], sort=False)
    return grouped.agg(people=("id", "size"), total=("salary", "sum"), mean=("balance", "mean")).reset_index()


MAKES: dict[str, Make] = {
    "tidy": lambda frame: frame,
    "clean": _clean,
    "fill": _fill,
    "mode": _mode,
    "scale": _scale,
    "encode": _encode,
    "filter": _filter,
    "dedupe": _dedupe,
    "sort": _sort,
    "aggregate": _aggregate,
}


def _run(make: Make, source: Path, target: Path) -> None:
    make(pd.read_csv(source)).to_csv(target, index=False)


RUNS: dict[str, Callable[[Path, Path], float | None]] = {
    name: partial(_run, make) for name, make in MAKES.items()
}
