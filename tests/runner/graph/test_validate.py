"""Overlays, options, paths, origins, device kinds: many files, one tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import GraphError, SpecError
from runner.files.locate import data_root, display_path, find_file
from runner.graph import device_kinds
from runner.graph.device_kinds import find_device_files
from runner.graph.load import Graph, load_graph
from runner.graph.validate import load_device
from runner.inspect.mermaid import list_values
from tests.runner.graphs import ROOT, assert_overlay_refused, edited, messages, model_of, write

DEFAULT = str(ROOT / "graphs/default.yaml")


def load(folder: Path, *overlays: str, sets: tuple[str, ...] = ()) -> Graph:
    """The default graph under overlays that are given as text."""
    paths = [str(write(folder, text, f"overlay{at}.yaml")[0]) for at, text in enumerate(overlays)]
    return load_graph(DEFAULT, paths, sets)


def test_maps_merge_and_later_overlays_win(tmp_path: Path) -> None:
    graph = load(tmp_path, "params: {speed: 1.5}", "params: {speed: 2.0}", "dims: {text: {max: 100}}")
    assert graph.params == {"speed": 2.0, "seed": 0, "alphabet": "kokoro", "skip_unknown": False}
    assert (graph.dims["text"].max, graph.dims["text"].static) == (100, False)


def test_set_wins_over_overlays(tmp_path: Path) -> None:
    assert load(tmp_path, "params: {speed: 1.5}", sets=("params.speed=0.5",)).params["speed"] == 0.5


def test_a_scalar_replaces_a_map_and_a_map_a_scalar(tmp_path: Path) -> None:
    static = load(tmp_path, "dims: {text: 256}")
    assert (static.dims["text"].max, static.dims["text"].static) == (256, True)
    assert load(tmp_path, "dims: {text: 256}", "dims: {text: {max: 100}}").dims["text"].max == 100
    assert load(tmp_path, "dims: {text: 256}", sets=("dims.text.max=99",)).dims["text"].max == 99


def test_null_removes(tmp_path: Path) -> None:
    graph = load(tmp_path, (ROOT / "configs/external.yaml").read_text(encoding="utf-8"))
    assert list(graph.stages["decoder"].inputs) == ["asr", "f0", "n", "style"]
    assert graph.stages["decoder"].source is None
    assert "seed" not in graph.params


def test_an_integer_is_a_way_to_write_a_float_parameter(tmp_path: Path) -> None:
    value = load(tmp_path, "params: {speed: 2}").params["speed"]
    assert (value, type(value)) == (2.0, float)


OVERLAYS = [
    ("§parms: {speed: 2.0}", "unknown key 'parms'; did you mean 'params'?"),
    ("stages: {bert: {§cashe: false}}", "unknown key 'cashe'; did you mean 'cache'?"),
    ("stages: {bert: {§input: {a: b}}}", "unknown key 'input'; did you mean 'inputs'?"),
    ("params: {§spede: null}", "null removes, but params has no 'spede'; did you mean 'speed'?"),
    ("stages: {decoder: {inputs: {§sed: null}}}",
     "null removes, but stages.decoder.inputs has no 'sed'; did you mean 'seed'?"),
    ("§outpts: null", "null removes, but the graph has no 'outpts'; did you mean 'outputs'?"),
    ("params: {speed: §fast}", 'params.speed takes a number like its default 1.0, not "fast"'),
    ("params: {seed: §1.5}", "params.seed takes an integer like its default 0, not 1.5"),
    ("params: {seed: §true}", "params.seed takes an integer like its default 0, not true"),
    ("params: {skip_unknown: §off}", 'params.skip_unknown takes true or false like its default false, not "off"'),
    ("params: {skip_unknown: §1}", "params.skip_unknown takes true or false like its default false, not 1"),
    ("params: {speed: §[1]}", "params.speed takes a number like its default 1.0, not [1]"),
    ("params: {speed: {§a: 1}}", "params.speed takes default, min and max, not 'a'"),
    ("stages: {bert: {cache: §off}}", "stages.bert.cache takes true or false, not 'off'"),
    ("stages: {bert: {device: §[host]}}", "stages.bert.device takes a string, not a list"),
    ("dims: {text: §0}", "dims.text takes a size from 1 to 2147483647, not 0"),
    ("dims: {text: §1.5}", "dims.text takes an integer (a static size) or a map with 'max' alone, not 1.5"),
    ("dims: {text: {min: §3}}", "dims.text takes an integer (a static size) or a map with 'max' alone, not 3"),
    ("dims: {text: {max: §0}}", "dims.text takes a size from 1 to 2147483647, not 0"),
    ("dims: {samples: §2147483648}", "dims.samples takes a size from 1 to 2147483647, not 2147483648"),
    ("dims: {text: {max: §12.5}}", "dims.text takes an integer (a static size) or a map with 'max' alone, not 12.5"),
    ("devices: {accel: §cuda}", "devices.accel takes KIND:INDEX, as in cpu:0, not 'cuda'"),
    ("devices: {accel: §../cpu:0}", "devices.accel takes KIND:INDEX, as in cpu:0, not '../cpu:0'"),
    ("graph: §2", "graph takes 1, not 2"),
    ("name: §../up",
     "name takes letters, digits, '.', '_' and '-' (at most 64), the first a letter or digit, not '../up'"),
    ("model: {sha256: §abc}", "model.sha256 takes 64 hexadecimal digits, lower-case, not 'abc'"),
    ("model: {voice: §''}", "model.voice must not be empty, not ''"),
    ("model: {checkpoint: §''}", "model.checkpoint must not be empty, not ''"),
    ("model: {config: §3}", "model.config takes a string, not 3"),
    ("model: {§chekpoint: a}", "unknown key 'chekpoint'; did you mean 'checkpoint'?"),
    ("model: §absent.yaml",
     "no model file '{folder}/absent.yaml'; model names a file such as configs/models/mini.yaml"),
    ("model: §[1]", "model takes a map, not a list"),
    ("model: {hub: {repo: a/b, revision: §main, checkpoint: c, voices: d}}",
     "model.hub.revision takes a commit, 40 hexadecimal digits, lower-case, not 'main'"),
]  # fmt: skip


@pytest.mark.parametrize(("overlay", "message"), OVERLAYS)
def test_an_overlay_that_says_something_else_is_refused(tmp_path: Path, overlay: str, message: str) -> None:
    assert_overlay_refused(tmp_path, overlay, message.format(folder=tmp_path))


@pytest.mark.parametrize(("length", "cut"), [(60, False), (61, True)])
def test_a_long_value_is_shown_by_its_beginning(tmp_path: Path, length: int, cut: bool) -> None:
    value = "x" * (length - 2)  # and its quotes
    shown_ = f"'{value}..." if cut else f"'{value}'"
    expected = f"dims.text takes an integer (a static size) or a map with 'max' alone, not {shown_}"
    assert_overlay_refused(tmp_path, f"dims: {{text: §{value}}}", expected)


def test_the_largest_size_is_a_size(tmp_path: Path) -> None:
    assert load(tmp_path, "dims: {samples: {max: 2147483647}}").dims["samples"].max == 2**31 - 1


def test_an_option_is_quoted_by_two_quotes_of_one_kind() -> None:
    for text, voice in (("'a'", "a"), ('"a"', "a"), ("'a!", "'a!"), ("'a\"", "'a\""), ("'", "'")):
        assert model_of(load_graph(DEFAULT, sets=[f"model.voice={text}"])).voice == voice


def test_a_model_that_no_file_can_be_called_is_refused() -> None:
    for name in ("x" * 5000, "'a\0b'", "''"):
        with pytest.raises(SpecError, match=r"no model file"):
            load_graph(DEFAULT, sets=[f"model={name}"])


def test_names_are_lower_case(tmp_path: Path) -> None:
    rule = "takes a name of lower-case letters, digits and _ that starts with a letter"
    unused = "nothing uses the dim 'Text'; did you mean 'text'?"
    assert_overlay_refused(tmp_path, "dims: {§Text: 3}", f"dims {rule}, not 'Text'", unused)
    unknown = "no device role 'Host'; did you mean 'host'?"
    assert_overlay_refused(
        tmp_path, "stages: {bert: {device: §Host}}", f"stages.bert.device {rule}, not 'Host'", unknown
    )


@pytest.mark.parametrize("length", [64, 65])
def test_a_name_has_at_most_64_characters(tmp_path: Path, length: int) -> None:
    path, _ = write(tmp_path, f"params: {{{'x' * length}: 1}}")
    with pytest.raises((SpecError, GraphError)) as caught:  # it is not used, in any case
        load_graph(DEFAULT, [str(path)])
    assert any("params takes a name of lower-case letters" in line for line in messages(caught.value)) == (length > 64)


def test_a_path_that_is_not_as_it_was_written_has_its_mistakes_at_its_beginning(tmp_path: Path) -> None:
    path, marked = write(tmp_path, "stages: {bert: {source: null, module: §'libs/{modle}/bert.so'}}")
    with pytest.raises(GraphError) as caught:
        load_graph(DEFAULT, [str(path)])
    assert f"{marked}: unknown placeholder '{{modle}}' in a library's path; did you mean 'model'?" in messages(
        caught.value
    )


@pytest.mark.parametrize(("below", "above"), [("a.yaml", "b.yaml"), ("b.yaml", "a.yaml")])
def test_what_another_file_sets_of_a_model_is_known(tmp_path: Path, below: str, above: str) -> None:
    model, _ = write(tmp_path, mini_model(), below)
    overlay, _ = write(tmp_path, "model: {checkpoint: other.pth}", above)
    assert model_of(load_graph(DEFAULT, [str(model), str(overlay)])).overridden == ("checkpoint",)


def test_a_name_is_told_with_the_map_that_holds_it(tmp_path: Path) -> None:
    path, marked = write(tmp_path, "stages: {bert: {inputs: {§Text: a}}}")
    with pytest.raises(SpecError) as caught:
        load_graph(DEFAULT, [str(path)])
    told = f"{marked}: stages.bert.inputs takes a name of lower-case letters"
    assert [line for line in messages(caught.value) if line.startswith(told)]


def test_a_missing_key_is_named_with_its_stage(tmp_path: Path) -> None:
    text = edited(("    device: accel\n", "")).replace("  decoder:", "  §decoder:")
    path, marked = write(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        load_graph(str(path))
    assert messages(caught.value) == [f"{marked}: stages.decoder lacks the key 'device'"]


SETS = [
    ("params.spede=1.2", "params has no 'spede'; did you mean 'speed'?"),
    ("params.speed=fast", 'params.speed takes a number like its default 1.0, not "fast"'),
    ("params.speed=é", 'params.speed takes a number like its default 1.0, not "é"'),
    ("params.speed=nan.", 'params.speed takes a number like its default 1.0, not "nan."'),
    ("params.speed=.nan", ".nan is not a finite number"),
    ("params.speed=", "a value is missing here; write null to remove one"),
    ("params.seed=~", "a value is missing here; write null to remove one"),
    ("params.seed='1'", 'params.seed takes an integer like its default 0, not "1"'),
    ("stages.bertt.device=host", "stages has no 'bertt'; did you mean 'bert'?"),
    ("stages.bert.cashe=false", "unknown key 'cashe'; did you mean 'cache'?"),
    ("stages.bert.inputs.inputids=a", "stages.bert.inputs has no 'inputids'; did you mean 'input_ids'?"),
    ("dims.frame=3", "dims has no 'frame'; did you mean 'frames'?"),
    ("devices.acel=cpu:0", "devices has no 'acel'; did you mean 'accel'?"),
    ("parms.speed=1", "unknown key 'parms'; did you mean 'params'?"),
    ("params.speed", "is not KEY.KEY=VALUE, as in params.speed=1.2"),
    ("params..speed=1", "is not KEY.KEY=VALUE, as in params.speed=1.2"),
    ("=1", "is not KEY.KEY=VALUE, as in params.speed=1.2"),
]


@pytest.mark.parametrize(("option", "message"), SETS)
def test_a_set_option_that_names_nothing_is_refused(option: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_graph(DEFAULT, sets=[option])
    assert str(caught.value) == f"set {option}: {message}"


def test_mistakes_of_all_files_and_options_are_reported_at_once(tmp_path: Path) -> None:
    one, _ = write(tmp_path, "parms: {a: 1}", "one.yaml")
    two, _ = write(tmp_path, "stages: {bert: {cashe: true}}", "two.yaml")
    with pytest.raises(SpecError) as caught:
        load_graph(DEFAULT, [str(two), str(one)], ["params.spede=1"])
    places = [line.split(" ")[0] for line in messages(caught.value)]
    assert places == ["set", f"{one}:1:1:", f"{two}:1:17:"]


def test_every_value_has_its_origin(tmp_path: Path) -> None:
    overlay, _ = write(tmp_path, "params:\n  seed: 7", "overlay.yaml")
    graph = load_graph(DEFAULT, [str(overlay)], ["params.speed=2.0"])
    found = {path: (value, str(origin)) for path, value, origin in list_values(graph)}
    assert found["params.seed"] == (7, f"{overlay}:2:9")
    assert found["params.speed.default"] == (2.0, "set params.speed=2.0")
    assert found["name"] == ("kokoro", f"{display_path(ROOT / 'graphs/default.yaml')}:3:7")
    assert found["dims.hidden"][1].startswith(f"{display_path(ROOT / 'configs/models/mini.yaml')}:")


def test_paths_are_relative_to_the_file_that_wrote_them(tmp_path: Path) -> None:
    overlay = "stages: {bert: {module: libs/bert.so, source: null}}\nmodel: {checkpoint: ../m.pth}"
    graph = load(tmp_path, overlay)
    assert graph.stages["bert"].module == f"{tmp_path}/libs/bert.so"
    assert model_of(graph).checkpoint == tmp_path.parent / "m.pth"
    assert model_of(graph).voices == ROOT / "configs/models/mini/voices"


def test_paths_of_options_are_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_of(load_graph(DEFAULT, sets=["model.checkpoint=m.pth"])).checkpoint == tmp_path / "m.pth"


def test_libraries_below_build_stay_as_they_are_and_files_of_the_model_do_not(tmp_path: Path) -> None:
    graph = load(tmp_path, "stages: {bert: {module: 'build/{device}/{model}/b.so'}}\nmodel: {voices: build/v.npy}")
    assert graph.stages["bert"].module == "build/{device}/{model}/b.so"
    assert model_of(graph).voices == tmp_path / "build" / "v.npy"


def test_a_whole_model_leaves_nothing_of_the_one_below() -> None:
    graph = load_graph(DEFAULT, [str(ROOT / "configs/models/kokoro-82m.yaml")])
    assert (model_of(graph).name, model_of(graph).voice) == ("kokoro-82m", "af_heart")
    assert model_of(graph).hub is not None
    assert (graph.dims["hidden"].max, graph.dims["features"].max) == (512, 640)
    mini = load_graph(DEFAULT, [str(ROOT / f"configs/models/{name}.yaml") for name in ("kokoro-82m", "mini")])
    assert (model_of(mini).name, model_of(mini).hub) == ("mini", None)


def test_a_part_of_a_model_merges_into_the_one_below(tmp_path: Path) -> None:
    graph = load(tmp_path, "model: {voice: other}")
    assert (model_of(graph).name, model_of(graph).voice) == ("mini", "other")


def test_an_option_can_name_a_model_file() -> None:
    graph = load_graph(DEFAULT, sets=[f"model={ROOT / 'configs/models/kokoro-82m.yaml'}"])
    assert (model_of(graph).name, graph.dims["style"].max) == ("kokoro-82m", 128)


MODEL_FILES = [
    ("§stages: {}\nmodel: {name: x}", "a model file has no key 'stages'; known: model, dims"),
    ("§dims: {hidden: 1}", "a model file holds a map 'model' that has a 'name'"),
    ("§model: other.yaml", "a model file holds a map 'model' that has a 'name'"),
]


@pytest.mark.parametrize(("text", "message"), MODEL_FILES)
def test_a_model_file_holds_a_model_and_its_dims(tmp_path: Path, text: str, message: str) -> None:
    path, marked = write(tmp_path, text, "model.yaml")
    with pytest.raises(SpecError) as caught:
        load_graph(DEFAULT, sets=[f"model={path}"])
    assert f"{marked}: {message}" in messages(caught.value)


def mini_model() -> str:
    """The file of the default model, to be written elsewhere."""
    return (ROOT / "configs/models/mini.yaml").read_text("utf-8").replace(": mini/", f": {ROOT}/configs/models/mini/")


def test_a_model_may_have_sizes_that_the_graph_does_not_use(tmp_path: Path) -> None:
    path, _ = write(tmp_path, mini_model().replace("dims:\n", "dims:\n  spare: 3\n"), "model.yaml")
    assert load_graph(DEFAULT, sets=[f"model={path}"]).dims["spare"].max == 3


def test_a_key_that_a_model_file_lacks_is_one_mistake(tmp_path: Path) -> None:
    path, marked = write(tmp_path, f"{mini_model()}\n§extra: 1\n", "model.yaml")
    with pytest.raises(SpecError) as caught:
        load_graph(DEFAULT, sets=[f"model={path}"])
    assert messages(caught.value) == [f"{marked}: a model file has no key 'extra'; known: model, dims"]


CONFIGS = [
    (None, "the model's config cannot be read: No such file or directory"),
    ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ("[1]", "expected a JSON table at the top"),
]


@pytest.mark.parametrize(("content", "message"), CONFIGS)
def test_a_config_that_cannot_be_read_is_a_mistake(tmp_path: Path, content: str | None, message: str) -> None:
    config = tmp_path / "config.json"
    if content is not None:
        config.write_text(content, encoding="utf-8")
    overlay, marked = write(tmp_path, "model: {config: §config.json}", "overlay.yaml")
    with pytest.raises(GraphError) as caught:
        load_graph(DEFAULT, [str(overlay)])
    assert messages(caught.value) == [f"{marked}: {config}: {message}"]


def test_find_file_knows_the_packaged_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_file("default", "graphs") == data_root() / "graphs/default.yaml"
    assert find_file("configs/models/kokoro-82m.yaml", "configs").is_file()
    assert load_graph("default", ["static"]).dims["text"].static
    assert (
        find_file("mini", "configs") == find_file("models/mini", "configs") == data_root() / "configs/models/mini.yaml"
    )


def test_find_file_lists_what_there_is() -> None:
    with pytest.raises(SpecError, match=r"defult: no such file, and graphs has no 'defult'; did you mean 'default'\?"):
        load_graph("defult")
    with pytest.raises(SpecError, match=r"no such file"):
        load_graph("x" * 5000)
    with pytest.raises(SpecError, match=r"sttic: no such file, and configs has no 'sttic'; did you mean 'static'\?"):
        load_graph("default", ["sttic"])


def test_the_described_devices_are_cpus() -> None:
    assert {"cpu", "cpu-avx2"} <= find_device_files([]).keys()
    assert load_device("cpu").target == {"kind": "llvm", "mcpu": "native"}
    assert (load_device("cpu-avx2").runtime, load_device("cpu-avx2").suffix) == ("cpu", ".so")


def test_an_unknown_device_kind_is_refused() -> None:
    with pytest.raises(
        SpecError,
        match=r"no device kind 'cpu-avx' in \$\w+ or configs/devices; did you mean 'cpu-avx2'\?",
    ):
        load_device("cpu-avx")


DEVICES = [
    ("device: {kind: §tpu, runtime: cpu, target: {}, suffix: .so}",
     "describes the kind 'tpu', but its file name is that of 'odd'"),
    ("device: {kind: odd, runtime: §npu, target: {}, suffix: .so}",
     "device.runtime takes 'cpu', 'cuda', 'rocm', 'metal', 'opencl', 'vulkan' or 'webgpu', not 'npu'"),
    ("device: {kind: odd, runtime: cpu, §tarjet: {}, target: {}, suffix: .so}",
     "unknown key 'tarjet'; did you mean 'target'?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), DEVICES)
def test_a_device_file_that_says_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "configs/devices").mkdir(parents=True)
    _, marked = write(tmp_path / "configs/devices", text, "odd.yaml")
    monkeypatch.setattr(device_kinds, "data_root", lambda: tmp_path)
    with pytest.raises(SpecError) as caught:
        load_device("odd")
    assert messages(caught.value) == [f"{marked}: {message}"]


def test_the_models_in_configs_agree_with_their_configs() -> None:
    for name in ("mini", "kokoro-82m"):
        graph = load_graph(DEFAULT, [str(ROOT / f"configs/models/{name}.yaml")])
        config = json.loads(model_of(graph).config.read_text(encoding="utf-8"))
        assert graph.dims["hidden"].max == config["hidden_dim"]
        assert graph.dims["bins"].max == config["max_dur"]
