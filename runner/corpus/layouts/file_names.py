"""Makes names of files from ids, so that every reader takes them as names and nothing else.

    a/b:c    -->  a%2Fb%3Ac     characters that paths, URLs or patterns use
    __init   -->  %5F_init      `datasets` skips names that begin with two underscores
    100%     -->  100%25        so that no two ids have one name

An id that would be longer than 200 bytes then is cut, and ends with `%~` and a digest of the whole.
"""

from __future__ import annotations

import hashlib
import re

_MOST_BYTES = 200  # a name has at most 255 on nearly every file system; an extension comes behind
_DIGITS = 32
_SPECIAL = re.compile(r'[%/\\|:*?"<>\[\]#]|^_(?=_)')


def name_file(id: str, also: re.Pattern[str] | None = None) -> str:  # noqa: A002 - the row's
    """Make the name of a file, without an extension, from the id of a row; different ids have different names.

    Args:
        id: of a row; it does not begin with a dot.
        also: finds more ASCII characters to escape, one at a time.
    """
    name = _SPECIAL.sub(_escape, id)
    while also is not None and also.search(name):  # an escape may end what is found: `eval` becomes `%65val`
        name = also.sub(_escape, name)
    return name if len(name.encode()) <= _MOST_BYTES else _cut(name)


def _escape(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _cut(name: str) -> str:
    end = f"%~{hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]}"
    kept = name.encode()[: _MOST_BYTES - len(end)].decode("utf-8", "ignore")
    return re.sub("%[0-9A-F]?$", "", kept) + end
