"""Parses and validates pipelines: YAML or JSON in; a frozen Pipeline, or all its faults, out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SerializeAsAny, ValidationError
from pydantic.fields import FieldInfo

from csvjobs.engines.options import WriteOptions
from csvjobs.errors import CsvjobsError, InvalidOption, InvalidPipeline, nearest
from csvjobs.pipelines.catalogue import BY_NAME, ELSEWHERE, option_meant
from csvjobs.pipelines.plain import plain
from csvjobs.pipelines.report import ReportOptions
from csvjobs.pipelines.step import Step
from csvjobs.reading.options import ReadOptions

MAX_STEPS = 200
MAX_NAME = 100
MAX_SHOWN = 100

M = TypeVar("M", bound=BaseModel)


class Pipeline(BaseModel):
    """A named list of steps with read, write and report options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("unnamed", min_length=1, max_length=MAX_NAME)
    description: str = Field("", max_length=2000)
    read: ReadOptions = ReadOptions()
    steps: tuple[SerializeAsAny[Step], ...] = ()
    write: WriteOptions = WriteOptions()
    report: ReportOptions = ReportOptions()
    _version: int | None = PrivateAttr(None)

    @property
    def version(self) -> int | None:
        """Its number, if it is stored in versions under its name; not part of the document."""
        return self._version

    def numbered(self, version: int | None) -> Pipeline:
        """A copy marked as that version."""
        made = self.model_copy()
        made._version = version
        return made

    def yaml(self) -> str:
        """The pipeline as YAML, without defaults; `parse` restores it."""
        # Excludes None as well: in a pipeline file, null would be a text like any other.
        document = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
        if "write" in document:
            document["write"] = self.write.given
        if self.steps:
            options = zip(self.steps, document["steps"], strict=True)
            document["steps"] = [{"step": step.step, **given} for step, given in options]
        return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)

    def document(self) -> dict[str, Any]:
        """The whole pipeline as plain data; `build` restores it."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=False)

    @property
    def sha256(self) -> str:
        return digest(self.document())


class _Dumper(yaml.SafeDumper):
    """Escapes a next line (U+0085) within a text: unescaped, YAML reads it as a space."""

    def analyze_scalar(self, scalar: str) -> Any:
        analysis = super().analyze_scalar(scalar)
        analysis.allow_single_quoted &= "\x85" not in scalar
        return analysis


def digest(data: dict[str, Any]) -> str:
    """The SHA-256 of the canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> Pipeline:
    """A pipeline from YAML or JSON text. Scalars stay text until an option requires a type, so that `equals:
    00042` and `equals: NO` mean what they say. Raises InvalidPipeline."""
    return build(plain(text))


def from_file(text: str, filename: str) -> str:
    """The text of a pipeline file, with the file's name added if the pipeline has none; any other text
    unchanged."""
    try:
        loaded = plain(text)
    except InvalidPipeline:
        return text
    name = PurePath(filename).stem[:MAX_NAME]
    if not isinstance(loaded, dict) or "name" in loaded or not name:
        return text
    return json.dumps({"name": name, **loaded}, ensure_ascii=False)


def build(data: Any) -> Pipeline:
    """A pipeline from plain data. Raises InvalidPipeline with all faults, each with its JSON pointer."""
    if not isinstance(data, dict):
        said = f"A pipeline is a mapping with the key 'steps' (found {_shown(data)})."
        raise InvalidPipeline([InvalidOption(said, hint="Write `steps:` above the steps.").at("")])
    errors: list[CsvjobsError] = []
    steps = _steps(data.get("steps", []), errors)
    pipeline = _validated(Pipeline, {**data, "steps": steps}, "", errors)
    if errors or pipeline is None:
        raise InvalidPipeline(errors)
    return pipeline


def with_read(pipeline: Pipeline, options: dict[str, str]) -> Pipeline:
    """The pipeline with read options declared outside it, which win. Raises InvalidPipeline."""
    if not options:
        return pipeline
    errors: list[CsvjobsError] = []
    merged = pipeline.read.model_dump() | options
    read = _validated(ReadOptions, merged, "/read", errors)
    if errors or read is None:
        raise InvalidPipeline(errors)
    return pipeline.model_copy(update={"read": read})


def _steps(raw: Any, errors: list[CsvjobsError]) -> list[Step]:
    if not isinstance(raw, list) or len(raw) > MAX_STEPS:
        found = f"{len(raw)} steps" if isinstance(raw, list) else _shown(raw)
        said = f"'steps' is a list of at most {MAX_STEPS} steps (found {found})."
        errors.append(InvalidOption(said, hint="Each step begins with `- step:`.").at("/steps"))
        return []
    made = [_step(entry, f"/steps/{place}", errors) for place, entry in enumerate(raw)]
    errors.extend(_misplaced(made))
    return [step for step in made if step is not None]


def _misplaced(steps: Sequence[Step | None]) -> Iterator[InvalidOption]:
    """Errors for steps that reject rows after a step that leaves no rows of the file."""
    maker: Step | None = None
    for place, step in enumerate(steps):
        if step and maker and step.rejects:
            said = f"Step {step.step} cannot reject rows after {maker.step}: they are not rows of the file."
            hint = f"Put it before {maker.step}, or set on_fail to fail, keep or null."
            yield InvalidOption(said, hint=hint).at(f"/steps/{place}", step.step)
        maker = step if step and step.makes_rows else maker


def _step(raw: Any, pointer: str, errors: list[CsvjobsError]) -> Step | None:
    name = raw.get("step") if isinstance(raw, dict) else None
    if not isinstance(name, str):
        said = f"A step is a mapping with the key 'step' (found {_shown(raw)})."
        errors.append(InvalidOption(said, hint=_meant(raw)).at(pointer))
        return None
    if name not in BY_NAME:
        unknown = _unknown("step", name, list(BY_NAME), ELSEWHERE.get(name.lower()))
        errors.append(unknown.at(f"{pointer}/step"))
        return None
    return _validated(BY_NAME[name], raw, pointer, errors, name)


def _meant(raw: Any) -> str:
    """A hint how to write the step, as far as it can be guessed."""
    pairs = raw if isinstance(raw, dict) else {raw: None} if isinstance(raw, str) else {}
    for key, value in pairs.items():
        if isinstance(value, str) and value in BY_NAME:
            return f"Write `step: {value}` for `{key}: {value}`."
        if key in BY_NAME:
            options = value if isinstance(value, dict) else {}
            return f"Write `{_flow({'step': key, **options})}`."
    return "For example: `{step: trim, columns: [name]}`. `csvjobs steps` lists all."


def _flow(data: dict[str, Any]) -> str:
    """The data as YAML on one line."""
    return yaml.safe_dump(
        data, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    ).strip()


def _shown(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _unknown(kind: str, name: str, known: list[str], meant: str | None = None) -> InvalidOption:
    near = meant or nearest(name, known)
    hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}."
    return InvalidOption(f"There is no {kind} {name!r}.", hint=hint)


def _validated(
    model: type[M], data: Any, pointer: str, errors: list[CsvjobsError], step: str = ""
) -> M | None:
    try:
        return model.model_validate(data)
    except ValidationError as invalid:
        for fault in invalid.errors():
            places = (place.replace("~", "~0").replace("/", "~1") for place in _place(data, fault))
            errors.append(_fault(model, fault).at("/".join([pointer, *places]), step))
        return None


def _place(data: Any, fault: Any) -> Iterator[str]:
    """Where in the data the fault is. Pydantic's place also names types, and options of our own making."""
    places = fault["loc"]
    for at, place in enumerate(places, 1):
        inside = data if isinstance(data, dict) else range(len(data) if isinstance(data, list) else 0)
        if place in inside:
            data = data[place]
            yield str(place)
        elif fault["type"] == "missing" and at == len(places):
            yield str(place)


def _fault(model: type[BaseModel], fault: Any) -> InvalidOption:
    if fault["type"] == "extra_forbidden":
        known = list(_fields(_within(model, fault["loc"])))
        name = str(fault["loc"][-1])
        meant = option_meant(name, known) if issubclass(model, Step) else None
        return _unknown("option", name, known, meant)
    if fault["type"] == "missing":
        return InvalidOption("This option must be given.")
    found = f" (found {_shown(fault['input'])})"
    message = (
        fault["msg"]
        .removeprefix("Value error, ")
        .replace(" after validation", "")
        .replace("dictionary", "mapping")
    )
    listed = fault["type"] in ("list_type", "tuple_type") and isinstance(fault["input"], str)
    hint = f"Write `[{fault['input']}]`." if listed else None
    if fault["type"] in ("string_pattern_mismatch", "dict_type"):
        hint = _described(model, fault["loc"])
    return InvalidOption(f"{message}{found}.", hint=hint)


def _described(model: type[BaseModel], place: tuple[Any, ...]) -> str | None:
    """What the option at `place` means, in words that a pattern does not have."""
    fields = _fields(_within(model, place))
    return next((fields[name].description for name in reversed(place) if name in fields), None)


def _within(model: type[BaseModel], place: tuple[Any, ...]) -> type[BaseModel]:
    """The part of the model that the option at `place` belongs to."""
    for name in place[:-1]:
        field = _fields(model).get(str(name))
        model = next(_models(field.annotation), model) if field else model
    return model


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The options of a model by the names used in pipelines."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type annotation, such as that of a list's items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
