"""Keeps the forms of convolutions that `kokoro-run tune` has measured on this CPU. Never imports TVM.

    $KOKORO_RUN_TUNING, else `tuning` in the user's data folder / CPU-DIGITS.json

The name has the CPU and the first digits of the kernels' digest: a table belongs to one CPU and to the kernels that it
was measured with. Only libraries that are compiled for this CPU (`mcpu: native`) take their forms from it; the rows
are a part of their recipe.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import platform
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stages
from runner.errors import BuildError
from runner.files import atomic
from runner.files.locate import find_named_folder
from runner.runtime import devices
from stages.kernels.candidates import CANDIDATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMAT = 1
VARIABLE = "KOKORO_RUN_TUNING"
_KERNELS = ("conv1d", "convolution", "register_tile", "rows", "simd", "toom_cook", "vector_math", "winograd")
_DIGITS = 12
_CPUINFO = Path("/proc/cpuinfo")
_CPU_KEYS = ("model name", "cpu family", "model", "CPU implementer", "CPU part")
_AGAIN = "`kokoro-run tune` measures again"
_USUAL = "convolutions take their usual forms"
_DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_MOST_TILES = 4096
_LOG = logging.getLogger("kokoro_run")

Row = tuple[int, int, int, int, tuple[int, int, int] | None]
"""Inputs, outputs, taps and dilation of a convolution, and its form: m, r, tiles; None for the direct sum."""


def read_forms() -> tuple[Row, ...]:
    """Read the rows that were measured on this CPU, if any were.

    A table that is damaged, or was measured with other kernels, gives no rows but a warning.
    """
    path = table_path()
    try:
        return _read(path)
    except FileNotFoundError:
        for other in sorted(path.parent.glob(f"{name_cpu()}-*.json")):
            _LOG.warning("%s: was measured with other kernels; %s; %s", other, _USUAL, _AGAIN)
            break
    except OSError as error:
        _LOG.warning("%s: cannot be read: %s; %s", path, error.strerror or error, _USUAL)
    except _DAMAGED as error:
        _LOG.warning("%s: is damaged (%s); %s; %s", path, error, _USUAL, _AGAIN)
    return ()


def write_forms(rows: Iterable[Row]) -> Path:
    """Write rows into the table of this CPU and these kernels; those of other shapes stay, other tables are removed.

    Raises:
        BuildError: it cannot be written.
    """
    path = table_path()
    try:
        known = _read(path)
    except (OSError, *_DAMAGED):
        known = ()
    merged = sorted({row[:4]: row for row in (*known, *rows)}.values(), key=lambda row: row[:4], reverse=True)
    table = {"format": FORMAT, "cpu": name_cpu(), "kernels": digest_kernels(), "rows": merged}
    with _writing(path):
        atomic.write_text(path, json.dumps(table) + "\n")
        for other in path.parent.glob(f"{name_cpu()}-*.json"):
            if other != path:
                other.unlink(missing_ok=True)
    return path


def prepare_table() -> None:
    """Make the folder of the table, before anything is measured.

    Raises:
        BuildError: the table could not be written.
        RunError: as `table_path`.
    """
    path = table_path()
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BuildError(f"{path}: {error.strerror or error}; set {VARIABLE} to a folder that can be written") from None


def table_path() -> Path:
    """Give the place of the table of this CPU and these kernels.

    Raises:
        RunError: the variable names the home folder of no user.
    """
    return _find_folder() / f"{name_cpu()}-{digest_kernels()[:_DIGITS]}.json"


def name_cpu() -> str:
    """Name this CPU: what it calls itself, its family and model, and the vectors that the system lets it use."""
    vectors = sorted(devices.cpu_features() & devices.VECTORS)
    return re.sub(r"[^a-z0-9.]+", "-", " ".join([*_identify_cpu(), *vectors]).lower()).strip("-")


def _identify_cpu() -> list[str]:
    """Find what the system calls this CPU, with its family and model where x86 has them."""
    try:
        lines = _CPUINFO.read_text("utf-8", errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        return [platform.processor() or platform.machine()]
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return [known[key] for key in _CPU_KEYS if key in known] or [platform.machine()]


def digest_forms(rows: tuple[Row, ...]) -> str:
    """Compute the digest of rows, which a manifest has; that of none is the empty string."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest() if rows else ""


def digest_kernels() -> str:
    """Compute the digest of the kernels that are measured."""
    folder, digest = Path(stages.__path__[0]) / "kernels", hashlib.sha256()
    for name in _KERNELS:
        digest.update((folder / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _find_folder() -> Path:
    named = find_named_folder(VARIABLE)
    if named is not None:
        return named
    import platformdirs  # noqa: PLC0415 - a few ms that a given folder saves

    return platformdirs.user_data_path("kokoro-run") / "tuning"


def _read(path: Path) -> tuple[Row, ...]:
    """Read a table, and check it.

    Raises:
        OSError: it cannot be read.
        ValueError, TypeError, KeyError, AttributeError, RecursionError: it is no table of this CPU and these kernels.
    """
    table = json.loads(path.read_text("utf-8"))
    if (table["format"], table["cpu"], table["kernels"]) != (FORMAT, name_cpu(), digest_kernels()):
        raise ValueError("it is of another CPU, or of other kernels")
    return tuple(_parse_row(*row) for row in table["rows"])


def _parse_row(inputs: int, outputs: int, taps: int, dilation: int, form: Any) -> Row:
    row = [inputs, outputs, taps, dilation, form]
    if not all(isinstance(number, int) and number > 0 for number in row[:4]):
        raise ValueError(f"a row is {row}")
    if form is None:
        return inputs, outputs, taps, dilation, None
    m, r, tiles = form
    if (m, r) not in CANDIDATES.get(taps, ()) or not isinstance(tiles, int) or not 0 < tiles <= _MOST_TILES:
        raise ValueError(f"a row is {row}")
    return inputs, outputs, taps, dilation, (m, r, tiles)
