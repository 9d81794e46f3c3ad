from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError, SpecError, WeightsError
from runner.speech.assets import load_json, load_vocab, write_assets
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
    with pytest.raises(WeightsError, match=r"no \.pt voice in this folder"):
        write_assets(CONFIG, [tmp_path], tmp_path / "out")


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
