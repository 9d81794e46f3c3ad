"""`tune` finds the convolutions of the stages for this CPU, measures forms that differ, and keeps what it chose."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tvm.target import Target

from runner.build import tune
from runner.build.forms import read_forms
from runner.build.tune import find_shapes, measure
from runner.cli.main import cli
from stages.kernels.filters import Form
from tests.runner import small_model

SHAPE = (8, 8, 3, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_model.write(tmp_path, small_model.weights())
    return tmp_path


def test_shapes_are_those_of_stages_for_this_cpu(folder: Path) -> None:
    shapes = [shape for shape, _ in find_shapes(small_model.load_whole(folder))]
    assert shapes == sorted(set(shapes), reverse=True)
    assert {taps for _, _, taps, _ in shapes} == {3, 7, 11}
    assert find_shapes(small_model.load_whole(folder, "devices.accel=cpu-avx2:0")) == []
    assert find_shapes(small_model.load(folder)) == []


def test_the_fastest_form_is_chosen_if_it_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {Form(6, 3, 30): 1.0, Form(4, 3, 30): 0.98, None: 2.0}
    monkeypatch.setattr(tune, "time_calls", lambda calls, rounds: {form: seconds.get(form, 3.0) for form in calls})
    target = Target({"kind": "llvm"})
    found = measure(SHAPE, target, 1)
    assert found.usual == found.chosen == Form(6, 3, 30)
    seconds[Form(4, 3, 30)] = 0.9
    assert measure(SHAPE, target, 1).chosen == Form(4, 3, 30)
    seconds[None] = 0.5
    assert measure(SHAPE, target, 1).chosen is None


def test_forms_that_are_the_same_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 14 and 28 tiles are both of 30 where they have whole tiles of 6 rows for each of five sub-sequences."""
    monkeypatch.setattr(tune, "make_call", lambda shape, form, *_: form)
    monkeypatch.setattr(tune, "time_calls", lambda calls, rounds: dict.fromkeys(calls, 1.0))
    found = measure((8, 8, 7, 5), Target({"kind": "llvm"}), 1)
    assert found.usual == Form(4, 7, 30)
    assert set(found.seconds) == {None, *(Form(m, r, tiles) for m, r in ((5, 4), (4, 7)) for tiles in (30, 60))}


def test_every_form_computes_and_is_timed() -> None:
    found = measure(SHAPE, Target({"kind": "llvm"}), 1)
    assert {form and form.filtering for form in found.seconds} == {None, (2, 3), (4, 3), (6, 3), (8, 3)}
    assert len(found.seconds) > 5  # blocks of several sizes
    assert all(0 < seconds < 60 for seconds in found.seconds.values())


def test_the_command_keeps_what_it_chose(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "find_shapes", lambda graph: [(SHAPE, Target({"kind": "llvm"}))])
    monkeypatch.setattr(tune, "time_calls", lambda calls, rounds: {form: 2.0 - (form is None) for form in calls})
    result = CliRunner().invoke(cli, ["tune", str(folder / "words.yaml")])
    assert result.exit_code == 0, result.output
    assert "8 to 8, 3 taps, dilation 1: direct sum, 2.00 times as fast as F(6, 3)" in result.stderr
    assert read_forms() == ((*SHAPE, None),)


def test_a_graph_without_such_convolutions_is_refused(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["tune", str(folder / "words.yaml")])
    assert result.exit_code == 2
    assert "words.yaml: no stage is compiled for this CPU and has a convolution with more" in result.stderr
