from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.safetensors_file import write_safetensors
from tests.runner.speech.packs import A, B, write_npy, write_raw
from tests.runner.torch_archive import write_torch_zip


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
