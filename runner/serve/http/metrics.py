"""Counts what the server does, for Prometheus. Labels hold names of ours only, never a word of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from runner.engine import observers
from runner.serve import service as serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.engine.run_state import RunState
    from runner.graph.types import StageSpec
    from runner.serve.http.request_log import RequestLog
    from runner.serve.service import Service

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_FIRST_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60)
_WHOLE_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, 600)
_FACTORS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5)


class Metrics:
    """What is counted; a registry of its own, so that servers in one process do not meet."""

    def __init__(self, service: Service) -> None:
        """Begin to observe a service and its pipeline."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series of each counter
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._answers = self._count("http_requests", "Answers of HTTP.", "route", "method", "status")
        in_progress = Gauge("kokoro_requests_in_progress", "Requests that are spoken or wait.", registry=self._registry)
        in_progress.set_function(lambda: service.count)
        limit = Gauge("kokoro_queue_limit", "Requests of which one more is refused.", registry=self._registry)
        limit.set(service.settings.queue)
        service.observers.append(self._observe_requests())
        service.pipeline.observers.append(self._observe_stages(caches=service.pipeline.stage_cache is not None))

    def watch_log(self, log: RequestLog) -> None:
        """Expose how many lines of the log of requests could not be written."""
        lost = Gauge("kokoro_log_lines_lost", "Lines of the log that could not be written.", registry=self._registry)
        lost.set_function(lambda: log.lost)

    def count_answer(self, route: str, method: str, status: int) -> None:
        """Count an answer.

        Args:
            route: that the request took, with names in place of what it has in its path.
        """
        self._answers.labels(route, method if method in _METHODS else "other", str(status)).inc()

    def expose(self) -> bytes:
        """Spell everything in Prometheus' format for text."""
        return generate_latest(self._registry)

    def _count(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"kokoro_{name}", meaning, labels, registry=self._registry)

    def _time(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"kokoro_{name}", meaning, buckets=buckets, registry=self._registry)

    def _observe_requests(self) -> RequestObserver:
        return RequestObserver(
            refused=self._count("requests_refused", "Requests that found no place in the queue."),
            ended=self._count("requests", "Requests that were taken on and have ended.", "outcome"),
            first_s=self._time("first_audio_seconds", "Time from a request to its first part.", _FIRST_S),
            whole_s=self._time("request_seconds", "Time from a request to its end.", _WHOLE_S),
            factor=self._time("real_time_factor", "Time to the end, as a part of the audio's.", _FACTORS),
            audio_s=self._count("audio_seconds", "Audio that was spoken [s]."),
        )

    def _observe_stages(self, *, caches: bool) -> StageObserver:
        return StageObserver(
            hits=self._count("cache_hits", "Stages whose results were in the cache.", "stage"),
            misses=self._count("cache_misses", "Stages whose results were not.", "stage") if caches else None,
            seconds=self._count("stage_seconds", "Time that stages ran [s].", "stage"),
            failures=self._count("stage_failures", "Stages that refused what they were given.", "stage"),
        )


class RequestObserver(serving.Observer):
    """Counts requests, by whichever protocol they came."""

    def __init__(
        self,
        refused: Counter,
        ended: Counter,
        first_s: Histogram,
        whole_s: Histogram,
        factor: Histogram,
        audio_s: Counter,
    ) -> None:
        self._refused, self._ended, self._first_s = refused, ended, first_s
        self._whole_s, self._factor, self._audio_s = whole_s, factor, audio_s

    def refused(self) -> None:
        self._refused.inc()

    def first_part(self, seconds: float) -> None:
        self._first_s.observe(seconds)

    def ended(self, outcome: str, audio_s: float, seconds: float) -> None:
        self._ended.labels(outcome).inc()
        self._audio_s.inc(audio_s)
        if outcome == "ok":
            self._whole_s.observe(seconds)
            if audio_s:
                self._factor.observe(seconds / audio_s)


class StageObserver(observers.Observer):
    """Counts what stages do."""

    def __init__(self, hits: Counter, misses: Counter | None, seconds: Counter, failures: Counter) -> None:
        self._hits, self._misses, self._seconds, self._failures = hits, misses, seconds, failures

    def stage_finished(
        self,
        run: RunState,  # noqa: ARG002 - the base's, as those below
        spec: StageSpec,
        outputs: Mapping[str, Any] | None,
        seconds: float,
        *,
        concurrent: bool,  # noqa: ARG002
    ) -> None:
        self._seconds.labels(spec.name).inc(seconds)
        if outputs is None:
            self._failures.labels(spec.name).inc()
        if self._misses is not None:
            self._misses.labels(spec.name).inc()

    def stage_hit(self, run: RunState, spec: StageSpec, key: str) -> None:  # noqa: ARG002
        self._hits.labels(spec.name).inc()
