"""Converts a Table Schema of the Data Package standard, v1 and v2, into rules and back.

Source: https://datapackage.org/standard/table-schema/. What has no counterpart in rules is refused with its
position, never dropped silently; what only describes (title, description, example, rdfType) is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.errors import InvalidOption
from csvjobs.pipelines.rules import Constant, Constants, Rule, value
from csvjobs.pipelines.types import DecimalSign, GroupSign, listed

PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"

Match = Literal["exact", "equal", "subset", "superset", "partial"]

SHAPES = {
    ("string", "email"): r"[^@\s]+@[^@\s]+",
    ("string", "uri"): r"[A-Za-z][A-Za-z0-9+.-]*:\S+",
    ("string", "uuid"): r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    ("string", "binary"): r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    ("time", "default"): r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?",
    ("year", "default"): r"-?\d{4,}",
    ("yearmonth", "default"): r"-?\d{4,}-(0[1-9]|1[0-2])",
}
"""Types and formats that only constrain how a text looks, as regular expressions."""
SHAPED = {pattern: kind for kind, pattern in SHAPES.items()}

TYPES = {
    **{"integer": "integer", "number": "float", "boolean": "boolean"},
    **{"date": "date", "datetime": "datetime", "year": "integer"},
}
YEAR = {"integer", "year"}
"""The types of the two rules that a year is: what value it has, and how it looks."""
PLAIN = ("string", "any", "time", "yearmonth")
BOUNDS = {
    **{"minimum": "at_least", "exclusiveMinimum": "above"},
    **{"maximum": "at_most", "exclusiveMaximum": "below"},
}
BACK = {ours: theirs for theirs, ours in BOUNDS.items()}
TRUE, FALSE = ["true", "True", "TRUE", "1"], ["false", "False", "FALSE", "0"]


def _values(given: Any) -> Any:
    """The values of a list whose items may have labels."""
    if not isinstance(given, list):
        return given
    return [one.get("value") if isinstance(one, dict) else one for one in given]


Names = Annotated[list[str], BeforeValidator(listed), Field(min_length=1)]
Missing = Annotated[list[str], BeforeValidator(_values)]


def _first(given: Any) -> Any:
    """The item of a list of one: the JSON profile of version 2.0 has a list where the standard's text says a
    string."""
    return given[0] if isinstance(given, list) and len(given) == 1 else given


class Constraints(BaseModel):
    """The constraints on the values of a field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: bool = False
    unique: bool = False
    pattern: str | None = None
    enum: Constants | None = Field(None, min_length=1)
    minimum: Constant | None = None
    exclusiveMinimum: Constant | None = None  # noqa: N815 (as the standard has it)
    maximum: Constant | None = None
    exclusiveMaximum: Constant | None = None  # noqa: N815
    minLength: int | None = Field(None, ge=0)  # noqa: N815
    maxLength: int | None = Field(None, ge=0)  # noqa: N815

    @model_validator(mode="before")
    @classmethod
    def _no_json(cls, given: Any) -> Any:
        if isinstance(given, dict) and "jsonSchema" in given:
            raise PydanticCustomError("unsupported", "The constraint jsonSchema cannot be checked here")
        return given


class SchemaField(BaseModel):
    """One column."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    name: str
    type: str = "any"
    format: str = "default"
    constraints: Constraints = Constraints()
    decimal: DecimalSign = Field(".", alias="decimalChar")
    group: GroupSign | None = Field(None, alias="groupChar")
    bare: bool = Field(True, alias="bareNumber")
    true: list[str] = Field(TRUE, alias="trueValues")
    false: list[str] = Field(FALSE, alias="falseValues")
    categories: Annotated[Constants, BeforeValidator(_values)] | None = None
    missing: Missing | None = Field(None, alias="missingValues")

    @model_validator(mode="after")
    def _has_rules(self) -> SchemaField:
        if self.type not in (*TYPES, *PLAIN):
            said = "The type {type} cannot be checked here; known are {known}"
            known = ", ".join([*PLAIN[:2], *TYPES, *PLAIN[2:]])
            raise PydanticCustomError("unsupported", said, {"type": self.type, "known": known})
        if not self.bare:
            raise PydanticCustomError("unsupported", "bareNumber: false cannot be checked here")
        self._check_format()
        self._check_constraints()
        self._check_categories()
        _has_empty(self.missing)
        try:
            self.rules(self.missing or [])
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise PydanticCustomError("no_rule", "{said}", {"said": said}) from None
        return self

    def rules(self, missing: Iterable[str], *, required: bool = False, unique: bool = False) -> list[Rule]:
        """The rules for the field's cells; texts of `missing` count as missing. Raises ValidationError."""
        limits = self.constraints
        options: dict[str, Any] = {
            "required": limits.required or required,
            "unique": limits.unique or unique,
            "type": TYPES.get(self.type),
            "matches": limits.pattern,
            "min_length": limits.minLength or None,
            "max_length": limits.maxLength,
            **self._constants(),
            **self._notation(),
        }
        each = [options, {"matches": SHAPES.get((self.type, self.format))}]
        told = [
            {name: given for name, given in some.items() if given is not None and given is not False}
            for some in each
        ]
        about = {"column": self.name, "missing": _texts(missing)}
        return [Rule.model_validate({**about, **given}) for given in told if given]

    def _constants(self) -> dict[str, Any]:
        """The options of a rule that hold values. Raises PydanticCustomError."""
        limits, among = self.constraints, self.constraints.enum or self.categories
        kind = {"type": TYPES.get(self.type), **self._notation()}
        rule = Rule.model_validate({"column": self.name, "required": True, **kind})
        bounds = {ours: (theirs, getattr(limits, theirs)) for theirs, ours in BOUNDS.items()}
        made: dict[str, Any] = {
            ours: _meant(rule, theirs, text) for ours, (theirs, text) in bounds.items() if text is not None
        }
        return made | ({"one_of": [_meant(rule, "enum", text) for text in among]} if among else {})

    def _notation(self) -> dict[str, Any]:
        match self.type:
            case "number":
                return {"decimal": self.decimal, "group": self.group}
            case "integer":
                return {"group": self.group, "decimal": "," if self.group == "." else "."}
            case "boolean":
                return {"true": _lower(self.true), "false": _lower(self.false)}
            case "date" | "datetime" if self.format != "default":
                return {"format": self.format.removeprefix("fmt:")}
            case _:
                return {}

    def _check_format(self) -> None:
        free = self.type in ("date", "datetime") and self.format != "any"
        if self.format != "default" and not free and (self.type, self.format) not in SHAPES:
            said = "The format {format} of the type {type} cannot be checked here"
            raise PydanticCustomError("unsupported", said, {"format": self.format, "type": self.type})

    def _check_constraints(self) -> None:
        for_text = ("pattern", "minLength", "maxLength")
        wrong = list(BOUNDS) if self.type in (*PLAIN, "boolean") else []
        wrong += [] if self.type in ("string", "any") else for_text
        for name in wrong:
            if getattr(self.constraints, name) is not None:
                said = "The constraint {name} cannot be checked for the type {type}"
                raise PydanticCustomError("unsupported", said, {"name": name, "type": self.type})

    def _check_categories(self) -> None:
        limits = self.constraints.enum or []
        if self.categories and (beyond := [text for text in limits if text not in self.categories]):
            said = "The enum has {text}, which is not among the categories"
            raise PydanticCustomError("not_among", said, {"text": repr(beyond[0])})


class OtherField(BaseModel):
    """The target of a foreign key: a field of a resource, which is the name of a table here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: str = ""
    fields: Names

    @model_validator(mode="after")
    def _another(self) -> OtherField:
        if not self.resource:
            raise PydanticCustomError(
                "unsupported", "A foreign key into the same table cannot be checked here"
            )
        return self


class ForeignKey(BaseModel):
    """A field whose values must be in a field of another table."""

    model_config = ConfigDict(frozen=True, extra="allow")

    fields: Names
    reference: OtherField

    @model_validator(mode="after")
    def _one_field(self) -> ForeignKey:
        if len(self.fields) > 1 or len(self.reference.fields) > 1:
            said = "A foreign key of several fields cannot be checked here"
            raise PydanticCustomError("unsupported", said)
        return self

    def rule(self, missing: list[str]) -> Rule:
        """The foreign key as a rule."""
        references = {"table": self.reference.resource, "column": self.reference.fields[0]}
        about = {"column": self.fields[0], "missing": _texts(missing)}
        return Rule.model_validate({**about, "references": references})


class TableSchema(BaseModel):
    """A Table Schema, validated to have a rule for everything in it."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    fields: list[SchemaField] = Field(min_length=1, max_length=1000)
    match: Annotated[Match, BeforeValidator(_first)] = Field("exact", alias="fieldsMatch")
    missing: Missing = Field([""], alias="missingValues")
    primary_key: Names | None = Field(None, alias="primaryKey")
    unique_keys: list[Names] = Field([], alias="uniqueKeys")
    foreign_keys: list[ForeignKey] = Field([], alias="foreignKeys")

    @model_validator(mode="after")
    def _has_rules(self) -> TableSchema:
        names = [field.name for field in self.fields]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise PydanticCustomError("twice", "Two fields are called {name}", {"name": repr(twice)})
        for name in (
            name for key in [*self._keys(), *(key.fields for key in self.foreign_keys)] for name in key
        ):
            if name not in names:
                raise PydanticCustomError("no_field", "There is no field {name}", {"name": repr(name)})
        if mixed := next((key for key in self._keys() if self._mixed(key)), None):
            said = "The fields of the key {key} have different missingValues, which cannot be checked here"
            raise PydanticCustomError("unsupported", said, {"key": ", ".join(mixed)})
        _has_empty(self.missing)
        return self

    @property
    def names(self) -> list[str]:
        """The names of its columns."""
        return [field.name for field in self.fields]

    def rules(self) -> list[Rule]:
        """The rules for its cells. Keys of several columns compare texts."""
        required = self.primary_key or []
        alone = [key[0] for key in self._keys() if len(key) == 1]
        rules = [
            rule
            for field in self.fields
            for rule in field.rules(
                self._missing(field.name),
                required=field.name in required,
                unique=field.name in alone,
            )
        ]
        rules += [key.rule(self._missing(key.fields[0])) for key in self.foreign_keys]
        several = [key for key in self._keys() if key[1:]]
        return rules + [
            Rule(columns=key, unique="together", missing=_texts(self._missing(key[0]))) for key in several
        ]

    def _mixed(self, key: Names) -> bool:
        return len({frozenset(_texts(self._missing(name))) for name in key}) > 1

    def _missing(self, name: str) -> list[str]:
        """The texts that count as missing in a field."""
        [own] = [field.missing for field in self.fields if field.name == name]
        return self.missing if own is None else own

    def _keys(self) -> list[list[str]]:
        return [key for key in (self.primary_key, *self.unique_keys) if key]


def _meant(rule: Rule, name: str, text: str) -> str:
    """The value of a constraint as an option of the rule: it is written as cells are, or as JSON's own
    numbers, true and false. Raises PydanticCustomError."""
    if not rule.readings:
        return text
    own = next((found for reading in rule.readings if (found := reading.meant(text))), text)
    told = {"name": name, "text": repr(text), "called": rule.readings[0].called, "one": own, "other": text}
    if (meant := _value(rule, own)) is None:
        raise PydanticCustomError("bad_value", "The constraint {name} {text} is not {called}", told)
    if _value(rule, text) not in (None, meant):
        said = "The constraint {name} {text} can mean {one} or {other}: write it unambiguously"
        raise PydanticCustomError("ambiguous", said, told)
    return own


def _value(rule: Rule, text: str) -> str | float | None:
    with suppress(ValueError):
        return value(rule.reads_as, text)
    return None


def _lower(words: Iterable[str]) -> list[str]:
    """The words in lower case, each once: rules ignore case."""
    return list(dict.fromkeys(word.lower() for word in words))


def _texts(missing: Iterable[str]) -> list[str]:
    """The texts that a rule names, for which an empty cell is missing anyway."""
    return [text for text in missing if text]


def _has_empty(missing: list[str] | None) -> None:
    if missing is not None and "" not in missing:
        said = "missingValues without an empty text cannot be checked here: an empty cell is always missing"
        raise PydanticCustomError("unsupported", said)


def table_schema(columns: Iterable[str] | None, match: Match, rules: Iterable[Rule]) -> dict[str, Any]:
    """The Table Schema equivalent to the rules, for these columns or those that the rules name. `on_fail` has
    no counterpart and is dropped. Raises InvalidOption for a rule without a counterpart."""
    fields: dict[str, dict[str, Any]] = {name: {"name": name} for name in columns or ()}
    keys, foreign = [], []
    for rule in rules:
        if rule.where is not None:
            raise InvalidOption(f"A Table Schema cannot express the condition {rule.where!r}.")
        for name in rule.names:
            _merge(fields.setdefault(name, {"name": name}), _field(rule), name)
        if rule.unique == "together":
            keys.append(rule.names)
        if rule.references:
            reference = {"resource": rule.references.table, "fields": [rule.references.column]}
            foreign += [{"fields": [name], "reference": reference} for name in rule.names]
    made = {"$schema": PROFILE, "fields": list(fields.values())}
    made |= {"fieldsMatch": match if columns else "subset", **_alike(fields.values())}
    return made | {name: told for name, told in {"uniqueKeys": keys, "foreignKeys": foreign}.items() if told}


def _alike(fields: Collection[dict[str, Any]]) -> dict[str, Any]:
    """The missingValues that all fields share, removed from them, to be stated once for the whole schema."""
    alike = [field.get("missingValues", [""]) for field in fields]
    shared = alike[0] if alike.count(alike[0]) == len(alike) else [""]
    for field, texts in zip(fields, alike, strict=True):
        if texts == shared:
            field.pop("missingValues", None)
    return {"missingValues": shared} if shared != [""] else {}


def _field(rule: Rule) -> dict[str, Any]:
    """The field descriptor of one rule, without its name."""
    limits: dict[str, Any] = {"required": rule.required, "unique": rule.unique is True}
    enum = [_written(rule, text) for text in rule.one_of or []]
    limits |= {"pattern": rule.matches, "enum": enum or None}
    limits |= {BACK[ours]: _written(rule, text) for ours, text in rule.ranged.items()}
    limits |= {"minLength": rule.min_length, "maxLength": rule.max_length}
    given = {name: told for name, told in limits.items() if told is not None and told is not False}
    kind = _type(rule) or _shape(given)
    of_text = given.keys() & {"pattern", "minLength", "maxLength"}
    if of_text and rule.reads_as:
        only = f"A Table Schema has {', '.join(sorted(of_text))} for the type string only"
        raise InvalidOption(f"{only}, and {', '.join(rule.names)} has another one.")
    kind = {"type": "string"} if of_text else kind
    return {**kind, "missingValues": ["", *rule.missing], **({"constraints": given} if given else {})}


def _shape(given: dict[str, Any]) -> dict[str, Any]:
    """The type and format that a rule without a type stands for if it has nothing but their pattern, which is
    removed from what is given."""
    if given.keys() != {"pattern"} or given["pattern"] not in SHAPED:
        return {}
    kind, form = SHAPED[given.pop("pattern")]
    return {"type": kind} if form == "default" else {"type": kind, "format": form}


def _written(rule: Rule, text: str) -> Any:
    """A value of the rule as the field's cells have it; JSON's own true or false. Raises InvalidOption if the
    format has no room for all of it."""
    match rule.reads_as:
        case "boolean":
            return text == "true"
        case "integer" | "decimal" | "float":
            return text.replace(".", rule.decimal)
        case "date" | "datetime" if rule.format:
            moment = datetime.fromisoformat(text)
            told = moment.strftime(rule.format[0].replace("%Y", f"{moment.year:04}"))
            if rule.readings[0].meant(told) != value(rule.reads_as, text):
                raise InvalidOption(
                    f"The format {rule.format[0]} cannot express {text}, the bound of a rule."
                )
            return told
        case _:
            return text


def _type(rule: Rule) -> dict[str, Any]:
    match rule.reads_as:
        case None:
            return {}
        case "integer":
            return {"type": "integer", **({"groupChar": rule.group} if rule.group else {})}
        case "decimal" | "float":
            decimal = {"decimalChar": rule.decimal} if rule.decimal != "." else {}
            return {"type": "number", **decimal, **({"groupChar": rule.group} if rule.group else {})}
        case "boolean":
            return {"type": "boolean", "trueValues": _cases(rule.true), "falseValues": _cases(rule.false)}
        case kind:
            if len(rule.format or []) > 1:
                said = f"A Table Schema has one format for a field, and {', '.join(rule.names)} has several."
                raise InvalidOption(said)
            return {"type": kind, **({"format": rule.format[0]} if rule.format else {})}


def _cases(words: Iterable[str]) -> list[str]:
    """The words in their usual spellings: a Table Schema is case-sensitive."""
    return list(dict.fromkeys(case for w in words for case in (w, w.lower(), w.capitalize(), w.upper())))


def _merge(field: dict[str, Any], more: Mapping[str, Any], name: str) -> None:
    for key, told in more.items():
        if key == "constraints":
            _merge(field.setdefault(key, {}), told, name)
        elif key == "type" and {field.get(key), told} == YEAR:
            field[key] = "year"
        elif field.setdefault(key, told) != told:
            said = f"A Table Schema has one {key} for a field, and the rules have two for {name!r}."
            raise InvalidOption(said, hint="Merge them into one rule.")
