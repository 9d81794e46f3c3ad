"""Reads the features of Apple's processors, which macOS gives by name and number through its C library.

sysctlbyname("hw.optional.arm.FEAT_BF16", &number, ...)     1, 0, or no such name: an older macOS or processor
"""

from __future__ import annotations

import ctypes

# LLVM's name -> macOS's names, of which one that gives 1 is enough. Those under `arm` came with macOS 12.
APPLE = {
    "fp-armv8": ("hw.optional.floatingpoint",),
    "neon": ("hw.optional.AdvSIMD", "hw.optional.neon"),
    "lse": ("hw.optional.arm.FEAT_LSE", "hw.optional.armv8_1_atomics"),
    "rdm": ("hw.optional.arm.FEAT_RDM",),
    "fullfp16": ("hw.optional.arm.FEAT_FP16", "hw.optional.neon_fp16"),
    "dotprod": ("hw.optional.arm.FEAT_DotProd",),
    "fp16fml": ("hw.optional.arm.FEAT_FHM", "hw.optional.armv8_2_fhm"),
    "sha3": ("hw.optional.arm.FEAT_SHA3", "hw.optional.armv8_2_sha3"),
    "bf16": ("hw.optional.arm.FEAT_BF16",),
    "i8mm": ("hw.optional.arm.FEAT_I8MM",),
    "jsconv": ("hw.optional.arm.FEAT_JSCVT",),
    "complxnum": ("hw.optional.arm.FEAT_FCMA", "hw.optional.armv8_3_compnum"),
    "rcpc": ("hw.optional.arm.FEAT_LRCPC",),
    "cssc": ("hw.optional.arm.FEAT_CSSC",),
}


def find_apple_features(library: str | None = None) -> frozenset[str]:
    """Find the features of the CPU, by LLVM's names.

    Args:
        library: the C library to ask; None for that of the process.

    Raises:
        AttributeError: it has no `sysctlbyname`: the system is not macOS.
    """
    ask = ctypes.CDLL(library).sysctlbyname
    ask.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p, ctypes.c_size_t]

    def is_there(name: str) -> bool:
        number = ctypes.c_uint64(0)  # the system says how many bytes of it are used: four or eight
        size = ctypes.c_size_t(ctypes.sizeof(number))
        return ask(name.encode(), ctypes.byref(number), ctypes.byref(size), None, 0) == 0 and number.value != 0

    return frozenset(feature for feature, names in APPLE.items() if any(map(is_there, names)))
