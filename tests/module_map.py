"""Writes docs/map.md: every file of `runner` and `stages` with the first sentence of its docstring.

python -m tests.module_map > docs/map.md
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from tests.conftest import ROOT

ROOMS = (
    "cli",
    "corpus",
    "serve",
    "bundle",
    "speech",
    "batch",
    "inspect",
    "engine",
    "build",
    "cache",
    "runtime",
    "model",
    "graph",
    "files",
)
FOLDERS = (
    "runner",
    *(f"runner/{room}" for room in ROOMS),
    "runner/corpus/engines",
    "runner/corpus/sources",
    "runner/corpus/layouts",
    "runner/speech/encoders",
    "runner/serve/http",
    "runner/serve/wyoming",
    "stages",
    "stages/layers",
    "stages/kernels",
    "stages/operators",
    "stages/text",
)


def make_map(root: Path = ROOT) -> str:
    """Make the text of docs/map.md."""
    command = "`python -m tests.module_map > docs/map.md`"
    head = f"# Map\n\nEvery file, with the first sentence of its docstring. {command} writes this page.\n"
    return head + "".join(f"\n## {folder}\n\n{_table(root / folder)}" for folder in FOLDERS)


def _table(folder: Path) -> str:
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    rows = "".join(f"| `{path.name}` | {first_sentence(path)} |\n" for path in files)
    return f"{first_sentence(folder / '__init__.py')}\n\n| file | |\n| --- | --- |\n{rows}"


def first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0].replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(make_map())
