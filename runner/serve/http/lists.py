"""Lists what requests may name, models and voices; and says whether the server is well.

GET /v1/models  /v1/models/{id}  /v1/audio/models  /v1/audio/voices  /healthz  /readyz
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from runner.errors import suggest
from runner.serve.http.errors import HttpError

if TYPE_CHECKING:
    from starlette.requests import Request

    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings

HEALTH_PATHS = ("/healthz", "/readyz")
_OWNER = "kokoro-run"


def make_list_routes(service: Service, settings: ServeSettings) -> list[Route]:
    """Make the routes."""
    created = int(time.time())
    models = {name: _describe_model(name, created) for name in settings.models}

    async def list_models(_: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": list(models.values())})

    async def show_model(request: Request) -> JSONResponse:
        name = request.path_params["id"]
        if name not in models:
            message = f"there is no model '{name[:64]}'{suggest(name, models)}"
            raise HttpError(404, message, param="model", code="model_not_found")
        return JSONResponse(models[name])

    async def list_audio_models(_: Request) -> JSONResponse:
        return JSONResponse({"models": [{"id": name} for name in models]})

    async def list_voices(_: Request) -> JSONResponse:
        return JSONResponse({"voices": _list_voices(service)})

    async def tell_alive(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def tell_ready(_: Request) -> JSONResponse:
        if service.is_ending:
            return JSONResponse({"status": "ending"}, 503)
        return JSONResponse({"status": "ok"})

    return [
        Route("/v1/models", list_models),
        Route("/v1/models/{id}", show_model),
        Route("/v1/audio/models", list_audio_models),
        Route("/v1/audio/voices", list_voices),
        *(Route(path, tell) for path, tell in zip(HEALTH_PATHS, (tell_alive, tell_ready), strict=True)),
    ]


def _describe_model(name: str, created: int) -> dict[str, object]:
    return {"id": name, "object": "model", "created": created, "owned_by": _OWNER}


def _list_voices(service: Service) -> list[dict[str, str]]:
    """List the model's voices, and then the other names for them."""
    voices = service.voices
    own = [{"id": name, "name": name} for name in voices.names]
    return own + [{"id": name, "name": f"{name} ({meant or 'default'})"} for name, meant in voices.aliases.items()]
