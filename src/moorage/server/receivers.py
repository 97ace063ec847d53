"""From the settings to those who are told: event sinks, and what triggers name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core.secrets import Secret
from moorage.server.aws_endpoints import AwsEndpoint
from moorage.server.dispatch import Dispatcher
from moorage.server.event_sinks import EventBridgeSink, EventSink, FileSink, WebhookSink
from moorage.server.trigger_targets import TriggerTargets

if TYPE_CHECKING:
    from moorage.server.settings import Settings
    from moorage.storage.database import Database


def dispatcher(settings: Settings, database: Database, node: str) -> Dispatcher:
    """Return what sends events and triggers' messages for this process."""
    found = {sink.name: sink for sink in sinks(settings)}
    return Dispatcher(database, found, trigger_targets(settings), node)


def sinks(settings: Settings) -> list[EventSink]:
    """Return the event sinks that are set."""
    found: list[EventSink] = []
    if settings.events_file is not None:
        found.append(FileSink(settings.events_file))
    if settings.events_webhook is not None and settings.events_webhook_secret is not None:
        found.append(WebhookSink(settings.events_webhook, Secret(settings.events_webhook_secret)))
    if settings.events_endpoint is not None:
        found.append(EventBridgeSink(AwsEndpoint(settings.events_endpoint), settings.events_source))
    return found


def trigger_targets(settings: Settings) -> TriggerTargets:
    """Return what sends triggers' messages."""
    return TriggerTargets(_endpoint(settings.sns_endpoint), _endpoint(settings.lambda_endpoint))


def _endpoint(url: str | None) -> AwsEndpoint | None:
    return None if url is None else AwsEndpoint(url)
