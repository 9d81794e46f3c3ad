"""Versions of installed packages, as importlib.metadata has them."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from runner.cache.packages import ABSENT, find_version


def test_every_installed_package_has_the_version_that_importlib_finds() -> None:
    names = {found.name for found in importlib.metadata.distributions()}
    assert len(names) > 20
    assert {name: find_version(name) for name in names} == {name: importlib.metadata.version(name) for name in names}


@pytest.mark.parametrize("folder", ["Odd_pkg.two-1.2.post1+cpu.dist-info", "odd_pkg_two-1.2.post1+cpu-py3.11.egg-info"])
@pytest.mark.parametrize("name", ["odd-pkg-two", "Odd_Pkg.two"])
def test_spellings_of_a_name_are_one_package(
    folder: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    assert find_version(name) == ABSENT == "none"
    (tmp_path / folder).mkdir()
    assert find_version(name) == "1.2.post1+cpu"
    assert find_version("odd-pkg") == find_version("pkg-two") == ABSENT


def test_the_first_folder_of_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1", "2"):
        monkeypatch.syspath_prepend(tmp_path / version)
        (tmp_path / version / f"odd-{version}.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "absent")
    assert find_version("odd") == "2"
