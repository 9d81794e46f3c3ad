from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError, SpecError, WeightsError
from runner.speech.assets import load_json, load_vocab, write_assets
from tests.runner.speech.packs import write_npz, write_raw
from tests.runner.torch_archive import write_torch_zip

CONFIG = Path(__file__).parents[3] / "configs" / "models" / "kokoro-82m" / "config.json"
PACK = np.random.default_rng(0).standard_normal((510, 1, 256)).astype(np.float32)

BAD_JSON = {
    '{"a": 1,\n "b" 2}': ":2:6: not JSON: Expecting ':' delimiter",
    '{"a": 1,\n "a": 2}': ": key 'a' is given twice",
    "[1]": ": holds a list, expected a table",
    "\xff": ": not a JSON file in UTF-8",
}
BAD_VOCABS = {
    "{}": "an empty vocabulary, expected {symbol: id}",
    '{"vocab": {}}': "an empty vocabulary",
    '{"\\ud800": 1}': r"'\ud800' is half a character (a surrogate), expected a whole one",
    '{"ab": 1}': "'ab' is 2 characters, but a symbol of a vocabulary is one",
    '{"a": 0}': "the id of 'a' is 0, expected an integer from 1",
    '{"a": true}': "the id of 'a' is True, expected an integer from 1",
    '{"a": "1"}': "the id of 'a' is '1', expected an integer from 1",
    '{"a": 3, "b": 3}': "'a' and 'b' have the same id 3",
}


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    folder = tmp_path / "voices"
    folder.mkdir()
    write_torch_zip(folder / "af_heart.pt", PACK)
    write_torch_zip(folder / "am_adam.pt", -PACK)
    return folder


def test_write_assets_converts_a_folder_of_voices_and_the_vocabulary(tmp_path: Path, voices: Path) -> None:
    out = tmp_path / "a" / "b"
    written = write_assets(CONFIG, [voices], out)
    assert written == [out / "af_heart.npy", out / "am_adam.npy", out / "vocab.json"]
    assert sorted(written) == sorted(out.iterdir())
    np.testing.assert_array_equal(np.load(out / "am_adam.npy"), -PACK[:, 0])
    assert load_vocab(out / "vocab.json") == load_vocab(CONFIG)


def test_write_assets_writes_the_vocabulary_alone_when_there_are_no_voices(tmp_path: Path) -> None:
    assert write_assets(CONFIG, [], tmp_path) == [tmp_path / "vocab.json"]
    assert len(json.loads((tmp_path / "vocab.json").read_text("utf-8"))) == 114


def test_write_assets_writes_nothing_when_a_voice_is_for_another_model(tmp_path: Path, voices: Path) -> None:
    write_torch_zip(voices / "zz_small.pt", PACK[:, :, :64])
    with pytest.raises(WeightsError, match=r"zz_small\.pt: is \[510, 1, 64\], expected \[N, 256\]"):
        write_assets(CONFIG, [voices], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_write_assets_refuses_two_voices_of_one_name(tmp_path: Path, voices: Path) -> None:
    again = write_torch_zip(tmp_path / "af_heart.pt", PACK)
    with pytest.raises(WeightsError, match="there is another voice named 'af_heart'; rename one"):
        write_assets(CONFIG, [voices, again], tmp_path / "out")


def test_write_assets_refuses_a_folder_without_voices(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no voice in this folder, expected files \.npy, \.safetensors, \.pt, "):
        write_assets(CONFIG, [tmp_path], tmp_path / "out")


def test_write_assets_converts_voices_of_every_format_in_a_folder(tmp_path: Path, voices: Path) -> None:
    write_raw(voices / "bf_emma.bin", 2 * PACK)
    write_npz(voices / "more.npz", bm_george=PACK.astype(">f8"), bm_lewis=-PACK)
    (voices / "README.md").write_text("not a voice")
    names = ["af_heart", "am_adam", "bf_emma", "bm_george", "bm_lewis"]
    written = write_assets(CONFIG, [voices], tmp_path / "out")
    assert written == [*(tmp_path / "out" / f"{name}.npy" for name in names), tmp_path / "out" / "vocab.json"]
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "bf_emma.npy"), 2 * PACK[:, 0])
    george = np.load(tmp_path / "out" / "bm_george.npy")
    assert (george.dtype, george.tobytes()) == (np.float32, PACK.tobytes())


def test_write_assets_converts_a_folder_of_raw_files(tmp_path: Path) -> None:
    write_raw(tmp_path / "af_sky.bin", PACK)
    write_raw(tmp_path / "af_nova.bin", -PACK)
    written = write_assets(CONFIG, [tmp_path], tmp_path / "out")
    assert [path.name for path in written] == ["af_nova.npy", "af_sky.npy", "vocab.json"]


@pytest.mark.parametrize("name", ["voices.npz", "voices-v1.0.bin"])
def test_write_assets_converts_a_file_of_many_voices_or_one_of_them(tmp_path: Path, name: str) -> None:
    many = write_npz(tmp_path / name, af_heart=PACK, am_adam=-PACK)
    assert [path.name for path in write_assets(CONFIG, [many], tmp_path / "all")] == [
        *("af_heart.npy", "am_adam.npy", "vocab.json")
    ]
    one = write_assets(CONFIG, [Path(f"{many}:am_adam")], tmp_path / "one")
    assert one == [tmp_path / "one" / "am_adam.npy", tmp_path / "one" / "vocab.json"]
    np.testing.assert_array_equal(np.load(one[0]), -PACK[:, 0])
    with pytest.raises(WeightsError, match=rf"voice 'am_adm': not in .*{name}; did you mean 'am_adam'\?"):
        write_assets(CONFIG, [Path(f"{many}:am_adm")], tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["../af_heart", "a/b", "..", "."])
def test_write_assets_refuses_a_name_that_is_no_file_name(tmp_path: Path, name: str) -> None:
    many = write_npz(tmp_path / "many.npz", **{name: PACK, "b": PACK})
    with pytest.raises(WeightsError, match=rf"many\.npz: the name '{name}' cannot be that of a file; rename the voice"):
        write_assets(CONFIG, [many], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_write_assets_may_write_beside_what_it_reads_again_and_again(voices: Path) -> None:
    for _ in range(2):
        write_assets(CONFIG, [voices], voices)
        assert sorted(path.name for path in voices.glob("*.npy")) == ["af_heart.npy", "am_adam.npy"]
    with pytest.raises(RunError, match=r"af_heart\.npy"):
        write_assets(CONFIG, [voices / "af_heart.npy"], voices)


def test_write_assets_refuses_a_missing_voice(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pt'?: there is no such file"):
        write_assets(CONFIG, [tmp_path / "none.pt"], tmp_path / "out")


def test_write_assets_refuses_a_config_that_describes_no_model(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"vocab": {"a": 1}}')
    with pytest.raises(SpecError, match=r"config\.json: hidden_dim: missing; expected an integer"):
        write_assets(config, [], tmp_path / "out")


def test_write_assets_refuses_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(RunError, match=r"out: cannot be written: File exists"):
        write_assets(CONFIG, [], tmp_path / "out")


@pytest.mark.parametrize("text", BAD_JSON)
def test_load_json_refuses(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SpecError) as refusal:
        load_json(path)
    assert str(refusal.value).startswith(f"{path}{BAD_JSON[text]}")


def test_load_json_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.json: cannot be read: No such file or directory"):
        load_json(tmp_path / "none.json")


@pytest.mark.parametrize("text", BAD_VOCABS)
def test_load_vocab_refuses(tmp_path: Path, text: str) -> None:
    path = tmp_path / "vocab.json"
    path.write_text(text)
    with pytest.raises(SpecError) as refusal:
        load_vocab(path)
    assert str(refusal.value).startswith(f"{path}: {BAD_VOCABS[text]}")


def test_load_vocab_takes_a_table_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_text('{"a": 1, "ʧ": 2}', encoding="utf-8-sig")
    assert load_vocab(path) == {"a": 1, "ʧ": 2}
