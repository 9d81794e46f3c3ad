from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from runner.speech.voice_spec import make_absolute
from runner.speech.voices import load_voice, needs_folder
from tests.runner.speech.packs import A, B, assert_pack, assert_refused, load, write_npy, write_npz
from tests.runner.toys import MINI

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
    "a(0.5)": "voice 'a(0.5)': a weight has no meaning for a single voice",
    "a:30": "voice 'a:30': a weight has no meaning for a single voice",
    "a(half)+b": "the weight of a is 'half', expected a positive number",
    "a()+b": "the weight of a is '', expected a positive number",
    "a:0,b:1": "the weight of a is '0', expected a positive number",
    "a:-1,b:1": "the weight of a is '-1', expected a positive number",
    "nan*a+b": "the weight of a is 'nan', expected a positive number",
    "(0.5)+b": "a name is missing",
    "a(0.5)*2+b": "voice 'a(0.5)*2+b': 'a(0.5)*2' has two weights, expected one, as in NAME*0.6",
    "a:30:70,b:30": "'a:30:70' has two weights",
    "{voices}/a.npy:30,b:70": "'{voices}/a.npy:30' can mean two things; write {voices}/a.npy:30*1 for the voice '30' "
    "of {voices}/a.npy, or {voices}/a.npy*30 for the weight 30",
    "{voices}/a.npy:30+b": "voice '30': not in {voices}/a.npy; its one voice has no name, give the file alone; a "
    "weight is written {voices}/a.npy*30",
    "af_hart": "voice 'af_hart': not in {voices}; did you mean 'af_heart'?",
    "zzz": "voice 'zzz': not in {voices}; known: a, af_heart, b, short",
    "missing.npy": "voice 'missing.npy': there is no such file",
    "no/such": "voice 'no/such': there is no such file",
    "missing.npz:a": "voice 'missing.npz:a': there is no such file",
    "a+short": "voice 'a+short': a mix needs packs of equal length, but a has 510, short has 7 rows",
    "x" * 300 + ".npy": "there is no such file",
}


@pytest.mark.parametrize("spec", BAD_SPECS)
def test_load_refuses_a_spec(voices: Path, spec: str) -> None:
    assert_refused(spec.format(voices=voices), voices, BAD_SPECS[spec].format(voices=voices))


SAME = ["a(0.3)+b(0.7)", "a:30,b:70", "0.3*a + 0.7*b", "a:3+b:7", "a(30), b*70", " a ( .3 ),b : 7e-1", "{a}*3,b(7)"]


@pytest.mark.parametrize("spec", [*SAME, "{many}:a:30,b:70", "{many}:a(3)+7*{b}", "a*.30,b*.70"])
def test_load_gives_the_same_bits_for_a_mix_in_every_spelling(tmp_path: Path, voices: Path, spec: str) -> None:
    many = write_npz(tmp_path / "many.npz", a=A, b=B)
    found = load(spec.format(a=voices / "a.npy", b=voices / "b.bin", many=many), voices)
    assert found.tobytes() == load("a*0.3+b*0.7", voices).tobytes()
    np.testing.assert_allclose(found, 0.3 * A + 0.7 * B, rtol=1e-5, atol=1e-6)


def test_every_spelling_of_the_page_gives_the_same_voice(repository: Path) -> None:
    page = (repository / "docs" / "voices.md").read_text("utf-8")
    table = page[page.index("| spelling |") : page.index("A weight is any")]
    specs = re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)
    packs = [load_voice(spec, MINI / "voices", None, 64).tobytes() for spec in specs]
    assert (len(specs), len(set(packs))) == (4, 1)


def test_load_divides_weights_exactly(voices: Path) -> None:
    """In binary, 0.1 + 0.7 is not 0.8."""
    tenths, whole = (load(spec, voices) for spec in ("a*0.1+b*0.7+af_heart*1.1", "a:1,b:7,af_heart:11"))
    assert tenths.tobytes() == whole.tobytes()


@pytest.mark.parametrize("digits", ["0", "1"])
def test_number_after_a_file_is_a_name(tmp_path: Path, voices: Path, digits: str) -> None:
    many = write_npy(tmp_path / "many.npy", np.stack([A, B]))
    pack = [A, B][int(digits)]
    assert_pack(load(f"{many}:{digits}", voices), pack)
    assert_pack(load(f"{many}:{digits}+{many}:{digits}", voices), pack)
    assert_pack(load(f"{many}:{digits}:30,{many}:{digits}:70", voices), pack)
    (tmp_path / "many.npy").rename(tmp_path / "many.dat")
    assert_pack(load(f"{tmp_path / 'many.dat'}:{digits}", voices), pack)


def test_name_with_a_mark_is_written_with_a_backslash(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "old.npz", **{"a (old)": A, "b*2": B})
    assert_pack(load(r"a \(old\)", file), A)
    assert_pack(load(r"a \(old\)(1)+b\*2:1", file), load(f"{file}:a \\(old\\),{file}:b\\*2", file))


@pytest.mark.parametrize("spec", ["a+b", "a,b", " a , b ", "a*0.5+b*0.5", "a*3+b*3", "{a},b"])
def test_load_mixes_in_equal_parts(voices: Path, spec: str) -> None:
    expected = ((A.astype(np.float64) + B) / 2).astype(np.float32)
    assert_pack(load(spec.format(a=voices / "a.npy"), voices), expected)


@pytest.mark.parametrize("spec", ["a*0.6+b*0.4", "a*3+b*2", "a*6e-3,b*4e-3", "a*0.3+b*0.4+a*.3"])
def test_load_mixes_by_weights_over_their_sum(voices: Path, spec: str) -> None:
    np.testing.assert_allclose(load(spec, voices), 0.6 * A + 0.4 * B, rtol=1e-5, atol=1e-6)


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
    "0.3*c.npy + c.npy(0.5),a:3": "0.3*{here}/c.npy+{here}/c.npy(0.5),a:3",
    "c.npy:a:2,many.npz:b:3": "{here}/c.npy:a:2,{here}/many.npz:b:3",
    r"./e\(1\)(2),a": r"{here}/e\(1\)(2),a",
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
    write_npy(here / "e(1)", B)
    missing = {"gone.npy": "there is no such file", "c.npy:a:2,many.npz:b:3": "voice 'a': not in "}.get(spec)
    expected = None if missing else load(spec, voices)
    monkeypatch.chdir(tmp_path)
    found = make_absolute(spec, here)
    assert found == make_absolute(found, tmp_path)
    assert found.replace("a\\+b\\, c\\*2", "here") == ABSOLUTE[spec].format(here=tmp_path / "here")
    if expected is None:
        assert_refused(found, voices, str(missing))
    else:
        assert_pack(load(found, voices), expected)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        *[(None, True), ("a", True), ("x.npy", False), ("x.npy+y.npz:b", False), ("x.npy+a", True)],
        *[("a:3,x.npy*1", True), ("x.npy(3)+y.npz:b:7", False)],
    ],
)
def test_needs_folder_where_a_voice_is_a_name(spec: str | None, expected: bool) -> None:
    assert needs_folder(spec) == expected
