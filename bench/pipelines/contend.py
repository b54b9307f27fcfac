"""One contender through one pipeline: `python bench/pipelines/contend.py CONTENDER PIPELINE INPUT OUTPUT`.

Prints the seconds, without imports, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path

MODULES = {"csvjobs": "ours", "DuckDB": "by_duckdb", "Polars": "by_polars", "pandas": "by_pandas"}


def main() -> None:
    contender, pipeline, source, target = sys.argv[1:]
    run = import_module(MODULES[contender]).RUNS[pipeline]
    began = time.perf_counter()
    told = run(Path(source), Path(target))
    took = time.perf_counter() - began
    print(json.dumps({"total": took if told is None else told}))


if __name__ == "__main__":
    main()
