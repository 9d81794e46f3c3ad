"""Measured forms: what was written is read again, a table that does not fit is told of and not used, and libraries for
this CPU depend on it, those for another not.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tvm.target import Target

from runner.build import forms
from runner.build.forms import Row, prepare_table, read_forms, table_path, write_forms
from runner.build.staleness import make_recipes
from runner.errors import BuildError
from stages.kernels.filters import Form, choose, make_forms, prefer_forms
from stages.layers.conv import WinogradConv1d
from tests.runner import small_model
from tests.targets import x86

ROWS: tuple[Row, ...] = ((64, 64, 7, 1, (5, 4, 14)), (32, 32, 3, 1, None))
HASWELL = Target(x86("haswell"))


def test_what_was_written_is_read() -> None:
    assert read_forms() == ()
    path = write_forms(reversed(ROWS))
    assert path == table_path()
    assert read_forms() == ROWS


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"format": 1}',
        '{"format": 1, "cpu": "another", "kernels": "0", "rows": []}',
    ],
)
def test_a_damaged_table_is_told_of_and_not_used(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    write_forms(ROWS).write_text(damage)
    assert read_forms() == ()
    assert f"{table_path()}: is damaged" in caplog.text
    assert "`kokoro-run tune` measures again" in caplog.text


def test_rows_of_another_model_stay() -> None:
    write_forms(ROWS)
    more: tuple[Row, ...] = ((128, 128, 3, 1, (4, 3, 28)), (64, 64, 7, 1, None))
    write_forms(more)
    assert read_forms() == (*more, ROWS[1])


def test_a_table_that_cannot_be_read_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    table_path().mkdir()
    assert read_forms() == ()
    assert caplog.messages == [f"{table_path()}: cannot be read: Is a directory; convolutions take their usual forms"]


@pytest.mark.parametrize(
    "row",
    [
        [64, 64, 7, 1, [20, 3, 28]],
        [64, 64, 7, 1, [4, 7, 99999]],
        [64, 64, 7, 1, [4, 7]],
        [64, 64, 7, 0, None],
        ["64", 64, 7, 1, None],
        [64, 64, 7, 1],
    ],
)
def test_a_row_that_is_no_form_damages_the_table(row: list[object], caplog: pytest.LogCaptureFixture) -> None:
    path = write_forms(ROWS)
    path.write_text(json.dumps({**json.loads(path.read_text()), "rows": [row]}))
    assert read_forms() == ()
    assert "is damaged" in caplog.text


def test_a_table_of_other_kernels_is_told_of_and_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(forms, "digest_kernels", lambda: "0" * 64)
        other = write_forms(ROWS)
    assert read_forms() == ()
    assert f"{other}: was measured with other kernels" in caplog.text
    write_forms(ROWS)
    assert not other.exists()
    assert read_forms() == ROWS


def test_a_table_that_cannot_be_written_is_an_error(tuning: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tuning / "file").touch()
    monkeypatch.setenv(forms.VARIABLE, str(tuning / "file"))
    with pytest.raises(BuildError, match="set KOKORO_RUN_TUNING to a folder that can be written"):
        write_forms(ROWS)
    with pytest.raises(BuildError, match="set KOKORO_RUN_TUNING to a folder that can be written"):
        prepare_table()


def test_libraries_for_this_cpu_depend_on_its_forms_and_others_do_not(tmp_path: Path) -> None:
    small_model.write(tmp_path, small_model.weights())

    def keys() -> list[str]:
        graphs = [small_model.load(tmp_path), small_model.load(tmp_path, "devices.host=cpu-avx2:0")]
        return [make_recipes(graph, tmp_path / "root")[0].key for graph in graphs]

    usual = keys()
    write_forms(ROWS)
    measured = keys()
    assert measured[0] != usual[0]
    assert measured[1] == usual[1]
    write_forms([(*ROWS[0][:4], None)])
    assert keys()[0] not in (usual[0], measured[0])


def test_a_layer_takes_the_measured_form() -> None:
    with HASWELL, prefer_forms(make_forms(ROWS)):
        seven, three, other = (WinogradConv1d(n, n, taps) for n, taps in ((64, 7), (32, 3), (64, 3)))
        assert seven.winograd is not None
        assert (seven.winograd.m, seven.winograd.r, seven.winograd.tiles) == (5, 4, 12)  # whole register tiles of 6
        assert three.winograd is None
        assert other.winograd is not None
    assert choose(64, 64, 7, 1, HASWELL) != Form(5, 4, 14)
