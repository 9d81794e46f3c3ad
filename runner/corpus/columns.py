"""Maps the columns of records to the inputs and parameters of a graph.

    id        the row's id; without one, its number: 00000007
    text      the input that takes rows, here of a graph of text
    phonemes  likewise, in place of the text: a row has one of the two
    voice     the input `voice`; so every other input that is a text or a voice
    speed     the parameter `speed`; so every other one
    others    are carried over

A column of another name is given: `voice=speaker`. A blank or null value is as good as none.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
from typing import TYPE_CHECKING, Any

from runner.batch.rows import find_id_fault
from runner.corpus.row import CorpusRow
from runner.corpus.targets import ID, find_columns, find_text_input, list_targets, list_tensor_types, read_given
from runner.corpus.values import is_blank, read_name, read_parameter, read_text, show
from runner.errors import LineError, RunError, printable, suggest
from runner.runtime.values import make_scalar
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from runner.corpus.sources.record import Record
    from runner.graph.types import Graph, Parameter

_LOG = logging.getLogger("kokoro_run")
_MOST_LISTED = 12  # columns that a message lists
_CLOSE = 0.75  # of two spellings, by difflib


class Columns:
    """Maps columns to the inputs and parameters of a graph.

    Attributes:
        text: the input of the graph that a row feeds.
    """

    def __init__(self, graph: Graph, given: Sequence[str] = (), leave: Collection[str] = ()) -> None:
        """Find which column gives what.

        Args:
            given: `voice=speaker`: the input or parameter `voice` is the column `speaker`.
            leave: columns that are left out: the graph is not given them, and they are not carried over.

        Raises:
            RunError: the graph takes no rows; or `given` is misspelled, names what a column cannot give, gives one
                thing twice, or a column that is left out.
        """
        self.text = find_text_input(graph)
        targets = list_targets(graph, self.text)
        self._graph, self._given = graph, read_given(given, graph, targets)
        columns = find_columns(targets, self._given, leave)
        self._id = columns.pop(ID, None)
        self._of_kind = {
            kind: {name: column for name, column in columns.items() if targets[name] == kind}
            for kind in ("spoken", "input", "parameter")
        }
        self._used = frozenset([*columns.values(), *leave, *filter(None, [self._id])])
        self._types = list_tensor_types(graph)
        self._seen: set[str] = set()  # columns that were looked at for their spelling

    def make_row(self, record: Record, number: int) -> CorpusRow:
        """Make a row of a record.

        Args:
            number: names a row that has no id.

        Raises:
            LineError: the record could not be read, or has a value that the graph does not take.
        """
        if record.fault:
            raise LineError(record.origin, record.fault)
        values, id_ = record.values, None
        try:
            self._check_given(values)
            id_ = self._read_id(values)
            text, is_phonemes = self._read_spoken(values)
            inputs, params = dict(self._read_inputs(values)), dict(self._read_params(values))
        except RunError as error:
            raise LineError(record.origin, str(error), id_) from None
        extra = {name: value for name, value in values.items() if name not in self._used}
        self._warn_of(extra, values, record.origin)
        return CorpusRow(id_ or f"{number:08d}", text, is_phonemes, inputs, params, extra, record.origin)

    def _warn_of(self, extra: Collection[str], values: Collection[str], origin: str) -> None:
        """Warn, once a column, of those that are carried over and may be misspelled."""
        for name in sorted({*extra} - self._seen):
            self._seen.add(name)
            close = next(iter(difflib.get_close_matches(name.lower(), self._used, 1, _CLOSE)), None)
            if close is not None and close not in values:
                fact = f"column '{printable(name)}' is carried over; if it is meant to be '{close}', rename it"
                _LOG.warning("%s: %s, or say which it is by --column", origin, fact)

    def _check_given(self, values: Mapping[str, Any]) -> None:
        """Check that the columns of other names are there: one that is misspelled would never give anything."""
        for name, column in self._given.items():
            if column not in values:
                raise RunError(f"has no column '{printable(column)}', which gives {name}{suggest(column, values)}")

    def _read_id(self, values: Mapping[str, Any]) -> str | None:
        if self._id is None or is_blank(values.get(self._id)):
            return None
        with _naming(self._id):
            id_ = read_name(values[self._id])
        fault = find_id_fault(id_)
        if fault:
            raise RunError(fault)
        return id_

    def _read_spoken(self, values: Mapping[str, Any]) -> tuple[str, bool]:
        """Read what is spoken, and whether that is phonemes in place of a text."""
        columns = self._of_kind["spoken"]
        found = [name for name, column in columns.items() if not is_blank(values.get(column))]
        if len(found) != 1:
            raise RunError(_describe_spoken(columns, values, has_both=bool(found)))
        name = found[0]
        with _naming(columns[name]):
            return read_text(values[columns[name]]), name != self.text

    def _read_inputs(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, column in self._of_kind["input"].items():
            value = values.get(column)
            if not is_blank(value):
                type_ = self._graph.inputs[name]
                if isinstance(type_, TensorType):
                    raise RunError(
                        f"column '{column}' is {show(value)}, but input '{name}' takes {type_}; leave it out"
                    )
                with _naming(column):
                    yield name, read_text(value)

    def _read_params(self, values: Mapping[str, Any]) -> Iterator[tuple[str, Parameter]]:
        for name, column in self._of_kind["parameter"].items():
            value = values.get(column)
            if not is_blank(value):
                with _naming(column):
                    parameter = read_parameter(self._graph.params[name], value)
                    self._check_bounds(name, parameter)
                for type_ in self._types[name]:
                    if not isinstance(parameter, str):
                        make_scalar(f"column '{printable(column)}'", type_, parameter)
                yield name, parameter

    def _check_bounds(self, name: str, value: Parameter) -> None:
        bounds = self._graph.bounds.get(name)
        expected = None if bounds is None else bounds.describe_violation(value)
        if expected is not None:
            raise RunError(f"is {value}, expected {expected}")


@contextlib.contextmanager
def _naming(column: str) -> Iterator[None]:
    """Add the column to errors."""
    try:
        yield
    except RunError as error:
        raise RunError(f"column '{printable(column)}' {error}") from None


def _describe_spoken(columns: Mapping[str, str], values: Mapping[str, Any], *, has_both: bool) -> str:
    """Say why a record has nothing to speak, or too much."""
    names = " and ".join(f"'{printable(column)}'" for column in columns.values())
    if has_both:
        return f"has both columns {names}, expected one of them; leave the other blank"
    if any(column in values for column in columns.values()):
        return f"has nothing to speak: column {names.replace(' and ', ' or ')} is blank"
    listed = ", ".join(f"'{printable(name)}'" for name in list(values)[:_MOST_LISTED])
    more = f", ... ({len(values)} in all)" if len(values) > _MOST_LISTED else ""
    wanted = names.replace(" and ", " or ") or "of what is spoken"
    name = next(iter(columns), "text")
    return f"has no column {wanted}; its columns are {listed or 'none'}{more}; name the one, as in {name}=COLUMN"
