"""The browser of these tests, and the server whose page it shows."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import open_chromium
from tests.runner.serve.http.conftest import Serve, Server, serve  # noqa: F401 - a fixture
from tests.runner.serve.page.browser import RECORDER, Page

_AXE = "axe-core@4.14.1"


@pytest.fixture(scope="module")
def server(serve: Serve) -> Iterator[Server]:  # noqa: F811 - the fixture of this name
    """A server with a page, which wants no key."""
    with serve(page=True) as started:
        yield started


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the browser saves files in."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(downloads: Path) -> Iterator[Any]:
    """Headless Chromium; skips the test where Debian's packages chromium and chromium-driver are not installed."""
    with open_chromium(prefs={"download.default_directory": str(downloads)}) as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": RECORDER})
        yield driver


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Page]:
    """The page, 1280 px wide, of a reader who was never there before. Afterwards it must have had no error."""
    shown = Page(browser, server.url)
    shown.open()
    yield shown
    shown.check()


@pytest.fixture(scope="session")
def axe(cache_folder: Path) -> str:
    """The script of axe-core, which looks for what hinders people; skips the test where it cannot be fetched."""
    script = cache_folder / f"{_AXE}.js"
    if not script.exists():
        if shutil.which("npm") is None:
            pytest.skip("no axe-core: npm, which fetches it, is not installed")
        folder = cache_folder / "axe"
        folder.mkdir(exist_ok=True)
        command = ["npm", "pack", _AXE, "--silent", "--pack-destination", str(folder)]
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if fetched.returncode != 0:
            pytest.skip("no axe-core: npm could not fetch it")
        with tarfile.open(folder / fetched.stdout.split()[-1]) as archive:
            source = archive.extractfile("package/axe.min.js")
            assert source is not None
            script.write_bytes(source.read())
    return script.read_text("utf-8")
