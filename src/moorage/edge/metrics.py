"""What /metrics tells. With several workers prometheus-client adds their files up (see docs)."""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as _generate
from prometheus_client.multiprocess import MultiProcessCollector

from moorage import __version__

# Set by the parent of several workers before this module is imported.
MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST

requests = Counter("moorage_requests", "Requests answered.", ["door", "operation", "status"])
request_seconds = Histogram(
    "moorage_request_seconds",
    "Time from a request's head to the end of its answer.",
    ["door"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
in_progress = Gauge(
    "moorage_requests_in_progress", "Requests being answered.", ["door"], multiprocess_mode="livesum"
)
refused_logins = Counter(
    "moorage_authentication_failures", "Requests whose credentials were missing or wrong.", ["door"]
)
deliveries = Gauge(
    "moorage_deliveries",
    "Events and triggers' messages that have not arrived: waiting, or dead (given up).",
    ["state"],
    multiprocess_mode="mostrecent",
)
_build = Gauge("moorage_build_info", "The version that runs.", ["version"], multiprocess_mode="max")
_build.labels(__version__).set(1)


def render() -> bytes:
    """Return the metrics of all workers of this node, in Prometheus's text format."""
    if os.environ.get(MULTIPROCESS_VARIABLE):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        return _generate(registry)
    return _generate(REGISTRY)
