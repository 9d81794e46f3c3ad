"""Writes the script `run` of a bundle: it refuses a Python that the bundle is not for, and starts the program."""

from __future__ import annotations

import os
import sys

from runner.bundle.layout import MARK, PYTHON, RUN, Entry

# It must be read by any Python 3, so that another one than the bundle's is told, not a syntax error.
_SCRIPT = '''\
#!/usr/bin/env python3
"""Speaks; `run --help` lists the options. All that it imports is in this folder, which may be moved."""

import json
import os
import sys

EXPECTED = ({tag!r}, {machine!r})  # the Python and the processor that the libraries in this folder are for
found = (sys.implementation.cache_tag, os.uname().machine)
if found != EXPECTED:
    sys.stderr.write(
        "%s: got %s on %s, expected %s on %s: start it with that Python, or make a bundle with this one\\n"
        % ((sys.argv[0],) + found + EXPECTED)
    )
    sys.exit(2)

folder = os.path.dirname(os.path.realpath(__file__))
sys.dont_write_bytecode = True  # the bytecode is there already
sys.path.insert(0, os.path.join(folder, {python!r}))


def check():
    """Find a file that a copy of the bundle lacks before Python misses it."""
    try:
        with open(os.path.join(folder, {mark!r}), encoding="utf-8") as file:
            files = json.load(file)["files"]
        code = (name for name in files if name.startswith({python!r} + "/") and ".dist-info/" not in name)
        lost = next((name for name in code if find_size(os.path.join(folder, name)) != files[name]["size"]), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        lost = {mark!r}
    if lost is not None:
        sys.stderr.write("%s is missing or damaged: copy the bundle again\\n" % os.path.join(folder, lost))
        sys.exit(2)


def find_size(path):
    try:
        return os.stat(path).st_size
    except OSError:
        return None


check()

from runner.bundle.machine import prepare

prepare(folder)

from runner.bundle.program import main

main(folder)
'''


def make_launcher() -> Entry:
    """Make the script for this Python and this processor."""
    values = {"tag": sys.implementation.cache_tag, "machine": os.uname().machine, "python": PYTHON, "mark": MARK}
    return Entry(RUN, _SCRIPT.format(**values).encode(), executable=True)
