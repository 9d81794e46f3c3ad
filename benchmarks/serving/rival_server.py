"""`python -m benchmarks.serving.rival_server`: the simplest server of kokoro-onnx, with FastAPI and one session."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from kokoro_onnx import Kokoro
from pydantic import BaseModel


class Speech(BaseModel):
    """The fields of OpenAI's request that it takes."""

    input: str
    voice: str = "af_heart"


def make_app(model: str, voices: str) -> FastAPI:
    """Make the application."""
    kokoro, app = Kokoro(model, voices), FastAPI()

    async def tell_health() -> dict[str, Any]:
        return {"status": "ok"}

    async def speak(request: Speech) -> StreamingResponse:
        async def stream() -> AsyncIterator[bytes]:
            async for audio, _ in kokoro.create_stream(request.input, request.voice):
                yield (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()

        return StreamingResponse(stream(), media_type="audio/pcm")

    app.add_api_route("/healthz", tell_health)
    app.add_api_route("/v1/audio/speech", speak, methods=["POST"])
    return app


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.rival_server")
    parser.add_argument("model")
    parser.add_argument("voices")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(make_app(given.model, given.voices), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
