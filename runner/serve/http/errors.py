"""Answers what goes wrong: a status, and the object that OpenAI's clients read.

{"error": {"message": "no voice 'af_hart'; did you mean 'af_heart'?", "type": "invalid_request_error",
           "param": "voice", "code": null}}
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from runner.errors import BuildError, GraphError, KokoroError, LineError, SpecError
from runner.files.locate import data_root
from runner.serve.service import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

    from runner.serve.service import Service

_OF_THE_SERVER = (SpecError, GraphError, BuildError)  # no request can be the cause of these
_SERVER_ERRORS = 500  # the lowest status of them, and that of all but a few
FAILED = "the server failed; its log says how, under the id of this request"
_TYPES = {429: "rate_limit_error"}
_NONE: Mapping[str, str] = {}


class HttpError(Exception):
    """A request is answered with an error.

    Attributes:
        status: of the answer.
        param: the field of the request that it is about; None if it is about no single one.
        code: a word for programs; None for none.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] = _NONE,
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code, self.headers = status, param, code, dict(headers)


class Refusals:
    """Makes answers of errors, without the folders of the server."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        """Keep the folders.

        Args:
            folders: whose names no message may hold.
        """
        self._folders = sorted({f"{folder}/" for folder in folders if folder.is_absolute()}, key=len, reverse=True)

    @classmethod
    def of(cls, service: Service) -> Refusals:
        """Make the answers of a service: its messages hold no folder of its files."""
        graph = service.pipeline.graph
        files = [graph.path, *([] if graph.model is None else [graph.model.config, graph.model.voices or graph.path])]
        folders = [path.absolute().parent for path in files] + [path.resolve().parent for path in files]
        return cls([*folders, data_root(), Path.cwd(), Path.home()])

    def convert(self, error: BaseException, param: str | None = None) -> HttpError:
        """Say how an error is answered.

        Args:
            param: the field of the request that a mistake of the client is in, if that is known.
        """
        match error:
            case HttpError():
                return error
            case BusyError():
                headers = {"Retry-After": str(error.retry_s)}
                status, code = (503, "ending") if error.ending else (429, "rate_limit_exceeded")
                return HttpError(status, f"{error}; try again in {error.retry_s} s", code=code, headers=headers)
            case HTTPException():
                return _convert_starlette(error)
            case TimeoutError():
                return HttpError(504, "this takes longer than the server allows; send a shorter text", code="timeout")
            case KokoroError() if not isinstance(error, _OF_THE_SERVER):
                return HttpError(400, self._hide_folders(_describe(error)), param=param)
            case _:
                return HttpError(_SERVER_ERRORS, FAILED)

    async def answer(self, request: Request, error: Exception) -> JSONResponse:  # noqa: ARG002 - as Starlette calls it
        """Answer with an error, unless it is the server's: the journal logs it, and answers."""
        refusal = self.convert(error)
        if refusal.status == _SERVER_ERRORS:
            raise error.__cause__ or error
        return make_response(refusal)

    def _hide_folders(self, message: str) -> str:
        for folder in self._folders:
            message = message.replace(folder, "")
        return message


def _describe(error: KokoroError) -> str:
    return error.fact if isinstance(error, LineError) else str(error)


def _convert_starlette(error: HTTPException) -> HttpError:
    messages = {404: "there is nothing at this address", 405: "this address does not take this method"}
    return HttpError(error.status_code, messages.get(error.status_code, error.detail), headers=error.headers or {})


def make_response(error: HttpError) -> JSONResponse:
    """Make the answer of an error."""
    return JSONResponse(spell_error(error), error.status, {"Cache-Control": "no-store", **error.headers})


def spell_error(error: HttpError) -> dict[str, object]:
    """Make the object that OpenAI's clients read."""
    kind = "server_error" if error.status >= _SERVER_ERRORS else _TYPES.get(error.status, "invalid_request_error")
    return {"error": {"message": str(error), "type": kind, "param": error.param, "code": error.code}}
