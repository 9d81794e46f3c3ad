"""`kokoro-run serve --wyoming`: what the command refuses."""

from __future__ import annotations

import pytest

from tests.console import run_command


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_public_port_without_a_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    """The key of HTTP does not help: Wyoming has none."""
    monkeypatch.setenv("KOKORO_RUN_API_KEY", "0123456789abcdef")
    status, _, told = run_command(monkeypatch, capsys, "serve", "text", "--host", host, "--wyoming", "10200")
    assert status == 2
    assert f"--host {host}: is public, and Wyoming has no key; say --insecure" in " ".join(told.split())
