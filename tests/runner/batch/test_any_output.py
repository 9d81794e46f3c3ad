"""Rows through something that is no speech, into files that are no audio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from runner.batch import bulk
from runner.batch.journal import Entry, TextSpan, ToldSpan
from runner.batch.listing import Listing
from runner.batch.output import Destination
from runner.batch.rows import Row
from runner.batch.several import SeveralPlaces
from runner.batch.spool import Spool
from runner.batch.summary import Summary
from runner.errors import LineError, RunError
from runner.runtime.values import Array

RATE_HZ = 10
ROWS = [Row(text.encode(), f"in.txt:{number}", number) for number, text in enumerate(["1 2", "x", "3"], 1)]


@dataclass
class Numbers:
    """The numbers of a row, one a part."""

    number: float
    timings: dict[str, float] = field(default_factory=lambda: {"parse": 0.5})


class Parser:
    """Parses rows of numbers; notes those that it has run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, bool]] = []

    def check(self, row: Row) -> None:
        if not row.text.replace(" ", "").isdigit():
            raise LineError(row.origin, "no numbers", row.id)

    def sum_up(self) -> None: ...

    def run(self, row: Row, *, last: bool = False) -> Iterator[Numbers]:
        self.ran.append((row.text, last))
        yield from (Numbers(float(word)) for word in row.text.split())


class TextWriter:
    """Writes the numbers of rows as text."""

    default_name, unlimited, gap = "numbers.txt", ".txt", 0
    settings: tuple[str | None, ...] = ()

    def check(self, path: Path, samples: int = 0) -> None:
        if path.suffix != ".txt":
            raise RunError(f"{path}: {samples} numbers are text")

    def check_side(self, path: Path) -> None: ...

    def unpack(self, part: Numbers) -> tuple[Array, list[TextSpan], list[ToldSpan]]:
        return np.array([part.number], np.float32), [], []

    def write(
        self,
        path: Path,
        side: Path | None,
        entries: Callable[[], Iterable[tuple[Row, Entry]]],
        spool: Spool,
        total: int,
    ) -> int:
        assert side is None
        blocks = [block for _, entry in entries() for block in spool.read(entry.offset, entry.samples)]
        path.write_text(" ".join(f"{number:g}" for block in blocks for number in block), "utf-8")
        return total


class Silent:
    """Shows no progress."""

    def begin(self, origin: str) -> None: ...

    def end(self, summary: Summary) -> None: ...

    def keep(self, summary: Summary, condition: str = "") -> None: ...


def run(parser: Parser, output: str, rows: list[Row]) -> Summary:
    checked = bulk.check(parser, rows, keep_going=True)
    destination = Destination(output, "in.txt", TextWriter())
    with destination.open(checked, "settings", resume=True) as place:
        return bulk.run(parser, rows, checked, place, Silent(), rate_hz=RATE_HZ, keep_going=True)


def test_rows_become_a_file_each_and_are_resumed(tmp_path: Path) -> None:
    output = f"{tmp_path}/out/"
    first = run(Parser(), output, ROWS)
    assert (first.computed, first.samples, [error.origin for error in first.failed]) == (2, 3, ["in.txt:2"])
    assert first.timings == {"parse": 1.5}
    mended = [ROWS[0], Row(b"7", "in.txt:2", 2), ROWS[2]]
    parser = Parser()
    second = run(parser, output, mended)
    assert (parser.ran, second.computed, second.resumed, second.seconds_computed) == ([("7", False)], 1, 2, 0.1)
    assert [(tmp_path / "out" / f"000{n}.txt").read_text("utf-8") for n in (1, 2, 3)] == ["1 2", "7", "3"]


def test_samples_of_several_outputs_are_those_of_the_first(tmp_path: Path) -> None:
    """Each may have a rate of its own: more samples need not be more seconds."""
    parser, destination = Parser(), Destination(f"{tmp_path}/a.txt", "in.txt", TextWriter(), resumes=False)
    checked = bulk.check(parser, ROWS[:1])
    with destination.open(checked, "", resume=False) as place:
        places = SeveralPlaces[Numbers]([Listing[Numbers](lambda _part: None), place])
        summary = bulk.run(parser, ROWS[:1], checked, places, Silent(), rate_hz=RATE_HZ)
    assert (summary.samples, summary.samples_computed) == (0, 0)
    assert (tmp_path / "a.txt").read_text("utf-8") == "1 2"


def with_ids(*ids: str) -> list[Row]:
    return [Row(b"1", f"in.txt:{number}", number, id_) for number, id_ in enumerate(ids, 1)]


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a"), ("a", "A"), ("stra\u00dfe", "STRASSE"), ("\u00fc", "u\u0308")]
)
def test_two_rows_have_no_id_in_common(first: str, second: str) -> None:
    checked = bulk.check(Parser(), with_ids(first, "b", second), keep_going=True)
    fact = f"id '{second}' names line 1 already; ids differ by more than upper and lower case"
    assert {number: str(error) for number, error in checked.failed.items()} == {3: f"in.txt:3 ({second}): {fact}"}
    assert checked.failed[3].id == second


def test_rows_with_ids_become_files_of_these_names(tmp_path: Path) -> None:
    rows = with_ids("one", "two.2", "drei")
    assert run(Parser(), f"{tmp_path}/out/", rows).computed == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["drei.txt", "one.txt", "two.2.txt"]


def test_rows_with_ids_are_resumed(tmp_path: Path) -> None:
    rows = [*with_ids("one", "two"), Row(b"x", "in.txt:3", 3, "bad")]
    run(Parser(), f"{tmp_path}/out/", rows)
    parser = Parser()
    renamed = [rows[0], Row(b"1", "in.txt:2", 2, "zwei"), rows[2]]
    second = run(parser, f"{tmp_path}/out/", renamed)
    assert (second.computed, second.resumed, [error.id for error in second.failed]) == (1, 1, ["bad"])
    assert second.table()["failed"] == [{"line": "in.txt:3", "id": "bad", "error": "no numbers"}]


def test_files_have_the_numbers_of_the_lines(tmp_path: Path) -> None:
    rows = [Row(b"1", "in.txt:3", 3), Row(b"2", "in.txt:12345", 12345)]
    for computed in (2, 0):
        output = f"{tmp_path}/out/"
        checked = bulk.check(Parser(), rows, keep_going=True)
        assert (checked.total, checked.last) == (2, 12345)
        destination = Destination(output, "in.txt", TextWriter())
        with destination.open(checked, "settings", resume=True) as place:
            assert [place.resume(row) for row in rows] == [computed == 0] * 2
            for row in rows if computed else ():
                place.take(row, [Numbers(float(row.text))])
    assert sorted(path.name for path in (tmp_path / "out").glob("*.txt")) == ["00003.txt", "12345.txt"]


def test_each_row_is_shown_when_it_has_been_checked() -> None:
    shown: list[int] = []
    bulk.check(Parser(), ROWS, keep_going=True, show=shown.append)
    assert shown == [1, 2, 3]


def test_rows_become_one_file(tmp_path: Path) -> None:
    parser = Parser()
    assert run(parser, f"{tmp_path}/a.txt", ROWS).samples == 3
    assert parser.ran == [("1 2", False), ("3", True)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text("utf-8") == "1 2 3"


def test_format_is_the_writers_affair(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a.wav: 0 numbers are text"):
        run(Parser(), f"{tmp_path}/a.wav", ROWS)


def test_outputs_may_be_listed_and_written_nowhere() -> None:
    shown: list[float] = []
    place: Listing[Numbers] = Listing(lambda part: shown.append(part.number))
    checked = bulk.check(Parser(), ROWS, keep_going=True)
    summary = bulk.run(Parser(), ROWS, checked, place, Silent(), rate_hz=RATE_HZ, keep_going=True)
    assert (shown, summary.done, summary.samples, summary.real_time_factor) == ([1, 2, 3], 2, 0, None)
