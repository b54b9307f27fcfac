"""Uploads by curl, so that the sender costs the same whoever receives."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


def put(url: str, file: Path) -> None:
    """Sends the file as the body of a PUT."""
    _curl("--upload-file", str(file), url)


def post_raw(url: str, file: Path) -> Any:
    """Sends the file as the body of a POST; returns the JSON of the answer."""
    text = ["--header", "Content-Type: text/csv"]
    return json.loads(_curl("--request", "POST", *text, "--upload-file", str(file), url))


def post_form(url: str, file: Path) -> Any:
    """Sends the file as a form (multipart/form-data); returns the JSON of the answer."""
    return json.loads(_curl("--form", f"file=@{file};type=text/csv", url))


def _curl(*arguments: str) -> str:
    command = ["curl", "--silent", "--show-error", "--fail-with-body", *arguments]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"curl ended with {finished.returncode}: {finished.stdout}")
    return finished.stdout
