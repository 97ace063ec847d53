"""A person with an SSH key: an IAM user, a key pair, and the OpenSSH client."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from e2e_names import POWER_USER
from person import Done, Person
from service_process import Service


@dataclass
class SshUser:
    """An IAM user whose uploaded key the person's ssh uses, and no other."""

    person: Person
    service: Service
    name: str
    key_id: str
    key: Path

    @classmethod
    def made(cls, person: Person, service: Service, name: str, policy: str = POWER_USER) -> SshUser:
        """Create the user with a policy, make a key pair and upload its public part."""
        service.create_user(name, policy)
        key = key_pair(person, name)
        uploaded = service.client("iam").upload_ssh_public_key(
            UserName=name, SSHPublicKeyBody=key.with_suffix(".pub").read_text()
        )
        user = cls(person, service, name, uploaded["SSHPublicKey"]["SSHPublicKeyId"], key)
        user.use(key)
        person.name_in_commits()
        return user

    def use(self, key: Path, *options: str) -> None:
        """Let the person's git sign in with that key."""
        self.person.env["GIT_SSH_COMMAND"] = shlex.join(["ssh", *self.ssh_options(key), *options])
        self.person.env["GIT_SSH_VARIANT"] = "ssh"

    def ssh_options(self, key: Path | None = None) -> list[str]:
        hosts = self.person.home / "known_hosts"
        return [
            *(
                "-F",
                "/dev/null",
                "-i",
                str(key or self.key),
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "BatchMode=yes",
            ),
            *("-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={hosts}"),
        ]

    def url(self, port: int, path: str, key_id: str | None = None) -> str:
        return f"ssh://{key_id or self.key_id}@127.0.0.1:{port}{path}"

    def ssh(self, port: int, *words: str, key: Path | None = None, stdin: str | bytes = "") -> Done:
        """Run ssh itself, signed in as this user."""
        login = f"{self.key_id}@127.0.0.1"
        return self.person.run(
            "ssh", *self.ssh_options(key), "-p", str(port), *words[:-1], login, *words[-1:], stdin=stdin
        )

    def switch(self, status: str) -> None:
        self.service.client("iam").update_ssh_public_key(
            UserName=self.name, SSHPublicKeyId=self.key_id, Status=status
        )


def key_pair(person: Person, name: str) -> Path:
    """Make an RSA key pair; return the private key's file."""
    key = person.home / f"{name}_rsa"
    person.ok("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", name, "-f", str(key))
    return key
