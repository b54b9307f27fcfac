"""csvjobs steps"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any

import typer
import yaml

from csvjobs.errors import InvalidOption
from csvjobs.pipelines.catalogue import BY_NAME, STEPS, wire_name
from csvjobs.pipelines.step import Step


def steps(
    name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The reference of all steps.")] = False,
) -> None:
    """List the steps of which pipelines are made, or explain one.

    Example: `csvjobs steps fill_missing`
    """
    if markdown:
        typer.echo(reference(), nl=False)
    elif name is None:
        for called, step in BY_NAME.items():
            typer.echo(f"{called:<14} {_paragraphs(step)[0]}")
    elif name in BY_NAME:
        typer.echo(page(BY_NAME[name]), nl=False)
    else:
        near = get_close_matches(name, BY_NAME, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(BY_NAME)}."
        raise InvalidOption(f"There is no step {name!r}.", hint=hint)


def reference() -> str:
    """All steps as one Markdown page."""
    head = (
        "# Steps\n\nMade by `csvjobs steps --markdown`. Each example is run as a test.\n\n"
        'A cell is missing when it is empty, quoted (`""`) or not, or one of the texts of the read option '
        "`nulls`\n(`read: {nulls: [NA, n/a]}`), which holds for all steps and changes no cell by itself.\n"
    )
    return "\n".join([head, *(page(step) for step in STEPS)])


def page(step: type[Step]) -> str:
    """One step: what it does, its options, an example."""
    example = yaml.safe_dump([{"step": wire_name(step), **step.example.options}], sort_keys=False)
    tables = (f"With the table `{name}`\n\n```csv\n{text}```\n" for name, text in step.example.tables.items())
    return "\n".join(
        [
            f"## {wire_name(step)}\n",
            "\n\n".join(_paragraphs(step)),
            _table(step.model_json_schema()),
            *(_part(name, part) for name, part in _parts(step)),
            f"\n```yaml\nsteps:\n{example}```\n",
            *tables,
            f"```csv\n{step.example.before}```\n\nbecomes\n\n```csv\n{step.example.after}```\n",
        ]
    )


def _table(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = (
        _option(name, {**option, "required": name in required})
        for name, option in schema["properties"].items()
        if name != "step"
    )
    return "\n".join(["\n| option | what it is | when left out |\n|---|---|---|", *rows])


def _parts(step: type[Step]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Options that are lists of mappings, by their names, where each option of these is described."""
    schema = step.model_json_schema()
    for name, option in schema["properties"].items():
        part = schema.get("$defs", {}).get(option.get("items", {}).get("$ref", "").split("/")[-1])
        if part and all("description" in one for one in part["properties"].values()):
            yield name, part


def _part(name: str, part: dict[str, Any]) -> str:
    return f"\nEach of `{name}`: {' '.join(part['description'].split())}\n{_table(part)}"


def _option(name: str, option: dict[str, Any]) -> str:
    left_out = "required" if option["required"] else _default(option.get("default"))
    return f"| `{name}` | {option.get('description', '')}{_choices(option)} | {left_out} |"


def _default(default: Any) -> str:
    if default in (None, []):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _choices(option: dict[str, Any]) -> str:
    return f" One of {', '.join(f'`{one}`' for one in option['enum'])}." if "enum" in option else ""


def _paragraphs(step: type[Step]) -> list[str]:
    return [" ".join(part.split()) for part in (step.__doc__ or "").split("\n\n")]
