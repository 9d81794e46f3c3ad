"""Describes stages and their contracts in text, for `kokoro-run stages`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.files.locate import display_path
from runner.graph.contracts import display_name
from runner.graph.stage_list import can_be_parameter
from runner.inspect.columns import align

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.graph.stage_list import ListedStage
    from stages.contract import Contract


def describe_all(found: Sequence[ListedStage]) -> str:
    """Give a line for each stage: name, kind, what it does."""
    rows = [(stage.name, stage.kind or "unreadable", stage.sentence or stage.fault) for stage in found]
    return "\n".join(align(rows, left=3))


def describe(stage: ListedStage) -> str:
    """Give the contract of a stage.

    Args:
        stage: one that could be read.
    """
    assert stage.text is not None
    assert stage.path is not None
    how = f"compiled, entry {stage.text.entry}" if stage.text.is_class else "Python"
    head = f"{display_name(stage.name)}: {how}, {stage.text.definition} of {display_path(stage.path)}"
    sentence = [f"  {stage.sentence}"] if stage.sentence else []
    return "\n".join([head, *sentence, *(f"  {line}" for line in align(_list_ports(stage.text.contract), left=4))])


def _list_ports(contract: Contract) -> list[tuple[str, str, str, str]]:
    """List the ports, and what the stage reads beside them: side, name, type, meaning."""
    inputs = [
        ("input", name, str(port.type), port.doc + (" (may be a parameter)" if can_be_parameter(port) else ""))
        for name, port in contract.inputs.items()
    ]
    outputs = [("output", name, str(port.type), port.doc) for name, port in contract.outputs.items()]
    others = (
        ("weights", contract.weights, "tensors of the checkpoint that begin so"),
        ("config", contract.config, "key of the model's config.json"),
        ("file", contract.files, "read, beside the stage's own file"),
        ("package", contract.packages, "called"),
    )
    read = [(what, name, "", meaning) for what, names, meaning in others for name in names]
    return [*inputs, *outputs, *read]
