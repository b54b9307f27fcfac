"""Makes a pipeline that checks against a Table Schema, and the Table Schema of such a pipeline."""

from __future__ import annotations

from typing import Any

from csvjobs.errors import CsvjobsError, InvalidOption, InvalidPipeline, place_of
from csvjobs.pipelines.plain import plain
from csvjobs.pipelines.spec import MAX_NAME, Pipeline, build
from csvjobs.pipelines.steps.validate import Validate
from csvjobs.pipelines.table_schema import table_schema


def is_schema(data: Any) -> bool:
    """Whether plain data is a Table Schema, or a Data Package that contains some."""
    return isinstance(data, dict) and ("fields" in data or "resources" in data)


def from_schema(text: str, name: str, resource: str | None = None) -> Pipeline:
    """A pipeline of one step, with rules for everything in a Table Schema, which may be that of a resource in
    a Data Package. `text`: JSON or YAML.

    Raises InvalidPipeline with everything that cannot be checked, each with its JSON pointer.
    """
    pointer, schema = _schema(plain(text), resource)
    try:
        step = build({"steps": [{"step": "validate", "schema": schema}]}).steps[0]
    except InvalidPipeline as invalid:
        raise InvalidPipeline([_moved(error, pointer) for error in invalid.errors]) from None
    assert isinstance(step, Validate) and step.table_schema  # noqa: S101, PT018 (as it was given)
    told = step.table_schema
    rules = [rule.model_dump(mode="json", exclude_defaults=True) for rule in told.rules()]
    check = {"step": "validate", "columns": told.names, "columns_match": told.match, "rules": rules}
    return build({"name": name[:MAX_NAME] or "unnamed", "steps": [check]})


def to_schema(pipeline: Pipeline) -> dict[str, Any]:
    """The Table Schema of the pipeline's validate step. Raises InvalidOption if there is not exactly one such
    step, or a rule has no counterpart."""
    checks = [step for step in pipeline.steps if isinstance(step, Validate)]
    if len(checks) != 1:
        found = f"The pipeline {pipeline.name!r} has {len(checks) or 'no'} steps validate"
        raise InvalidOption(f"{found}; a Table Schema is made from exactly one.")
    [check] = checks
    if check.table_schema:
        return check.table_schema.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return table_schema(check.columns, check.columns_match, check.rules)


def _schema(data: Any, resource: str | None) -> tuple[str, Any]:
    """The Table Schema and its pointer. Raises InvalidPipeline."""
    if not is_schema(data):
        raise _no("This is neither a Table Schema nor a Data Package.", "")
    if "fields" in data:
        return "", data
    listed = data["resources"] if isinstance(data["resources"], list) else []
    entries = enumerate(listed)
    found = {
        str(one.get("name")): place for place, one in entries if isinstance(one, dict) and "schema" in one
    }
    if resource is None and len(found) == 1:
        [resource] = found
    if resource not in found:
        known = ", ".join(found) or "none with a schema"
        raise _no(f"The Data Package has the resources: {known}. Say which one is meant.", "/resources")
    return f"/resources/{found[resource]}/schema", listed[found[resource]]["schema"]


def _no(message: str, pointer: str) -> InvalidPipeline:
    return InvalidPipeline([InvalidOption(message, pointer=pointer)])


def _moved(error: CsvjobsError, pointer: str) -> InvalidOption:
    """The fault with its pointer relative to what was given."""
    inner = "/steps/0/schema"
    message = error.message.replace(place_of(inner, "validate"), pointer, 1)
    return InvalidOption(message, hint=error.hint, pointer=(error.pointer or "").replace(inner, pointer, 1))
