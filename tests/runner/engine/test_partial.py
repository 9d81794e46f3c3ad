"""Parts of a graph: --until, --from, --only, --refresh, --load, --save-tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runner.api import Pipeline
from runner.engine.options import RunOptions
from runner.engine.pipeline import Result
from runner.engine.run_state import Status
from runner.errors import RunError
from runner.graph.selection import Scope

Tiny = Callable[..., Pipeline]
Run = Callable[..., tuple[int, str, str]]
WORDS = "hɛlˈoʊ"
ORDER = ["tokenize", "voice", "bert", "duration", "text_encoder", "align", "f0n", "decoder", "trim"]


def of_status(result: Result, status: str) -> list[str]:
    return [name for name in ORDER if result.stages[name].status == status]


def test_until_stops_after_the_stage(tiny: Tiny) -> None:
    result = tiny().run({"phonemes": WORDS}, RunOptions(scope=Scope(until="duration")))
    assert [name for name in result if "." in name] == ["duration.logits", "duration.d"]
    assert of_status(result, Status.RUN) == ["tokenize", "voice", "bert", "duration"]
    assert of_status(result, Status.UNNEEDED) == ["text_encoder", "align", "f0n", "decoder", "trim"]


def test_until_the_end_gives_the_graph_s_output_too(tiny: Tiny) -> None:
    result = tiny().run({"phonemes": WORDS}, RunOptions(scope=Scope(until="trim")))
    assert result["audio"] is result["trim.audio"]


def test_from_runs_the_stage_and_all_below(tiny: Tiny) -> None:
    first = tiny().run({"phonemes": WORDS})
    result = tiny().run({"phonemes": WORDS}, RunOptions(scope=Scope(start="f0n")))
    assert of_status(result, Status.RUN) == ["f0n", "decoder", "trim"]
    assert result["audio"].tobytes() == first["audio"].tobytes()


def test_from_and_until_meet(tiny: Tiny) -> None:
    tiny().run({"phonemes": WORDS})
    result = tiny().run({"phonemes": WORDS}, RunOptions(scope=Scope(start="bert", until="duration")))
    assert of_status(result, Status.RUN) == ["bert", "duration"]


def test_refresh_runs_the_stage_and_no_other(tiny: Tiny) -> None:
    tiny().run({"phonemes": WORDS})
    result = tiny().run({"phonemes": WORDS}, RunOptions(scope=Scope(refresh=frozenset({"bert", "decoder"}))))
    assert of_status(result, Status.RUN) == ["bert", "decoder"]


def test_only_runs_the_stage_on_what_is_kept(tiny: Tiny) -> None:
    whole = tiny().run({"phonemes": WORDS}, RunOptions(keep=True))
    result = tiny().run({"phonemes": WORDS}, RunOptions(scope=Scope(only="decoder")))
    assert of_status(result, Status.RUN) == ["decoder"]
    assert result["decoder.audio"].tobytes() == whole["decoder.audio"].tobytes()


def test_only_says_what_is_missing(tiny: Tiny) -> None:
    with pytest.raises(RunError) as error:
        tiny().run({"phonemes": WORDS}, RunOptions(scope=Scope(only="bert")))
    assert "only stage 'bert' may run, and what stage 'tokenize' gives is not kept; run until 'bert' first" in str(
        error.value
    )


def test_only_runs_nothing_else_without_a_cache_either(tiny: Tiny, tiny_root: Path) -> None:
    pipeline = Pipeline(tiny().graph, tiny_root, threads=1)
    with pytest.raises(RunError, match="only stage 'bert' may run, and what stage 'tokenize' gives is not kept"):
        pipeline.run({"phonemes": WORDS}, RunOptions(scope=Scope(only="bert")))


def test_only_runs_on_given_arrays_alone(tiny: Tiny) -> None:
    whole = tiny().run({"phonemes": WORDS}, RunOptions(keep=True))
    given = {port: whole[port] for port in ("decoder.audio", "align.frame_count")}
    result = tiny().run({"phonemes": "h"}, RunOptions(scope=Scope(only="trim"), override=given))
    assert result["audio"].tobytes() == whole["audio"].tobytes()


def test_given_array_prunes_what_is_above(tiny: Tiny) -> None:
    whole = tiny().run({"phonemes": WORDS}, RunOptions(keep=True))
    given = {port: whole[port] * 0 for port in ("f0n.f0", "f0n.n")}
    result = tiny().run({"phonemes": WORDS}, RunOptions(override=given))
    assert of_status(result, Status.INJECTED) == ["f0n"]
    assert of_status(result, Status.RUN) == ["decoder", "trim"]
    assert result["audio"].tobytes() != whole["audio"].tobytes()
    audio = {port: whole[port] for port in ("decoder.audio", "align.frame_count", "align.durations")}
    audio["decoder.audio"] = whole["decoder.audio"] * 2
    loud = tiny().run({"phonemes": WORDS}, RunOptions(override=audio))
    assert of_status(loud, Status.RUN) == ["trim"]
    assert of_status(loud, Status.HIT) == []
    np.testing.assert_array_equal(loud["audio"], whole["audio"] * 2)


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (Scope(until="decodr"), "no stage is called 'decodr'; did you mean 'decoder'?"),
        (Scope(refresh=frozenset({"x"})), "no stage is called 'x'"),
        (Scope(only="bert", until="trim"), "`only` cannot be combined with `start` or `until`; give it alone"),
        (Scope(start="decoder", until="bert"), "cannot start at stage 'decoder': stage 'bert' does not depend on it"),
    ],
)
def test_scope_is_checked(tiny: Tiny, scope: Scope, message: str) -> None:
    with pytest.raises(RunError) as error:
        tiny().run({"phonemes": WORDS}, RunOptions(scope=scope))
    assert message in str(error.value)


@pytest.fixture
def command(tiny_model: Path, tiny_root: Path, run: Run) -> Run:
    """The command `run` on the tiny model."""
    return lambda *args: run("default", "-c", tiny_model, "--build-dir", tiny_root, "--phonemes", WORDS, *args)


def test_save_tensors_writes_every_port_and_load_takes_them(command: Run) -> None:
    assert command("-o", "a.wav", "--save-tensors", "t", "-q")[:2] == (0, "")
    saved = sorted(path.name for path in Path("t").iterdir())
    assert {"tokenize.input_ids.npy", "align.durations.npy", "decoder.audio.npy", "trim.audio.npy"} <= set(saved)
    assert len(saved) == 18
    loaded = [f"--load={port}=t/{port}.npy" for port in ("decoder.audio", "align.frame_count", "align.durations")]
    told = command("-o", "b.wav", "--no-cache", "--timings", "-q", *loaded)[2].splitlines()
    assert [line.split()[0] for line in told if line.endswith(" s")] == ["trim", "all"]
    assert Path("b.wav").read_bytes() == Path("a.wav").read_bytes()


def test_until_lists_what_a_part_without_audio_gives(command: Run) -> None:
    code, out, _ = command("--until", "voice")
    assert code == 0
    assert [line.partition(":")[0].strip() for line in out.splitlines()[1:]] == [
        "voice.style_decoder",
        "voice.style_prosody",
    ]
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--load", "decoder=a.npy"), "'decoder=a.npy' is not STAGE.PORT=FILE.npy"),
        (("--load", "decoder.audio=none.npy"), "none.npy: cannot be read: No such file or directory"),
        (("--load", "decoder.audio=bad.npy"), "bad.npy: is not a .npy file of an array"),
        (("--load", "decoder.sound=a.npy"), "no port is called 'decoder.sound'; did you mean 'decoder.audio'?"),
        (("--load", "decoder.audio=a.npy"), "decoder.audio: expected float32[1, 600*frames], got float64[3]"),
        (("--until", "bert", "-o", "a.wav"), "--output: this part of the graph does not give that output"),
    ],
)
def test_bad_options_are_messages(command: Run, options: tuple[str, ...], message: str) -> None:
    Path("bad.npy").write_bytes(b"\x93NUMPY but not really")
    np.save("a.npy", np.zeros(3))
    code, _, err = command(*options)
    assert (code, "Traceback" in err) == (2, False)
    assert message in err


def test_load_is_for_one_utterance(run: Run, tiny_model: Path) -> None:
    np.save("a.npy", np.zeros((1, 600), np.float32))
    Path("two.txt").write_text("h\nh\n", "utf-8")
    code, _, err = run("default", "-c", tiny_model, "--input", "two.txt", "--load", "decoder.audio=a.npy")
    assert (code, "--load: an array is of one utterance, and there are 2" in err) == (2, True)
