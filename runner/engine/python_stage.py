"""Runs a stage that is a function of Python."""

from __future__ import annotations

import functools
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from runner.errors import RunError
from runner.files.locate import display_path
from runner.graph.contracts import ContractError, find_stage, split_stage_file
from runner.runtime import tvm_runtime
from stages.contract import StageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.cache.digest import Memo
    from runner.graph.types import StageSpec
    from runner.runtime.values import Array, Sizes

_first_digests: dict[tuple[Path | None, str], str] = {}  # folder, file in it -> its digest when a stage first ran it


class PythonStage:
    """A function that takes its input ports, and keys of the model's config, by keyword.

    Attributes:
        device: the host.
        library: None.
    """

    device = tvm_runtime.HOST
    library = None

    def __init__(
        self, spec: StageSpec, config: Mapping[str, Any], padded: frozenset[str] = frozenset(), origin: str = ""
    ) -> None:
        """Import nothing yet.

        Args:
            config: the model's config.json.
            padded: the dims that outputs are padded along, up to the graph's fixed sizes.
            origin: file and line of the graph that have the stage, for errors of its code.

        Raises:
            RunError: `config` lacks a key that the stage takes.
        """
        self._spec, self._padded = spec, padded
        self._name = f"stage '{spec.name}' ({origin})" if origin else f"stage '{spec.name}'"
        absent = [key for key in spec.config if key not in config]
        if absent:
            raise RunError(f"stage '{spec.name}' takes {', '.join(absent)} of the model's config.json, which has none")
        self._config = {key: config[key] for key in spec.config}

    def __call__(self, inputs: Mapping[str, Any], sizes: Sizes, threads: int, most: int) -> dict[str, Array]:  # noqa: ARG002
        """Run the function on views that it cannot write to, and pad its outputs; see `Executor`."""
        outputs = self._call(inputs)
        types = self._spec.outputs
        return {p: sizes.pad(f"{self._spec.name}.{p}", types[p], v, self._padded) for p, v in outputs.items()}

    def load(self) -> None:
        """Do nothing: the function is imported by the first call."""

    def can_load_later(self) -> bool:
        return False

    def release_weights(self) -> None:
        """Do nothing: a function has no weights."""

    def weight_bytes(self) -> int:
        return 0

    def describe_code(self) -> str:
        if self._spec.module.startswith("stages."):
            return ""  # of this project: what does not fit is the input's
        code = getattr(find_function(self._spec.module), "__code__", None)
        where = "" if code is None else f" is {display_path(Path(code.co_filename))}:{code.co_firstlineno}"
        return f"; {self._name}{where}"

    def check_code(self, identity: Mapping[str, Any], memo: Memo) -> None:  # noqa: ARG002
        # The process runs the sources that were there at the first import, whatever the files hold now. Stages share
        # modules, each of which is imported once.
        folder = Path(split_stage_file(self._spec.module)[0]).parent
        for name, digest in identity["code"].items():
            if _first_digests.setdefault((folder if name.startswith("./") else None, name), digest) != digest:
                raise changed_code(self._spec.name, self._spec.module)

    def _call(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        try:
            function = find_function(self._spec.module)
            outputs = function(**{port: _read_only(value) for port, value in inputs.items()}, **self._config)
        except (StageError, RunError) as error:
            raise RunError(f"stage '{self._spec.name}': {error}") from error
        except (Exception, SystemExit) as error:  # the code is a user's, and may raise anything
            raise RunError(f"{self._name}: {_describe(error, self._spec.module)}") from error
        if not isinstance(outputs, dict):
            raise RunError(f"{self._name} gave a {type(outputs).__name__}, not a dict of values by port")
        if outputs.keys() != self._spec.outputs.keys():
            names = ", ".join(map(str, outputs)) or "nothing"
            raise RunError(f"{self._name} gave {names}; it has {', '.join(self._spec.outputs)}")
        return outputs


def changed_code(stage: str, code: object) -> RunError:
    """The error of a stage whose code is not what the cache key was made from."""
    return RunError(f"stage '{stage}': {code} changed while this process was running; start it again")


@functools.cache
def find_function(name: str) -> Callable[..., dict[str, Array]]:
    """Import the Python stage that a graph calls `name`; what its code raises passes.

    Raises:
        RunError: there is none.
    """
    from runner.runtime.stage_code import import_definition  # noqa: PLC0415 - for a stage that runs

    try:
        function = import_definition(name)
    except ContractError as error:
        raise RunError(str(error)) from None
    return cast("Callable[..., dict[str, Array]]", function)


def _describe(error: BaseException, name: str) -> str:
    """Spell what a stage's code raised, and the last line of its own files: `limit.py:7: KeyError: 'gain'`."""
    from runner.runtime.stage_code import spell_modules  # noqa: PLC0415 - for a stage that has failed

    message = spell_modules(traceback.format_exception_only(error)[-1].strip())
    file = find_stage(name).path
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        frames.append((error.filename or "", error.lineno))
    own = [(path, line) for path, line in frames if Path(path).is_relative_to(file.parent)]
    path, line = own[-1] if own else (str(file), None)
    return f"{display_path(Path(path))}{'' if line is None else f':{line}'}: {message}"


def _read_only(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view
