"""Gets files of a model from the Hugging Face hub, at a pinned commit; they are kept in the hub's own cache.

The package `huggingface_hub` is an extra: a model on the disk needs neither it nor a network.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import WeightsError, suggest
from runner.files.locate import install_command
from runner.model.checkpoint import check_sha256

if TYPE_CHECKING:
    from runner.graph.types import ModelSpec

_LOG = logging.getLogger("kokoro_run")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


def fetch(repo: str, revision: str, file: str, sha256: str | None = None, key: str = "model.checkpoint") -> Path:
    """Find `file` of `repo` on this machine; it is downloaded if the hub's cache lacks it.

    Args:
        repo: `owner/name`.
        revision: the commit, 40 hexadecimal digits; a branch could change under the same name.
        sha256: digest that the file must have; None accepts any.
        key: key of the graph that names a local file instead, for messages.

    Raises:
        WeightsError: the revision is no commit, the extra is not installed, the hub cannot be reached or lacks the
            file, or the file has another digest.
    """
    where = f"{file} of {repo}"
    if not _COMMIT.match(revision):
        raise WeightsError(f"{where}: revision '{revision}' is not a commit; give its 40 hexadecimal digits")
    try:
        import huggingface_hub  # noqa: PLC0415 - an extra, and 0.3 s that other models need not pay
    except ModuleNotFoundError:
        raise WeightsError(
            f"{where}: downloading needs huggingface_hub. Install it with: {install_command('hub')}"
            f" - or set {key} to a local file"
        ) from None
    download = huggingface_hub.hf_hub_download  # importing it adds the handler of the package's log
    try:
        with _first_warning_only(where):
            path = Path(download(repo, file, revision=revision))
    except (OSError, ValueError) as error:  # every error of the hub is one of these
        reason = str(error).strip().partition("\n")[0]
        raise WeightsError(
            f"{where} at {revision}: cannot be fetched: {reason}. Where there is a network: "
            f"hf download {repo} {file} --revision {revision} --local-dir DIR - then set {key} to the file in DIR"
        ) from error
    if sha256 is not None:
        check_sha256([path], sha256)
    return path


class _FirstWarning(logging.Handler):
    """A handler that repeats the first warning in the runner's own log."""

    def __init__(self, where: str) -> None:
        super().__init__(logging.WARNING)
        self._where, self._done = where, False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._done:
            self._done = True
            fact = record.getMessage().partition("\n")[0]
            _LOG.warning("%s: huggingface_hub reports: %s; it gives up after up to half a minute", self._where, fact)


@contextlib.contextmanager
def _first_warning_only(where: str) -> Iterator[None]:
    """Hold back all warnings of huggingface_hub but the first; it gives two for each of its retries."""
    logger = logging.getLogger("huggingface_hub")
    handlers, propagate = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [_FirstWarning(where)], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate


def checkpoint(model: ModelSpec) -> Path:
    """Find the model's checkpoint: the local file, else that of the hub if the model names one.

    Raises:
        WeightsError: there is neither, or the file cannot be fetched.
    """
    if model.checkpoint is not None and model.checkpoint.is_file():
        return model.checkpoint
    hub = model.hub
    file = None if hub is None else hub.checkpoint
    if model.checkpoint is not None and "checkpoint" in model.overridden:
        fetched = "" if hub is None or file is None else f": then {file} of {hub.repo} is fetched"
        raise WeightsError(f"{model.checkpoint}: no such file; correct model.checkpoint, or do not set it{fetched}")
    if hub is not None and file is not None:
        return fetch(hub.repo, hub.revision, file, model.sha256)
    if model.checkpoint is None:
        raise WeightsError(f"model '{model.name}' names neither a checkpoint nor a hub; set model.checkpoint to a file")
    raise WeightsError(f"{model.checkpoint}: no such file, and model '{model.name}' names no hub to get it from")


def voices(model: ModelSpec) -> Callable[[str], Path] | None:
    """Make a function that fetches a voice of the model from the hub by its name.

    None if the model names no hub, or if an overlay or an option names voices that do not exist. The function raises a
    WeightsError as `fetch` does, and at once for a name that the hub is known not to have.
    """
    hub = model.hub
    if hub is None or ("voices" in model.overridden and model.voices is not None and not model.voices.exists()):
        return None

    def fetch_voice(name: str) -> Path:
        if hub.names and name not in hub.names:
            raise WeightsError(f"{hub.repo} has no voice '{name}'{suggest(name, hub.names)}")
        return fetch(hub.repo, hub.revision, f"{hub.voices}/{name}.pt", key="model.voices")

    return fetch_voice
