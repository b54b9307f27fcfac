"""Pipelines as text: what is accepted, and that all faults are reported at once."""

import json
import re

import pytest

from csvjobs.errors import InvalidPipeline, PipelineNotFound
from csvjobs.pipelines.catalogue import ELSEWHERE, OPTIONS_ELSEWHERE, OWN
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.pipelines.spec import build, from_file, parse, with_read
from csvjobs.reading.options import ReadOptions


def faults(text: str) -> dict[str | None, str]:
    with pytest.raises(InvalidPipeline) as caught:
        parse(text)
    return {fault.pointer: fault.hint or fault.message for fault in caught.value.errors}


def test_yaml_and_json_make_the_same_pipeline() -> None:
    yaml = parse("name: x\nread: {delimiter: ';'}\nsteps:\n  - step: trim\n    columns: [a, b]\n")
    json = parse(
        '{"name": "x", "read": {"delimiter": ";"}, "steps": [{"step": "trim", "columns": ["a", "b"]}]}'
    )
    braces = parse("{name: x, read: {delimiter: ;}, steps: [{step: trim, columns: [a, b]}]}")
    assert yaml == json == braces
    assert yaml.sha256 == json.sha256


def test_scalars_stay_text_until_an_option_asks_for_a_type() -> None:
    pipeline = parse("steps:\n- {step: trim, columns: [NO, 1.10, 00042, null]}")
    assert pipeline.steps[0].columns == ["NO", "1.10", "00042", "null"]
    pipeline = parse('{"steps": [{"step": "one_hot", "columns": [1.10], "max_categories": 7}]}')
    assert pipeline.steps[0].columns == ["1.10"]
    assert pipeline.steps[0].model_dump()["max_categories"] == 7


def test_a_document_makes_the_same_pipeline_again() -> None:
    pipeline = parse("name: x\nsteps:\n- {step: one_hot, columns: [a]}\n- step: trim\n")
    assert build(pipeline.document()) == pipeline


def test_all_faults_are_told_at_once_each_with_its_place() -> None:
    told = faults("nmae: x\nsteps:\n- step: tirm\n- {step: trim, colums: [a]}\n- {step: one_hot}\n- trim\n")
    assert set(told) == {"/nmae", "/steps/0/step", "/steps/1/colums", "/steps/2/columns", "/steps/3"}
    assert told["/nmae"] == "Did you mean 'name'?"
    assert told["/steps/0/step"] == "Did you mean 'trim'?"
    assert told["/steps/1/colums"] == "Did you mean 'columns'?"


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ("{step: pivot, name: a, value: b, function: avg}", "/function"),
        ("{step: target, columns: [a], target: b, smooth: -1}", "/smooth"),
        ("{step: aggregate, values: {a: {avg: b}}}", "/values/a"),
        ("{step: cast, columns: [a], to: date, format: '%Q'}", "/format"),
        ("{step: cast, columns: [a], to: date, format: ['%Y-%m-%d', '%Q']}", "/format/1"),
        ("{step: derive, values: {'': a}}", "/values/"),
        ("{step: sort, by: [a, {as: number}]}", "/by/1/column"),
        ("{step: validate, rules: [{column: a, unique: all}]}", "/rules/0/unique"),
    ],
)
def test_a_pointer_leads_to_what_was_written(step: str, place: str) -> None:
    assert set(faults(f"steps: [{step}]")) == {f"/steps/0{place}"}


@pytest.mark.parametrize("other", ["method: keep_last, with: '#'", "method: hash, visible: 2"])
def test_a_mask_takes_no_option_of_another_method(other: str) -> None:
    [told] = faults(f"steps: [{{step: mask, columns: [a], {other}}}]").values()
    assert "is for method: " in told


def test_people_are_told_the_step_by_its_number_from_1_and_programs_a_pointer() -> None:
    with pytest.raises(InvalidPipeline) as caught:
        parse("nmae: x\nread: {skip: a}\nsteps:\n- step: tirm\n- {step: trim, colums: [a]}\n- trim\n")
    told = {fault.pointer: fault.message.partition(": ")[0] for fault in caught.value.errors}
    assert told == {
        "/nmae": "nmae",
        "/read/skip": "read/skip",
        "/steps/0/step": "Step 1, step",
        "/steps/1/colums": "Step 2 (trim), colums",
        "/steps/2": "Step 3",
    }


@pytest.mark.parametrize(
    ("step", "meant"),
    [
        ("trim", "Write `{step: trim}`."),
        (
            "{fill_missing: {columns: [a], with: mean}}",
            "Write `{step: fill_missing, columns: [a], with: mean}`.",
        ),
        ("trim:", "Write `{step: trim}`."),
        ("{type: trim, columns: [a]}", "Write `step: trim` for `type: trim`."),
        ("[trim]", "For example: `{step: trim, columns: [name]}`. `csvjobs steps` lists all."),
    ],
)
def test_a_step_in_another_form_is_shown_in_the_right_one(step: str, meant: str) -> None:
    assert faults(f"steps:\n- {step}\n") == {"/steps/0": meant}


def test_a_single_column_is_shown_as_a_list() -> None:
    assert faults("steps:\n- {step: trim, columns: a}") == {"/steps/0/columns": "Write `[a]`."}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("steps:\n- step: trim\n  columns: [a]\n  columns: [b]\n", "line 4, column 3: the key 'columns' is"),
        ('{"steps": [],\n "steps": [{"step": "trim"}]}', "line 2, column 2: the key 'steps' is"),
        ("steps:\n- step: trim\n   columns: [a]\n", "line 3, column 11"),
    ],
)
def test_what_is_wrong_in_the_text_has_a_line_and_a_column(text: str, place: str) -> None:
    with pytest.raises(InvalidPipeline, match=place):
        parse(text)


def test_tabs_are_told_to_be_none_of_the_indentation() -> None:
    assert faults("steps:\n\t- step: trim\n") == {None: "Indent with blanks, not with tabs."}


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("""\"order\" = 'x'""", "Put the whole value in quotes"),
        ("a = 'x: y'", "put the whole value in quotes"),
        ("%a", "Put the whole value in quotes"),
        ("[0-9]+", "Put the whole value in quotes"),
        ("- a", "Put the whole value in quotes"),
        ("*a", "Write out the value, or put it in quotes"),
        (r'"\d+"', "Put it in single quotes"),
    ],
)
def test_a_value_that_yaml_takes_for_something_else_is_told_to_need_quotes(value: str, hint: str) -> None:
    text = f"steps:\n- step: filter\n  where: {value}\n"
    assert hint in faults(text)[None]
    with pytest.raises(InvalidPipeline, match="line 3, column"):
        parse(text)


@pytest.mark.parametrize(
    ("name", "step"), [("melt", "unpivot"), ("dropna", "drop_missing"), ("GroupBy", "aggregate")]
)
def test_a_step_that_others_call_by_another_name_is_told(name: str, step: str) -> None:
    assert faults(f"steps: [{{step: {name}}}]") == {"/steps/0/step": f"Did you mean {step!r}?"}


@pytest.mark.parametrize(
    ("step", "name", "option"),
    [
        ("filter", "min", "at_least"),
        ("clip", "min", "lower"),
        ("cast", "thousands", "group"),
        ("cast", "errors", "invalid"),
        ("dedupe", "subset", "by"),
        ("drop_missing", "subset", "columns"),
        ("sort", "columns", "by"),
        ("split", "columns", "column"),
        ("lookup", "by", "on"),
        ("pivot", "aggfunc", "function"),
        ("sample", "N", "rows"),
    ],
)
def test_an_option_that_others_call_by_another_name_is_told(step: str, name: str, option: str) -> None:
    assert faults(f"steps: [{{step: {step}, {name}: x}}]")[f"/steps/0/{name}"] == f"Did you mean {option!r}?"


def test_the_least_value_of_a_rule_is_called_at_least() -> None:
    told = faults("steps: [{step: validate, rules: [{column: a, min: 0}]}]")
    assert told == {"/steps/0/rules/0/min": "Did you mean 'at_least'?"}


def test_the_other_names_of_options_are_of_options() -> None:
    fields = [each for step in OWN.values() for each in step.model_fields.items()]
    assert OPTIONS_ELSEWHERE.keys() <= {field.alias or name for name, field in fields}


def test_what_is_to_be_a_mapping_is_explained() -> None:
    with pytest.raises(InvalidPipeline) as caught:
        parse("steps: [{step: lookup, table: t, on: zip, columns: [city]}]")
    [fault] = caught.value.errors
    assert fault.message == "Step 1 (lookup), on: Input should be a valid mapping (found 'zip')."
    assert "a list of names, or pairs" in (fault.hint or "")


def test_the_other_names_of_steps_are_of_steps_and_are_no_steps() -> None:
    assert set(ELSEWHERE.values()) < OWN.keys()
    assert not ELSEWHERE.keys() & OWN.keys()


def test_yaml_gives_every_character_back() -> None:
    breaks = [*map(chr, range(1, 0xA1)), "\u2028", "\u2029", "\ufeff", "\U0001f600", "null", "- a", "a: b #c"]
    mapping = {f"{one}a{one} b": text for one in breaks for text in (one, f"a {one} b", f"a\n{one}")}
    pipeline = build({"steps": [{"step": "replace", "columns": breaks, "mapping": mapping}]})
    assert parse(pipeline.yaml()) == pipeline


def test_a_tab_is_a_tab_however_yaml_has_it() -> None:
    for tab in (r'"\t"', r"'\t'", r"\t"):
        made = parse(f"read: {{delimiter: {tab}}}\nwrite: {{delimiter: {tab}}}\n")
        assert (made.read.delimiter, made.write.delimiter) == ("\t", "\t")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        "steps: {",
        "steps: trim",
        "a: &x [1]\nsteps: [*x]",
        "steps:\n" + "- {step: trim}\n" * 201,
        "x" * 300_000,
        '{"steps": ' + "[" * 100_000,
    ],
)
def test_what_is_no_pipeline_is_refused(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ('{"steps": ' + "[" * 50_000 + "]" * 50_000 + "}", "nested too deep"),
        ("# " + "a" * 300_000, "longer than 262144 characters (found 300002)"),
    ],
    ids=["deep YAML", "deep JSON", "long"],
)
def test_what_is_too_deep_or_too_long_is_told_so_before_anything_else(text: str, told: str) -> None:
    with pytest.raises(InvalidPipeline, match=re.escape(told)):
        parse(text)
    assert from_file(text, "sales.yaml") == text


def test_declared_read_options_win_over_the_pipelines() -> None:
    pipeline = parse("read: {delimiter: ';', header: false}")
    assert with_read(pipeline, {"delimiter": "|"}).read.delimiter == "|"
    assert with_read(pipeline, {"delimiter": "|"}).read.header is False
    assert with_read(pipeline, {"delimiter": "detect", "header": "detect"}).read == ReadOptions()
    assert parse("read: {skip: detect, encoding: detect}").read == ReadOptions()
    assert with_read(pipeline, {"quote": "none"}).read.quote == ""
    with pytest.raises(InvalidPipeline) as caught:
        with_read(pipeline, {"delimeter": "|"})
    assert caught.value.errors[0].pointer == "/read/delimeter"


def test_write_options_are_checked_and_old_pipelines_keep_theirs() -> None:
    told = faults("write: {delimeter: ;, newline: cr, bom: perhaps, profile: exel}")
    assert told["/write/delimeter"] == "Did you mean 'delimiter'?"
    assert set(told) == {"/write/delimeter", "/write/newline", "/write/bom", "/write/profile"}
    for delimiter in ("", ";;", '"', "\n", "a", "1", "§", "\x00"):
        assert list(faults(json.dumps({"write": {"delimiter": delimiter}}))) == ["/write/delimiter"]
    assert build({"write": {"format": "csv"}}).write == build({}).write


def test_options_that_mean_nothing_in_a_format_are_refused() -> None:
    assert "bom, header" in next(iter(faults("write: {format: jsonl, bom: true, header: false}").values()))
    assert "compression" in next(iter(faults("write: {format: parquet, compression: gzip}").values()))
    for write in ("{format: jsonl, compression: zstd}", "{format: parquet}"):
        pipeline = parse(f"write: {write}")
        assert build(pipeline.document()) == pipeline


def test_a_profile_stands_for_options_that_are_not_declared() -> None:
    pipeline = parse("write: {profile: excel, bom: false}")
    assert (pipeline.write.newline, pipeline.write.bom) == ("crlf", False)
    assert build(pipeline.document()) == pipeline


def test_texts_that_mean_missing_are_listed_in_a_pipeline_or_declared_beside_it() -> None:
    pipeline = parse('read: {nulls: [NA, n/a, "-", null, -999]}')
    assert pipeline.read.nulls == ("NA", "n/a", "-", "null", "-999")
    assert build(pipeline.document()) == pipeline
    assert with_read(pipeline, {"delimiter": ";"}).read.nulls == pipeline.read.nulls
    assert with_read(pipeline, {"nulls": "?,x"}).read.nulls == ("?", "x")


def test_a_file_gives_its_name_to_a_pipeline_without_one() -> None:
    text = "# mine\nread: {nulls: [NA]}\nsteps:\n- {step: trim, columns: [NO, 1.10, null]}\n"
    assert parse(from_file(text, "crm clean.v2.yaml")) == parse(text).model_copy(
        update={"name": "crm clean.v2"}
    )
    assert parse(from_file('{"steps": []}', "x" * 300 + ".json")).name == "x" * 100
    for kept in ("name: own\nsteps: []\n", "tidy", "steps: {", "[]"):
        assert from_file(kept, "other.yaml") == kept


def test_named_pipelines_are_the_folders_files_and_tidy(tmp_path) -> None:
    (tmp_path / "clean.yaml").write_text("steps: [{step: trim}]")
    (tmp_path / "broken.yaml").write_text("steps: [{step: nothing}]")
    named = NamedPipelines(tmp_path)
    assert named.names() == ["broken", "clean", "tidy"]
    assert [pipeline.name for pipeline in named.list()] == ["clean", "tidy"]
    assert named.resolve("clean").name == "clean"
    assert named.resolve(None).name == named.resolve(" ").name == "tidy"
    assert named.resolve("steps: []").steps == ()
    with pytest.raises(PipelineNotFound) as caught:
        named.resolve("claen")
    assert caught.value.hint == "Did you mean 'clean'?"
    with pytest.raises(InvalidPipeline):
        named.resolve("../clean")
