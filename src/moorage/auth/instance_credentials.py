"""Credentials of a machine: sessions of the role that its instance profile holds.

The role's trust policy must let `ec2.amazonaws.com` assume it, as on EC2; nobody else is asked.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from moorage.auth import sessions
from moorage.core.clock import milliseconds
from moorage.policy import Access, NamedPolicy, Outsider, PolicySet, decide, parse
from moorage.storage import accounts, audit, instance_profiles, roles
from moorage.storage.audit import AuditEvent

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.auth.session_tokens import Credentials
    from moorage.core.arn import Arn
    from moorage.core.clock import Clock
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database
    from moorage.storage.identifiers import Entropy
    from moorage.storage.instance_profiles import InstanceProfileRow
    from moorage.storage.roles import RoleRow

MACHINES = "ec2.amazonaws.com"
# What EC2 gives, whatever the role's own maximum.
SESSION_SECONDS = 6 * 3_600
# New ones are given from here on. SDKs begin to ask for new ones fifteen minutes before the end.
RENEWED_BEFORE = timedelta(minutes=20)


class NoProfile(Exception):
    """The instance profile, or its account, is not there (any more)."""


class NoRole(Exception):
    """The instance profile holds no role."""


class Untrusted(Exception):
    """The role's trust policy does not let machines assume it; `role` is its name."""

    def __init__(self, role: str) -> None:
        super().__init__(f"{MACHINES} may not assume the role {role}")
        self.role = role


@dataclass(frozen=True, slots=True)
class Instance:
    """The machine that credentials are for. `profile` is the name of its instance profile."""

    account_id: str
    profile: str
    region: str

    @property
    def instance_id(self) -> str:
        """Return an id in EC2's form, which stays the same for one profile: sessions are named by it."""
        digest = hashlib.sha256(f"{self.account_id}/{self.profile}".encode()).hexdigest()
        return f"i-0{digest[:16]}"


@dataclass(frozen=True, slots=True)
class Held:
    """An instance profile with its role, as of one moment."""

    profile: InstanceProfileRow
    role: RoleRow
    partition: str

    @property
    def profile_arn(self) -> Arn:
        return self.profile.arn(self.partition)

    @property
    def role_arn(self) -> Arn:
        return self.role.arn(self.partition)


@dataclass(frozen=True, slots=True)
class Issued:
    """Credentials, and when they were made."""

    credentials: Credentials
    issued_at: datetime


class InstanceCredentials:
    """Hands out the credentials of one machine: the same until they are near their end."""

    def __init__(
        self, database: Database, root_key: RootKey, clock: Clock, instance: Instance, entropy: Entropy
    ) -> None:
        self.instance = instance
        self._database = database
        self._root_key = root_key
        self._clock = clock
        self._entropy = entropy
        self._lock = threading.Lock()
        self._issued: dict[str, Issued] = {}

    def held(self) -> Held:
        """Return the profile and the role that it holds now.

        Raises:
            NoProfile, NoRole: what they say.
        """
        with self._database.read() as connection:
            return self._held(connection)

    def _held(self, connection: Connection) -> Held:
        account = accounts.find(connection, self.instance.account_id)
        profile = instance_profiles.find(connection, self.instance.account_id, self.instance.profile)
        if account is None or account.state != accounts.ACTIVE or profile is None:
            raise NoProfile
        role = None if profile.role_id is None else roles.by_id(connection, profile.role_id)
        if role is None:
            raise NoRole
        return Held(profile, role, account.partition)

    def current(self) -> tuple[Held, Issued]:
        """Return credentials that last for twenty more minutes at least.

        Raises:
            NoProfile, NoRole, Untrusted: what they say.
        """
        with self._lock:
            held, now = self.held(), self._clock.now()
            kept = self._issued.get(held.role.role_id)
            if kept is not None and kept.credentials.expires_at - now >= RENEWED_BEFORE:
                return held, kept
            # Those of another role that the profile held before are never given again.
            self._issued = {held.role.role_id: self._open(held, now)}
            return held, self._issued[held.role.role_id]

    def _open(self, held: Held, now: datetime) -> Issued:
        if not trusts_machines(held):
            raise Untrusted(held.role.name)
        opened = sessions.open_role_session(
            self._root_key,
            self._entropy,
            held.role,
            partition=held.partition,
            name=self.instance.instance_id,
            now=now,
            seconds=SESSION_SECONDS,
        )
        with self._database.write() as connection:
            audit.record(
                connection,
                AuditEvent(
                    account_id=held.role.account_id,
                    region=self.instance.region,
                    at_ms=milliseconds(now),
                    action="sts:AssumeRole",
                    principal_arn=MACHINES,
                    resource_arn=held.role_arn,
                    source_ip=MACHINES,
                    outcome="allowed",
                    detail="{}",
                ),
            )
        return Issued(opened.credentials, now)


def trusts_machines(held: Held) -> bool:
    """Tell whether a role's trust policy lets machines assume it."""
    trust = NamedPolicy(f"trust policy of {held.role_arn}", parse(held.role.trust_policy, "trust"))
    access = Access(
        Outsider("Service", MACHINES),
        "sts:AssumeRole",
        held.role_arn,
        {"aws:PrincipalServiceName": (MACHINES,), "aws:PrincipalIsAWSService": ("true",)},
        held.role.account_id,
    )
    return decide(access, PolicySet(), trust, resource_policy_must_allow=True).allowed
