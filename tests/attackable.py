"""Accounts that hold one thing of every kind, and all callers that there are: to be attacked in this process.

Requests go through the API's door as bytes; only who signed them is told to it.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.parsers import create_parser
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import saml_at_hand
from api_attacks import flat
from attacker import query_fields
from doors_at_hand import HOST, Doors, Sent, ask
from identities_at_hand import ACCOUNT, NOW
from moorage.auth import claims
from moorage.core.arn import iam_arn, sts_arn
from moorage.core.principal import Principal, Session
from moorage.edge.api import ApiDoor
from moorage.server.compose import SERVICES
from moorage.wire import models
from repositories_at_hand import OTHER_ACCOUNT, REGION, Desk

ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
# Stands in everything that the other account's owner wrote, and so in no answer to anybody else.
CANARY = "canary-of-the-other-account"
CALLERS = ("root", "admin", "nobody", "role session", "federated user", "unsigned")


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass
class Signers:
    """Takes the caller's word for who it is: the door's authenticator."""

    principal: Principal | None = None

    def signed(self, _request: object, _service: str, region: str | None) -> tuple[Principal, str]:
        if self.principal is None:
            raise claims.missing()
        return self.principal, region or REGION


@dataclass
class World:
    """Two accounts with things of the same names; `callers` are all of the first one."""

    desk: Desk
    door: ApiDoor
    signers: Signers
    rows: Path
    kept: Path
    callers: dict[str, Principal | None] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    foreign: dict[str, Any] = field(default_factory=dict)
    restored: int = 0
    watching: sqlite3.Connection | None = None  # told by SQLite whether anybody else changed anything
    unchanged: int = -1

    @classmethod
    def at(cls, folder: Path) -> World:
        desk, signers = Desk.at(folder), Signers()
        door = replace(Doors.over(desk, signers).api, services=SERVICES)
        world = cls(desk, door, signers, folder / "rows.db", folder / "kept.db")
        desk.installation.add_account(OTHER_ACCOUNT)
        world.own = world.furnished(root_of(ACCOUNT), "written here")
        world.foreign = world.furnished(root_of(OTHER_ACCOUNT), CANARY)
        world.callers = world.made_callers()
        world.keep()
        return world

    def close(self) -> None:
        if self.watching is not None:
            self.watching.close()
        self.desk.close()

    # --- asking -------------------------------------------------------------------------------

    def send(self, service: str, operation: str, body: bytes, principal: Principal | None) -> Sent:
        self.signers.principal = principal
        headers = {"host": HOST}
        if models.protocol(service) == "json":
            prefix = models.service_model(service).metadata["targetPrefix"]
            headers |= {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{prefix}.{operation}"}
        else:
            headers |= {"content-type": "application/x-www-form-urlencoded"}
        return ask(self.door, "POST", "/", headers, body)

    def ask(self, principal: Principal, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Return what botocore reads; a refusal is a failure of the test."""
        sent = self.send(service, operation, as_body(service, operation, request), principal)
        assert sent.status == 200, (operation, sent)
        parser = create_parser(models.protocol(service))
        answer = {"status_code": sent.status, "headers": dict(sent.headers), "body": sent.body}
        read: dict[str, Any] = parser.parse(answer, models.operation_model(service, operation).output_shape)
        return read

    # --- keeping ------------------------------------------------------------------------------

    def keep(self) -> None:
        """Remember all rows, to be restored after what changed them."""
        self.watching = self.watching or sqlite3.connect(self.rows)
        with sqlite3.connect(self.rows) as source, sqlite3.connect(self.kept) as target:
            source.backup(target)
        self.unchanged = self._version()

    def _version(self) -> int:
        """A number that is another one after every change of the rows."""
        assert self.watching is not None
        (version,) = self.watching.execute("PRAGMA data_version").fetchone()
        return int(version)

    def restore(self) -> None:
        """Bring all rows back. The accounts' revisions go on, for what is kept in memory goes by them."""
        if self._version() == self.unchanged:
            return
        self.restored += 1
        with sqlite3.connect(self.kept) as source, sqlite3.connect(self.rows) as target:
            source.backup(target)
            target.execute(
                "UPDATE accounts SET identity_revision = identity_revision + ?", (1_000 * self.restored,)
            )
        self.unchanged = self._version()

    def of_the_other_account(self) -> list[str]:
        """Return all rows that speak of the other account, but for what is noted of requests."""
        with sqlite3.connect(self.rows) as connection:
            names = [
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            found = [
                f"{name}: {row!r}"
                for name in names
                if name not in {"audit", "accounts", "push_grace", "leases"}
                for row in connection.execute(f'SELECT * FROM "{name}"')
            ]
        marks = (OTHER_ACCOUNT, CANARY, *self.foreign["ids"])
        return sorted(row for row in found if any(mark in row for mark in marks))

    # --- making -------------------------------------------------------------------------------

    def made_callers(self) -> dict[str, Principal | None]:
        root = root_of(ACCOUNT)
        admin = self.user(root, "admin", ALLOW_ALL)
        role = self.ask(root, "iam", "GetRole", RoleName="worker")["Role"]
        self.ask(
            root,
            "iam",
            "PutRolePolicy",
            RoleName="worker",
            PolicyName="all",
            PolicyDocument=document(ALLOW_ALL),
        )
        until = NOW + timedelta(days=36_500)
        session = Session(NOW, until, role["Arn"], role["RoleId"], name="nightly")
        worker = Principal(
            "role-session",
            sts_arn("aws", ACCOUNT, "assumed-role/worker/nightly"),
            ACCOUNT,
            "aws",
            f"{role['RoleId']}:nightly",
            session=session,
        )
        federated = Principal(
            "federated-user",
            sts_arn("aws", ACCOUNT, "federated-user/guest"),
            ACCOUNT,
            "aws",
            f"{ACCOUNT}:guest",
            session=Session(
                NOW, until, admin.arn, admin.unique_id, policies=(document(ALLOW_ALL),), name="guest"
            ),
        )
        return {
            "root": root,
            "admin": admin,
            "nobody": self.user(root, "nobody"),
            "role session": worker,
            "federated user": federated,
            "unsigned": None,
        }

    def user(self, root: Principal, name: str, *statements: Mapping[str, Any]) -> Principal:
        made = self.ask(root, "iam", "CreateUser", UserName=name)["User"]
        if statements:
            self.ask(
                root,
                "iam",
                "PutUserPolicy",
                UserName=name,
                PolicyName="rights",
                PolicyDocument=document(*statements),
            )
        return Principal("user", made["Arn"], root.account_id, "aws", made["UserId"], user_name=name)

    def furnished(self, root: Principal, words: str) -> dict[str, Any]:
        """Give an account one thing of every kind; return good values by the names of members."""
        made = {**self._identities(root, words), **self._credentials(root, words), **self._keys(root, words)}
        account = root.account_id
        self.ask(root, "codecommit", "CreateRepository", repositoryName="target", repositoryDescription=words)
        arn = f"arn:aws:codecommit:{REGION}:{account}:target"
        self.ask(root, "codecommit", "TagResource", resourceArn=arn, tags={"Team": words})
        made |= {"resourceArn": arn, "repositoryName": "target", "repositoryNames": ["target"]}
        found = [made["RoleId"], made["UserId"], made["PolicyId"], made["GroupId"], made["AccessKeyId"]]
        found += [made["SSHPublicKeyId"], made["ServiceSpecificCredentialId"], made["KeyId"]]
        return made | {"ids": found}

    def _identities(self, root: Principal, words: str) -> dict[str, Any]:
        def iam(operation: str, **request: Any) -> dict[str, Any]:
            return self.ask(root, "iam", operation, **request)

        tags = [{"Key": "Team", "Value": words}]
        text = document({**ALLOW_ALL, "Sid": words.replace("-", "").replace(" ", "")})
        trust = document(
            {"Effect": "Allow", "Principal": {"AWS": str(root.arn)}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        )
        policy = iam("CreatePolicy", PolicyName="rules", PolicyDocument=text, Description=words, Tags=tags)
        user = iam("CreateUser", UserName="mary", Tags=tags)["User"]
        group = iam("CreateGroup", GroupName="team")["Group"]
        role = iam(
            "CreateRole", RoleName="worker", AssumeRolePolicyDocument=trust, Description=words, Tags=tags
        )["Role"]
        iam("CreateInstanceProfile", InstanceProfileName="machine")
        iam("AddRoleToInstanceProfile", InstanceProfileName="machine", RoleName="worker")
        iam("AddUserToGroup", GroupName="team", UserName="mary")
        for kind, name in (("User", "mary"), ("Group", "team"), ("Role", "worker")):
            owner = {f"{kind}Name": name}
            iam(f"Put{kind}Policy", **owner, PolicyName="rights", PolicyDocument=text)
        arn = policy["Policy"]["Arn"]
        return {
            "UserName": "mary",
            "GroupName": "team",
            "RoleName": "worker",
            "InstanceProfileName": "machine",
            "PolicyName": "rights",
            "PolicyArn": arn,
            "PermissionsBoundary": arn,
            "arn": arn,
            "PolicySourceArn": user["Arn"],
            "CallerArn": user["Arn"],
            "RoleArn": role["Arn"],
            "GranteePrincipal": user["Arn"],
            "RetiringPrincipal": user["Arn"],
            "RoleId": role["RoleId"],
            "UserId": user["UserId"],
            "GroupId": group["GroupId"],
            "PolicyId": policy["Policy"]["PolicyId"],
            "VersionId": "v1",
        }

    def _credentials(self, root: Principal, words: str) -> dict[str, Any]:
        def iam(operation: str, **request: Any) -> dict[str, Any]:
            return self.ask(root, "iam", operation, **request)

        tags = [{"Key": "Team", "Value": words}]
        alias = f"alias-{root.account_id}"
        iam("CreateAccountAlias", AccountAlias=alias)
        device = iam("CreateVirtualMFADevice", VirtualMFADeviceName="phone", Tags=tags)["VirtualMFADevice"]
        git = iam("CreateServiceSpecificCredential", UserName="mary", ServiceName="codecommit.amazonaws.com")[
            "ServiceSpecificCredential"
        ]
        line = ssh_line()
        key = iam("UploadSSHPublicKey", UserName="mary", SSHPublicKeyBody=line)["SSHPublicKey"]
        metadata = saml_at_hand.metadata()
        saml = iam("CreateSAMLProvider", Name="people", SAMLMetadataDocument=metadata.ljust(1_000), Tags=tags)
        oidc = iam(
            "CreateOpenIDConnectProvider",
            Url="https://issuer.example.org/main",
            ClientIDList=[words.replace(" ", "-")],
            ThumbprintList=["a" * 40],
        )["OpenIDConnectProviderArn"]
        access = iam("CreateAccessKey", UserName="mary")["AccessKey"]
        return {
            "AccountAlias": alias,
            "SerialNumber": device["SerialNumber"],
            "ServiceSpecificCredentialId": git["ServiceSpecificCredentialId"],
            "ServiceName": "codecommit.amazonaws.com",
            "SSHPublicKeyId": key["SSHPublicKeyId"],
            "SSHPublicKeyBody": line,
            "SAMLProviderArn": saml["SAMLProviderArn"],
            "PrincipalArn": saml["SAMLProviderArn"],
            "SAMLMetadataDocument": metadata.ljust(1_000),
            "OpenIDConnectProviderArn": oidc,
            "AccessKeyId": access["AccessKeyId"],
        }

    def _keys(self, root: Principal, words: str) -> dict[str, Any]:
        def kms(operation: str, **request: Any) -> dict[str, Any]:
            return self.ask(root, "kms", operation, **request)

        tags = [{"TagKey": "Team", "TagValue": words}]
        key = kms("CreateKey", Description=words, Tags=tags)["KeyMetadata"]
        kms("CreateAlias", AliasName="alias/one", TargetKeyId=key["KeyId"])
        grant = kms(
            "CreateGrant",
            KeyId=key["KeyId"],
            GranteePrincipal=str(iam_arn("aws", root.account_id, "user/mary")),
            Operations=["Decrypt"],
        )
        sealed = kms("Encrypt", KeyId=key["KeyId"], Plaintext=words.encode())["CiphertextBlob"]
        return {
            **dict.fromkeys(("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId"), key["KeyId"]),
            "KeyArn": key["Arn"],
            "kmsKeyId": key["Arn"],
            "AliasName": "alias/one",
            "GrantId": grant["GrantId"],
            "GrantToken": grant["GrantToken"],
            "CiphertextBlob": sealed,
        }


def root_of(account_id: str) -> Principal:
    return Principal("root", iam_arn("aws", account_id, "root"), account_id, "aws", account_id)


def ssh_line() -> str:
    public = rsa.generate_private_key(65537, 2048).public_key()
    encoded = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return encoded.decode()


def as_body(service: str, operation: str, request: Mapping[str, Any]) -> bytes:
    """Return a request as it is sent; texts of a form may be anything, surrogates included."""
    if models.protocol(service) == "json":
        return json.dumps(request, default=_base64).encode()
    fields = query_fields(service, operation, flat(request))
    return urlencode(fields, errors="surrogatepass").encode()


def _base64(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()
