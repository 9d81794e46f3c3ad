"""Tests of what a request is told, and of requests that share one service."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np
import pytest

from runner.batch.rows import PARAGRAPHS, from_option
from runner.engine import observers
from runner.engine.run_state import RunState
from runner.errors import EditError, LineError, RunError, WeightsError
from runner.graph.types import StageSpec
from runner.runtime.values import Array
from runner.serve.events import Ended, Event, Measured, Opened, Spoken, StageTold
from runner.serve.service import DELIVERY, BusyError, Observer, Service
from runner.serve.settings import ServeSettings
from runner.serve.utterance import Utterance
from runner.speech.pauses import PARAGRAPH_PAUSE_S
from runner.speech.speaker import Speaker
from tests.runner.serve.conftest import MakeService

STORY = (
    "A title\n\nIt was late, and it rained; the night had come down over the harbour. Nobody answered for a while. "
    "Then, out of the dark, a voice said that it was only the wind, and that there was nothing to be afraid of.\n\n"
    "[pause:1s] Dr. Smith paid $3.50 for it."
)
LONG = " ".join(f"This is sentence number {number} of a long, long text." for number in range(60))


class Outcomes(Observer):
    def __init__(self) -> None:
        self.told: list[str] = []

    def refused(self) -> None:
        self.told.append("full")

    def ended(self, outcome: str, audio_s: float, seconds: float) -> None:
        assert seconds >= 0
        self.told.append(outcome if outcome != "ok" else f"ok {round(audio_s)} s")


class Decoded(observers.Observer):
    """Counts what is decoded."""

    def __init__(self) -> None:
        self.count = 0

    def stage_finished(self, run: RunState, spec: StageSpec, *_: Any, **__: Any) -> None:  # noqa: ARG002
        self.count += spec.name == "decoder"


@pytest.fixture(scope="module")
def service(make_service: MakeService) -> Iterator[Service]:
    with make_service() as made:
        yield made


@pytest.fixture
def outcomes(service: Service) -> Iterator[list[str]]:
    observer = Outcomes()
    service.observers.append(observer)
    yield observer.told
    service.observers.remove(observer)


async def listen(service: Service, utterance: Utterance) -> list[Event]:
    """Hear a request to its end."""
    request = service.submit(utterance)
    try:
        return [event async for event in request]
    finally:
        request.close()


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def in_time() -> Any:
        async with asyncio.timeout(60):
            return await work()

    return asyncio.run(in_time())


def join(events: list[Event]) -> Array:
    """Put the audio of spoken parts together."""
    parts = [event for event in events if isinstance(event, Spoken)]
    return np.concatenate([piece for part in parts for piece in (np.zeros(part.silence, np.float32), part.audio)])


def speak_alone(service: Service, text: str) -> Array:
    """What a speaker without a server gives for a text."""
    speaker = Speaker(service.pipeline, {"voice": service.voices.resolve(None)}, "text", timed=True, delivery=DELIVERY)
    gap, audio = np.zeros(round(PARAGRAPH_PAUSE_S * speaker.rate_hz), np.float32), list[Array]()
    for row in from_option(text, "input", PARAGRAPHS):
        audio += [*([gap] if audio else []), *(part.audio for part in speaker.run(row))]
    return np.concatenate(audio)


def test_a_request_is_told_what_is_spoken_in_its_order(service: Service) -> None:
    events = run(lambda: listen(service, Utterance(STORY, needs_length=True)))
    opened = [event for event in events if isinstance(event, Opened)]
    spoken = [event for event in events if isinstance(event, Spoken)]
    assert [event.row for event in opened] == [0, 1, 2]
    assert [(word.text, word.phonemes) for word in opened[0].words] == [("A", "ɐ"), ("title", "tˈITᵊl")]
    assert STORY.split("\n\n")[2][opened[2].words[0].start :].startswith("Dr.")
    assert [event.row for event in spoken] == sorted(event.row for event in spoken)
    assert [event.part for event in spoken if event.row == 1] == list(range(opened[1].parts))
    assert opened[1].parts > 1
    at = 0
    for event in spoken:
        assert event.start == at + event.silence
        at = event.start + event.audio.size
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert ended.samples == at
    assert 0 < ended.first_s <= ended.total_s
    assert np.array_equal(join(events), speak_alone(service, STORY))


def test_the_length_is_known_before_the_first_part(make_service: MakeService) -> None:
    for caches in (True, False):
        with make_service(caches=caches, length_s=60.0) as service:
            events = run(functools.partial(listen, service, Utterance(STORY, needs_length=True)))
        kinds = [type(event) for event in events]
        measured = events[kinds.index(Measured)]
        assert kinds.index(Measured) < kinds.index(Spoken)
        assert measured == Measured(events[-1].samples)


def test_the_length_is_known_before_the_first_part_although_others_ask(make_service: MakeService) -> None:
    """Other workers are woken by other requests while the first one finds the length."""
    long = "\n\n".join(f"This is paragraph number {number}." for number in range(20))

    async def both(service: Service) -> list[Event]:
        listening = asyncio.create_task(listen(service, Utterance(long, needs_length=True)))
        while not listening.done():
            await listen(service, Utterance("Short."))
        return listening.result()

    with make_service(caches=False, length_s=60.0) as service:
        events = run(functools.partial(both, service))
        kinds = [type(event) for event in events]
        assert kinds.index(Measured) < kinds.index(Spoken)
        assert [event for event in events if isinstance(event, Measured)] == [Measured(events[-1].samples)]
        assert np.array_equal(join(events), speak_alone(service, long))


@pytest.mark.parametrize("needs_length", [True, False])
@pytest.mark.parametrize("text", ["[pause:60s] a [pause:60s] b", LONG])
def test_more_audio_than_is_allowed_is_refused(make_service: MakeService, text: str, needs_length: bool) -> None:
    with (
        make_service(audio_s=30.0, length_s=60.0) as service,
        pytest.raises(RunError, match="input: gives more than 30 s of audio"),
    ):
        run(lambda: listen(service, Utterance(text, needs_length=needs_length)))
    assert service.count == 0


def test_a_length_that_takes_too_long_is_not_waited_for(make_service: MakeService) -> None:
    with make_service(length_s=0.0) as service:
        events = run(lambda: listen(service, Utterance(STORY, needs_length=True)))
    assert [event for event in events if isinstance(event, Measured)] == [Measured(None)]
    assert isinstance(events[-1], Ended)


def test_times_of_words_are_those_of_the_audio(service: Service) -> None:
    events = run(lambda: listen(service, Utterance("One two. Three.")))
    (spoken,) = [event for event in events if isinstance(event, Spoken)]
    assert [word.text for word in spoken.words] == ["One", "two", "Three"]
    ends = [0, *(edge for word in spoken.words for edge in (word.start, word.end)), spoken.audio.size]
    assert ends == sorted(ends)


def test_stages_are_told_to_the_request_that_they_run_for(service: Service) -> None:
    async def both() -> list[list[Event]]:
        texts = ("Watched by somebody.", "Somebody else's words, which are others.")
        return await asyncio.gather(*(listen(service, Utterance(text, watched=True)) for text in texts))

    for events in run(both):
        told = [event for event in events if isinstance(event, StageTold)]
        assert {event.stage for event in told if event.status != "running"} == set(service.pipeline.graph.stages)
        ran = [event.stage for event in told if event.status == "run"]
        assert {"normalize", "g2p", "bert", "decoder"} <= set(ran)
        assert len(ran) == len(set(ran))
        assert ran == [event.stage for event in told if event.status == "running"]
        assert all(event.seconds > 0 for event in told if event.status == "run")
    again = run(lambda: listen(service, Utterance("Watched by somebody.", watched=True)))
    assert {event.status for event in again if isinstance(event, StageTold)} == {"hit"}


def test_an_edited_word_runs_only_what_follows_it(service: Service) -> None:
    plain = run(lambda: listen(service, Utterance("Kokoro speaks.")))
    edited = run(lambda: listen(service, Utterance("Kokoro speaks.", edits={(0, 0): "kəkˈɔɹO"}, watched=True)))
    (opened,) = [event for event in edited if isinstance(event, Opened)]
    assert opened.words[0].phonemes == "kəkˈɔɹO"
    assert opened.words[1:] != []
    ran = {event.stage for event in edited if isinstance(event, StageTold) and event.status == "run"}
    assert {"tokenize", "bert", "decoder"} <= ran
    assert not ran & {"normalize", "lexicon", "letters", "g2p"}
    assert not np.array_equal(join(plain), join(edited))


def test_phonemes_are_spoken_as_they_are(service: Service) -> None:
    events = run(lambda: listen(service, Utterance("həlˈO wˈɜɹld", is_phonemes=True)))
    (opened,) = [event for event in events if isinstance(event, Opened)]
    assert (opened.phonemes, list(opened.words)) == ("həlˈO wˈɜɹld", [])
    assert np.array_equal(join(events), join(run(lambda: listen(service, Utterance("Hello world")))))


@pytest.mark.parametrize(
    ("utterance", "error", "message"),
    [
        (Utterance(" \n\n "), RunError, "is blank"),
        (Utterance("a", voice="../../etc/passwd"), WeightsError, "no voice '../../etc/passwd'"),
        (Utterance("a", voice="low+/etc/passwd"), WeightsError, "no voice '/etc/passwd'"),
        (Utterance("a", voice="nobody"), WeightsError, "no voice 'nobody'"),
        (Utterance("[voice:/etc/passwd] a"), LineError, "no voice '/etc/passwd'"),
        (Utterance("[voice:configs/models/mini/voices/low.npy] a"), LineError, "no voice 'configs/models"),
        (Utterance("a", params={"speed": 99.0}), LineError, "speed"),
        (Utterance("[a](/żżż/)"), LineError, "column"),
        (Utterance("a", edits={(0, 7): "a"}), LineError, "word 7"),
        (Utterance("a", edits={(1, 0): "a"}), EditError, "an edit of paragraph 1, but the text has 1, from 0"),
    ],
)
def test_what_cannot_be_spoken_is_refused(
    service: Service, outcomes: list[str], utterance: Utterance, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("[", r"\[")):
        run(lambda: listen(service, utterance))
    assert service.count == 0
    assert outcomes in ([], ["refused"])


def test_a_request_that_is_closed_stops_within_a_part(service: Service, outcomes: list[str]) -> None:
    async def leave() -> None:
        request = service.submit(Utterance(LONG, params={"seed": 5}))
        async for event in request:
            if isinstance(event, Spoken):
                break
        request.close()
        request.close()
        while service.count:
            await asyncio.sleep(0.01)

    run(leave)
    assert outcomes == ["cancelled"]


def test_a_request_that_nobody_hears_is_not_spoken_to_its_end(make_service: MakeService) -> None:
    with make_service(caches=False) as service:
        decoded = Decoded()
        service.pipeline.observers.append(decoded)

        async def ignore() -> None:
            request = service.submit(Utterance("\n\n".join(f"Paragraph {n}." for n in range(30))))
            while decoded.count < 4:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)  # in which many more would be spoken
            request.close()

        run(ignore)
    assert decoded.count == 4


def test_one_more_than_the_queue_is_refused(make_service: MakeService) -> None:
    with make_service(queue=2) as service:

        async def crowd() -> BusyError:
            requests = [service.submit(Utterance(LONG)) for _ in range(2)]
            try:
                with pytest.raises(BusyError) as refused:
                    service.submit(Utterance("One more."))
            finally:
                for request in requests:
                    request.close()
            while service.count:
                await asyncio.sleep(0.01)
            await listen(service, Utterance("Now there is a place."))
            return refused.value

        error = run(crowd)
        assert (error.ending, error.retry_s >= 1) == (False, True)


def test_a_service_that_ends_takes_no_request_and_finishes_those_it_has(make_service: MakeService) -> None:
    with make_service() as service:

        async def end() -> list[Event]:
            heard = asyncio.create_task(listen(service, Utterance(STORY)))
            await asyncio.sleep(0.05)
            service.end()
            with pytest.raises(BusyError, match="about to end"):
                service.submit(Utterance("Too late."))
            return await heard

        assert isinstance(run(end)[-1], Ended)


def test_a_request_has_its_time(make_service: MakeService) -> None:
    with make_service(request_s=0.2, caches=False) as service:
        observer = Outcomes()
        service.observers.append(observer)
        with pytest.raises(TimeoutError):
            run(lambda: listen(service, Utterance(LONG)))
        assert observer.told == ["late"]


def test_many_requests_have_the_bits_of_one(service: Service) -> None:
    texts = [f"{STORY}\n\nAnd {number}." for number in range(6)]

    async def together() -> list[list[Event]]:
        return await asyncio.gather(*(listen(service, Utterance(text)) for text in texts))

    for text, events in zip(texts, run(together), strict=True):
        assert np.array_equal(join(events), speak_alone(service, text))


def test_settings_hide_the_key() -> None:
    assert "secret" not in repr(dataclasses.replace(ServeSettings(), key="secret"))
