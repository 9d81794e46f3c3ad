"""The description of the endpoints is true: schemathesis asks for what it allows and for what it does not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from runner.serve.http.openapi import describe
from runner.serve.http.speech_body import SpeechBody
from runner.serve.settings import ServeSettings
from runner.speech.encoders.formats import FORMATS
from tests.runner.serve.http.conftest import KEY, Serve, Server

EXAMPLES = 25  # of each operation and phase
LONGEST = 40  # characters that are spoken for one of them


@pytest.fixture(scope="module")
def short_server(serve: Serve) -> Iterator[Server]:
    """A server of short texts, which any may be."""
    with serve(key=KEY, longest_input=LONGEST) as started:
        yield started


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_answers_are_those_that_are_described(short_server: Server, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{short_server.url}/openapi.json", headers=short_server.headers)
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(headers=short_server.headers, excluded_checks=[positive_data_acceptance])

        with contextlib.suppress(Unsatisfiable):  # of what has no parameter, nothing wrong can be asked
            ask()
    assert asked > EXAMPLES


def test_description_names_every_route_and_no_other(server: Server) -> None:
    described = server.get("/openapi.json").json()
    assert described["openapi"] == "3.1.0"
    known = set(described["paths"])
    for path in known - {path for path in known if "{" in path} - {"/v1/audio/speech"}:
        assert server.get(path).status_code == 200
    assert set(described["components"]["schemas"]["SpeechBody"]["properties"]) == set(SpeechBody.model_fields)
    assert described["components"]["schemas"]["SpeechBody"]["properties"]["input"]["maxLength"] == 4096


def test_description_says_whether_a_key_is_needed() -> None:
    assert describe(ServeSettings(), FORMATS)["security"] == []
    assert describe(ServeSettings(key="k"), FORMATS)["security"] == [{"key": []}]
