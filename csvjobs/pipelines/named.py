"""Pipelines by name: the built-in `tidy`, the *.yaml files of one folder, and what clients store there."""

from __future__ import annotations

import builtins
import re
from difflib import unified_diff
from pathlib import Path

from csvjobs.errors import InvalidOption, InvalidPipeline, PipelineFixed, PipelineNotFound, nearest
from csvjobs.pipelines.spec import Pipeline, parse
from csvjobs.pipelines.stored import Fits, StoredPipelines, whatever

TIDY = Pipeline(
    name="tidy",
    description="Valid UTF-8 CSV out, blank lines dropped, bad rows set aside; no value changed.",
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VERSIONED = re.compile(rf"({NAME.pattern})(?:@(\d{{1,9}}))?")
STORED = "stored"


class NamedPipelines:
    """The pipelines in `folder`, each named after its file; the folder may be missing. Files placed there win
    over stored pipelines of the same name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stored = StoredPipelines(folder / STORED)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted({TIDY.name} | self._files() | set(self.stored.names()))

    def get(self, name: str, version: int | None = None) -> Pipeline:
        """The pipeline of that name, in the given or the newest version. Raises PipelineNotFound,
        InvalidPipeline."""
        if not self._fixed(name) and self.versions(name):
            return self.stored.get(name, version)
        if version is not None or not self._fixed(name):
            known = self.names()
            near = nearest(name, known)
            some = f"Known: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}."
            asked = name if version is None else f"{name}@{version}"
            hint = f"Did you mean {near!r}?" if near else some
            raise PipelineNotFound(f"There is no pipeline {asked!r}.", hint=hint)
        path = self.folder / f"{name}.yaml"
        if not path.is_file():
            return TIDY
        return parse(_text(path)).model_copy(update={"name": name})

    def versions(self, name: str) -> builtins.list[int]:
        """The numbers of its stored versions, oldest first; empty for a pipeline that is a file."""
        named = NAME.fullmatch(name) and not self._fixed(name)
        return self.stored.versions(name) if named else []

    def put(self, name: str, text: str, fits: Fits = whatever) -> tuple[Pipeline, bool]:
        """Stores YAML or JSON as the newest version of that name; also returns whether this made a new
        version.

        fits: as for StoredPipelines.put. Raises InvalidPipeline, InvalidOption, PipelineFixed; as
        StoredPipelines.put.
        """
        self._check_name(name)
        return self.stored.put(parse(text).model_copy(update={"name": name}), fits)

    def check(self, name: str, fits: Fits = whatever) -> None:
        """Raises what `put` raises whatever the pipeline is: InvalidOption, PipelineFixed,
        PreconditionFailed."""
        self._check_name(name)
        self.stored.check(name, fits)

    def delete(self, name: str) -> None:
        """Deletes what is stored under that name. Raises PipelineNotFound, PipelineFixed."""
        self._check_free(name)
        if not self.versions(name):
            self.get(name)
        self.stored.delete(name)

    def diff(self, one: str, other: str) -> str:
        """How the pipeline `other` differs from `one`, each a name or name@version, as a unified diff of
        their YAML; empty if they are equal. Raises PipelineNotFound, InvalidPipeline."""
        then, now = (self.called(name).yaml().splitlines(keepends=True) for name in (one, other))
        return "".join(unified_diff(then, now, one, other))

    def list(self) -> list[Pipeline]:
        """All valid pipelines; `csvjobs doctor` lists the invalid ones."""
        return [pipeline for name in self.names() if (pipeline := self._valid(name))]

    def resolve(self, text: str | None) -> Pipeline:
        """A pipeline from a client's text: empty (tidy), a name, name@version, or the pipeline as YAML or
        JSON.

        Raises PipelineNotFound, InvalidPipeline.
        """
        if text is None or not text.strip():
            return self.get(TIDY.name)
        return self.called(text.strip()) if VERSIONED.fullmatch(text.strip()) else parse(text)

    def called(self, text: str) -> Pipeline:
        """The pipeline of that name or name@version. Raises PipelineNotFound, InvalidPipeline."""
        match = VERSIONED.fullmatch(text)
        return self.get(match[1], int(match[2])) if match and match[2] else self.get(text)

    def _fixed(self, name: str) -> bool:
        return name == TIDY.name or name in self._files()

    def _files(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.yaml")}

    def _check_name(self, name: str) -> None:
        if not NAME.fullmatch(name):
            hint = "Letters, digits, dot, - and _; at most 100, a letter or digit first."
            raise InvalidOption(f"A pipeline cannot be called {name[:120]!r}.", hint=hint)
        self._check_free(name)

    def _check_free(self, name: str) -> None:
        if self._fixed(name):
            what = "is built in" if name == TIDY.name else "is a file of the service's own"
            raise PipelineFixed(f"The pipeline {name!r} {what}.", hint=PipelineFixed.help())

    def _valid(self, name: str) -> Pipeline | None:
        try:
            return self.get(name)
        except InvalidPipeline:
            return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 text: {error}"
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    raise InvalidPipeline([InvalidOption(f"The file {path.name} {why}.")])
