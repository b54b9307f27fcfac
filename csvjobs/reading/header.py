"""The header row into column names: trimmed, none blank, none twice."""

from __future__ import annotations

from collections.abc import Iterable


def column_names(cells: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """The names, and a warning for each that had to be made up or changed beyond trimming."""
    given = [cell.strip().removeprefix("\ufeff") for cell in cells]
    taken = set(given)
    names: list[str] = []
    warnings: list[str] = []
    for place, name in enumerate(given, 1):
        made = name or f"column_{place}"
        if (name and name in names) or (not name and made in taken):
            made = _numbered(made, taken)
        if made != name:
            said = (
                f"is called {made!r}, a second one of its name" if name else f"has no name: called {made!r}"
            )
            warnings.append(f"Column {place} {said}.")
        taken.add(made)
        names.append(made)
    return tuple(names), warnings


def numbered_names(width: int) -> tuple[str, ...]:
    """Names for a file without a header row."""
    return tuple(f"column_{place}" for place in range(1, width + 1))


def _numbered(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
