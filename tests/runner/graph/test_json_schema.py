"""The JSON Schema for editors."""

from __future__ import annotations

import json

from runner.graph.schema import GraphEntry, StageEntry, graph_schema
from tests.runner.graphs import ROOT


def test_the_committed_schema_is_that_of_the_models() -> None:
    """Write it anew with `kokoro-run schema > graphs/graph.schema.json`."""
    assert (ROOT / "graphs/graph.schema.json").read_text(encoding="utf-8") == graph_schema()


def test_the_schema_has_every_key_and_no_other() -> None:
    schema = json.loads(graph_schema())
    assert set(schema["then"]["properties"]) == set(schema["else"]["properties"]) == set(GraphEntry.model_fields)
    assert set(schema["$defs"]["StageEntry"]["properties"]) == set(StageEntry.model_fields)
    assert schema["then"]["additionalProperties"] is schema["else"]["additionalProperties"] is False
    assert schema["$defs"]["StageEntry"]["additionalProperties"] is False


def test_the_default_graph_points_editors_at_it() -> None:
    first = (ROOT / "graphs/default.yaml").read_text(encoding="utf-8").split("\n")[0]
    assert first == "# yaml-language-server: $schema=graph.schema.json"
