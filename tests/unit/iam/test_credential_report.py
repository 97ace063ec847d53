from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Desk, Installation, root_principal
from moorage.services.iam import iam
from moorage.storage import access_keys
from moorage.storage.access_keys import LastUse

# Source: IAM User Guide, "Understanding the report format".
COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,"
    "cert_2_active,cert_2_last_rotated"
)


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def after(desk: Desk, time: timedelta) -> Desk:
    moved = Desk(desk.installation, desk.service, desk.call.caller.principal)
    moved.call = replace(desk.call, caller=replace(desk.call.caller, now=NOW + time))
    return moved


def report(desk: Desk) -> dict[str, dict[str, str]]:
    desk.ask("GenerateCredentialReport")
    content = desk.ask("GetCredentialReport")["Content"].decode()
    assert content.splitlines()[0] == COLUMNS
    return {row["user"]: row for row in csv.DictReader(io.StringIO(content))}


def test_a_report_is_made_kept_for_four_hours_and_expires(root: Desk) -> None:
    fault = root.refusal("GetCredentialReport")
    assert (fault.code, fault.status) == ("ReportNotPresent", 410)
    assert root.ask("GenerateCredentialReport")["State"] == "STARTED"
    assert root.ask("GenerateCredentialReport")["State"] == "COMPLETE"
    answer = root.ask("GetCredentialReport")
    assert (answer["ReportFormat"], answer["GeneratedTime"]) == ("text/csv", NOW)
    almost = after(root, timedelta(hours=4, seconds=-1))
    assert almost.ask("GetCredentialReport") == answer
    then = after(root, timedelta(hours=4))
    fault = then.refusal("GetCredentialReport")
    assert (fault.code, fault.status) == ("ReportExpired", 410)
    assert then.ask("GenerateCredentialReport")["State"] == "STARTED"
    assert then.ask("GetCredentialReport")["GeneratedTime"] == NOW + timedelta(hours=4)


def test_root_has_the_first_line(root: Desk, installation: Installation) -> None:
    line = report(root)["<root_account>"]
    assert (line["arn"], line["password_enabled"]) == (f"arn:aws:iam::{ACCOUNT}:root", "not_supported")
    assert (line["access_key_1_active"], line["access_key_2_active"]) == ("true", "false")
    assert line["access_key_1_last_used_date"] == "N/A"
    assert (line["mfa_active"], line["cert_2_active"]) == ("false", "false")


def test_a_users_line_tells_all_its_credentials(root: Desk, installation: Installation) -> None:
    installation.add_user("mary", "/team/")
    installation.add_user("nobody")
    root.ask("UpdateAccountPasswordPolicy", MaxPasswordAge=10)
    root.ask("CreateLoginProfile", UserName="mary", Password="Correct-horse-1")
    keys = [root.ask("CreateAccessKey", UserName="mary")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    first, second = sorted(keys)
    root.ask("UpdateAccessKey", UserName="mary", AccessKeyId=second, Status="Inactive")
    with installation.database.write() as connection:
        access_keys.note_uses(connection, {first: LastUse(NOW_MS, "codecommit", "us-east-2")})
    found = report(root)
    assert list(found) == ["<root_account>", "mary", "nobody"]
    now = "2026-11-24T12:00:00+00:00"
    assert (
        found["mary"]
        | {
            "arn": f"arn:aws:iam::{ACCOUNT}:user/team/mary",
            "user_creation_time": now,
            "password_enabled": "true",
            "password_last_used": "no_information",
            "password_last_changed": now,
            "password_next_rotation": "2026-12-04T12:00:00+00:00",
            "access_key_1_active": "true",
            "access_key_1_last_rotated": now,
            "access_key_1_last_used_date": now,
            "access_key_1_last_used_region": "us-east-2",
            "access_key_1_last_used_service": "codecommit",
            "access_key_2_active": "false",
            "access_key_2_last_rotated": now,
            "access_key_2_last_used_date": "N/A",
        }
        == found["mary"]
    )
    assert found["nobody"]["password_enabled"] == "false"
    assert found["nobody"]["access_key_1_active"] == "false"
    for secret in ("argon2", "Correct-horse-1"):
        assert secret not in str(found)
