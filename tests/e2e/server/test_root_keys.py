"""The root key of a running service: rotated online, or kept by another KMS (a second moorage)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from service_process import Service, serving

pytestmark = pytest.mark.needs("git")
PROGRAM = Path(sys.executable).with_name("moorage")


def moorage(service: Service, *words: str, expect: int = 0) -> str:
    done = subprocess.run(
        [PROGRAM, *words, "--data", service.data],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **service.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def iam_session(service: Service) -> Any:
    """Return an STS client with temporary credentials of a user."""
    key = service.create_user("early")
    made = service.client("sts", key=key).get_session_token()["Credentials"]
    return boto3.client(
        "sts",
        region_name="us-east-2",
        endpoint_url=service.endpoint,
        verify=str(service.ca),
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )


def ends_within(seconds: float, session: Any) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            session.get_caller_identity()
        except ClientError as error:
            if "InvalidClientTokenId" not in str(error):
                raise
            return True
        time.sleep(0.2)  # asking without a pause would take the time that the service needs
    return False


def test_the_root_key_is_rotated_under_running_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        kms, iam = service.client("kms"), service.client("iam")
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        sealed = kms.encrypt(KeyId=key_id, Plaintext=b"before")["CiphertextBlob"]
        before = (service.data / "root.key").read_text()
        session = iam_session(service)
        assert "secrets were sealed anew" in moorage(service, "root-key", "rotate")
        # Both workers open what was sealed anew, and go on sealing.
        for number in range(12):
            assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"before"
            iam.create_user(UserName=f"user{number}")
            iam.create_access_key(UserName=f"user{number}")
            assert session.get_caller_identity()["Arn"].endswith("user/early")
        assert "36 h more" in moorage(service, "root-key", "rotate", "--finish", expect=1)
        moorage(service, "root-key", "rotate", "--finish", "--end-sessions")
        after = (service.data / "root.key").read_text()
        assert len(after.splitlines()) == 1
        assert ends_within(30, session), "sessions of before end with the old key, in every worker"
        assert before not in after
        for _ in range(6):
            assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"before"
            kms.create_key()
        service.stop()
        service.restart()
        assert service.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"before"


def test_the_root_of_trust_is_in_another_kms(tmp_path: Path) -> None:
    """A second moorage is that KMS: while it allows, the first starts; when it denies or is away, not."""
    (tmp_path / "trust").mkdir()
    (tmp_path / "code").mkdir()
    with serving(tmp_path / "trust") as trust:
        kms = trust.client("kms")
        arn = kms.create_key(Description="root of trust")["KeyMetadata"]["Arn"]
        source = f"kms:{arn}@{trust.endpoint}"
        environment = {
            "MOORAGE_ROOT_KEY": source,
            "AWS_ACCESS_KEY_ID": trust.key_id,
            "AWS_SECRET_ACCESS_KEY": trust.secret,
            "AWS_CA_BUNDLE": str(trust.ca),
        }
        with serving(tmp_path / "code", environment=environment) as code:
            assert not (code.data / "root.key").exists()
            code.create_repository("demo")
            assert moorage(code, "root-key", "rotate").startswith("Root key ")
            code.client("kms").create_key()
            moorage(code, "root-key", "rotate", "--finish", "--end-sessions")
            code.client("codecommit").get_repository(repositoryName="demo")
            code.stop()
            code.restart()
            code.client("codecommit").get_repository(repositoryName="demo")

            kms.disable_key(KeyId=arn)
            said = moorage(code, "verify", expect=1)
            assert "--root-key: The KMS refused to decrypt the root key with" in said
            assert "DisabledException" in said
            kms.enable_key(KeyId=arn)
            moorage(code, "verify")
            trust.stop()
            assert "The KMS cannot be asked to decrypt" in moorage(code, "verify", expect=1)
            trust.restart()


def test_the_other_kms_refuses_whoever_has_no_right(tmp_path: Path) -> None:
    with serving(tmp_path) as trust:
        arn = trust.client("kms").create_key()["KeyMetadata"]["Arn"]
        key = trust.create_user("nobody")
        with pytest.raises(ClientError, match="AccessDenied"):
            trust.client("kms", key=key).encrypt(KeyId=arn, Plaintext=b"x")
        done = subprocess.run(
            [PROGRAM, "serve", "--data", tmp_path / "other", "--https", "127.0.0.1:0"],
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": "/nonexistent",
                "MOORAGE_ROOT_KEY": f"kms:{arn}@{trust.endpoint}",
                "AWS_ACCESS_KEY_ID": key[0],
                "AWS_SECRET_ACCESS_KEY": key[1],
                "AWS_CA_BUNDLE": str(trust.ca),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "The KMS refused to encrypt the root key" in done.stderr
        assert "AccessDeniedException" in done.stderr
