"""Checks the header of a table, which names its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import RunError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_FIXES = {
    ",": "name it .csv, or read it as kind 'csv'",
    ";": "save it with commas, or with tabs as .tsv; a spreadsheet writes semicolons where the decimal sign is a comma",
    "\t": "name it .tsv, or read it as kind 'tsv'",
    "|": "save it with commas; LJSpeech's metadata.csv, which has no header, is read as kind 'ljspeech'",
}
_SHOWN = 60  # characters of a header in messages
_MOST_LISTED = 8


def name_columns(fields: Sequence[str], delimiter: str, origin: str) -> list[str]:
    """Give the names of the columns, without spaces around them; `column3` for the third one if it has no name.

    Args:
        delimiter: what parts the fields of the file.
        origin: the line in messages.

    Raises:
        RunError: another delimiter parts them, or two have one name.
    """
    for other, name in _NAMES.items():
        if other != delimiter and other in fields[0]:
            shown = printable(fields[0][:_SHOWN])
            fact = f"the header begins with '{shown}': {name} part its columns, expected {_NAMES[delimiter]}"
            raise RunError(f"{origin}: {fact}; {_FIXES[other]}")
    names = [field.strip() or f"column{number}" for number, field in enumerate(fields, 1)]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        places = " and ".join(str(number) for number, name in enumerate(names, 1) if name == twice)
        raise RunError(f"{origin}: the header has '{printable(twice)}' more than once: columns {places}; rename one")
    return names


def describe_count(found: int, names: Sequence[str], hint: str) -> str:
    """Say that a record has too many or too few fields."""
    listed = printable(", ".join(names[:_MOST_LISTED])) + (", ..." if len(names) > _MOST_LISTED else "")
    count = f"{found} field{'' if found == 1 else 's'}"
    return f"has {count}, expected {len(names)} as the header ({listed}); {hint}"
