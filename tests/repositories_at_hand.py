"""An account with the CodeCommit API on a real database and a real small cache: no server, no mocks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import update

from identities_at_hand import ACCOUNT, NOW, Installation
from moorage.auth.gate import Gate
from moorage.core.arn import iam_arn, partition_of
from moorage.core.names import ZERO_ID, ObjectId
from moorage.core.principal import Caller, Principal
from moorage.git.packs import Received
from moorage.keys.keyring import Keyring
from moorage.repos.cache import WorkingCache
from moorage.repos.opened import Opener, OpenRepository
from moorage.repos.publish import Proposal, Publisher
from moorage.repos.repositories import Repositories
from moorage.repos.snapshot import Snapshots
from moorage.services.call import Call
from moorage.services.codecommit import codecommit
from moorage.services.codecommit.clone_urls import CloneUrls
from moorage.storage import attachments, tables
from moorage.storage.attachments import InlinePolicyRow
from moorage.storage.blobs import MemoryBlobs
from moorage.storage.repositories import RefChange
from moorage.wire.regions import Regions

REGION = "us-east-2"
OTHER_ACCOUNT = "444455556666"


@dataclass
class Desk:
    """Where one caller asks the CodeCommit API: parsed, checked, authorized and handled as at the edge."""

    installation: Installation
    call: Call

    @property
    def caller(self) -> Caller:
        return self.call.caller

    @classmethod
    def at(cls, folder: Path) -> Desk:
        """Open an installation's desk for the root user of its account."""
        installation = Installation.at(folder)
        database = installation.database
        gate = Gate(database)
        keyring = Keyring(database, installation.root_key, gate)
        blobs = MemoryBlobs()
        cache = WorkingCache(folder / "cache", 1 << 30, blobs)
        opener = Opener(Snapshots(database), keyring, cache)
        call = Call(
            caller=_caller(_root(ACCOUNT, REGION), REGION),
            database=database,
            root_key=installation.root_key,
            gate=gate,
            regions=Regions(),
            repositories=Repositories(database, keyring, cache),
            opener=opener,
            publisher=Publisher(database, blobs, opener),
            keyring=keyring,
            clone_urls=CloneUrls("amazonaws.com.localhost", 8443),
        )
        return cls(installation, call)

    def close(self) -> None:
        self.installation.database.close()

    # --- other callers ------------------------------------------------------------------------

    def in_region(self, region: str) -> Desk:
        return self._with(replace(self.caller, region=region))

    def of_account(self, account_id: str) -> Desk:
        """Return the desk of another account's root user."""
        return self._with(_caller(_root(account_id, self.caller.region), self.caller.region))

    def of_user(self, name: str, *statements: Mapping[str, Any]) -> Desk:
        """Return the desk of a new user with one inline policy."""
        user = self.installation.add_user(name)
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        if statements:
            with self.installation.database.write() as connection:
                attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(user.user_id, "tests", document))
        principal = Principal(
            "user", iam_arn("aws", ACCOUNT, f"user/{name}"), ACCOUNT, "aws", user.user_id, user_name=name
        )
        return self._with(_caller(principal, self.caller.region))

    def _with(self, caller: Caller) -> Desk:
        return Desk(self.installation, replace(self.call, caller=caller))

    # --- asking -------------------------------------------------------------------------------

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Ask as `edge` does: parse, check the form, ask the gate about every target, then handle."""
        found = codecommit.find(operation)
        parsed = found.parse(json.dumps(request).encode())
        for target in found.targets(self.call, parsed):
            if target.ask is not None:
                target.ask(found.action)
            else:
                self.call.gate.require(self.caller, found.action, target.arn, target.context)
        return dict(found.handle(self.call, parsed) or {})

    def repository(self, name: str, **more: Any) -> dict[str, Any]:
        """Make a repository; return its metadata."""
        made: dict[str, Any] = self.ask("CreateRepository", repositoryName=name, **more)["repositoryMetadata"]
        return made

    # --- contents -----------------------------------------------------------------------------

    def open(self, name: str) -> OpenRepository:
        return self.call.opener.open(self.caller, self.call.repositories.require(self.caller, name))

    def fill(self, name: str, folder: Path, branches: Mapping[str, int], commits: int = 2) -> list[ObjectId]:
        """Publish a pack of new commits, each branch at the commit of that index; return the commits."""
        received, made = _packed(folder, commits)
        changes = tuple(
            RefChange(f"refs/heads/{branch}".encode(), ZERO_ID, made[index])
            for branch, index in branches.items()
        )
        publisher = self.call.publisher
        proposal = Proposal(
            self.caller, "codecommit:GitPush", changes, publisher.started(), received=received
        )
        assert publisher.publish(self.open(name), proposal) == {}
        return made

    def set_key_state(self, state: str) -> None:
        """Put every key of the installation into a state, as the KMS API will."""
        with self.installation.database.write() as connection:
            connection.execute(update(tables.kms_keys).values(state=state))


def _root(account_id: str, region: str) -> Principal:
    partition = partition_of(region)
    return Principal("root", iam_arn(partition, account_id, "root"), account_id, partition, account_id)


def _caller(principal: Principal, region: str) -> Caller:
    return Caller(principal, region, "request-id", NOW)


def _packed(folder: Path, commits: int) -> tuple[Received, list[ObjectId]]:
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    made = []
    for number in range(commits):
        _git(folder, "commit", "--quiet", "--allow-empty", "--message", f"Commit {number}")
        made.append(ObjectId(_git(folder, "rev-parse", "HEAD")))
    checksum = _git(folder, "pack-objects", "--quiet", "--all", "pack", given="")
    pack = folder / f"pack-{checksum}.pack"
    received = Received(pack, pack.with_suffix(".idx"), checksum, commits + 1, pack.stat().st_size, 1_000)
    return received, made


def _git(folder: Path, *arguments: str, given: str | None = None) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Mary Major",
        "GIT_AUTHOR_EMAIL": "mary@example.com",
        "GIT_AUTHOR_DATE": "1484167798 -0800",
        "GIT_COMMITTER_NAME": "Li Juan",
        "GIT_COMMITTER_EMAIL": "li@example.com",
        "GIT_COMMITTER_DATE": "1484170000 +0530",
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        input=given,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
