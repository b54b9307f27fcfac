"""What a page tells its reader to type, and whether that prints what the page says."""

from __future__ import annotations

import re
from typing import NamedTuple

JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


class Command(NamedTuple):
    line: str
    prints: str


def links(page: str) -> list[tuple[str, str]]:
    """Where its links lead, except to other sites: the path, and what follows the #."""
    return re.findall(r"\]\(([^)#:\s]*)#?([^):\s]*)\)", FENCED.sub("", page))


def anchors(page: str) -> set[str]:
    """The names by which links reach its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[Command]:
    text = "".join(blocks(page, "console"))
    return [_command(part) for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]


def _command(part: str) -> Command:
    """The lines typed, of which all but the first begin with >, and what stands below them."""
    typed = re.match(r"[^\n]*\n(?:> [^\n]*\n)*", part)
    assert typed
    return Command(typed[0].replace("\n> ", "\n").rstrip("\n"), part[typed.end() :])


def agrees(told: str, printed: str) -> bool:
    """Whether it printed what was told; … stands for anything, and every job has an id of its own."""
    pattern = JOB_ID.sub(JOB_ID.pattern.replace("\\", "\\\\"), re.escape(told.strip()).replace("\\-", "-"))
    return bool(re.fullmatch(pattern.replace("…", ".*"), printed.strip(), re.DOTALL))
