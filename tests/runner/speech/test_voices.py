from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import WeightsError
from runner.speech.voices import list_voices, load_voice, voice_files
from tests.runner.safetensors_file import write_safetensors
from tests.runner.speech.packs import (
    ROW,
    A,
    B,
    assert_pack,
    assert_refused,
    load,
    names_in,
    problems,
    write_npy,
    write_npz,
    write_raw,
)
from tests.runner.torch_archive import write_torch_zip

ROOT = Path(__file__).parents[3]
MINI = ROOT / "configs" / "models" / "mini" / "voices"
PUBLISHED = ROOT.parent / "shared" / "data" / "voices"
ONE_VOICE: dict[str, Callable[[Path], Path]] = {
    "npy": lambda path: write_npy(path, A),
    "npy_three_axes": lambda path: write_npy(path, A[:, None]),
    "npy_fortran": lambda path: write_npy(path, np.asfortranarray(A)),
    "npy_one_of_many": lambda path: write_npy(path, A[None, :, None]),
    "npy_float64": lambda path: write_npy(path, A.astype(np.float64)),
    "npy_big_endian": lambda path: write_npy(path, A.astype(">f4")),
    "npy_float64_big_endian": lambda path: write_npy(path, A.astype(">f8")[:, None]),
    "npz_float64": lambda path: write_npz(path, a=A.astype(np.float64)),
    "npz_big_endian": lambda path: write_npz(path, a=A.astype(">f4")),
    "npz": lambda path: write_npz(path, a=A),
    "raw": lambda path: write_raw(path, A),
    "torch": lambda path: write_torch_zip(path, A[:, None]),
    "torch_named": lambda path: write_torch_zip(path, {"a": A}),
    "torch_float64": lambda path: write_torch_zip(path, A.astype(np.float64)),
    "torch_big_endian": lambda path: write_torch_zip(path, A.astype(">f4"), byteorder=b"big"),
    "torch_float64_big_endian": lambda path: write_torch_zip(path, {"a": A.astype(">f8")}, byteorder=b"big"),
    "safetensors": lambda path: write_safetensors(path, {"voice": A}),
    "safetensors_float64": lambda path: write_safetensors(path, {"voice": A.astype(np.float64)}),
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
    "beyond": (
        lambda path: write_npy(path, A.astype("f8") * 1e39),
        "has values beyond the range of float32, which is up to 3.4e38",
    ),
    "beyond_big": (
        lambda path: write_npz(path, a=(A.astype("f8") * 1e39).astype(">f8")),
        "has values beyond the range of float32",
    ),
    "integers": (lambda path: write_npy(path, A.astype(np.int64)), "holds int64, expected float32, float16 or float64"),
    "complex": (lambda path: write_npy(path, A.astype(np.complex64)), "holds complex64, expected float32, float16"),
    "objects": (lambda path: write_npy(path, np.array([{}], object)), "truncated or damaged (Object arrays cannot"),
    "torch_beyond": (
        lambda path: write_torch_zip(path, A.astype("f8") * 1e39),
        "has values beyond the range of float32",
    ),
    "torch_integers": (lambda path: write_torch_zip(path, A.astype(np.int64)), "holds int64, expected float32"),
    "torch_text": (lambda path: write_torch_zip(path, "af_heart"), "holds a str, expected a tensor"),
    "infinite": (lambda path: write_npz(path, a=A / 0.0), "has values that are not finite"),
}


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
    assert name in names_in(path)


@pytest.mark.parametrize("case", DAMAGED)
def test_load_refuses_a_file(tmp_path: Path, voices: Path, case: str) -> None:
    write, message = DAMAGED[case]
    with np.errstate(divide="ignore"):
        path = write(tmp_path / "voice.npy")
    assert_refused(str(path), voices, message)
    assert_refused(str(path), voices, str(path))


def test_load_finds_names_in_a_folder_whatever_the_format(voices: Path) -> None:
    for name, pack in {"a": A, "b": B, "af_heart": A, "short": A[:7]}.items():
        assert_pack(load(name, voices), pack)
    assert [(found.name, found.file.name, found.rows, found.problem) for found in list_voices(voices, "a", ROW)] == [
        ("a", "a.npy", 510, ""),
        ("af_heart", "af_heart.pt", 510, ""),
        ("b", "b.bin", 510, ""),
        ("short", "short.safetensors", 7, ""),
    ]


def test_load_prefers_npy_when_a_voice_is_there_twice(voices: Path) -> None:
    write_torch_zip(voices / "a.pt", B)
    assert_pack(load("a", voices), A)
    assert problems(voices)["a.pt"] == f"'a' is the voice of {voices / 'a.npy'}"
    assert problems(voices)["a.npy"] == ""


@pytest.mark.parametrize("case", MANY_VOICES)
@pytest.mark.parametrize("suffix", [".npz", ".bin", ".pt"])
def test_load_finds_the_voices_of_a_file_of_many_in_a_folder(voices: Path, case: str, suffix: str) -> None:
    write, name = MANY_VOICES[case]
    write(voices / f"voices{suffix}")
    (voices / "b.bin").unlink()
    assert_pack(load(name, voices), B)
    assert_pack(load(f"{name}+a", voices), load(f"a,{voices}/voices{suffix}:{name}", voices))
    assert name in names_in(voices)
    assert "voices" not in names_in(voices)
    assert_refused("am_adm", voices, f"voice 'am_adm': not in {voices}; known: ")


def test_load_takes_a_file_of_its_own_before_a_voice_of_a_file_of_many(voices: Path) -> None:
    write_npz(voices / "all.npz", a=B, c=B)
    assert_pack(load("a", voices), A)
    assert_pack(load("c", voices), B)
    assert [found.file.name for found in list_voices(voices, "a", ROW) if found.name == "a" and not found.problem] == [
        "a.npy"
    ]


def test_load_takes_a_voice_of_many_from_a_file_that_is_called_after_it(voices: Path) -> None:
    write_npz(voices / "c.npz", c=A, d=B)
    write_npz(voices / "all.npz", c=B, e=B)
    assert_pack(load("c", voices), A)
    assert_pack(load("d", voices), B)
    assert_refused("all", voices, "all.npz: holds 2 voices; choose one by FILE:NAME, of c, e")


def test_load_refuses_a_name_that_two_files_of_many_have(voices: Path) -> None:
    first, second = write_npz(voices / "one.npz", c=A, d=A), write_npz(voices / "two.npz", c=B, e=B)
    message = f"voice 'c': is in {first} and {second}; choose one by FILE:NAME, as in {first}:c"
    assert_refused("c", voices, message)
    assert_pack(load(f"{second}:c", voices), B)
    twins = [found for found in list_voices(voices, "a", ROW) if found.name == "c"]
    assert [found.problem for found in twins] == [
        f"another file has a voice 'c' too; write {file}:c" for file in (first, second)
    ]


def test_damaged_file_of_a_folder_is_named_where_a_voice_is_missing_and_harms_no_other(voices: Path) -> None:
    (voices / "all.npz").write_bytes(b"PK damaged")
    write_npz(voices / "more.npz", c=A, d=B)
    assert_pack(load("d", voices), B)
    assert_refused("e", voices, "all.npz: truncated or damaged")
    assert "truncated or damaged" in problems(voices)["all.npz"]


def test_voice_of_another_model_is_listed_with_its_problem(voices: Path) -> None:
    write_npy(voices / "wide.npy", np.zeros((510, 2 * ROW), np.float32))
    assert problems(voices)[
        "wide.npy"
    ] == f"{voices / 'wide.npy'}: is [510, 16], expected [N, 8]: a row is 2*style of " + ("the model")


def test_voice_files_are_those_that_are_read(voices: Path, tmp_path: Path) -> None:
    alone = write_npz(tmp_path / "alone.npz", x=A)
    assert voice_files("a", voices) == [voices / "a.npy"]
    assert voice_files(f"{alone}(3)+b:2", voices) == [alone, voices / "b.bin"]
    many = write_npz(voices / "all.npz", c=A, d=B)
    assert many in voice_files("c", voices)
    assert voice_files("c", many) == [many]


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
    assert [found.name for found in list_voices(MINI, "low", 64)] == ["high", "low"]
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
    assert [found.name for found in list_voices(path, None, ROW)] == ["me"]
    with pytest.raises(WeightsError, match="holds one voice, 'me'; give that name"):
        load_voice("you", path, None, ROW)
