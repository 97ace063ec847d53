"""The guide's steps for SSH: make a key, upload it, configure ssh, connect, clone what the API prints."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e_names import POWER_USER, NewPerson
from person import AwsCli
from service_process import Service, free_port, serving
from ssh_user import key_pair

pytestmark = pytest.mark.needs("git", "ssh")

PORT = free_port()
CONFIG = """
Host localhost
  Port {port}
  User {key_id}
  IdentityFile {key}
  IdentitiesOnly yes
  StrictHostKeyChecking accept-new
  UserKnownHostsFile {home}/known_hosts
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service"), f"--ssh=127.0.0.1:{PORT}=us-east-2") as up:
        yield up


def test_the_guides_steps_work_with_each_aws_cli(
    new_person: NewPerson, service: Service, aws_cli: AwsCli
) -> None:
    mary, name = new_person(aws_cli), f"ssh-{aws_cli.name}"
    mary.write_profile(service.create_user(name, POWER_USER))
    mary.name_in_commits()
    key = key_pair(mary, "codecommit")
    # What AWSCodeCommitPowerUser lets a user do for itself.
    own = ("--user-name", name)
    uploaded = json.loads(
        mary.aws(
            *("iam", "upload-ssh-public-key", *own),
            *("--ssh-public-key-body", f"file://{key.with_suffix('.pub')}"),
        )
    )["SSHPublicKey"]
    assert mary.ok("ssh-keygen", "-l", "-E", "md5", "-f", str(key)).split()[1] == (
        f"MD5:{uploaded['Fingerprint']}"
    )
    config = mary.home / "config"
    config.write_text(CONFIG.format(port=PORT, key_id=uploaded["SSHPublicKeyId"], key=key, home=mary.home))
    ssh = f"ssh -F {config}"
    said = mary.refused("ssh", "-F", config, "localhost")
    assert "You have successfully authenticated over SSH." in said
    service.create_repository(name)
    shown = json.loads(mary.aws("codecommit", "get-repository", "--repository-name", name))
    url = shown["repositoryMetadata"]["cloneUrlSsh"]
    env = {"GIT_SSH_COMMAND": ssh}
    mary.ok("git", "clone", "--quiet", url, "work", env=env)
    mary.commit(mary.home / "work")
    mary.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=mary.home / "work", env=env)
    key_id = ("--ssh-public-key-id", uploaded["SSHPublicKeyId"])
    shown = json.loads(mary.aws("iam", "get-ssh-public-key", *own, *key_id, "--encoding", "PEM"))
    assert shown["SSHPublicKey"]["SSHPublicKeyBody"].startswith("-----BEGIN PUBLIC KEY-----")
    mary.aws("iam", "update-ssh-public-key", *own, *key_id, "--status", "Inactive")
    assert "it is inactive" in mary.refused("git", "fetch", cwd=mary.home / "work", env=env)
    mary.aws("iam", "delete-ssh-public-key", *own, *key_id)
    assert json.loads(mary.aws("iam", "list-ssh-public-keys", *own))["SSHPublicKeys"] == []
