"""Reads the file of --lexicon, and checks it before anything runs.

names.tsv --read--> its content, the value of params.lexicon --check--> every line has a word and known phonemes
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import RunError, printable
from runner.files.errors import reading
from runner.graph.types import PARAMETERS, Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.cli.settings import Settings
    from runner.graph.types import Graph

LEXICON = "lexicon"
_LANG, _AMERICAN = "lang", "en-us"


def read_lexicon_file(path: Path) -> str:
    """Read the content of a lexicon.

    Raises:
        RunError: the file cannot be read, or is not UTF-8.
    """
    name = printable(str(path))
    with reading(f"--lexicon {name}"):
        data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{data[error.start]:02x}"
        raise RunError(f"--lexicon {name}: line {number}: not UTF-8: {byte}; save the file as UTF-8") from None


def check_lexicon(graph: Graph, config: Mapping[str, Any], settings: Settings) -> None:
    """Check that the graph takes the lexicon of the settings, if they name one, and that each line of it can be spoken.

    Args:
        config: the keys of the model's config.json.

    Raises:
        RunError: it does not, or a line cannot; the message names it.
    """
    if settings.lexicon is None:
        return
    from stages.text.languages import find_language
    from stages.text.user_lexicon import LexiconError, read_lexicon

    name, lang = printable(str(settings.lexicon)), str(graph.params.get(_LANG, _AMERICAN))
    ref = Ref(PARAMETERS, LEXICON)
    if not any(wire.ref == ref for spec in graph.stages.values() for wire in spec.inputs.values()):
        fact = f"no stage of {graph.path} takes params.{LEXICON}"
        raise RunError(f"--lexicon {name}: {fact}; give a graph of English text, such as `text`")
    try:
        find_language(lang)
    except ValueError as error:
        raise RunError(f"params.{_LANG}: {error}") from None
    try:
        read_lexicon(settings.lexicon_content, "".join(config.get("vocab", {})), lang)
    except LexiconError as error:
        raise RunError(f"--lexicon {name}: {error}") from None
