"""The composition root: from settings and an installation to the stores, services and doors of a node."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from moorage.auth.authenticate import Authenticator
from moorage.auth.last_used import LastUses
from moorage.auth.ssh_login import SshLogins
from moorage.auth.user_principals import UserPrincipals
from moorage.auth.web_identity_fetch import Fetcher
from moorage.auth.web_identity_keys import IssuerKeys
from moorage.console.start_page import StartPage
from moorage.core.secrets import Secret
from moorage.edge.admission import Admission
from moorage.edge.api import ApiDoor
from moorage.edge.app import App
from moorage.edge.discovery import Discovery
from moorage.edge.git_entrance import GitEntrance
from moorage.edge.git_http import GitDoor
from moorage.edge.status import Readiness, Status
from moorage.edge.threads import Threads
from moorage.git import capabilities, commands
from moorage.git.handles import handles
from moorage.repos.access import GitAccess
from moorage.repos.fetch import Fetches
from moorage.repos.prepared import PreparedResponses
from moorage.server import aws_names, connection_lines, duties, receivers
from moorage.server.stores import Stores, open_stores
from moorage.server.test_mode import TestMode
from moorage.services.call import Call
from moorage.services.codecommit import codecommit
from moorage.services.iam import iam
from moorage.services.kms import kms
from moorage.services.sts import sts
from moorage.storage import tables
from moorage.storage.audit_batch import AuditBatch
from moorage.storage.blobs import BlobMissing

if TYPE_CHECKING:
    from moorage.core.clock import Clock
    from moorage.core.principal import Caller
    from moorage.edge.git_service import GitService
    from moorage.edge.ssh.door import SshDoor
    from moorage.server.background import Job
    from moorage.server.connection_lines import Endpoints
    from moorage.server.first_start import Installation
    from moorage.server.settings import Settings
    from moorage.wire.regions import Regions

SERVICES = {service.name: service for service in (codecommit, iam, kms, sts)}


@dataclass(frozen=True, slots=True)
class Place:
    """What a node is told of its surroundings: where clients find it, and what /metrics asks for."""

    endpoints: Endpoints
    metrics_token: Secret


@dataclass(frozen=True, slots=True)
class Node:
    """A worker's whole service. `close` it when its listeners are done."""

    app: App
    stores: Stores
    call: Callable[[Caller], Call]
    jobs: Sequence[Job]
    close: Callable[[], None]
    ssh: SshDoor | None = None


def calls(
    settings: Settings, installation: Installation, regions: Regions, found: Endpoints, stores: Stores
) -> Callable[[Caller], Call]:
    """Return the function that makes, for a caller, what handlers are given."""
    return partial(
        Call,
        database=stores.database,
        root_key=installation.root_key,
        gate=stores.gate,
        regions=regions,
        repositories=stores.repositories,
        opener=stores.opener,
        publisher=stores.publisher,
        keyring=stores.keyring,
        clone_urls=found.clone_urls,
        triggers=receivers.trigger_targets(settings),
        issuer_keys=IssuerKeys(Fetcher(tuple(map(ipaddress.ip_network, settings.issuer_network)))),
    )


def build(
    settings: Settings, installation: Installation, regions: Regions, place: Place, clock: Clock
) -> Node:
    """Build a node.

    Raises:
        StorageRefused: the database or the blob store cannot be used.
        Fault: there is no usable git.
    """
    stores = open_stores(settings, installation, clock)
    last_uses = LastUses(stores.database)
    # The audit's thread wakes twice a second, in each process.
    audit = AuditBatch(stores.database, also=[last_uses.flush, handles.drop_idle], clock=clock)
    authenticator = Authenticator(
        stores.database,
        installation.root_key,
        clock=clock,
        regions=regions,
        default_region=settings.region,
        git_password_lifetime=settings.git_password_lifetime,
    )
    call = calls(settings, installation, regions, place.endpoints, stores)
    node = f"{socket.gethostname()[:40]}:{os.getpid()}"
    dispatcher = receivers.dispatcher(settings, stores.database, node)
    entrance = GitEntrance(
        authenticator=authenticator,
        access=GitAccess(stores.gate, stores.repositories, stores.opener),
        database=stores.database,
        regions=regions,
        clock=clock,
        audit=audit,
        last_uses=last_uses,
        strict=settings.compat == "strict",
    )
    threads = Threads()
    status = _status(settings, stores, place.metrics_token)
    git = _git_door(stores, entrance, threads)
    api = partial(ApiDoor, SERVICES, authenticator, call, regions, default_region=settings.region)
    app = App(
        git=git,
        api=api(stores.database, clock, audit, last_uses, threads),
        status=status,
        pages=_start_page(settings, status, regions, place.endpoints),
        regions=regions,
        test=TestMode.of(stores, installation, audit, clock) if settings.test_mode else None,
        discovery=Discovery(connection_lines.discovery(settings, regions, place.endpoints)),
    )
    audit.start()
    jobs = duties.jobs(stores, installation.root_key, dispatcher, node)

    def close() -> None:
        dispatcher.close()
        audit.close()
        stores.database.close()

    return Node(app, stores, call, jobs, close, _ssh_door(settings, git, regions) if settings.ssh else None)


def _start_page(settings: Settings, status: Status, regions: Regions, found: Endpoints) -> StartPage:
    lines = connection_lines.for_start_page(found, settings.region, own_ca=status.ca is not None)
    return StartPage(status, regions.enabled, lines, test_mode=settings.test_mode)


def _git_door(stores: Stores, entrance: GitEntrance, threads: Threads) -> GitDoor:
    return GitDoor(
        entrance=entrance,
        publisher=stores.publisher,
        fetches=Fetches(PreparedResponses()),
        capabilities=capabilities.of_installed_git(),
        admission=Admission(),
        threads=threads,
    )


def _ssh_door(settings: Settings, service: GitService, regions: Regions) -> SshDoor:
    # Where there is no --ssh, its library need not be in memory.
    from moorage.edge.ssh.door import SshDoor  # noqa: PLC0415

    database = service.entrance.database
    logins = SshLogins(database, UserPrincipals(database))
    return SshDoor(service, logins, regions, settings.region)


def _status(settings: Settings, stores: Stores, token: Secret) -> Status:
    ca: Path | None = settings.data / "ca.pem" if settings.tls_cert is None else None

    def database() -> None:
        with stores.database.read() as connection:
            connection.execute(select(tables.installation.c.name).limit(1)).all()

    def blobs() -> None:
        try:
            stores.blobs.size("ready/probe")
        except BlobMissing:
            return

    readiness = Readiness({"database": database, "blobs": blobs, "git": _git})
    aws_ca = aws_names.files(settings.data).ca if settings.aws_names else None
    return Status(readiness, token, commands.git_version(), ca, aws_ca)


def _git() -> None:
    commands.git_version()
