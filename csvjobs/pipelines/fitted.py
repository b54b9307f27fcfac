"""fitted.json: everything a run has learnt, with a hash, for other runs to apply instead of learning."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from csvjobs.errors import InvalidFitted, InvalidPipeline, PipelineMismatch
from csvjobs.pipelines.learnt import LearntStep
from csvjobs.pipelines.spec import Pipeline, build, digest

FORMAT = 3
READABLE = (2, FORMAT)
"""Format 2 lacks the formats found by `cast`, which are then detected in the file at hand."""

MAX_TEXT = 8 * 1024**2
NAMED = 12
"""The most columns that a note lists; it counts all of them."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Pipeline(_Strict):
    name: str
    sha256: str
    document: dict[str, Any]


class _Document(_Strict):
    format: int
    sha256: str
    pipeline: _Pipeline
    columns: tuple[str, ...]
    steps: tuple[LearntStep, ...]


@dataclass(frozen=True)
class Fitted:
    """A fitted.json as read; `columns` are those of the file that was learnt from."""

    text: str
    sha256: str
    pipeline: Pipeline
    columns: tuple[str, ...]
    steps: tuple[LearntStep, ...]

    def same(self, given: Pipeline) -> Pipeline:
        """The pipeline, if its steps are those that learnt. Its read and write options may differ.

        Raises PipelineMismatch.
        """
        if given.steps != self.pipeline.steps:
            learnt = f"{self.pipeline.name!r} (sha256 {self.pipeline.sha256[:12]}…)"
            raise PipelineMismatch(
                f"The values were learnt by {learnt}, and {given.name!r} (sha256 {given.sha256[:12]}…) has "
                "other steps.",
                hint="Leave the pipeline out: fitted parameters come with their steps.",
            )
        return given

    def notes(self, columns: Sequence[str]) -> list[str]:
        """What differs between the columns of a file and those that were learnt from."""
        gone = [name for name in self.columns if name not in columns]
        new = [name for name in columns if name not in self.columns]
        notes = [f"{_counted(gone)} of the fitted file, missing here: {_listed(gone)}."] if gone else []
        notes += [f"{_counted(new)} not in the fitted file, kept: {_listed(new)}."] if new else []
        common = [name for name in columns if name in self.columns]
        if common != [name for name in self.columns if name in columns]:
            notes.append(
                "The columns are in another order than in the fitted file; they are matched by name."
            )
        return notes


def write(pipeline: Pipeline, columns: Sequence[str], steps: Iterable[LearntStep]) -> str:
    """The text of a fitted.json. Numbers are written so that they read back as the same doubles."""
    ref = {"name": pipeline.name, "sha256": pipeline.sha256, "document": pipeline.document()}
    content: dict[str, Any] = {"format": FORMAT, "pipeline": ref, "columns": list(columns)}
    content["steps"] = [step.model_dump(exclude_defaults=True) for step in steps]
    return json.dumps({"sha256": digest(content), **content}, ensure_ascii=False, indent=1) + "\n"


def read(text: str) -> Fitted:
    """Parses and verifies a fitted.json. Raises InvalidFitted."""
    raw = _load(text)
    if raw.get("format") not in READABLE:
        found = f"The fitted.json is of format {str(raw.get('format'))[:20]}"
        raise InvalidFitted(
            f"{found}; only formats {READABLE[0]} and {FORMAT} can be applied.", hint="Learn again."
        )
    if raw.get("sha256") != digest({name: value for name, value in raw.items() if name != "sha256"}):
        changed = "The fitted.json was changed after it was written: its content has another sha256."
        raise InvalidFitted(changed, hint="Take the fitted.json as the job has it, or learn again.")
    try:
        document = _Document.model_validate(raw)
        pipeline = build(document.pipeline.document)
    except (ValidationError, InvalidPipeline) as error:
        raise InvalidFitted(f"The fitted.json does not hold what it should: {_reason(error)}") from None
    return Fitted(text, document.sha256, pipeline, document.columns, document.steps)


def _load(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise InvalidFitted(f"The fitted.json is longer than {MAX_TEXT} characters.")
    try:
        raw = json.loads(text)
        # JSON escapes can spell lone surrogates, which no file can contain.
        json.dumps(raw, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidFitted(
            "The fitted.json is not JSON.", hint="Give a job's id, or the fitted.json of a job."
        ) from None
    if not isinstance(raw, dict):
        raise InvalidFitted("The fitted.json is not a JSON object.")
    return raw


def _reason(error: ValidationError | InvalidPipeline) -> str:
    if isinstance(error, InvalidPipeline):
        return str(error)
    first = error.errors()[0]
    return f"/{'/'.join(map(str, first['loc']))}: {first['msg']}."


def _counted(names: Sequence[str]) -> str:
    return "1 column" if len(names) == 1 else f"{len(names)} columns"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:NAMED])) + (", …" if len(names) > NAMED else "")
