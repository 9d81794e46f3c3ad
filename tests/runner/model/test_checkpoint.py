from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import WeightsError
from runner.model.checkpoint import Checkpoint
from stages.families import KOKORO
from tests.runner.safetensors_file import write_safetensors
from tests.runner.torch_archive import Pickled, write_torch_zip

SHARED = Path(__file__).parents[4] / "shared" / "data"

W = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
NESTED = {"bert": {"module.a.weight": W}, "decoder": {"module.b": W[0]}}

NOT_CHECKPOINTS = {
    "empty": (b"", "the file is empty"),
    "text": (b"hello, world", "neither a .pth of torch.save (a zip file) nor a .safetensors or .onnx file"),
    "git_lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "run `git lfs pull`"),
    "old_torch": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "before PyTorch 1.6"),
    "cut_zip": (b"PK\x03\x04\x00\x00", "truncated or damaged"),
    "cut_safetensors": (b'\x40\0\0\0\0\0\0\0{"a":', "truncated or damaged safetensors file"),
    "safetensors_list": (b"\x04\0\0\0\0\0\0\0{]  ", "truncated or damaged safetensors file"),
}
FORBIDDEN = {
    "system": (b"cposix\nsystem\n", "posix.system"),
    "eval": (b"cbuiltins\neval\n", "builtins.eval"),
    "module": (b"ctorch.nn.modules.linear\nLinear\n", "torch.nn.modules.linear.Linear"),
    "legacy_tensor": (b"ctorch._utils\n_rebuild_tensor\n", "torch._utils._rebuild_tensor,"),
    "nested_name": (b"ccollections\nOrderedDict.fromkeys\n", "collections.OrderedDict.fromkeys"),
}
BAD_ENTRIES: dict[str, tuple[dict[str, object], str]] = {
    "dtype": ({"dtype": "F8_E4M3"}, "bert.a: holds F8_E4M3, expected one of F64, F32"),
    "shape": ({"shape": [2, 4]}, "bert.a: float32[2, 4] does not fill bytes 0 to 24"),
    "negative": ({"shape": [-2, -3]}, "does not fill bytes"),
    "past_end": ({"shape": [60], "data_offsets": [0, 240]}, "truncated"),
    "no_offsets": ({"data_offsets": None}, "damaged safetensors header"),
}


@pytest.fixture
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch", reason="PyTorch, which writes these files, is not installed")
    return module


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pth"


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(WeightsError) as refusal:
        Checkpoint.open(path, KOKORO)
    assert str(refusal.value).startswith(str(path))
    assert message in str(refusal.value)


def saved(torch: ModuleType, path: Path, value: object) -> Checkpoint:
    torch.save(value, path)
    return Checkpoint.open(path, KOKORO)


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_open_reads_a_torch_file_with_and_without_module_prefix(torch: ModuleType, path: Path, prefix: str) -> None:
    state = OrderedDict({f"{prefix}a.weight": torch.from_numpy(W), f"{prefix}a.bias": torch.tensor(3.0)})
    checkpoint = saved(torch, path, {"bert": state})
    assert list(checkpoint.tensors) == ["bert.a.weight", "bert.a.bias"]
    np.testing.assert_array_equal(checkpoint.take("bert.a.weight", (2, 3)), W)
    assert checkpoint.take("bert.a.bias", ()) == np.float32(3)
    checkpoint.finish()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_take_gives_float32_when_torch_saved(torch: ModuleType, path: Path, dtype: str) -> None:
    tensor = torch.from_numpy(W).to(getattr(torch, dtype))
    checkpoint = saved(torch, path, {"bert": {"a": tensor}})
    assert checkpoint.tensors["bert.a"].dtype == dtype
    np.testing.assert_array_equal(checkpoint.take("bert.a", (2, 3)), tensor.float().numpy())


def test_take_follows_strides_and_offsets_into_a_shared_storage(torch: ModuleType, path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    checkpoint = saved(torch, path, {"bert": {"t": base.T, "row": base[2], "part": base[1:3, ::2], "none": base[:0]}})
    for key, view in {"t": base.T, "row": base[2], "part": base[1:3, ::2], "none": base[:0]}.items():
        taken = checkpoint.take(f"bert.{key}", view.shape)
        np.testing.assert_array_equal(taken, view.numpy())
        assert taken.flags.c_contiguous


def test_open_reads_the_state_dict_of_modules_with_either_weight_norm(torch: ModuleType, path: Path) -> None:
    new = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(2, 4, 3))
    checkpoint = saved(torch, path, {"decoder": torch.nn.ModuleDict({"conv": new}).state_dict()})
    assert set(checkpoint.tensors) == {"decoder.conv.bias", "decoder.conv.weight_g", "decoder.conv.weight_v"}
    norm = checkpoint.take("decoder.conv.weight_g", (4, 1, 1))
    np.testing.assert_array_equal(norm, new.parametrizations.weight.original0.detach().numpy())


def test_open_refuses_a_whole_module_saved_by_torch(torch: ModuleType, path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)
    assert_refused(path, "refused: its pickle names torch.nn.modules.linear.Linear")


def test_open_refuses_a_torchscript_program(path: Path) -> None:
    assert_refused(write_torch_zip(path, {}, constants_pkl=b"\x80\x02)."), "a TorchScript program")


def test_take_is_a_view_of_the_file_when_it_holds_float32(path: Path) -> None:
    checkpoint = Checkpoint.open(write_torch_zip(path, NESTED), KOKORO)
    taken = checkpoint.take("bert.a.weight", (2, 3))
    np.testing.assert_array_equal(taken, W)
    assert not taken.flags.owndata
    assert not taken.flags.writeable


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["bert.a", "bert.module.a"])
def test_open_reads_safetensors(path: Path, dtype: str, name: str) -> None:
    array = (W.view(np.uint32) >> 16).astype(np.uint16) if dtype == "bfloat16" else W.astype(dtype)
    checkpoint = Checkpoint.open(
        write_safetensors(path, {name: array, "bert.empty": W[:0], "bert.one": W[0, 0]}), KOKORO
    )
    taken = checkpoint.take("bert.a", (2, 3))
    assert taken.dtype == np.float32
    assert taken.flags.aligned
    np.testing.assert_allclose(taken, W, rtol=2**-7)
    assert checkpoint.take("bert.empty", (0, 3)).shape == (0, 3)
    assert checkpoint.take("bert.one", ()).shape == ()
    checkpoint.finish()


@pytest.mark.parametrize("case", BAD_ENTRIES)
def test_open_refuses_a_safetensors_entry(path: Path, case: str) -> None:
    entry, message = BAD_ENTRIES[case]
    assert_refused(write_safetensors(path, {"bert.a": W}, **entry), message)


@pytest.mark.parametrize("case", NOT_CHECKPOINTS)
def test_open_refuses_what_is_no_checkpoint(path: Path, case: str) -> None:
    raw, message = NOT_CHECKPOINTS[case]
    path.write_bytes(raw)
    assert_refused(path, message)


def test_open_refuses_a_missing_file(path: Path) -> None:
    assert_refused(path, "there is no such file")


def test_open_refuses_a_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path, "cannot be read: Is a directory")


def test_open_refuses_another_zip_file(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=W)
    assert_refused(path, "not one of torch.save: it has no data.pkl")


@pytest.mark.parametrize("dtype", [">f4", ">f2"])
def test_open_reads_a_file_of_a_big_endian_machine(path: Path, dtype: str) -> None:
    write_torch_zip(path, {"bert": {"a": W.astype(dtype)}}, byteorder=b"big")
    taken = Checkpoint.open(path, KOKORO).take("bert.a", W.shape)
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, W.astype(dtype))


def test_open_refuses_a_byte_order_that_there_is_not(path: Path) -> None:
    message = "its byte order is b'middle', expected 'little' or 'big'"
    assert_refused(write_torch_zip(path, NESTED, byteorder=b"middle"), message)


@pytest.mark.parametrize("value", [[W], {"bert": {"a": "text"}}, {"bert": [W]}, {}])
def test_open_refuses_values_that_are_no_tensors(path: Path, value: object) -> None:
    assert_refused(write_torch_zip(path, value), "expected")


@pytest.mark.parametrize("case", FORBIDDEN)
def test_open_refuses_a_class_by_name_and_calls_nothing(path: Path, tmp_path: Path, case: str) -> None:
    code, name = FORBIDDEN[case]
    witness = tmp_path / "witness"
    argument = Pickled(f"touch {witness}").text[2:-1]
    write_torch_zip(path, {}, data_pkl=b"\x80\x02" + code + b"(" + argument + b"tR.")
    assert_refused(path, f"refused: its pickle names {name}")
    assert not witness.exists()


def test_open_refuses_a_pickle_of_python_objects(path: Path) -> None:
    write_torch_zip(path, {}, data_pkl=pickle.dumps({"bert": {"a": Path()}}, protocol=2))
    assert_refused(path, "refused: its pickle names pathlib.PosixPath")


@pytest.mark.parametrize("strides", [(3, 2), (-3, 1), (1,), (2**62, 1)])
def test_open_refuses_strides_that_leave_the_storage(path: Path, strides: tuple[int, ...]) -> None:
    good = Pickled({"bert": {"a": W}})
    codes = [
        Pickled(size).text[2:-1] if abs(size) < 2**31 else b"\x8a\x08" + size.to_bytes(8, "little") for size in strides
    ]
    bad = good.text.replace(good.code((3, 1)), b"(" + b"".join(codes) + b"t")
    assert bad != good.text
    assert_refused(write_torch_zip(path, {"bert": {"a": W}}, data_pkl=bad), "its pickle is damaged")


@pytest.mark.parametrize("code", [b"r\xff\xff\xff\xff", b"p4294967295\n", b"\x96" + (2**40).to_bytes(8, "little")])
def test_open_refuses_a_pickle_that_would_take_all_memory(path: Path, code: bytes) -> None:
    write_torch_zip(path, {}, data_pkl=b"\x80\x02}" + code + b".")
    assert_refused(path, "its pickle is damaged")


def test_open_refuses_a_tensor_larger_than_its_storage(path: Path) -> None:
    good = Pickled({"bert": {"a": W}})
    bad = good.text.replace(good.code((2, 3)) + good.code((3, 1)), good.code((2**30, 3)) + good.code((0, 1)))
    assert bad != good.text
    assert_refused(
        write_torch_zip(path, {"bert": {"a": W}}, data_pkl=bad), "a tensor (1073741824, 3) that reaches number 2"
    )


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("write", [write_torch_zip, write_safetensors])
def test_open_refuses_a_truncated_file(path: Path, write: object, kept: float) -> None:
    assert callable(write)
    write(path, {"bert": {"a": W}} if write is write_torch_zip else {"bert.a": W})
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    assert_refused(path, "")


def test_open_refuses_a_storage_with_a_flipped_bit(path: Path) -> None:
    raw = bytearray(write_torch_zip(path, NESTED).read_bytes())
    raw[raw.index(W.tobytes())] ^= 1
    path.write_bytes(raw)
    assert_refused(path, "its record archive/data/0 is damaged")


def test_open_refuses_a_storage_of_another_size(path: Path) -> None:
    write_torch_zip(path, NESTED, **{"data/0": b"\0" * 4})
    assert_refused(path, "its record archive/data/0 has 4 bytes, expected 24")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 400), byte=st.integers(0, 255), inside=st.booleans())
def test_open_never_fails_otherwise_when_bytes_are_changed(tmp_path: Path, at: int, byte: int, inside: bool) -> None:
    path, pickled = tmp_path / "model.pth", Pickled(NESTED).text
    write_torch_zip(path, NESTED)
    if inside:
        write_torch_zip(
            path, NESTED, data_pkl=pickled[: at % len(pickled)] + bytes([byte]) + pickled[at % len(pickled) + 1 :]
        )
    else:
        raw = bytearray(path.read_bytes())
        raw[-1 - at % len(raw)] = byte
        path.write_bytes(raw)
    with suppress(WeightsError):
        assert Checkpoint.open(path, KOKORO).tensors


def test_open_refuses_two_spellings_of_one_name(path: Path) -> None:
    write_safetensors(path, {"bert.a": W, "bert.module.a": W})
    assert_refused(path, "bert.a is there twice, under two spellings")


def test_finish_lists_everything_at_once(path: Path) -> None:
    write_safetensors(path, {"bert.layer.weight": W, "bert.b": W, "bert.c": W.astype(np.float64), "bert.extra": W})
    checkpoint = Checkpoint.open(path, KOKORO)
    assert np.isnan(checkpoint.take("bert.layer.weights", (2, 3))).all()
    assert checkpoint.take("bert.b", (3, 2)).shape == (3, 2)
    checkpoint.take("bert.c", (2, 3))
    with pytest.raises(WeightsError) as refusal:
        checkpoint.finish()
    assert str(refusal.value).split("\n") == [
        f"{path} does not hold the weights of this model:",
        "  missing    bert.layer.weights: expected [2, 3]; did you mean 'bert.layer.weight'?",
        "  misfit     bert.b: is [2, 3], expected [3, 2]",
        "  misfit     bert.c: holds float64, expected float32, float16 or bfloat16",
        "  unexpected bert.layer.weight: float32[2, 3]",
        "  unexpected bert.extra: float32[2, 3]",
        "Give the config.json that belongs to this checkpoint, or the checkpoint of this config.json",
    ]


def test_finish_refuses_a_tensor_taken_twice(path: Path) -> None:
    checkpoint = Checkpoint.open(write_safetensors(path, {"bert.a": W}), KOKORO)
    checkpoint.take("bert.a", W.shape)
    checkpoint.take("bert.a", W.shape)
    with pytest.raises(WeightsError, match=r"bert\.a: taken twice"):
        checkpoint.finish()


def test_finish_looks_at_the_given_parts_alone(path: Path) -> None:
    checkpoint = Checkpoint.open(
        write_safetensors(path, {"bert.a": W, "bert_encoder.a": W, "predictor.lstm": W}), KOKORO
    )
    checkpoint.take("bert.a", W.shape)
    checkpoint.take("predictor.lstm", W.shape)
    checkpoint.finish(["bert", "predictor.lstm"])
    with pytest.raises(WeightsError, match=r"unexpected bert_encoder\.a"):
        checkpoint.finish(["bert", "bert_encoder"])


def test_finish_lets_the_pooler_and_plain_instance_norms_be(path: Path) -> None:
    names = ["decoder.encode.norm1.norm", "decoder.generator.noise_res.0.adain2.1.norm"]
    tensors: dict[str, np.ndarray] = {f"{name}.weight": np.ones(3, np.float16) for name in names}
    tensors |= {f"{name}.bias": np.zeros(3, np.float32) for name in names}
    tensors |= {"bert.pooler.weight": W, "bert.pooler.bias": W[0]}
    Checkpoint.open(write_safetensors(path, tensors), KOKORO).finish()


def test_lacks_spare_only_of_what_no_output_depends_on(path: Path) -> None:
    checkpoint = Checkpoint.open(write_safetensors(path, {"bert.pooler.bias": W[0]}), KOKORO)
    assert checkpoint.lacks_spare("bert.pooler.weight")
    assert not checkpoint.lacks_spare("bert.pooler.bias")  # it is there
    assert not checkpoint.lacks_spare("bert.a")
    assert not checkpoint.lacks_spare("decoder.encode.norm1.norm.weight")  # its values matter


def test_finish_refuses_an_instance_norm_with_values_of_its_own(path: Path) -> None:
    checkpoint = Checkpoint.open(write_safetensors(path, {"decoder.encode.norm1.norm.weight": W[0]}), KOKORO)
    with pytest.raises(WeightsError, match=r"norm1\.norm\.weight: float32\[3\] is not 1 throughout"):
        checkpoint.finish()


def test_open_compares_the_digest_with_its_pin(path: Path) -> None:
    digest = hashlib.sha256(write_torch_zip(path, NESTED).read_bytes()).hexdigest()
    assert Checkpoint.open(path, KOKORO, digest).digest == digest
    with pytest.raises(WeightsError, match=f"its sha256 is {digest}, expected {'0' * 64}"):
        Checkpoint.open(path, KOKORO, "0" * 64)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data beside the checkout")
def test_open_reads_the_trained_small_model() -> None:
    checkpoint = Checkpoint.open(SHARED / "mini" / "model.safetensors", KOKORO)
    for key, tensor in checkpoint.tensors.items():
        if "pooler" not in key:
            assert np.isfinite(checkpoint.take(key, tensor.shape)).all()
    checkpoint.finish()
