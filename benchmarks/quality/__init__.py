"""The quality of speech by the real model: words that a recogniser hears, a predicted opinion, distance in log mel.

`python -m benchmarks.quality` measures; docs/quality.md has the table and explains it.
"""
