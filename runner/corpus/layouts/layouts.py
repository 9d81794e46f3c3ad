"""The layouts by their names, and the check that one of them takes an audio format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.corpus.layouts.folder import FolderLayout
from runner.corpus.layouts.ljspeech import LJSpeechLayout
from runner.corpus.layouts.nemo import NemoLayout
from runner.corpus.layouts.parquet import ParquetLayout
from runner.corpus.layouts.webdataset import WebDatasetLayout
from runner.errors import RunError, suggest
from runner.speech.encoders.formats import make_encoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.corpus.layouts.layout import Layout

_ALL: tuple[Layout, ...] = (LJSpeechLayout(), NemoLayout(), ParquetLayout(), WebDatasetLayout(), FolderLayout())
LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in _ALL}


def find_layout(name: str) -> Layout:
    """Find the layout of this name.

    Raises:
        RunError: there is none.
    """
    if name not in LAYOUTS:
        raise RunError(f"layout {name}: there is none of this name{suggest(name, LAYOUTS)}")
    return LAYOUTS[name]


def choose_format(layout: Layout, format: str | None, rate_hz: int) -> str:  # noqa: A002 - of `encode`
    """Choose the audio format of a layout: `format`, or the layout's default for None.

    Raises:
        RunError: the layout's readers do not open it, or it cannot have this rate.
    """
    if format is None:
        format = layout.formats[0]  # noqa: A001
    if format not in layout.formats:
        there = ", ".join(layout.formats)
        others = ", ".join(other.name for other in _ALL if format in other.formats)
        hint = f", or one of the layouts {others}" if others else ""
        raise RunError(f"format {format}: the readers of the layout {layout.name} open {there}; ask for that{hint}")
    make_encoder(format, rate_hz, 0)
    return format
