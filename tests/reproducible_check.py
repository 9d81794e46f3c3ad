"""Whether a library is the same bytes whichever process compiles it: `python -m tests.reproducible_check [ROUNDS]`.

Compiles each stage at full model size for several kinds of CPU, each time in a new process, which the system gives
other addresses, and with another seed of Python's hashes. Prints a line for each; exits with 1 if two builds differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tvm import relax
from tvm.target import Target

from runner.build import passes
from runner.build.export import export
from runner.build.targets import resolve_target
from stages.dims import ModelDims
from tests.conftest import ROOT
from tests.targets import x86

CONFIG = ROOT / "configs" / "models" / "kokoro-82m" / "config.json"
STAGES = ("text_encoder", "duration", "bert", "f0n", "decoder")
TARGETS: dict[str, dict[str, Any]] = {
    "this CPU": {"kind": "llvm", "mcpu": "native"},
    "AVX-512": x86("skylake-avx512", **{"opt-level": 3}),
    "bfloat16": x86("znver4", keys=["bf16", "cpu"], **{"opt-level": 3}),
    "AMX": x86("sapphirerapids", keys=["bf16", "cpu"], mattr=["+amx-bf16", "+amx-tile"], **{"opt-level": 3}),
}


def digest_of_build(stage: str, target: Target) -> str:
    """sha256 of the library of `stage`, compiled in this process."""
    dims = ModelDims.from_config(json.loads(CONFIG.read_bytes()))
    module, _, _ = export(f"stages.{stage}", f"{stage}_forward", dims, target)
    with tempfile.TemporaryDirectory() as folder, target:
        executable = relax.build(module, target, None, passes.pipeline(target), passes.lowering(target))
        path = Path(folder) / f"{stage}.so"
        executable.export_library(str(path))
        return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(stage: str, kind: str, rounds: int) -> list[str]:
    """What `rounds` processes, one after the other, give."""
    found = []
    for seed in range(rounds):
        command = [sys.executable, "-m", __spec__.name, stage, kind]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed + 1)}
        ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found.append(ran.stdout.strip())
    return found


def main(rounds: int) -> int:
    """Compile all, and say which libraries are the same each time."""
    differing = 0
    for kind in TARGETS:
        for stage in STAGES:
            found = digests(stage, kind, rounds)
            differing += len(set(found)) > 1
            told = f"{rounds} times {found[0][:16]}" if len(set(found)) == 1 else f"differs: {', '.join(found)}"
            sys.stdout.write(f"{kind:>10} {stage:<13} {told}\n")
            sys.stdout.flush()
    return min(differing, 1)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        sys.stdout.write(digest_of_build(sys.argv[1], resolve_target(TARGETS[sys.argv[2]])))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
