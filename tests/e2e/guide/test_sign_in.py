"""What a person signs in to the console with, set up by each build of the AWS CLI: password, MFA, alias."""

from __future__ import annotations

import base64
import csv
import io
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e_names import NewPerson
from moorage.crypto import totp
from person import AWS_V1, AWS_V2, AWS_V2_NEW, AwsCli, Person
from service_process import ACCOUNT, Service

FIRST, SECOND = "First-passw0rd!", "Second-passw0rd!"
numbers = itertools.count(1)


def fresh(kind: str) -> str:
    return f"{kind}-{next(numbers)}"


@pytest.fixture
def admin(new_person: NewPerson, service: Service, aws_cli: AwsCli) -> Person:
    person = new_person(aws_cli)
    person.write_profile((service.key_id, service.secret))
    return person


def said(person: Person, *words: str) -> Any:
    return json.loads(person.aws("iam", *words))


def two_codes(seed: bytes) -> tuple[str, ...]:
    """The codes of the step before and of now, as a person types them."""
    step = totp.step_at(datetime.now(UTC))
    first, second = totp.code(seed, step - 1), totp.code(seed, step)
    return "--authentication-code1", first, "--authentication-code2", second


def refused(code: str) -> Any:
    """What is no build of the AWS CLI's matter is asked for by boto3, which starts nothing."""
    return pytest.raises(ClientError, match=code)


def with_builds(*builds: AwsCli) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("aws_cli", builds, indirect=True, ids=lambda cli: cli.name)


@with_builds(AWS_V1, AWS_V2_NEW)
def test_a_login_profile_is_made_changed_by_its_user_and_deleted(
    admin: Person, new_person: NewPerson, service: Service, aws_cli: AwsCli
) -> None:
    name, iam = fresh("user"), service.client("iam")
    key = service.create_user(name)
    made = said(admin, "create-login-profile", "--user-name", name, "--password", FIRST)
    assert made["LoginProfile"]["UserName"] == name
    assert FIRST not in json.dumps(made)
    with refused("PasswordPolicyViolation"):
        iam.update_login_profile(UserName=name, Password="short")

    user = new_person(aws_cli)
    user.write_profile(key)
    change = ("change-password", "--old-password", FIRST, "--new-password", SECOND)
    assert "AccessDenied" in user.aws_refused("iam", *change)
    policy = ("--minimum-password-length", "10", "--require-symbols", "--allow-users-to-change-password")
    admin.aws("iam", "update-account-password-policy", *policy)
    assert said(admin, "get-account-password-policy")["PasswordPolicy"]["RequireSymbols"] is True
    user.aws("iam", *change)
    with refused("The old password was incorrect"):
        service.client("iam", key=key).change_password(OldPassword=FIRST, NewPassword=SECOND)
    admin.aws("iam", "delete-account-password-policy")

    with refused("DeleteConflict"):
        iam.delete_user(UserName=name)
    admin.aws("iam", "delete-login-profile", "--user-name", name)
    with refused("NoSuchEntity"):
        iam.get_login_profile(UserName=name)


def test_a_virtual_device_is_made_by_its_seed_enabled_and_taken_away(
    admin: Person, service: Service, tmp_path: Path
) -> None:
    name, iam = fresh("user"), service.client("iam")
    iam.create_user(UserName=name)
    outfile = tmp_path / "seed.txt"
    words = ("--virtual-mfa-device-name", name, "--outfile", str(outfile), "--bootstrap-method")
    made = said(admin, "create-virtual-mfa-device", *words, "Base32StringSeed")["VirtualMFADevice"]
    serial = made["SerialNumber"]
    assert (serial, "Base32StringSeed" in made) == (f"arn:aws:iam::{ACCOUNT}:mfa/{name}", False)
    seed = base64.b32decode(outfile.read_text())
    who = ("--user-name", name, "--serial-number", serial)
    wrong = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}
    with refused("InvalidAuthenticationCode"):
        iam.enable_mfa_device(UserName=name, SerialNumber=serial, **wrong)
    admin.aws("iam", "enable-mfa-device", *who, *two_codes(seed))
    (listed,) = said(admin, "list-mfa-devices", "--user-name", name)["MFADevices"]
    assert (listed["UserName"], listed["SerialNumber"]) == (name, serial)
    with refused("DeleteConflict"):
        iam.delete_virtual_mfa_device(SerialNumber=serial)
    admin.aws("iam", "deactivate-mfa-device", *who)
    admin.aws("iam", "delete-virtual-mfa-device", "--serial-number", serial)


def test_a_virtual_device_is_made_by_its_picture(admin: Person, tmp_path: Path) -> None:
    name, outfile = fresh("phone"), tmp_path / "code.png"
    words = ("--virtual-mfa-device-name", name, "--outfile", str(outfile), "--bootstrap-method", "QRCodePNG")
    made = said(admin, "create-virtual-mfa-device", *words)["VirtualMFADevice"]
    assert outfile.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert outfile.stat().st_mode & 0o077 == 0 or admin.aws_cli.name != "v1"
    devices = said(admin, "list-virtual-mfa-devices", "--assignment-status", "Unassigned")
    assert {"SerialNumber": made["SerialNumber"]} in devices["VirtualMFADevices"]


@with_builds(AWS_V2)
def test_an_account_gets_its_alias_its_summary_and_its_credential_report(admin: Person) -> None:
    alias = fresh("alias")
    admin.aws("iam", "create-account-alias", "--account-alias", alias)
    assert said(admin, "list-account-aliases")["AccountAliases"] == [alias]
    assert said(admin, "get-account-summary")["SummaryMap"]["AccountAccessKeysPresent"] == 1
    assert said(admin, "generate-credential-report")["State"] in {"STARTED", "COMPLETE"}
    report = said(admin, "get-credential-report")
    lines = list(csv.DictReader(io.StringIO(base64.b64decode(report["Content"]).decode())))
    assert lines[0]["user"] == "<root_account>"
    details = said(admin, "get-account-authorization-details", "--filter", "User")
    assert details["RoleDetailList"] == []
    admin.aws("iam", "delete-account-alias", "--account-alias", alias)
