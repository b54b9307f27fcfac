"""Pipelines by name: the built-in `tidy` and the *.yaml files of one folder."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from csvjobs.errors import InvalidPipeline, PipelineNotFound
from csvjobs.pipelines.spec import Pipeline, parse

TIDY = Pipeline(
    name="tidy",
    description="Valid UTF-8 CSV out, blank lines dropped, bad rows set aside; no value changed.",
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class NamedPipelines:
    """The pipelines of `folder`; a file's name is the pipeline's. A missing folder holds none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted({TIDY.name} | {path.stem for path in self.folder.glob("*.yaml")})

    def get(self, name: str) -> Pipeline:
        """The pipeline of that name. Raises PipelineNotFound, InvalidPipeline."""
        if name not in self.names():
            near = get_close_matches(name, self.names(), n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(self.names())}."
            raise PipelineNotFound(f"There is no pipeline {name!r}.", hint=hint)
        path = self.folder / f"{name}.yaml"
        if not path.is_file():
            return TIDY
        return parse(path.read_text("utf-8")).model_copy(update={"name": name})

    def list(self) -> list[Pipeline]:
        """All pipelines that are valid; `csvjobs doctor` names those that are not."""
        return [pipeline for name in self.names() if (pipeline := self._valid(name))]

    def resolve(self, text: str | None) -> Pipeline:
        """A pipeline from what a client sent: nothing (tidy), a name, or the pipeline as YAML or JSON.

        Raises PipelineNotFound, InvalidPipeline.
        """
        if text is None or not text.strip():
            return self.get(TIDY.name)
        return self.get(text.strip()) if NAME.fullmatch(text.strip()) else parse(text)

    def _valid(self, name: str) -> Pipeline | None:
        try:
            return self.get(name)
        except InvalidPipeline:
            return None
