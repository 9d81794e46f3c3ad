"""examples/native: the host in C++ writes the bytes of `DIR/run`, also in a root without Python."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bare_root import make_root, require_chroot, run_in_root
from tests.conftest import ROOT
from tests.runner.bundle.conftest import Speak

SOURCES = ROOT / "examples" / "native"
LINE = "həlˈO wˈɜɹld."
AGAIN = "; copy the bundle again\n"
OPTIONS = "--alphabet, --output, --phonemes, --seed, --skip-unknown, --speed, --threads, --voice"
MOST_LINES = 600


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host, built by its Makefile."""
    compiler = next(filter(None, map(shutil.which, ("g++", "clang++"))), None)
    if compiler is None or shutil.which("make") is None:
        pytest.skip("a C++ compiler or make is not installed")
    folder = tmp_path_factory.mktemp("native")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    command = ["make", "-C", str(folder), f"CXX={compiler}", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "speak"


@pytest.fixture(scope="module")
def folder(bundle: Path, program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the graph `default` with the host in it."""
    copy = tmp_path_factory.mktemp("with-host") / "bundle"
    shutil.copytree(bundle, copy)
    shutil.copy(program, copy)
    return copy


def start(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(folder / "speak"), str(folder), *map(str, arguments)]
    return subprocess.run(command, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (LINE, ()),
        ("ʤ", ("--voice", "high")),
        ("d\u0361z g c\u0327\u00e3 ", ("--seed", "7", "--threads", "1")),
        (" ".join([LINE] * 12), ("--speed", "1.2")),
        ("h%", ("--skip-unknown", "true", "--speed", "0.25")),
        ("h", ("--speed", "2", "--seed", "3", "--speed", "15e-1")),
    ],
)
def test_the_host_writes_the_bytes_of_kokoro_run(
    folder: Path, speak: Speak, tmp_path: Path, line: str, options: tuple[str, ...]
) -> None:
    given = ("--phonemes", line, *options)
    done = start(folder, *given, "-o", tmp_path / "a.wav")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    expected = speak("default", *(word for word in given if word != "true"))
    assert (tmp_path / "a.wav").read_bytes() == expected


def test_the_host_speaks_phonemes_with_a_bundle_of_text(
    text_bundle: Path, program: Path, speak: Speak, tmp_path: Path
) -> None:
    shutil.copytree(text_bundle, tmp_path / "bundle")
    shutil.copy(program, tmp_path / "bundle")
    done = start(tmp_path / "bundle", "--phonemes", LINE, "-o", tmp_path / "a.wav")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.wav").read_bytes() == speak("default", "--phonemes", LINE, "--voice", "high")


def test_the_host_speaks_in_a_root_without_python(folder: Path, speak: Speak, tmp_path: Path) -> None:
    require_chroot()
    linked = [folder / "speak", *(folder / "python" / "tvm" / "lib").iterdir(), *(folder / "lib").iterdir()]
    root = make_root(tmp_path / "root", linked)
    assert [path for path in root.rglob("*") if re.search(r"python|libstdc|libgcc|libtvm", path.name)] == []
    shutil.copytree(folder, root / "speech", ignore=shutil.ignore_patterns("*.py", "*.pyc", "numpy*", "run"))
    paths = ("/speech/python/tvm_ffi/lib", "/speech/lib")
    done = run_in_root(root, "/speech/speak", "/speech", "--phonemes", LINE, "-o", "/tmp/a.wav", paths=paths)
    assert done.returncode == 0, done.stderr
    assert (root / "tmp" / "a.wav").read_bytes() == speak("default", "--phonemes", LINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--phonemes", "h%"), "unknown symbol '%'; --skip-unknown true drops it"),
        (("--phonemes", " "), "no phonemes: give at least one symbol"),
        (("--phonemes", "h" * 511), "511 symbols, the model takes at most 510; split the line"),
        (("--voice", "anna"), "--voice: got no voice 'anna', expected one of: high, low"),
        (("--voice", ""), "--voice: got no voice '', expected one of: high, low"),
        (("--speed", "9"), "--speed: got '9', expected a number from 0.25 to 4"),
        *(
            (("--speed", text), f"--speed: got '{text}', expected a number such as 1.5")
            for text in ("abc", "1abc", "0x1p0", "nan", "inf", "1e999", "", " 1")
        ),
        *(
            (("--seed", text), f"--seed: got '{text}', expected a whole number from {-(2**63)} to {2**63 - 1}")
            for text in ("99999999999999999999", "1.5", "1_0", "")
        ),
        (("--skip-unknown", "yes"), "--skip-unknown: got 'yes', expected true or false"),
        *(
            (("--threads", text), f"--threads: got '{text}', expected a whole number from 1 to 1024")
            for text in ("abc", "0", "-1", "999999999", "2x")
        ),
        (("--alphabet", "espeak"), "--alphabet: got 'espeak', expected kokoro, which alone this host reads"),
        (("--tempo", "1"), f"got the option '--tempo', expected one of: {OPTIONS}"),
        (("-x", "1"), f"got the option '-x', expected one of: {OPTIONS}"),
        (("word",), f"got the option 'word', expected one of: {OPTIONS}"),
        (("--phonemes",), "--phonemes: got no value, expected one behind it"),
    ],
)
def test_the_host_refuses_an_argument_in_a_sentence(
    folder: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = start(folder, "--phonemes", "h", "-o", tmp_path / "a.wav", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{message}\n")
    assert list(tmp_path.iterdir()) == []


def test_the_host_refuses_a_folder_that_is_no_bundle(folder: Path, tmp_path: Path) -> None:
    command = [str(folder / "speak"), str(tmp_path), "--phonemes", "h"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"{tmp_path}/graph.txt: cannot be read; give the folder of a bundle\n")
    done = subprocess.run(command[:1], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:12]) == (2, "usage: speak")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A bundle to damage: its large files are links, so that a test replaces one before it changes it."""
    return Path(shutil.copytree(folder, tmp_path / "copy", copy_function=os.link))


def change(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


WHOLE = "a whole number from"
SYMBOL_COUNT = "178"  # of the model `mini`


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"^(cpu\t.*\n)", r"\n\1", "line [0-9]+ '': got '', expected a kind of line that is known here"),
        (r"^cpu\t", r"gpu\t", "got 'gpu', expected a kind of line that is known here"),
        (r"^audio\t.*", r"\g<0>\t1", "got 4 fields, expected 3"),
        (r"^(audio)\t.*", r"\1", "got 1 fields, expected 3"),
        (r"^audio\t.*\n", "", "got no line 'audio', expected one"),
        (
            r"^audio\t\S+",
            r"audio\tnope.x",
            "audio: got no input 'nope.x', expected one of: input.phonemes, input.voice",
        ),
        (r"^(audio\t\S+)\t.*", r"\1\t0", f"got '0', expected {WHOLE} 1 to 1048576"),
        (r"^(runtime)\t.*", r"\1\tlib.so", "got no line 'file' for 'lib.so', expected one of: libraries/bert.so, "),
        (r"^phonemes\t(\S+)\t510\t", r"phonemes\t\1\t12abc\t", f"got '12abc', expected {WHOLE} 1 to 1048576"),
        (r"^symbol\t(\S+)\t.*", rf"symbol\t\1\t{SYMBOL_COUNT}", f"got '{SYMBOL_COUNT}', expected {WHOLE} 0 to 177"),
        (r"^symbol\t(\S+)\t.*", r"symbol\t\1\t-1", f"got '-1', expected {WHOLE} 0 to 177"),
        (r"^spelling\tg\t.*", r"spelling\tg\t\\x", r"got a single \\, expected \\n, \\t, \\r or \\\\"),
        (r"^frame\t.*", r"frame\t99999999999999999999", f"got '99999999999999999999', expected {WHOLE} 1 to 1048576"),
        (r"^frame\t600", r"frame\t700", "stage trim: got [0-9]+ frames, expected 1 to the [0-9]+ of the audio"),
        (r"^voice\t(.*)\t510\t64", rf"voice\t\1\t{2**31}\t{2**31}", "got a tensor that ends beyond voices/low.npy"),
        (r"^voice\t(.*)\t510\t64", r"voice\t\1\t0\t64", f"got '0', expected {WHOLE} 1 to {2**63 - 1}"),
        (r"^voice\t(.*)\t128\t510", r"voice\t\1\t-128\t510", f"got '-128', expected {WHOLE} 0 to {2**63 - 1}"),
        (
            r"^voice\t(.*)\t128\t510",
            r"voice\t\1\t192\t510",
            "ends beyond voices/low.npy, expected one within its 130688",
        ),
        (r"^voice\t(.*)\t510\t64", r"voice\t\1\t510\t63", "stage voice: got 63 columns, expected an even number"),
        (r"^voice\t.*\n", "", "got no line 'voice', expected one"),
        (r"^voices\t.*\n", "", "stage voice: got no source 'input.voice', expected one of: input.phonemes, "),
        (r"^parameter\tspeed\t.*\n", "", "got no parameter 'speed', expected one of: alphabet, seed, skip_unknown"),
        (r"^parameter\tseed\t.*", r"parameter\tseed\t12abc", f"input seed: got '12abc', expected {WHOLE} -9223372036"),
        (r"^tensor\tfloat32\t(.*)\t0$", r"tensor\tfloat32\t\1\t-64", f"got '-64', expected {WHOLE} 0 to"),
        (r"^tensor\tfloat32\t(.*)\t0$", r"tensor\tfloat32\t\1\t3", "got '3', expected a multiple of 64"),
        (r"^tensor\tfloat32\t.*\t0$", rf"tensor\tfloat32\t{2**32},{2**32}\t0", "ends beyond libraries/bert.weights"),
        (r"^tensor\tfloat32\t.*\t0$", r"tensor\tfloat32\t178,\t0", f"got '', expected {WHOLE} 1 to"),
        (r"^tensor\tfloat32", r"tensor\tfloat12x4", f"got '12x4', expected {WHOLE} 8 to 64"),
        (r"^library\t(\S+)\t", r"library\tlib.so\t", "stage bert: got no line 'file' for 'lib.so', expected one of"),
        (
            r"^library\t(\S+)\t\S+",
            r"library\t\1\tforward",
            "got the function 'forward', expected one of libraries/bert.so",
        ),
        (r"^in\tlogits\t.*\n", "", "stage align: got no input 'logits', expected one of: d, length, speed, t_en"),
        (r"^in\tlogits\t.*", r"in\tlogits\tstr\tinput.x", "stage align: got no source 'input.x', expected one of: "),
        (r"^in\tspeed\tfloat32", r"in\tspeed\tint64", f"input speed: got '1.0', expected {WHOLE} -9223372036"),
        (r"^in\tspeed\tfloat32", r"in\tspeed\tint8", r"got the type int8\[\], expected str, int64\[\], float32\[\] or"),
        (
            r"^(in\tlogits\t.*)duration.logits",
            r"\1tokenize.input_ids",
            "got another value for 'logits', expected float32",
        ),
        (r"^(out\td\t.*\n)", r"", "stage duration: got 1 lines 'out', expected 2"),
        (
            r"^function\tstages.align",
            r"function\tstages.fly",
            "got no function 'stages.fly', expected one of: stages.align",
        ),
        (r"^(stage\tdecoder)(?s:.*)", r"\1\n", "got no line 'end', expected one"),
        (r"^end\n", r"end\nend\n", "got 'end' behind 'end', expected nothing"),
        (r"^runtime\t(?s:.*)", r"in\tx\tstr\tinput.x\n", "got 'in', expected a kind of line that is known here"),
        (r"\A(\S+)\t1", r"\1\t2", "got 'kokoro-run-bundle\t2', expected 'kokoro-run-bundle' and format 1"),
        (r"\n", r"\r\n", "got 'kokoro-run-bundle\t1 ', expected"),
        (r"(?s).*", "", "got '', expected 'kokoro-run-bundle' and format 1"),
    ],
)
def test_the_host_refuses_a_damaged_description(copy: Path, old: str, new: str, message: str) -> None:
    path = copy / "graph.txt"
    text = path.read_bytes().decode("utf-8")
    count = 0 if new in ("", r"\r\n") else 1  # of a line that is to be missing, all that are alike
    damaged = re.sub(old, new, text, count=count, flags=re.MULTILINE)
    assert damaged != text
    change(path, damaged.encode("utf-8"))
    output = copy.parent / "a.wav"
    done = start(copy, "--phonemes", "h", "-o", output)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{path}: ")
    assert done.stderr.endswith(AGAIN)
    assert done.stderr.count("\n") == 1
    assert re.search(message.replace("(", r"\("), done.stderr), done.stderr
    assert list(copy.parent.iterdir()) == [copy]


@pytest.mark.parametrize(
    "name",
    ["libraries/decoder.so", "libraries/bert.weights", "voices/low.npy", "python/tvm/lib/libtvm_runtime.so"],
)
def test_the_host_refuses_a_file_that_is_cut_or_missing(copy: Path, name: str) -> None:
    path = copy / name
    content = path.read_bytes()
    change(path, content[:1000])
    done = start(copy, "--phonemes", "h", "-o", copy.parent / "a.wav")
    message = f"{path}: got 1000 bytes, expected {len(content)}{AGAIN}"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    path.unlink()
    done = start(copy, "--phonemes", "h", "-o", copy.parent / "a.wav")
    message = f"{path}: cannot be read: No such file or directory{AGAIN}"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    assert list(copy.parent.iterdir()) == [copy]


def test_the_host_refuses_another_processor(copy: Path) -> None:
    path = copy / "graph.txt"
    change(path, path.read_bytes().replace(b"\nend\n", b"\ncpu\tavx9000\nend\n"))
    done = start(copy, "--phonemes", "h", "-o", copy.parent / "a.wav")
    assert (done.returncode, done.stderr) == (2, "the bundle needs a CPU with avx9000\n")


def test_escapes_in_fields_stand_for_characters(copy: Path) -> None:
    path = copy / "graph.txt"
    text = path.read_text("utf-8").replace("voice\tlow\t", "voice\ta\\tb\\\\n\t")
    change(path, text.encode("utf-8"))
    done = start(copy, "--phonemes", "h", "-o", copy.parent / "a.wav", "--voice", "x")
    assert done.stderr == "--voice: got no voice 'x', expected one of: a\tb\\n, high\n"


def _make_fifo(folder: Path) -> tuple[Path, str]:
    os.mkfifo(folder / "a.wav")
    return folder / "a.wav", "cannot be written: it is no regular file"


def _make_device(folder: Path) -> tuple[Path, str]:
    try:
        os.mknod(folder / "a.wav", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("a device takes root")
    return folder / "a.wav", "cannot be written: it is no regular file"


def _make_folder(folder: Path) -> tuple[Path, str]:
    (folder / "a.wav").mkdir()
    return folder / "a.wav", "cannot be written: it is a folder"


def _name_mp3(folder: Path) -> tuple[Path, str]:
    return folder / "a.mp3", "a bundle writes .wav files alone; give a name that ends in .wav"


def _name_suffix(folder: Path) -> tuple[Path, str]:
    return folder / ".wav", "a bundle writes .wav files alone; give a name that ends in .wav"


def _name_missing(folder: Path) -> tuple[Path, str]:
    return folder / "none" / "a.wav", f"cannot be written: {folder / 'none'}: No such file or directory"


@pytest.mark.parametrize("make", [_make_fifo, _make_device, _make_folder, _name_mp3, _name_suffix, _name_missing])
def test_the_host_refuses_an_output_before_it_computes(
    folder: Path, tmp_path: Path, make: Callable[[Path], tuple[Path, str]]
) -> None:
    path, message = make(tmp_path)
    before = {entry.name: entry.lstat().st_mode for entry in tmp_path.iterdir()}
    done = start(folder, "--phonemes", "%", "-o", path)  # which the first stage would refuse
    assert (done.returncode, done.stderr) == (2, f"{path}: {message}\n")
    assert {entry.name: entry.lstat().st_mode for entry in tmp_path.iterdir()} == before


def test_the_host_refuses_an_output_without_a_name(folder: Path) -> None:
    done = start(folder, "--phonemes", "h", "-o", "")
    assert (done.returncode, done.stderr) == (2, ".: a bundle writes .wav files alone; give a name that ends in .wav\n")


@pytest.mark.parametrize("exists", [True, False])
def test_the_host_follows_a_link_and_leaves_other_files(folder: Path, tmp_path: Path, exists: bool) -> None:
    target, link = tmp_path / "below" / "other.WAV", tmp_path / "a.wav"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
        target.chmod(0o640)
    (tmp_path / "b.wav").symlink_to(link.name)
    link.symlink_to("below/other.WAV")
    (tmp_path / "b.wav.part").write_bytes(b"a user's")
    done = start(folder, "--phonemes", "h", "-o", tmp_path / "b.wav")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.wav").is_symlink()
    assert link.is_symlink()
    assert target.read_bytes()[:4] == b"RIFF"
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == (0o640 if exists else 0o666 & ~umask)
    assert (tmp_path / "b.wav.part").read_bytes() == b"a user's"
    names = {entry.name for entry in tmp_path.rglob("*")}
    assert names == {"a.wav", "b.wav", "b.wav.part", "below", "other.WAV"}


def test_a_loop_of_links_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("a.wav")
    done = start(folder, "--phonemes", "h", "-o", tmp_path / "a.wav")
    assert done.returncode == 2
    assert f"Too many levels of symbolic links [{tmp_path}/a.wav]" in done.stderr


def test_a_failed_write_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"old")
    command = [str(folder / "speak"), str(folder), "--phonemes", LINE, "-o", str(tmp_path / "a.wav")]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, f"{tmp_path}/a.wav: cannot be written: File too large\n")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a.wav", b"old")]


def test_make_says_that_a_python_lacks_tvm_ffi(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    shutil.copytree(SOURCES, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("speak"))
    command = ["make", "-C", str(tmp_path), "PYTHON=.venv/bin/python"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        ".venv/bin/python is no Python that has tvm_ffi; give one that has apache-tvm-ffi: make PYTHON=" in done.stderr
    )


def test_the_host_is_short() -> None:
    assert (
        sum(path.read_text("utf-8").count("\n") for path in SOURCES.glob("*.*") if path.suffix in (".h", ".cc"))
        <= MOST_LINES
    )
