"""The version and the devices of TVM's runtime."""

from __future__ import annotations

from runner.runtime import tvm_runtime


def test_version_is_that_of_the_compiler() -> None:
    import tvm  # noqa: PLC0415

    assert tvm_runtime.version() == tvm.__version__
