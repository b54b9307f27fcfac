"""Type options shared by steps: how a cell must be written to be read as a value of a type."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import DIRECTIVES
from csvjobs.pipelines.readings import Digits, Moment, Reading, Words

PARTS = {"%y": "%Y", "%b": "%m", "%B": "%m", "%I": "%H"}
"""Directives for the same part of a date as another one."""

TRUE = ["true", "t", "yes", "y", "on", "1"]
FALSE = ["false", "f", "no", "n", "off", "0"]

FOR = {"decimal": "integer decimal float", "group": "integer decimal float", "format": "date datetime",
       "true": "boolean", "false": "boolean"}  # fmt: skip
"""The types that each option applies to."""


def _format(text: str) -> str:
    found = re.findall("%.?", text.removesuffix("%z"))
    for directive in found:
        if directive not in DIRECTIVES:
            said = "{directive} is not one of {known}, nor %z at the end"
            known = {"directive": repr(directive), "known": ", ".join(DIRECTIVES)}
            raise PydanticCustomError("bad_format", said, known)
    parts = [PARTS.get(directive, directive) for directive in found]
    if len(set(parts)) < len(parts) or not {"%Y", "%m", "%d"} <= set(parts):
        raise PydanticCustomError("bad_format", "A format has each of year, month and day once: %d.%m.%Y")
    if ("%I" in found) != ("%p" in found):
        raise PydanticCustomError("bad_format", "%I and %p must be used together")
    return text


def listed(given: object) -> object:
    """A single text as a list of one."""
    return [given] if isinstance(given, str) else given


Type = Literal["integer", "decimal", "float", "boolean", "date", "datetime"]
"""The type that all cells of a column can be read as, in its standard written form."""

DecimalSign = Literal[".", ","]
GroupSign = Literal[".", ",", " ", "'", "’", "_"]
Formats = Annotated[
    list[Annotated[str, Field(max_length=100), AfterValidator(_format)]],
    BeforeValidator(listed),
    Field(min_length=1, max_length=50),
]
Word = Annotated[list[str], Field(min_length=1)]


class Notation(Protocol):
    """The options of a step for how values are written."""

    @property
    def decimal(self) -> DecimalSign: ...
    @property
    def group(self) -> GroupSign | None: ...
    @property
    def format(self) -> list[str] | None: ...
    @property
    def true(self) -> list[str]: ...
    @property
    def false(self) -> list[str]: ...


def check_notation(options: BaseModel, notation: Notation, called: str, to: str | None) -> None:
    """Raises PydanticCustomError if notation options contradict each other or do not apply to the type `to`.
    `options`: the same object; `called`: the name of its type option."""
    for option in options.model_fields_set & set(FOR):
        default = type(options).model_fields[option].default
        if (to or "") not in FOR[option].split() and getattr(options, option) != default:
            said = "The option {option} is not for {called}: {to}"
            found = {"option": option, "called": called, "to": to or "text"}
            raise PydanticCustomError("unused", said, found)
    if notation.decimal == notation.group:
        raise PydanticCustomError("same_sign", "Decimal and group are the same sign")
    if both := {word.lower() for word in notation.true} & {word.lower() for word in notation.false}:
        said = "{word} is used for both true and false"
        raise PydanticCustomError("same_word", said, {"word": repr(min(both))})


def readings(to: Type, notation: Notation, common: Sequence[str]) -> tuple[Reading, ...]:
    """The ways to read a cell as that type; `common`: the formats of dates or times to try if none is
    given."""
    match to:
        case "integer" | "decimal" | "float":
            return (Digits(to, notation.decimal, notation.group or ""),)
        case "boolean":
            return (Words(tuple(notation.true), tuple(notation.false)),)
        case "date" | "datetime":
            return tuple(Moment(to, strptime) for strptime in notation.format or common)
