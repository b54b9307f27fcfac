"""One contender through one pipeline: `python bench/pipelines/contend.py CONTENDER PIPELINE INPUT OUTPUT`.

Prints the seconds as JSON, without imports. Whoever contends, the file is uploaded before: what a gigabyte of
output costs a virtual machine depends on what was done with its memory just before, by up to two seconds.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from measure import settle
from ours import uploaded

MODULES = {"csvjobs": "ours", "DuckDB": "by_duckdb", "Polars": "by_polars", "pandas": "by_pandas"}


def main() -> None:
    contender, pipeline, source, target = sys.argv[1:]
    run = import_module(MODULES[contender]).RUNS[pipeline]
    with uploaded(pipeline, Path(source), Path(target).parent) as come:
        settle()
        began = time.perf_counter()
        told = run(come, Path(target))
        took = time.perf_counter() - began
    print(json.dumps({"total": took if told is None else told}))


if __name__ == "__main__":
    main()
