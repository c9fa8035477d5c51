"""Numbers for Prometheus, in a registry of the studio's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from impasto.studio import liveness
from impasto.studio.jobs import JobStore

if TYPE_CHECKING:
    from impasto.studio.context import Studio

_METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS")
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """What is counted on the way, and told of a studio whenever the numbers are read."""

    def __init__(self, studio: Studio) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "impasto_requests", "Requests answered.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "impasto_request_seconds", "Time to answer a request.", ["route"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._under_way = Gauge(
            "impasto_requests_under_way", "Requests being answered.", registry=self.registry
        )
        photos = Gauge(
            "impasto_photos_under_way", "Photos stylised or waiting.", registry=self.registry
        )
        photos.set_function(lambda: studio.quick.taken)
        self.registry.register(_Jobs(studio.store))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def begin(self) -> None:
        """Count a request that came."""
        self._under_way.inc()

    def end(self, scope: Any, status: int, seconds: float) -> None:
        """Count a request that was answered; status 0 is one that went away."""
        self._under_way.dec()
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all numbers as Prometheus reads them."""
        return generate_latest(self.registry)


class _Jobs(Collector):
    """Counts jobs and workers. Without the database the rest is still told."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def describe(self) -> list[Metric]:
        """Return nothing: it would read the database to find out."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield how many jobs are in each state, and how many workers live on all machines."""
        jobs = GaugeMetricFamily("impasto_jobs", "Jobs by state.", labels=["state"])
        with suppress(SQLAlchemyError):
            alive = liveness.count(self._store.engine)
            yield GaugeMetricFamily("impasto_workers_alive", "Workers that live.", alive)
            for state, count in self._store.counts().items():
                jobs.add_metric([state], count)
            yield jobs


def _route(scope: Any) -> str:
    """Return the route as it is written, so that ids do not make a number of their own each."""
    route = getattr(scope.get("route"), "path", None)
    return route if route else "page" if "endpoint" in scope or "app" in scope else "none"
