"""Documents that are made from the code are as the code makes them now."""

import inspect
import json
import re
from pathlib import Path

import pytest
from chaos import ROOT
from pydantic import BaseModel
from told import blocks

from csvjobs import errors
from csvjobs.api.app import create_app
from csvjobs.cli.doctor import errors_table, settings_table
from csvjobs.cli.steps import reference
from csvjobs.engines.options import WriteOptions
from csvjobs.engines.parsing import MAX_BRACKETS, MAX_DEPTH, MAX_TEXT
from csvjobs.pipelines.expressions.functions import FUNCTIONS
from csvjobs.pipelines.report import ReportOptions
from csvjobs.pipelines.spec import parse
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.rejects import EXTRA, REASONS
from csvjobs.settings import Settings
from csvjobs.wiring import local


def test_the_settings_are_those_of_the_code() -> None:
    made = "csvjobs doctor --settings > docs/settings.md"
    assert (ROOT / "docs/settings.md").read_text("utf-8") == settings_table(), f"make it anew: {made}"


def test_the_errors_are_those_of_the_code() -> None:
    made = "csvjobs doctor --errors > docs/errors.md"
    page = (ROOT / "docs/errors.md").read_text("utf-8")
    assert page == errors_table(), f"make it anew: {made}"
    told = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    codes = re.findall(r'^    code = "(.+)"$', inspect.getsource(errors), re.MULTILINE)
    assert set(codes) - {"cancelled"} <= set(told)


def test_the_steps_are_those_of_the_code() -> None:
    made = "csvjobs steps --markdown > docs/steps.md"
    assert (ROOT / "docs/steps.md").read_text("utf-8") == reference(), f"make it anew: {made}"


def test_every_reason_for_a_reject_is_explained_as_the_code_does() -> None:
    page = (ROOT / "docs/rejected.md").read_text("utf-8")
    told = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert told == [(code, *reason) for code, reason in REASONS.items()]
    assert all(f"`{name}`" in page for name in EXTRA)


def test_what_becomes_of_bad_rows_is_explained_as_the_code_does() -> None:
    page = (ROOT / "docs/rejected.md").read_text("utf-8")
    for name, field in ReadOptions.model_fields.items():
        if name.startswith(("bad_", "max_")):
            left_out = "no bound" if field.default is None else f"`{field.default}`"
            assert f"| `{name}` | {left_out} | {field.description} |" in page


@pytest.mark.parametrize(("page", "options"), [("output", WriteOptions), ("report", ReportOptions)])
def test_the_options_are_explained_as_the_code_does(page: str, options: type[BaseModel]) -> None:
    text = (ROOT / f"docs/{page}.md").read_text("utf-8")
    told = re.findall(r"^\| `([a-z_]+)` \| `(.+?)` \| (.+) \|$", text, re.MULTILINE)
    assert told == [
        (name, json.dumps(field.default).strip('"'), field.description)
        for name, field in options.model_fields.items()
    ]


def test_the_functions_of_expressions_are_explained_as_the_code_does() -> None:
    page = (ROOT / "docs/expressions.md").read_text("utf-8")
    told = re.findall(r"^\| `(.+?)` \| (.+) \|$", page, re.MULTILINE)
    assert told == [(function.usage, function.meaning) for function in FUNCTIONS.values()]


def test_the_limits_of_expressions_are_told() -> None:
    page = " ".join((ROOT / "docs/expressions.md").read_text("utf-8").split())
    told = f"{MAX_TEXT} characters and {MAX_BRACKETS} opening brackets, nested up to {MAX_DEPTH} levels"
    assert told in page


def test_every_address_is_told(tmp_path: Path) -> None:
    page = (ROOT / "docs/http.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([A-Z]+) (/[^` ]+)`", page, re.MULTILINE))
    others = {("POST", "/upload"), ("POST", "/jobs")}
    app = create_app(local(Settings(), tmp_path))
    paths = app.openapi()["paths"].items()
    there = {(kind.upper(), path.replace("{name}", "{file}")) for path, kinds in paths for kind in kinds}
    assert {(kind, path.replace("{name}", "{file}")) for kind, path in told | others} == there


def test_the_examples_of_expressions_are_good() -> None:
    for text in blocks((ROOT / "docs/expressions.md").read_text("utf-8"), "yaml"):
        assert parse(text).steps
