from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import WeightsError
from runner.speech.voices import absolute, load_voice, needs_folder, voice_names
from tests.runner.safetensors_file import write_safetensors
from tests.runner.torch_archive import write_torch_zip

ROOT = Path(__file__).parents[3]
MINI = ROOT / "configs" / "models" / "mini" / "voices"
PUBLISHED = ROOT.parent / "shared" / "data" / "voices"
ROW = 8

A = np.random.default_rng(1).standard_normal((510, ROW)).astype(np.float32)
B = np.random.default_rng(2).standard_normal((510, ROW)).astype(np.float32)


def write_npy(path: Path, pack: np.ndarray) -> Path:
    with path.open("wb") as file:  # np.save would add a suffix to the name
        np.save(file, pack)
    return path


def write_npz(path: Path, **packs: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **packs)
    return path


def write_raw(path: Path, pack: np.ndarray) -> Path:
    path.write_bytes(pack.tobytes())
    return path


ONE_VOICE: dict[str, Callable[[Path], Path]] = {
    "npy": lambda path: write_npy(path, A),
    "npy_three_axes": lambda path: write_npy(path, A[:, None]),
    "npy_fortran": lambda path: write_npy(path, np.asfortranarray(A)),
    "npy_one_of_many": lambda path: write_npy(path, A[None, :, None]),
    "npz": lambda path: write_npz(path, a=A),
    "raw": lambda path: write_raw(path, A),
    "torch": lambda path: write_torch_zip(path, A[:, None]),
    "torch_named": lambda path: write_torch_zip(path, {"a": A}),
    "safetensors": lambda path: write_safetensors(path, {"voice": A}),
}
MANY_VOICES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "npz": (lambda path: write_npz(path, a=A, b=B[:, None]), "b"),
    "raw": (lambda path: write_raw(path, np.stack([A, B])), "1"),
    "npy": (lambda path: write_npy(path, np.stack([A, B])), "1"),
    "npy_four_axes": (lambda path: write_npy(path, np.stack([A, B])[:, :, None]), "1"),
    "torch": (lambda path: write_torch_zip(path, {"a": A, "b": B}), "b"),
    "safetensors": (lambda path: write_safetensors(path, {"a": A, "b": B}), "b"),
}
DAMAGED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (lambda path: write_raw(path, A[:0]), "the file is empty"),
    "raw_cut": (lambda path: write_raw(path, A[:509]), "has 16288 bytes, expected a multiple of 16320: raw float32"),
    "raw_nan": (lambda path: write_raw(path, np.where(A > 3, np.nan, A)), "has values that are not finite"),
    "wide": (
        lambda path: write_npy(path, np.zeros((510, 256), np.float32)),
        "is [510, 256], expected [N, 8]: a row is",
    ),
    "no_rows": (lambda path: write_npy(path, A[:0]), "is [0, 8], expected [N, 8]"),
    "flat": (lambda path: write_npy(path, A[0]), "is [8], expected [N, 8]"),
    "double": (lambda path: write_npy(path, A.astype(np.float64)), "holds float64, expected float32 or float16"),
    "integers": (lambda path: write_npy(path, A.astype(np.int64)), "holds int64, expected float32 or float16"),
    "objects": (lambda path: write_npy(path, np.array([{}], object)), "truncated or damaged (Object arrays cannot"),
    "torch_double": (lambda path: write_torch_zip(path, A.astype(np.float64)), "holds float64, expected float32"),
    "torch_text": (lambda path: write_torch_zip(path, "af_heart"), "holds a str, expected a tensor"),
    "infinite": (lambda path: write_npz(path, a=A / 0.0), "has values that are not finite"),
}
BAD_SPECS = {
    "": "voice '': a name is missing; write NAME, NAME+NAME or NAME*0.6+NAME*0.4",
    "a,,b": "voice 'a,,b': a name is missing",
    "a*0.5+": "a name is missing",
    "a*0.5+b*half": "voice 'a*0.5+b*half': the weight of b is 'half', expected a positive number",
    "a*0+b": "the weight of a is '0', expected a positive number",
    "a*-1+b": "the weight of a is '-1', expected a positive number",
    "a*nan+b": "the weight of a is 'nan', expected a positive number",
    "a*inf+b": "the weight of a is 'inf', expected a positive number",
    "a*0.5": "voice 'a*0.5': a weight has no meaning for a single voice",
    "af_hart": "voice 'af_hart': not in {voices}; did you mean 'af_heart'?",
    "zzz": "voice 'zzz': not in {voices}; known: a, af_heart, b, short",
    "missing.npy": "voice 'missing.npy': there is no such file",
    "no/such": "voice 'no/such': there is no such file",
    "missing.npz:a": "voice 'missing.npz:a': there is no such file",
    "a+short": "voice 'a+short': a mix needs packs of equal length, but a has 510, short has 7 rows",
    "x" * 300 + ".npy": "there is no such file",
}


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """A folder with the voices a, b, af_heart and short, each in another format."""
    folder = tmp_path / "voices"
    folder.mkdir()
    write_npy(folder / "a.npy", A)
    write_raw(folder / "b.bin", B)
    write_torch_zip(folder / "af_heart.pt", A[:, None])
    write_safetensors(folder / "short.safetensors", {"voice": A[:7]})
    (folder / "README.md").write_text("not a voice")
    return folder


def load(spec: str | None, voices: Path) -> np.ndarray:
    return load_voice(spec, voices, "a", ROW)


def assert_pack(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected)


def assert_refused(spec: str | None, voices: Path, message: str) -> None:
    with pytest.raises(WeightsError) as refusal:
        load(spec, voices)
    assert message in str(refusal.value)


@pytest.mark.parametrize(("spec", "spelled"), [("mine.dat", "./mine.dat"), ("mine.dat:a", "./mine.dat:a")])
def test_file_with_a_suffix_of_its_own_is_taken_as_a_path_and_said_to_be_there(
    tmp_path: Path, voices: Path, monkeypatch: pytest.MonkeyPatch, spec: str, spelled: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "mine.npz", a=A)
    (tmp_path / "mine.npz").rename("mine.dat")
    hint = f"; the file that lies here is spelled {spelled}, for it ends in none of .npy, "
    assert_refused(spec, voices, hint)
    assert_refused(spec, voices / "a.npy", hint)
    assert_pack(load(spelled, voices), A)


@pytest.mark.parametrize("case", ONE_VOICE)
@pytest.mark.parametrize("name", ["voice.bin", "folder/odd,name+x.pt"])
def test_load_decides_by_content_not_by_suffix(tmp_path: Path, voices: Path, case: str, name: str) -> None:
    (tmp_path / "folder").mkdir()
    assert_pack(load(str(ONE_VOICE[case](tmp_path / name)), voices), A)


@pytest.mark.parametrize("case", MANY_VOICES)
def test_load_takes_one_voice_of_many(tmp_path: Path, voices: Path, case: str) -> None:
    write, name = MANY_VOICES[case]
    path = write(tmp_path / "voices.bin")
    assert_pack(load(f"{path}:{name}", voices), B)
    assert_pack(load(name, path), B)
    assert_refused(str(path), voices, "holds 2 voices; choose one by FILE:NAME, of ")
    assert_refused(f"{path}:c", voices, f"voice 'c': not in {path}; known: ")
    assert name in voice_names(path, "a", ROW)


@pytest.mark.parametrize("case", DAMAGED)
def test_load_refuses_a_file(tmp_path: Path, voices: Path, case: str) -> None:
    write, message = DAMAGED[case]
    with np.errstate(divide="ignore"):
        path = write(tmp_path / "voice.npy")
    assert_refused(str(path), voices, message)
    assert_refused(str(path), voices, str(path))


@pytest.mark.parametrize("spec", BAD_SPECS)
def test_load_refuses_a_spec(voices: Path, spec: str) -> None:
    assert_refused(spec, voices, BAD_SPECS[spec].format(voices=voices))


def test_load_finds_names_in_a_folder_whatever_the_format(voices: Path) -> None:
    for name, pack in {"a": A, "b": B, "af_heart": A, "short": A[:7]}.items():
        assert_pack(load(name, voices), pack)
    assert voice_names(voices, "a", ROW) == ["a", "af_heart", "b", "short"]


def test_load_prefers_npy_when_a_voice_is_there_twice(voices: Path) -> None:
    write_torch_zip(voices / "a.pt", B)
    assert_pack(load("a", voices), A)


def test_load_without_a_spec_takes_the_default(voices: Path) -> None:
    assert_pack(load(None, voices), A)


@pytest.mark.parametrize("spec", ["a", "one"])
def test_load_gives_the_only_voice_of_a_file_by_its_name(tmp_path: Path, spec: str) -> None:
    path = write_npy(tmp_path / "one.npy", A)
    assert_pack(load(spec, path), A)
    assert_refused("other", path, f"voice 'other': {path} holds one voice, 'a'")


def test_load_ignores_a_file_that_has_the_name_of_a_voice(
    tmp_path: Path, voices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_npy(tmp_path / "a", B)
    assert_pack(load("a", voices), A)


def test_load_refuses_when_the_folder_is_missing(tmp_path: Path) -> None:
    assert_refused("a", tmp_path / "none", f"voice 'a': the model's voices are to be in {tmp_path / 'none'}")


@pytest.mark.parametrize("spec", ["a+b", "a,b", " a , b ", "a*0.5+b*0.5", "a*3+b*3", "{a},b"])
def test_load_mixes_in_equal_parts(voices: Path, spec: str) -> None:
    expected = ((A.astype(np.float64) + B) / 2).astype(np.float32)
    assert_pack(load(spec.format(a=voices / "a.npy"), voices), expected)


@pytest.mark.parametrize("spec", ["a*0.6+b*0.4", "a*3+b*2", "a*6e-3,b*4e-3", "a*0.3+b*0.4+a*.3"])
def test_load_mixes_by_weights_over_their_sum(voices: Path, spec: str) -> None:
    np.testing.assert_allclose(load(spec, voices), 0.6 * A + 0.4 * B, rtol=1e-5, atol=1e-6)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.sampled_from(sorted(ONE_VOICE)), at=st.integers(0, 600), byte=st.integers(0, 255))
def test_load_never_fails_otherwise_when_bytes_are_changed(tmp_path: Path, case: str, at: int, byte: int) -> None:
    path = ONE_VOICE[case](tmp_path / "voice.npy")
    raw = bytearray(path.read_bytes())
    raw[at if at < 300 else at - 600] = byte
    path.write_bytes(raw)
    try:
        pack = load(str(path), tmp_path)
    except WeightsError:
        return
    assert pack.shape[1] == ROW
    assert np.isfinite(pack).all()


def test_load_reads_a_pack_saved_by_torch(tmp_path: Path, voices: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, which writes these files, is not installed")
    torch.save(torch.from_numpy(A)[:, None], tmp_path / "v.pt")
    assert_pack(load(str(tmp_path / "v.pt"), voices), A)


def test_load_reads_and_mixes_the_voices_of_the_default_model() -> None:
    assert voice_names(MINI, "low", 64) == ["high", "low"]
    high, low, mix = (load_voice(name, MINI, "low", 64) for name in ("high", "low", "high+low"))
    assert high.shape == low.shape == (510, 64)
    assert np.abs(high - low).max() > 0.1
    np.testing.assert_allclose(mix, (high + low) / 2, atol=1e-6)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no ../shared/data/voices beside the checkout")
def test_load_mixes_published_packs() -> None:
    heart, adam = (load_voice(name, PUBLISHED, "af_heart", 256) for name in ("af_heart", "am_adam"))
    assert heart.shape == (510, 256)
    mix = load_voice("af_heart*0.6+am_adam*0.4", PUBLISHED, "af_heart", 256)
    np.testing.assert_allclose(mix, 0.6 * heart + 0.4 * adam, atol=1e-6)
    assert_refused(
        "af_heart", PUBLISHED, "af_heart.bin: holds 32 voices; choose one by FILE:NAME"
    )  # rows of 8, not 256


ABSOLUTE = {
    "a": "a",
    "a*0.3+b": "a*0.3+b",
    "c.npy": "{here}/c.npy",
    "./c.npy": "{here}/c.npy",
    "../voices/a.npy": "{here}/../voices/a.npy",
    "many.npz:b": "{here}/many.npz:b",
    "a*0.3 + c.npy*0.7,many.npz:b": "a*0.3 +{here}/c.npy*0.7,{here}/many.npz:b",
    "d+e,f*2.npy": "{here}/d\\+e\\,f\\*2.npy",
    r"d\+e\,f\*2.npy*3+b": "{here}/d\\+e\\,f\\*2.npy*3+b",
    "gone.npy": "{here}/gone.npy",
}


@pytest.mark.parametrize("spec", ABSOLUTE)
@pytest.mark.parametrize("folder", ["here", "a+b, c*2"])
def test_absolute_means_the_same_elsewhere(
    tmp_path: Path, voices: Path, monkeypatch: pytest.MonkeyPatch, spec: str, folder: str
) -> None:
    here = tmp_path / folder
    here.mkdir()
    write_npy(here / "c.npy", B)
    write_npy(here / "d+e,f*2.npy", B)
    write_npz(here / "many.npz", a=A, b=B)
    monkeypatch.chdir(here)
    expected = None if spec == "gone.npy" else load(spec, voices)
    monkeypatch.chdir(tmp_path)
    found = absolute(spec, here)
    assert found == absolute(found, tmp_path)
    assert found.replace("a\\+b\\, c\\*2", "here") == ABSOLUTE[spec].format(here=tmp_path / "here")
    if expected is None:
        assert_refused(found, voices, "there is no such file")
    else:
        assert_pack(load(found, voices), expected)


@pytest.mark.parametrize(
    ("spec", "expected"), [(None, True), ("a", True), ("x.npy", False), ("x.npy+y.npz:b", False), ("x.npy+a", True)]
)
def test_needs_folder_where_a_voice_is_a_name(spec: str | None, expected: bool) -> None:
    assert needs_folder(spec) == expected


def test_model_without_voices_takes_files_alone(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "me.npy", A)
    np.testing.assert_array_equal(load_voice(str(path), None, None, ROW), A)
    with pytest.raises(
        WeightsError, match=r"^voice 'low': the model has no voices; set model\.voices, or give a file$"
    ):
        load_voice("low", None, None, ROW)
    with pytest.raises(WeightsError, match=r"^no voice is asked for, and the model names none; give one, or set "):
        load_voice(None, None, None, ROW)


def test_file_of_one_voice_without_a_default_is_named_after_the_file(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "me.npy", A)
    np.testing.assert_array_equal(load_voice("me", path, None, ROW), A)
    assert voice_names(path, None, ROW) == ["me"]
    with pytest.raises(WeightsError, match="holds one voice, 'me'; give that name"):
        load_voice("you", path, None, ROW)
