"""Tests of Linux on arm64 under emulation: `python -m tests.arm64`, or `make test-arm64`.

    mmdebstrap, pip  --> build/arm64/root, packages    Debian's and Python's files for arm64
    kokoro-run build --> build/arm64/libraries         the default model by the cross compiler, as in docs/devices.md
    qemu-aarch64     --> ports of one sentence         compared with those of this machine
    qemu-aarch64     --> tests/stages/kernels          compiled there, by the TVM of arm64

QEMU runs each program by its name, so nothing is registered with this machine's kernel and no other root is entered: a
path that the root for arm64 has is read there, any other here.
"""
