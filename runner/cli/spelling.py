"""Spells messages of the runner as the command line does: an argument in backquotes becomes the option for it.

`only` cannot be combined with `start`   -->   --only cannot be combined with --from
set params.sped=1: ...                   -->   --set params.sped=1: ...
"""

from __future__ import annotations

import re

_OPTIONS = {
    "`only`": "--only",
    "`start`": "--from",
    "`until`": "--until",
    "`refresh`": "--refresh",
    "`skip_unknown`": "--skip-unknown",
}
_SET = re.compile(r"^set (?=[a-z_.]+=)", re.MULTILINE)  # the origin of a value that an option set

_Table = dict[str, str | int | None]


def spell_options(message: str) -> str:
    """Replace the arguments that a message names by options."""
    for argument, option in _OPTIONS.items():
        message = message.replace(argument, option)
    return _SET.sub("--set ", message)


def spell_table(mistake: _Table) -> _Table:
    """Replace the arguments that the texts of a mistake name by options."""
    return {key: spell_options(value) if isinstance(value, str) else value for key, value in mistake.items()}
