"""The options of a run, beside the inputs of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.graph.selection import Scope

if TYPE_CHECKING:
    from runner.graph.types import Ref


@dataclass(frozen=True)
class RunOptions:
    """The options of one run; the default is the whole graph with its own parameters.

    Attributes:
        params: values in place of the graph's own parameters, by name.
        keep: return every port of the stages that were needed, by 'stage.port', beside the graph's outputs.
        override: 'stage.port' -> value that replaces the stage's output there. Stages that nothing else needs do not
            run.
        scope: the part of the graph to run, and the stages to run although their results are in the cache.
        label: names the run in warnings, traces and reports, such as `ipa.txt:7`; '' for none.
        retain: ports whose arrays stay in memory until the run has ended.
        explain: find out how the key of each stage that runs differs from those in the cache (`StageRun.reason`).
    """

    params: Mapping[str, object] = field(default_factory=dict)
    keep: bool = False
    override: Mapping[str, Any] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)
    label: str = ""
    retain: frozenset[Ref] = frozenset()
    explain: bool = False
