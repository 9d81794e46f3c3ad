"""The silence between rows, besides that which an utterance begins and ends with."""

from __future__ import annotations

LINE_PAUSE_S, PARAGRAPH_PAUSE_S = 0.3, 0.6
