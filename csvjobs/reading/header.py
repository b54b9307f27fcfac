"""The header row into column names: trimmed, none blank, none twice."""

from __future__ import annotations

from collections.abc import Iterable


def column_names(cells: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """The names, and a warning for each that had to be made up or changed beyond trimming."""
    given = [cell.strip().removeprefix("\ufeff").strip() for cell in cells]
    taken, numbers = set(given), dict[str, int]()
    names: dict[str, None] = {}
    warnings: list[str] = []
    for place, name in enumerate(given, 1):
        made = name or f"column_{place}"
        if made in (names if name else taken):
            made = _numbered(made, taken, numbers)
        if made != name:
            said = (
                f"is called {made!r}, a second one of its name" if name else f"has no name: called {made!r}"
            )
            warnings.append(f"Column {place} {said}.")
        taken.add(made)
        names[made] = None
    return tuple(names), warnings


def numbered_names(width: int) -> tuple[str, ...]:
    """Names for a file without a header row."""
    return tuple(f"column_{place}" for place in range(1, width + 1))


def _numbered(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    """`numbers`: the last one tried of each name, so that thousands of one name are no long search."""
    number = numbers.get(name, 1) + 1
    while f"{name}_{number}" in taken:
        number += 1
    numbers[name] = number
    return f"{name}_{number}"
