"""Manifests, and the checks of libraries against them."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from runner.errors import RunError
from runner.runtime import manifest as manifests
from runner.runtime.manifest import File, Manifest, Tensor


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "toy.so").write_bytes(b"code" * 100)
    (tmp_path / "toy.weights").write_bytes(bytes(68))
    return tmp_path / "toy.so"


def manifest_of(library: Path) -> Manifest:
    return Manifest(
        stage="toy",
        entry="toy_forward",
        source="stages.toy",
        key="k",
        library=File.of(library),
        weights=File.of(manifests.weights_path(library), stamped=True),
        tensors=(Tensor("a", "float32", (2, 3), 0), Tensor("b", "int32", (), 64)),
        inputs={"x": "float32[1, text]", "mask": "bool[1, text]"},
        outputs={"y": "float32[1, 2*text]"},
        dims={"hidden": 8},
        target={"kind": "llvm"},
        cpu_features=("avx2", "fma"),
        tvm="0.27.0",
        sources={"stages/toy.py": "00"},
        checkpoint="11",
    )


def test_manifest_survives_writing(library: Path) -> None:
    written = manifest_of(library)
    written.write(manifests.manifest_path(library))
    assert Manifest.read(manifests.manifest_path(library)) == written


def test_manifest_keeps_the_order_of_ports(library: Path) -> None:
    path = manifests.manifest_path(library)
    dataclasses.replace(manifest_of(library), inputs={"z": "str", "a": "str"}).write(path)
    assert list(Manifest.read(path).inputs) == ["z", "a"]


def test_manifest_write_leaves_no_other_file(library: Path) -> None:
    manifest_of(library).write(manifests.manifest_path(library))
    assert sorted(p.name for p in library.parent.iterdir()) == ["toy.json", "toy.so", "toy.weights"]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "damaged manifest"),
        ("[]", "damaged manifest"),
        ('{"format": 2}', "damaged manifest"),
        ('{"format": 99}', "format 99, this version reads format 2"),
    ],
)
def test_manifest_read_refuses(tmp_path: Path, text: str, fact: str) -> None:
    path = tmp_path / "toy.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=fact):
        Manifest.read(path)


def test_manifest_read_refuses_an_unknown_key(library: Path) -> None:
    path = manifests.manifest_path(library)
    manifest_of(library).write(path)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "extra": 1}), encoding="utf-8")
    with pytest.raises(RunError, match="extra"):
        Manifest.read(path)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("weights", "tensors", 0, "dtype"), "float3z"),
        (("weights", "tensors", 0, "dtype"), 3),
        (("weights", "tensors", 0, "shape"), ["a"]),
        (("weights", "tensors", 0, "shape"), 4),
        (("weights", "tensors", 0, "offset"), "x"),
        (("weights", "size"), "x"),
        (("cpu_features",), [3]),
        (("sources",), [1]),
    ],
)
def test_manifest_read_refuses_a_value_of_another_type(library: Path, at: tuple[str | int, ...], value: object) -> None:
    path = manifests.manifest_path(library)
    manifest_of(library).write(path)
    fields = place = json.loads(path.read_text(encoding="utf-8"))
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(RunError, match="damaged manifest"):
        Manifest.read(path)


def test_library_that_was_built_has_no_damage(library: Path) -> None:
    assert manifests.find_damage(library, manifest_of(library)) is None


def test_damage_sees_a_changed_library_of_equal_size(library: Path) -> None:
    manifest = manifest_of(library)
    library.write_bytes(b"Code" * 100)
    assert manifests.find_damage(library, manifest) == f"{library} is damaged: not the bytes that were built"


def test_damage_sees_a_missing_library(library: Path) -> None:
    manifest = manifest_of(library)
    library.unlink()
    assert manifests.find_damage(library, manifest) == f"{library} is missing"


@pytest.mark.parametrize("content", [bytes(67), bytes(67) + b"\1"], ids=["short", "changed"])
def test_damage_sees_other_weights(library: Path, content: bytes) -> None:
    manifest = manifest_of(library)
    weights = manifests.weights_path(library)
    weights.unlink()
    weights.write_bytes(content)
    assert "toy.weights is damaged" in str(manifests.find_damage(library, manifest))


def test_damage_reads_weights_only_when_their_stamp_is_another(library: Path) -> None:
    weights = manifests.weights_path(library)
    manifest = manifest_of(library)
    stamp = weights.stat().st_mtime_ns
    with weights.open("r+b") as file:  # the same inode
        file.write(b"x")
    os.utime(weights, ns=(stamp, stamp))
    assert manifests.find_damage(library, manifest) is None
    os.utime(weights, ns=(stamp, stamp + 1))
    assert "not the bytes that were built" in str(manifests.find_damage(library, manifest))


@pytest.mark.parametrize(
    ("keep", "fact"),
    [
        (slice(1), "its 1 tensors take 24 bytes, and the weights have 68"),
        (slice(1, None), "tensor 'b' begins at byte 64, and the one before ends at 0"),
        (slice(0), "its 0 tensors take 0 bytes, and the weights have 68"),
    ],
)
def test_damage_sees_a_manifest_that_lacks_tensors(library: Path, keep: slice, fact: str) -> None:
    manifest = manifest_of(library)
    lacking = dataclasses.replace(manifest, tensors=manifest.tensors[keep])
    assert manifests.find_damage(library, lacking) == f"{manifests.manifest_path(library)} is damaged: {fact}"


def test_damage_remembers_the_stamp_of_copied_weights(library: Path) -> None:
    path = manifests.manifest_path(library)
    manifest_of(library).write(path)
    os.utime(manifests.weights_path(library), ns=(5, 5))
    assert manifests.find_damage(library, Manifest.read(path)) is None
    assert Manifest.read(path).weights.stamp == (5, manifests.weights_path(library).stat().st_ino)


def test_check_loadable_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"toy\.so cannot be read: No such file"):
        manifests.check_loadable(tmp_path / "toy.so")
