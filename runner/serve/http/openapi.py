"""Describes the endpoints for programs, in OpenAPI 3.1: GET /openapi.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.serve.http.speech_body import AUDIO_FORMATS, SpeechBody

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.serve.settings import ServeSettings

_JSON = "application/json"
_REFUSALS = {
    400: "What is asked for cannot be spoken; `param` names the field.",
    401: "The key is missing, or another.",
    403: "A web page of another origin asks.",
    404: "There is nothing of this name.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "No byte of the range is there.",
    421: "The server is not called by this name.",
    429: "All places of the queue are taken: try again after the time in Retry-After.",
    500: "The server failed; its log says how, under the id in X-Request-Id.",
    503: "The server is about to end.",
    504: "This takes longer than the server allows.",
}
_TEXTS = ("input", "phonemes")  # fields of a body, of which it has one
_OF_ALL = (401, 403, 421, 500)
_OF_SPEECH = (400, 404, 408, 413, 415, 429, 503, 504)


def describe(settings: ServeSettings, media_types: Mapping[str, str]) -> dict[str, Any]:
    """Make the description.

    Args:
        media_types: audio format -> its type.
    """
    schema = SpeechBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = {**schema.pop("$defs", {}), "SpeechBody": _limit(schema, settings), "Error": _describe_error()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "kokoro-run", "version": "1", "description": "Speech, as by OpenAI's endpoint."},
        "paths": {
            "/v1/audio/speech": {"post": _describe_speech(media_types)},
            "/v1/audio/results/{id}": {"get": _describe_result(media_types), "parameters": [_PATH_ID]},
            "/v1/audio/results/{id}/timing": {
                "get": {
                    "summary": "When each word is spoken.",
                    "responses": _describe_ranges({_JSON: {"schema": _TIMING}}),
                },
                "parameters": [_PATH_ID],
            },
            "/v1/audio/voices": {"get": _get("The voices.", _list_of("voices", "id", "name"))},
            "/v1/audio/models": {"get": _get("The models.", _list_of("models", "id"))},
            "/v1/models": {"get": _get("The models, as OpenAI lists them.", _MODELS)},
            "/v1/models/{id}": {"get": _get("A model.", _MODEL, (404,)), "parameters": [_PATH_ID]},
            "/healthz": {"get": _open(_get("Whether the server is alive.", _STATUS))},
            "/readyz": {"get": _open(_get("Whether it takes requests.", _STATUS, (503,)))},
            "/metrics": {"get": _describe_metrics()},
            "/openapi.json": {"get": _get("This description.", {"type": "object"})},
        },
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}] if settings.key else [],
    }


_PATH_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_STATUS = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
_MODEL = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
    },
    "required": ["id", "object", "created", "owned_by"],
}
_MODELS = {
    "type": "object",
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}},
    "required": ["object", "data"],
}
_WORD = {
    "type": "object",
    "properties": {
        "word": {"type": "string"},
        "start": {"type": "number", "description": "Seconds from the start of the whole."},
        "end": {"type": "number"},
        "phonemes": {"type": "string"},
        "paragraph": {"type": "integer", "description": "From 0."},
        "column": {"type": "integer", "description": "Character of the paragraph, from 1."},
    },
    "required": ["word", "start", "end", "phonemes", "paragraph", "column"],
}
_TIMING = {
    "type": "object",
    "properties": {"words": {"type": "array", "items": _WORD}},
    "required": ["words"],
}
_EVENTS = """Events, each `data: ` and an object of JSON, parted by blank lines.

- `{"type": "speech.audio.delta", "audio": "..."}`: bytes of the file, in base64
- `{"type": "speech.audio.timing", "words": [...]}`: in front of their audio, if `return_timing` is true
- `{"type": "speech.audio.done", "usage": {"input_tokens", "output_tokens", "total_tokens"}}`: the end. Tokens in are
  symbols of phonemes, tokens out are frames of 25 ms.
- `{"type": "error", "error": {...}}`: it broke off; no other event comes
"""


def _limit(schema: dict[str, Any], settings: ServeSettings) -> dict[str, Any]:
    """Add what the settings of the server, and the text in one of two fields, ask of a body."""
    properties = schema["properties"]
    properties["model"]["enum"] = list(settings.models)
    text = {"type": ["string", "null"], "minLength": 1, "maxLength": settings.longest_input, "pattern": r"\S"}
    for name in _TEXTS:
        properties[name] = {**text, "description": properties[name]["description"]}
    return {**schema, "oneOf": [_require(name) for name in _TEXTS]}


def _require(given: str) -> dict[str, Any]:
    """Say that one of the fields of text is there, and no other; null is as good as absent."""
    kinds = {name: {"type": "string" if name == given else "null"} for name in _TEXTS}
    return {"required": [given], "properties": kinds}


def _describe_speech(media_types: Mapping[str, str]) -> dict[str, Any]:
    spoken = {
        "description": "The audio, as it is made; or events.",
        "headers": {
            "X-Audio-Length": _header("`exact`, if Content-Length is there from the start; else `unknown`."),
            "X-Result": _header("Path of the whole."),
            "X-Ignored": _header("Fields that have no effect."),
        },
        "content": {**_describe_audio(media_types), "text/event-stream": {"schema": {"description": _EVENTS}}},
    }
    return {
        "operationId": "speak",
        "summary": "Speak.",
        "requestBody": {"required": True, "content": {_JSON: {"schema": {"$ref": "#/components/schemas/SpeechBody"}}}},
        "responses": {"200": spoken, **_refuse((*_OF_ALL, *_OF_SPEECH))},
    }


def _describe_result(media_types: Mapping[str, str]) -> dict[str, Any]:
    responses = _describe_ranges(_describe_audio(media_types))
    return {"operationId": "get_result", "summary": "Give finished audio, or a range of it.", "responses": responses}


def _describe_audio(media_types: Mapping[str, str]) -> dict[str, Any]:
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _list_types(media_types)}


def _describe_ranges(content: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the answers of a route that gives ranges of a content."""
    return {
        "200": {"description": "All of it.", "content": content},
        "206": {"description": "The range that was asked for.", "content": content},
        "304": {"description": "The client has it: its If-None-Match names it."},
        **_refuse((*_OF_ALL, 404, 416)),
    }


def _describe_metrics() -> dict[str, Any]:
    answer = {"description": "In Prometheus' format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"summary": "What was counted.", "responses": {"200": answer, **_refuse(_OF_ALL)}}


def _get(summary: str, schema: Mapping[str, Any], refusals: Sequence[int] = ()) -> dict[str, Any]:
    answer = {"description": summary, "content": {_JSON: {"schema": schema}}}
    return {"summary": summary, "responses": {"200": answer, **_refuse((*_OF_ALL, *refusals))}}


def _open(operation: dict[str, Any]) -> dict[str, Any]:
    """Say that an operation needs no key; and what is not ready tells its status, not an error."""
    responses = {status: answer for status, answer in operation["responses"].items() if status != "401"}
    if "503" in responses:
        responses["503"] = {**responses["200"], "description": _REFUSALS[503]}
    return {**operation, "responses": responses, "security": []}


def _refuse(statuses: Sequence[int]) -> dict[str, Any]:
    content = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {str(status): {"description": _REFUSALS[status], "content": content} for status in sorted(statuses)}


def _describe_error() -> dict[str, Any]:
    text_or_none = {"type": ["string", "null"]}
    fields = {"message": {"type": "string"}, "type": {"type": "string"}, "param": text_or_none, "code": text_or_none}
    error = {"type": "object", "properties": fields, "required": list(fields)}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}


def _list_of(name: str, *fields: str) -> dict[str, Any]:
    item = {"type": "object", "properties": {field: {"type": "string"} for field in fields}, "required": list(fields)}
    return {"type": "object", "properties": {name: {"type": "array", "items": item}}, "required": [name]}


def _header(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "schema": {"type": "string"}}


def _list_types(media_types: Mapping[str, str]) -> list[str]:
    return [media_types[name] for name in AUDIO_FORMATS]
