"""Finds the files that describe device kinds.

devices/KIND.yaml beside the graph   >   $KOKORO_RUN_DEVICES, folders   >   configs/devices/KIND.yaml
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from runner.files.locate import data_root

if TYPE_CHECKING:
    from runner.graph.yaml_node import Node

VARIABLE = "KOKORO_RUN_DEVICES"


def find_device_files(graphs: Iterable[Path]) -> dict[str, Path]:
    """Find the files of device kinds: kind -> file. A folder named earlier wins.

    They are in the folder `devices` beside a graph of `graphs`, in the folders of $KOKORO_RUN_DEVICES, and in
    configs/devices.
    """
    named = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    folders = [path.parent / "devices" for path in graphs]
    folders += [*(Path(folder).expanduser() for folder in named), data_root() / "configs" / "devices"]
    files = [path for folder in reversed(folders) for path in sorted(folder.glob("*.yaml"))]
    return {path.stem: path.absolute() for path in files}


def list_graph_files(tree: Node) -> list[Path]:
    """List the files of the graph itself: its own, and those of the graphs that it extends."""
    extended = tree.get("extends")
    return [Path(tree.origin.file), *(Path(node.value) for node in (extended.value if extended is not None else []))]
