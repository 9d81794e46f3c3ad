"""`python -m training.lexicon compile WHEEL OUT`: the wheel of misaki 0.9.4 to a lexicon, in about 15 seconds.

    pip download misaki==0.9.4 --no-deps
    python -m training.lexicon compile misaki-0.9.4-py3-none-any.whl stages/text/english.lexicon

The same wheel gives the same bytes. And `python -m training.lexicon measure LEXICON FILE` compares the words of a text
with phonemes that another front end gave, and prints those that differ; `training.lexicon.measure` describes the file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stages.contract import StageError
from stages.text.lexicon import Lexicon
from stages.text.words import Pronouncer
from training.errors import TrainingError
from training.lexicon.measure import compare, read_sentences
from training.lexicon.merge import merge
from training.lexicon.wheel import read_wheel
from training.lexicon.writer import write_lexicon


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 with a message."""
    given = _parser().parse_args(arguments)
    try:
        sys.stdout.write(given.command(given))
    except (TrainingError, StageError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


def _compile(given: argparse.Namespace) -> str:
    words = merge(read_wheel(given.wheel))
    content = write_lexicon(words)
    given.out.write_bytes(content)
    return f"{given.out}: {len(words)} words, {len(content)} bytes\n"


def _measure(given: argparse.Namespace) -> str:
    pronouncer = Pronouncer(Lexicon(given.lexicon), given.british)
    return str(compare(read_sentences(given.file), pronouncer))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.lexicon", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    compiling = commands.add_parser("compile", help="write the lexicon")
    compiling.add_argument("wheel", type=Path, help="the published wheel of misaki 0.9.4")
    compiling.add_argument("out", type=Path, help="the file to write")
    compiling.set_defaults(command=_compile)
    measuring = commands.add_parser("measure", help="compare words with given phonemes")
    measuring.add_argument("lexicon", type=Path)
    measuring.add_argument("file", type=Path, help="a sentence a line: text, tab, phonemes")
    measuring.add_argument("--british", action="store_true")
    measuring.set_defaults(command=_measure)
    return parser


if __name__ == "__main__":
    sys.exit(main())
