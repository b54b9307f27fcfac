"""Conversion of Table Schema to rules and back (https://datapackage.org/standard/table-schema/)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from csvjobs.errors import InvalidOption, InvalidPipeline
from csvjobs.pipelines.schemas import from_schema, to_schema
from csvjobs.pipelines.spec import Pipeline, build, parse
from csvjobs.pipelines.steps.validate import Validate


def imported(schema: dict[str, Any]) -> Pipeline:
    return from_schema(json.dumps(schema), "check")


def rules(field: dict[str, Any], **schema: Any) -> list[dict[str, Any]]:
    """What the rules on one field are, without the names of the column."""
    [step] = imported({"fields": [{"name": "a", **field}], **schema}).steps
    assert isinstance(step, Validate)
    made = [rule.model_dump(exclude_defaults=True) for rule in step.rules]
    assert all(rule.pop("column") == "a" for rule in made)
    return made


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ({"constraints": {"required": True}}, {"required": True}),
        ({"constraints": {"unique": True}}, {"unique": True}),
        ({"type": "string", "constraints": {"minLength": 0, "maxLength": 3}}, {"max_length": 3}),
        ({"type": "string", "constraints": {"minLength": 2}}, {"min_length": 2}),
        ({"type": "string", "constraints": {"pattern": "a.*"}}, {"matches": "a.*"}),
        ({"type": "string", "constraints": {"enum": ["x", "y"]}}, {"one_of": ["x", "y"]}),
        ({"type": "string", "categories": ["x", "y"]}, {"one_of": ["x", "y"]}),
        ({"type": "string", "categories": [{"value": "x", "label": "X"}]}, {"one_of": ["x"]}),
        ({"type": "integer"}, {"type": "integer"}),
        ({"type": "integer", "groupChar": ","}, {"type": "integer", "group": ","}),
        ({"type": "integer", "groupChar": "."}, {"type": "integer", "group": ".", "decimal": ","}),
        (
            {"type": "integer", "constraints": {"minimum": 0, "exclusiveMaximum": 10}},
            {"type": "integer", "at_least": "0", "below": "10"},
        ),
        ({"type": "integer", "constraints": {"enum": [1, "2"]}}, {"type": "integer", "one_of": ["1", "2"]}),
        (
            {
                "type": "number",
                "decimalChar": ",",
                "groupChar": ".",
                "constraints": {"exclusiveMinimum": 1.5},
            },
            {"type": "float", "decimal": ",", "group": ".", "above": "1.5"},
        ),
        ({"type": "boolean"}, {"type": "boolean", "true": ["true", "1"], "false": ["false", "0"]}),
        (
            {"type": "boolean", "trueValues": ["Ja"], "falseValues": ["Nein"]},
            {"type": "boolean", "true": ["ja"], "false": ["nein"]},
        ),
        (
            {"type": "date", "constraints": {"maximum": "2026-04-03"}},
            {"type": "date", "at_most": "2026-04-03"},
        ),
        ({"type": "date", "format": "%d/%m/%Y"}, {"type": "date", "format": ["%d/%m/%Y"]}),
        ({"type": "date", "format": "fmt:%d/%m/%Y"}, {"type": "date", "format": ["%d/%m/%Y"]}),
        ({"type": "datetime"}, {"type": "datetime"}),
        (
            {"type": "date", "format": "%d/%m/%y", "constraints": {"minimum": "03/04/26"}},
            {"type": "date", "format": ["%d/%m/%y"], "at_least": "2026-04-03"},
        ),
        (
            {"type": "datetime", "format": "%d.%m.%Y %H:%M", "constraints": {"enum": ["03.04.2026 10:30"]}},
            {"type": "datetime", "format": ["%d.%m.%Y %H:%M"], "one_of": ["2026-04-03T10:30:00"]},
        ),
        (
            {"type": "number", "decimalChar": ",", "groupChar": ".", "constraints": {"minimum": "1.500,5"}},
            {"type": "float", "decimal": ",", "group": ".", "at_least": "1500.5"},
        ),
        (
            {
                "type": "boolean",
                "trueValues": ["Ja"],
                "falseValues": ["Nein"],
                "constraints": {"enum": ["Ja", False]},
            },
            {"type": "boolean", "true": ["ja"], "false": ["nein"], "one_of": ["true", "false"]},
        ),
        (
            {"type": "integer", "groupChar": ",", "categories": [{"value": 1000, "label": "k"}, 2000]},
            {"type": "integer", "group": ",", "one_of": ["1000", "2000"]},
        ),
        ({"type": "string", "constraints": {"maxLength": 0}}, {"max_length": 0}),
        ({"type": "integer", "missingValues": ["", "-"]}, {"type": "integer", "missing": ["-"]}),
    ],
)
def test_each_constraint_is_a_rule(field: dict[str, Any], rule: dict[str, Any]) -> None:
    assert rules(field) == [rule]


@pytest.mark.parametrize("field", [{}, {"type": "any"}, {"type": "string", "title": "A", "rdfType": "x"}])
def test_what_says_nothing_of_values_is_no_rule(field: dict[str, Any]) -> None:
    assert rules(field) == []


@pytest.mark.parametrize(
    ("kind", "good", "wrong"),
    [
        ({"type": "string", "format": "email"}, "a.b+c@example.org", "a@b@c"),
        ({"type": "string", "format": "uri"}, "https://example.org/a?b", "example org"),
        ({"type": "string", "format": "uuid"}, "0196f7a2-0000-7abc-8def-0123456789ab", "0196f7a2"),
        ({"type": "string", "format": "binary"}, "aGk=", "aGk"),
        ({"type": "time"}, "23:59:59", "24:00:00"),
        ({"type": "year"}, "2026", "26"),
        ({"type": "yearmonth"}, "2026-12", "2026-13"),
    ],
)
def test_formats_are_a_matter_of_how_a_text_looks(kind: dict[str, Any], good: str, wrong: str) -> None:
    pattern = rules(kind)[-1]["matches"]
    assert re.fullmatch(pattern, good)
    assert not re.fullmatch(pattern, wrong)


def test_keys_are_rules_of_one_column_or_of_several() -> None:
    schema = {"fields": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "uniqueKeys": [["c"], ["b", "c"]]}
    alone = imported({**schema, "primaryKey": "a"}).document()["steps"][0]["rules"]
    told = [(rule["column"] or rule["columns"], rule["required"], rule["unique"]) for rule in alone]
    assert told == [("a", True, True), ("c", False, True), (["b", "c"], False, "together")]
    both = imported({**schema, "primaryKey": ["a", "b"], "missingValues": ["", "NA"]}).document()
    told = [(rule["column"] or rule["columns"], rule["required"], rule["unique"], rule["missing"])
            for rule in both["steps"][0]["rules"]]  # fmt: skip
    assert told == [
        ("a", True, False, ["NA"]),
        ("b", True, False, ["NA"]),
        ("c", False, True, ["NA"]),
        (["a", "b"], False, "together", ["NA"]),
        (["b", "c"], False, "together", ["NA"]),
    ]


@pytest.mark.parametrize(
    ("schema", "pointer", "said"),
    [
        ({"fields": [{"name": "a", "type": "geojson"}]}, "/fields/0", "The type geojson cannot be checked"),
        ({"fields": [{"name": "a", "type": "object"}]}, "/fields/0", "The type object cannot be checked"),
        ({"fields": [{"name": "a", "type": "duration"}]}, "/fields/0", "The type duration"),
        ({"fields": [{"name": "a", "type": "date", "format": "any"}]}, "/fields/0", "The format any"),
        ({"fields": [{"name": "a", "type": "date", "format": "%j"}]}, "/fields/0", "'%j'"),
        ({"fields": [{"name": "a", "type": "number", "bareNumber": False}]}, "/fields/0", "bareNumber"),
        (
            {"fields": [{"name": "a", "constraints": {"jsonSchema": {}}}]},
            "/fields/0/constraints",
            "The constraint jsonSchema",
        ),
        ({"fields": [{"name": "a", "constraints": {"minimm": 1}}]}, "/fields/0/constraints/minimm", "minimm"),
        (
            {"fields": [{"name": "a", "type": "string", "constraints": {"minimum": 1}}]},
            "/fields/0",
            "The constraint minimum cannot be checked for the type string",
        ),
        ({"fields": [{"name": "a", "constraints": {"pattern": "\\i"}}]}, "/fields/0", "RE2"),
        ({"fields": [{"name": "a"}], "missingValues": ["-"]}, "", "missingValues without an empty text"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, "", "Two fields are called 'a'"),
        ({"fields": [{"name": "a"}], "primaryKey": "b"}, "", "There is no field 'b'"),
        (
            {"fields": [{"name": "a"}], "foreignKeys": [{"fields": ["a"], "reference": {"fields": ["b"]}}]},
            "/foreignKeys/0/reference",
            "into the same table",
        ),
        (
            {
                "fields": [{"name": "a"}, {"name": "b"}],
                "foreignKeys": [
                    {"fields": ["a", "b"], "reference": {"resource": "x", "fields": ["c", "d"]}},
                ],
            },
            "/foreignKeys/0",
            "of several fields",
        ),
        (
            {
                "fields": [
                    {
                        "name": "a",
                        "type": "date",
                        "format": "%d/%m/%Y",
                        "constraints": {"minimum": "31/02/2026"},
                    }
                ]
            },
            "/fields/0",
            "The constraint minimum '31/02/2026' is not a date of the format %d/%m/%Y",
        ),
        (
            {
                "fields": [
                    {
                        "name": "a",
                        "type": "number",
                        "decimalChar": ",",
                        "groupChar": ".",
                        "constraints": {"maximum": 0.125},
                    }
                ]
            },
            "/fields/0",
            "maximum '0.125' can mean 0125 or 0.125",
        ),
        (
            {"fields": [{"name": "a", "categories": ["x"], "constraints": {"enum": ["x", "y"]}}]},
            "/fields/0",
            "The enum has 'y', which is not among the categories",
        ),
        (
            {
                "fields": [{"name": "a", "missingValues": ["", "-"]}, {"name": "b"}],
                "uniqueKeys": [["a", "b"]],
            },
            "",
            "The fields of the key a, b have different missingValues",
        ),
        ({"fields": []}, "/fields", "at least 1"),
        ({"a": 1}, "", "neither a Table Schema nor a Data Package"),
    ],
)
def test_what_cannot_be_checked_is_refused_where_it_stands(
    schema: dict[str, Any], pointer: str, said: str
) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        imported(schema)
    [fault] = caught.value.errors
    assert (fault.pointer, said in fault.message) == (pointer, True), fault.message


def test_all_that_cannot_be_checked_is_told_at_once() -> None:
    schema = {"fields": [{"name": "a", "type": "array"}, {"name": "b", "constraints": {"x": 1, "y": 2}}]}
    with pytest.raises(InvalidPipeline) as caught:
        build({"steps": [{"step": "validate", "schema": schema}]})
    assert [fault.pointer for fault in caught.value.errors] == [
        "/steps/0/schema/fields/0",
        "/steps/0/schema/fields/1/constraints/x",
        "/steps/0/schema/fields/1/constraints/y",
    ]


SCHEMA = {
    "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"required": True, "unique": True}},
        {"name": "name", "type": "string", "constraints": {"pattern": "[A-Z].*", "maxLength": 20}},
        {"name": "size", "type": "number", "decimalChar": ",", "groupChar": "."},
        {"name": "born", "type": "date", "format": "%d.%m.%Y", "constraints": {"maximum": "01.01.2026"}},
        {"name": "kind", "constraints": {"enum": ["x", "y"]}},
        {"name": "free"},
    ],
    "fieldsMatch": "equal",
    "uniqueKeys": [["name", "born"]],
    "foreignKeys": [{"fields": ["kind"], "reference": {"resource": "kinds", "fields": ["code"]}}],
}


def test_a_schema_comes_back_as_it_was() -> None:
    assert to_schema(imported(SCHEMA)) == SCHEMA
    assert to_schema(parse(imported(SCHEMA).yaml())) == SCHEMA


@pytest.mark.parametrize(
    "field",
    [
        {"type": "year", "constraints": {"required": True, "minimum": "2000"}},
        {"type": "time", "constraints": {"enum": ["10:30:00"]}},
        {"type": "yearmonth"},
        {"type": "string", "format": "email", "constraints": {"pattern": ".*[.]org"}},
        {"type": "date", "format": "%d %b %Y", "constraints": {"exclusiveMinimum": "03 Apr 2026"}},
        {"type": "date", "format": "%d.%m.%Y", "constraints": {"minimum": "01.02.0999"}},
        {"type": "datetime", "format": "%d.%m.%Y %H:%M", "constraints": {"enum": ["03.04.2026 10:30"]}},
        {"type": "datetime", "constraints": {"maximum": "2026-04-03T10:30:00.5"}},
        {"type": "number", "decimalChar": ",", "groupChar": ".", "constraints": {"minimum": "0,125"}},
        {"type": "boolean", "trueValues": ["true", "True", "TRUE"], "falseValues": ["no", "No", "NO"],
         "constraints": {"enum": [True]}},
    ],
)  # fmt: skip
def test_a_field_comes_back_as_it_was(field: dict[str, Any]) -> None:
    assert to_schema(imported({"fields": [{"name": "a", **field}]}))["fields"] == [{"name": "a", **field}]


def test_a_field_keeps_its_own_missing_values() -> None:
    schema = {
        "fields": [
            {"name": "a", "type": "integer"},
            {"name": "b", "type": "integer", "missingValues": ["", "NA"]},
        ],
        "missingValues": ["", "-"],
        "foreignKeys": [{"fields": ["b"], "reference": {"resource": "t", "fields": ["c"]}}],
    }
    once = imported(schema)
    again = imported(to_schema(once))
    assert [rule["missing"] for rule in once.document()["steps"][0]["rules"]] == [["-"], ["NA"], ["NA"]]
    assert again == once


def test_a_schema_within_a_pipeline_comes_back_with_its_words() -> None:
    schema = {"fields": [{"name": "a", "title": "A", "type": "integer"}], "version": "1.2"}
    pipeline = build({"steps": [{"step": "trim"}, {"step": "validate", "schema": schema}]})
    assert to_schema(pipeline) == schema
    assert to_schema(build(pipeline.document()))["fields"][0]["title"] == "A"


def test_missing_values_of_all_fields_are_told_once() -> None:
    made = to_schema(imported({"fields": [{"name": "a", "type": "integer"}], "missingValues": ["", "NA"]}))
    assert (made["missingValues"], made["fields"]) == (["", "NA"], [{"name": "a", "type": "integer"}])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([{"column": "a", "matches": "x.*"}, {"column": "a", "matches": ".*y"}], "two for 'a'"),
        ([{"column": "a", "type": "integer", "max_length": 3}], "maxLength for the type string only"),
        ([{"column": "a", "type": "date", "matches": "-?\\d{4,}"}], "pattern for the type string only"),
        ([{"where": "a + b > 5"}], "cannot express the condition"),
        ([{"column": "a", "type": "date", "format": ["%d.%m.%Y", "%d/%m/%Y"]}], "several"),
        (
            [{"column": "a", "type": "datetime", "format": "%d.%m.%Y %H:%M", "below": "2026-04-03T10:30:15"}],
            "cannot express 2026-04-03T10:30:15",
        ),
        (
            [{"column": "a", "required": True}, {"column": "a", "type": "integer", "missing": ["-"]}],
            "one missingValues for a field",
        ),
    ],
)
def test_a_rule_without_counterpart_is_refused(found: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        to_schema(build({"steps": [{"step": "validate", "rules": found}]}))


def test_a_pipeline_without_one_check_has_no_schema() -> None:
    with pytest.raises(InvalidOption, match="has no steps validate"):
        to_schema(build({"steps": []}))


def test_a_data_package_has_the_schema_of_a_resource() -> None:
    one = {"name": "one", "schema": {"fields": [{"name": "a", "constraints": {"required": True}}]}}
    two = {"name": "two", "schema": {"fields": [{"name": "b", "type": "array"}]}}
    package = json.dumps({"resources": [{"name": "none"}, one, two]})
    assert to_schema(from_schema(package, "x", "one"))["fields"][0]["name"] == "a"
    with pytest.raises(InvalidPipeline, match="one, two"):
        from_schema(package, "x")
    with pytest.raises(InvalidPipeline) as caught:
        from_schema(package, "x", "two")
    assert caught.value.errors[0].pointer == "/resources/2/schema/fields/0"
