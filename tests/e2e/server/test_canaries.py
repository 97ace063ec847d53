"""Secrets go through the whole service, and are then looked for where none may be.

Every flow that brings or makes a secret is gone through here: right, wrong, and malformed. A new way
in joins by a flow of its own that plants what it learned.
"""

from __future__ import annotations

import base64
import itertools
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from canaries import Canaries, Told, listening, spellings
from e2e_names import POWER_USER
from moorage.core.sigv4 import git_password
from moorage.crypto import totp
from moorage.services.iam import iam
from moorage.services.sts import sts
from person import AWS_V1, Person
from service_process import Service, serving

pytestmark = pytest.mark.timeout(300)

REGION = "us-east-2"
FIRST, SECOND, THIRD = "First-canary-passw0rd!", "Second-canary-passw0rd!", "Third-canary-passw0rd!"
WRONG = "Wrong-canary-passw0rd!"


@dataclass
class Flows:
    """A service in which secrets are planted, and all that it said to those whom it refused."""

    service: Service
    folder: Path
    canaries: Canaries = field(default_factory=Canaries)
    answers: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def client(self, name: str, key: tuple[str, str, str | None] | None = None) -> Any:
        key_id, secret, token = key or (self.service.key_id, self.service.secret, None)
        return boto3.client(
            name,
            region_name=REGION,
            endpoint_url=self.service.endpoint,
            verify=str(self.service.ca),
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )

    def refused(self, call: Callable[..., object], **request: object) -> None:
        with pytest.raises(ClientError) as refusal:
            call(**request)
        self.answers.append(json.dumps(refusal.value.response, default=str))

    def user(self, name: str) -> tuple[str, str]:
        """Make a user with a key; the key's secret is planted."""
        key = self.service.create_user(name, POWER_USER)
        self.canaries.plant(f"secret access key of {name}", key[1])
        return key

    def person(self) -> Person:
        return Person(self.folder / f"home{next(self.numbers)}", AWS_V1, self.service)

    def http(self, url: str, headers: dict[str, str], body: bytes | None = None) -> int:
        """Ask without any client between; what is answered to a refusal is kept."""
        context = ssl.create_default_context(cafile=str(self.service.ca))
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                self.answers.append(f"{error.headers}\n{error.read().decode(errors='replace')}")
                return error.code

    def clone_and_push(self, user_name: str, password: str) -> None:
        """Clone and push with plain git, the password given as its terminal would be asked for it."""
        person = self.person()
        person.name_in_commits()
        helper = person.home / "helper"
        helper.write_text(f"#!/bin/sh\necho username={user_name}\necho 'password={password}'\n")
        helper.chmod(0o700)
        person.git_global("credential.helper", str(helper))
        clone = person.home / "clone"
        person.ok("git", "clone", "--quiet", self.service.url("canaries"), str(clone))
        person.commit(clone, f"file{next(self.numbers)}", "text\n")
        self.answers.append(person.run("git", "push", "origin", "HEAD:main", cwd=clone).said)

    def refused_clone(self, user_name: str, password: str) -> None:
        basic = base64.b64encode(f"{user_name}:{password}".encode()).decode()
        url = f"{self.service.endpoint}/v1/repos/canaries/info/refs?service=git-upload-pack"
        assert self.http(url, {"Authorization": f"Basic {basic}"}) in {401, 403}


def signed_git(flows: Flows) -> None:
    """The stock helper's passwords: a signature, after the session token where there is one."""
    key_id, secret = flows.user("signer")
    now = datetime.now(UTC)
    password = git_password(
        flows.service.host(REGION), "/v1/repos/canaries", secret=secret, region=REGION, now=now
    )
    flows.canaries.plant("signature of a Git password", password.partition("Z")[2])
    flows.clone_and_push(key_id, password)
    flows.refused_clone(key_id, password[:-1] + ("0" if password[-1] != "0" else "1"))
    flows.refused_clone(key_id, WRONG)
    flows.refused_clone("AKIANOBODYNOBODY0000", WRONG)


def console_passwords(flows: Flows) -> None:
    root = flows.client("iam")
    key_id, secret = flows.user("changer")
    for name, password in (("first", FIRST), ("second", SECOND), ("third", THIRD), ("wrong", WRONG)):
        flows.canaries.plant(f"{name} console password", password)
    flows.canaries.plant("weak console password", "weakcanary")
    flows.canaries.plant("malformed console password", "malformed-canary")
    root.create_login_profile(UserName="changer", Password=FIRST)
    root.update_login_profile(UserName="changer", Password=SECOND)
    root.update_account_password_policy(AllowUsersToChangePassword=True, PasswordReusePrevention=3)
    own = flows.client("iam", (key_id, secret, None))
    own.change_password(OldPassword=SECOND, NewPassword=THIRD)
    flows.refused(own.change_password, OldPassword=WRONG, NewPassword=SECOND)
    flows.refused(own.change_password, OldPassword=THIRD, NewPassword="weak")
    flows.refused(own.change_password, OldPassword=THIRD, NewPassword=FIRST)
    flows.refused(root.create_login_profile, UserName="changer", Password=WRONG)
    root.delete_account_password_policy()
    flows.refused(root.update_login_profile, UserName="changer", Password="weakcanary")
    flows.refused(root.update_login_profile, UserName="changer", Password="malformed-canary\N{SNOWMAN}")
    flows.refused(root.update_login_profile, UserName="nobody", Password=WRONG)


def mfa_and_sessions(flows: Flows) -> None:
    """A device's seed, and the sessions that its codes open, used and refused."""
    root = flows.client("iam")
    key_id, secret = flows.user("phoner")
    made = root.create_virtual_mfa_device(VirtualMFADeviceName="phoner")["VirtualMFADevice"]
    seed = base64.b32decode(made["Base32StringSeed"])
    flows.canaries.plant("MFA seed", seed)
    flows.canaries.plant("MFA seed as people type it", made["Base32StringSeed"])
    serial, step = made["SerialNumber"], totp.step_at(datetime.now(UTC))
    wrong = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}
    flows.refused(root.enable_mfa_device, UserName="phoner", SerialNumber=serial, **wrong)
    codes = [totp.code(seed, step - 2 + number) for number in range(4)]
    root.enable_mfa_device(
        UserName="phoner", SerialNumber=serial, AuthenticationCode1=codes[1], AuthenticationCode2=codes[2]
    )
    if "GetSessionToken" not in sts.operations:
        return
    own = flows.client("sts", (key_id, secret, None))
    flows.refused(own.get_session_token, SerialNumber=serial, TokenCode=codes[2])
    answer = own.get_session_token(SerialNumber=serial, TokenCode=codes[3])["Credentials"]
    use_session(flows, "MFA", answer)


def use_session(flows: Flows, name: str, credentials: dict[str, str]) -> None:
    """Use temporary credentials on every door, also broken ones."""
    key_id, secret, token = (credentials[part] for part in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    flows.canaries.plant(f"secret of the {name} session", secret)
    # Its ends are looked for too: a part of a token is a part of a secret.
    flows.canaries.plant(f"token of the {name} session", token[-48:])
    broken = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    flows.canaries.plant(f"broken token of the {name} session", broken[20:60])
    flows.client("sts", (key_id, secret, token)).get_caller_identity()
    flows.client("codecommit", (key_id, secret, token)).list_repositories()
    flows.refused(flows.client("sts", (key_id, secret, broken)).get_caller_identity)
    flows.refused(flows.client("codecommit", (key_id, secret, broken)).list_repositories)
    flows.refused(flows.client("codecommit", (key_id, WRONG, token)).list_repositories)
    now = datetime.now(UTC)
    password = git_password(
        flows.service.host(REGION), "/v1/repos/canaries", secret=secret, region=REGION, now=now
    )
    flows.clone_and_push(f"{key_id}%{token}", password)
    flows.refused_clone(f"{key_id}%{broken}", password)


def role_sessions(flows: Flows) -> None:
    if not {"CreateRole", "AttachRolePolicy"} <= iam.operations.keys() or "AssumeRole" not in sts.operations:
        return
    root, (key_id, secret) = flows.client("iam"), flows.user("assumer")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = root.create_role(RoleName="canary", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    root.attach_role_policy(RoleName="canary", PolicyArn=POWER_USER)
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}
    root.put_user_policy(
        UserName="assumer",
        PolicyName="assume",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    own = flows.client("sts", (key_id, secret, None))
    flows.canaries.plant("external id", "external-id-canary")
    session = own.assume_role(RoleArn=arn, RoleSessionName="canary", ExternalId="external-id-canary")
    use_session(flows, "role", session["Credentials"])


def federated_sessions(flows: Flows) -> None:
    if "GetFederationToken" not in sts.operations:
        return
    root, (key_id, secret) = flows.client("iam"), flows.user("federator")
    allowed = {"Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "*"}
    root.put_user_policy(
        UserName="federator",
        PolicyName="federate",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    own = flows.client("sts", (key_id, secret, None))
    policy = {"Effect": "Allow", "Action": ["codecommit:*", "kms:*"], "Resource": "*"}
    session = own.get_federation_token(
        Name="canary", Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    )
    use_session(flows, "federated", session["Credentials"])


def git_credentials(flows: Flows) -> None:
    """HTTPS Git credentials: shown once, used, reset, switched off."""
    root = flows.client("iam")
    flows.user("cloner")
    made = root.create_service_specific_credential(UserName="cloner", ServiceName="codecommit.amazonaws.com")[
        "ServiceSpecificCredential"
    ]
    name, old, which = made["ServiceUserName"], made["ServicePassword"], made["ServiceSpecificCredentialId"]
    flows.canaries.plant("Git credential's password", old)
    flows.clone_and_push(name, old)
    new = root.reset_service_specific_credential(UserName="cloner", ServiceSpecificCredentialId=which)[
        "ServiceSpecificCredential"
    ]["ServicePassword"]
    flows.canaries.plant("Git credential's new password", new)
    flows.refused_clone(name, old)
    flows.refused_clone(name, WRONG)
    root.update_service_specific_credential(
        UserName="cloner", ServiceSpecificCredentialId=which, Status="Inactive"
    )
    flows.refused_clone(name, new)


def malformed_requests(flows: Flows) -> None:
    """Secrets in places where they do not belong, and are refused."""
    flows.canaries.plant("secret in a query", "query-canary-0123456789")
    flows.canaries.plant("secret in a form", "form-canary-0123456789")
    flows.canaries.plant("secret in a header", "header-canary-0123456789")
    here = flows.service.endpoint
    flows.http(
        f"{here}/?X-Amz-Signature=query-canary-0123456789&X-Amz-Security-Token=query-canary-0123456789", {}
    )
    flows.http(
        f"{here}/v1/repos/canaries/info/refs?service=git-upload-pack&password=query-canary-0123456789", {}
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"Action=ChangePassword&Version=2010-05-08&OldPassword=form-canary-0123456789&NewPassword=%ff"
    flows.http(f"{here}/", form, body)
    for assertion in (
        "WithWebIdentity&WebIdentityToken=form-canary-0123456789.form-canary-0123456789.x",
        "WithSAML&PrincipalArn=arn:aws:iam::123456789012:saml-provider/x&SAMLAssertion=form-canary-0123456789",
    ):
        role = "RoleArn=arn:aws:iam::123456789012:role/nobody&RoleSessionName=canary&Version=2011-06-15"
        flows.http(f"{here}/", form, f"Action=AssumeRole{assertion}&{role}".encode())
    for scheme in ("Bearer", "Basic", "AWS4-HMAC-SHA256"):
        headers = {
            "Authorization": f"{scheme} header-canary-0123456789",
            "X-Amz-Security-Token": "header-canary-0123456789",
        }
        flows.http(f"{here}/", {**form, **headers}, body)
        flows.http(f"{here}/v1/repos/canaries/info/refs?service=git-upload-pack", headers)


FLOWS = (
    signed_git,
    console_passwords,
    mfa_and_sessions,
    role_sessions,
    federated_sessions,
    git_credentials,
    malformed_requests,
)


@dataclass
class Planted:
    flows: Flows
    told: Told


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """All flows gone through once, with the service still up."""
    folder = tmp_path_factory.mktemp("canaries")
    with serving(folder) as service:
        flows = Flows(service, folder)
        flows.canaries.plant("root's secret access key", service.secret)
        flows.canaries.plant("root key", root_key(service))
        service.create_repository("canaries")
        with listening(service.process.pid) as told:
            for flow in FLOWS:
                flow(flows)
        yield Planted(flows, told)


def root_key(service: Service) -> bytes:
    line = (service.data / "root.key").read_text().strip()
    return base64.b64decode(line.rpartition(":")[2])


def kept_files(service: Service) -> list[Path]:
    """Everything that the service has written but the one file that holds the root key."""
    return [path for path in service.data.rglob("*") if path.is_file() and path.name != "root.key"]


@pytest.mark.parametrize("secret", [b"canary-0123456789", b"\x00\xffbytes\xfe\xfd89", b"/+/+pass word/+"])
def test_the_search_finds_a_secret_in_every_spelling_wherever_it_stands(secret: bytes) -> None:
    canaries = Canaries()
    canaries.plant("it", secret)
    for before, after in itertools.product((b"", b"a", b"ab", b"abc"), (b"", b"z", b"zy")):
        whole = before + secret + after
        for content in (
            whole,
            base64.b64encode(whole),
            base64.urlsafe_b64encode(whole),
            whole.hex().encode(),
        ):
            assert canaries.seen_in(b"some text " + content) == {"it"}, content
    assert canaries.seen_in(b"some other text") == set()
    assert secret in spellings(secret)


def test_no_secret_is_in_the_log(planted: Planted) -> None:
    log = planted.flows.service.log
    assert len(log) > 1000
    assert planted.flows.canaries.seen_in(log.encode()) == set()


def test_no_secret_is_in_what_the_refused_are_told(planted: Planted) -> None:
    answers = planted.flows.answers
    assert len(answers) > 20
    assert planted.flows.canaries.seen_in("\n".join(answers).encode()) == set()


def test_no_secret_is_in_the_arguments_of_a_process_nor_in_a_childs_environment(planted: Planted) -> None:
    told = planted.told
    assert any("git" in program for program in told.programs)
    assert planted.flows.canaries.seen_in(b"\n".join(told.arguments)) == set()
    assert planted.flows.canaries.seen_in(b"\n".join(told.environments)) == set()


def test_no_secret_is_in_the_clear_in_what_is_stored(planted: Planted) -> None:
    service, canaries = planted.flows.service, planted.flows.canaries
    files = kept_files(service)
    assert any(path.name.endswith("-wal") for path in files)
    assert canaries.seen_in_files(files) == {}


def test_every_way_in_that_the_service_has_was_gone_through(planted: Planted) -> None:
    """So that a new kind of credential cannot join the service and not this test."""
    planted_names = " ".join(planted.flows.canaries.planted)
    for operation, name in {
        "CreateLoginProfile": "console password",
        "CreateVirtualMFADevice": "MFA seed",
        "CreateServiceSpecificCredential": "Git credential",
        "CreateAccessKey": "secret access key",
    }.items():
        assert (operation in iam.operations) == (name in planted_names)
    for operation, name in {
        "GetSessionToken": "MFA session",
        "AssumeRole": "role session",
        "GetFederationToken": "federated session",
    }.items():
        assert (operation in sts.operations) == (name in planted_names)
