"""The guide on customers' keys, with the stock `aws` and `git`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from e2e_names import POWER_USER, NewPerson
from person import Person
from service_process import ACCOUNT, Service

pytestmark = pytest.mark.needs("git")

ROOT = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def policy(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def use_by(principal: str) -> dict[str, object]:
    actions = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    return {
        "Sid": "UseByDevelopers",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": actions,
        "Resource": "*",
    }


@pytest.fixture
def admin(new_person: NewPerson, service: Service) -> Person:
    """The account's root user, who rules the keys, with the AWS CLI."""
    person = new_person()
    person.write_profile((service.key_id, service.secret))
    return person


@pytest.fixture
def developer(new_person: NewPerson, service: Service, tmp_path: Path) -> Person:
    key = service.create_user(f"developer-{tmp_path.name[-20:]}", POWER_USER)
    person = new_person()
    person.write_profile(key)
    person.use_a_quick_helper(key)
    person.name_in_commits()
    return person


def created(admin: Person, *words: str) -> dict[str, str]:
    made: dict[str, str] = json.loads(admin.aws("kms", "create-key", *words, "--output", "json"))[
        "KeyMetadata"
    ]
    return made


def arn_of(person: Person) -> str:
    answer = person.aws("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
    return answer.strip()


def test_a_team_works_under_a_key_that_the_security_team_rules(
    admin: Person, developer: Person, service: Service
) -> None:
    """Key, alias, policy, repository, push; disabled: refused with the reason; enabled: works again."""
    key = created(admin, "--description", "Source code", "--policy", policy(ROOT, use_by(arn_of(developer))))
    admin.aws("kms", "create-alias", "--alias-name", "alias/source", "--target-key-id", key["KeyId"])
    made = json.loads(
        developer.aws(
            *("codecommit", "create-repository", "--repository-name", "ruled"),
            *("--kms-key-id", "alias/source", "--output", "json"),
        )
    )["repositoryMetadata"]
    assert made["kmsKeyId"] == key["Arn"]
    developer.ok("git", "clone", "--quiet", service.url("ruled"), "ruled")
    work = developer.home / "ruled"
    developer.ok("git", "checkout", "--quiet", "-B", "main", cwd=work)
    developer.commit(work, "one.txt")
    developer.ok("git", "push", "--quiet", "origin", "main", cwd=work)

    admin.aws("kms", "disable-key", "--key-id", key["KeyId"])
    said = developer.refused("git", "fetch", "origin", cwd=work)
    assert f"The encryption key {key['Arn']} is disabled." in said
    assert "403" in said
    developer.commit(work, "two.txt")
    assert "is disabled" in developer.refused("git", "push", "origin", "main", cwd=work)
    said = developer.aws_refused(
        "codecommit", "get-branch", "--repository-name", "ruled", "--branch-name", "main"
    )
    assert "EncryptionKeyDisabledException" in said

    admin.aws("kms", "enable-key", "--key-id", key["KeyId"])
    admin.aws("kms", "rotate-key-on-demand", "--key-id", key["KeyId"])
    developer.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    developer.ok("git", "fetch", "origin", cwd=work)

    admin.aws("kms", "schedule-key-deletion", "--key-id", key["KeyId"], "--pending-window-in-days", "7")
    said = developer.refused("git", "fetch", "origin", cwd=work)
    assert "is pending deletion" in said
    assert "503" in said
    admin.aws("kms", "cancel-key-deletion", "--key-id", key["KeyId"])
    admin.aws("kms", "enable-key", "--key-id", key["KeyId"])
    developer.ok("git", "clone", "--quiet", service.url("ruled"), "again")


def test_who_is_taken_out_of_the_key_policy_is_out_of_the_repository(
    admin: Person, developer: Person, service: Service
) -> None:
    key = created(admin, "--policy", policy(ROOT, use_by(arn_of(developer))))
    words = ("--repository-name", "taken", "--kms-key-id", key["Arn"])
    developer.aws("codecommit", "create-repository", *words)
    developer.ok("git", "clone", "--quiet", service.url("taken"), "taken")
    admin.aws("kms", "put-key-policy", "--key-id", key["KeyId"], "--policy", policy(ROOT))
    said = developer.refused("git", "clone", service.url("taken"), "other")
    assert "is not authorized to perform: kms:" in said
    assert key["Arn"] in said
    assert "no identity-based policy allows" in said
    denied = {"Sid": "Shut", "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    shut = policy(ROOT, use_by(arn_of(developer)), denied)
    admin.aws("kms", "put-key-policy", "--key-id", key["KeyId"], "--policy", shut)
    said = developer.refused("git", "clone", service.url("taken"), "other")
    assert 'Denied by statement "Shut" of key policy of' in said


def test_root_locks_itself_out_only_when_it_insists(admin: Person) -> None:
    key_id = created(admin)["KeyId"]
    shut = policy({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                   "Action": "kms:Encrypt", "Resource": "*"})  # fmt: skip
    words = ("kms", "put-key-policy", "--key-id", key_id, "--policy", shut)
    assert "MalformedPolicyDocumentException" in admin.aws_refused(*words)
    admin.aws(*words, "--bypass-policy-lockout-safety-check")
    assert "AccessDeniedException" in admin.aws_refused("kms", "describe-key", "--key-id", key_id)
    assert "AccessDeniedException" in admin.aws_refused("kms", "put-key-policy", "--key-id", key_id,
                                                        "--policy", policy(ROOT))  # fmt: skip


def test_the_cli_encrypts_a_file_and_a_repository_moves_to_another_key(admin: Person) -> None:
    one, two = created(admin), created(admin)
    (admin.home / "secret").write_text("The domestic cat")
    admin.aws("codecommit", "create-repository", "--repository-name", "moved", "--kms-key-id", one["KeyId"])
    sealed = admin.aws(
        *("kms", "encrypt", "--key-id", one["KeyId"], "--plaintext", "fileb://secret"),
        *("--encryption-context", "team=red", "--query", "CiphertextBlob", "--output", "text"),
    )
    (admin.home / "sealed").write_text(sealed)
    admin.ok("sh", "-c", "base64 -d sealed > sealed.bin")
    opened = admin.aws(
        *("kms", "decrypt", "--ciphertext-blob", "fileb://sealed.bin"),
        *("--encryption-context", "team=red", "--query", "Plaintext", "--output", "text"),
    )
    assert admin.ok("base64", "-d", stdin=opened) == "The domestic cat"
    # The oldest CLI in the suite has no such command; boto3 has.
    client = admin.service.client("codecommit")
    answer = client.update_repository_encryption_key(repositoryName="moved", kmsKeyId=two["KeyId"])
    assert (answer["kmsKeyId"], answer["originalKmsKeyId"]) == (two["Arn"], one["Arn"])
