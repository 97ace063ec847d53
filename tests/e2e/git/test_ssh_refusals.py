"""Git over SSH with the OpenSSH client: who is not let in, and what is not served."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import process_tree
from e2e_names import POWER_USER, NewPerson
from moorage.git.pkt_line import FLUSH, encode
from person import Person
from service_process import Service, free_port, serving
from ssh_user import SshUser, key_pair

pytestmark = pytest.mark.needs("git", "ssh")

PORT = free_port()
NOT_LET_IN = "Permission denied (publickey)"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service"), f"--ssh=127.0.0.1:{PORT}=us-east-2") as up:
        up.create_repository("demo")
        yield up


@pytest.fixture
def mary(new_person: NewPerson, service: Service, request: pytest.FixtureRequest) -> SshUser:
    return SshUser.made(new_person(), service, f"mary-{abs(hash(request.node.name)) % 10**8}")


def listed(user: SshUser, key_id: str | None = None) -> tuple[str, ...]:
    return ("git", "ls-remote", user.url(PORT, "/v1/repos/demo", key_id))


# --- logins -----------------------------------------------------------------------------------------


def test_another_key_than_the_uploaded_one_is_not_let_in(mary: SshUser) -> None:
    mary.use(key_pair(mary.person, "other"))
    assert NOT_LET_IN in mary.person.refused(*listed(mary))


def test_an_unknown_key_id_sounds_the_same(mary: SshUser) -> None:
    for name in ("APKAAAAAAAAAAAAAAAAA", "git", mary.name, "x" * 300):
        said = mary.person.refused(*listed(mary, name))
        assert "is refused" not in said


def test_the_key_id_of_another_user_is_refused(
    new_person: NewPerson, mary: SshUser, service: Service
) -> None:
    other = SshUser.made(new_person(), service, f"{mary.name}-other")
    said = mary.person.refused(*listed(mary, other.key_id))
    assert NOT_LET_IN in said
    assert other.key_id not in said.replace(f"{other.key_id}@", "")


def test_with_several_keys_the_right_one_is_found(mary: SshUser) -> None:
    mary.use(key_pair(mary.person, "first"), "-i", str(mary.key))
    mary.person.ok(*listed(mary))


def test_a_key_switched_off_is_refused_at_once_and_its_holder_is_told(mary: SshUser) -> None:
    mary.person.ok(*listed(mary))
    mary.switch("Inactive")
    said = mary.person.refused(*listed(mary))
    assert NOT_LET_IN in said
    assert f"The SSH key {mary.key_id} is refused: it is inactive." in said
    mary.switch("Active")
    mary.person.ok(*listed(mary))
    mary.service.client("iam").delete_ssh_public_key(UserName=mary.name, SSHPublicKeyId=mary.key_id)
    said = mary.person.refused(*listed(mary))
    assert "is refused" not in said


def test_a_key_switched_off_is_refused_on_a_connection_that_is_open(mary: SshUser) -> None:
    control = (
        "-o",
        f"ControlPath={mary.person.home}/c",
        "-o",
        "ControlMaster=auto",
        "-o",
        "ControlPersist=60",
    )
    mary.use(mary.key, *control)
    try:
        mary.person.ok(*listed(mary))
        mary.switch("Inactive")
        said = mary.person.refused(*listed(mary))
        assert f"fatal: remote error: The SSH key {mary.key_id} is refused: it is inactive." in said
    finally:
        mary.person.run("ssh", *control, "-O", "exit", "-p", str(PORT), f"{mary.key_id}@127.0.0.1")


def test_a_deleted_user_that_is_made_again_gets_nothing_back(mary: SshUser) -> None:
    iam = mary.service.client("iam")
    mary.person.ok(*listed(mary))
    iam.delete_ssh_public_key(UserName=mary.name, SSHPublicKeyId=mary.key_id)
    for key in iam.list_access_keys(UserName=mary.name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=mary.name, AccessKeyId=key["AccessKeyId"])
    iam.detach_user_policy(UserName=mary.name, PolicyArn=POWER_USER)
    iam.delete_user(UserName=mary.name)
    mary.service.create_user(mary.name, POWER_USER)
    assert NOT_LET_IN in mary.person.refused(*listed(mary))


def test_a_password_is_not_asked_for(mary: SshUser) -> None:
    done = mary.person.run(
        *("ssh", "-F", "/dev/null", "-p", str(PORT), "-o", "PubkeyAuthentication=no"),
        *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "BatchMode=no", "-o", "NumberOfPasswordPrompts=1", f"{mary.key_id}@127.0.0.1"),
    )
    assert NOT_LET_IN in done.said


# --- what is served ---------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-T", "-A", "-X"])
def test_a_plain_login_says_so_and_ends(mary: SshUser, option: str) -> None:
    login = (option, "-p", str(PORT), f"{mary.key_id}@127.0.0.1")
    done = mary.person.run("ssh", *mary.ssh_options(), *login)
    assert "You have successfully authenticated over SSH. You can use Git to interact with" in done.said
    assert "Interactive shells are not supported." in done.said
    assert done.status == 1


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "git-upload-archive '/v1/repos/demo'",
        "git-upload-pack '/v1/repos/demo'; id",
        "git-upload-pack '/v1/repos/demo' --help",
        "git-upload-pack --strict '/v1/repos/demo'",
        "git-upload-pack '/v1/repos/../../etc'",
        "git-upload-pack '/etc/passwd'",
        "git-upload-pack ''",
        "git-upload-pack",
        "git-upload-pack $(id)",
        "scp -t /tmp",
    ],
)
def test_other_commands_are_refused(mary: SshUser, command: str) -> None:
    done = mary.ssh(PORT, command)
    assert done.status == 1
    assert done.out == ""
    assert "Only git-upload-pack" in done.err or "This is not the path of a repository" in done.err


def test_sftp_is_refused(mary: SshUser) -> None:
    done = mary.ssh(PORT, "-s", "sftp")
    assert done.status != 0
    assert "subsystem request failed" in done.err


def test_ports_are_not_forwarded(mary: SshUser, service: Service) -> None:
    through = f"127.0.0.1:{service.port}"
    done = mary.ssh(PORT, "-W", through, "")
    assert done.status != 0
    assert "administratively prohibited" in done.err or "open failed" in done.err
    back = mary.ssh(PORT, "-o", "ExitOnForwardFailure=yes", "-R", f"0:{through}", "git-upload-pack '/x'")
    assert "remote port forwarding failed" in back.err


def test_the_environment_reaches_nobody(mary: SshUser) -> None:
    mary.person.env |= {"GIT_TRACE": "/tmp/should-not-exist", "GIT_DIR": "/etc"}
    mary.use(mary.key, "-o", "SendEnv=GIT_TRACE GIT_DIR GIT_PROTOCOL")
    done = mary.ssh(PORT, "-o", "SendEnv=GIT_TRACE", "git-upload-pack '/v1/repos/demo'", stdin="0000")
    assert done.status == 0


def test_a_terminal_is_refused(mary: SshUser) -> None:
    login = ("-tt", "-p", str(PORT), f"{mary.key_id}@127.0.0.1")
    assert "PTY allocation request failed" in mary.person.refused("ssh", *mary.ssh_options(), *login)


def test_a_client_that_leaves_takes_its_git_along(mary: SshUser, service: Service, root: Person) -> None:
    url = service.create_repository("left")
    root.ok("git", "clone", "--quiet", url, "left")
    tip = root.commit(root.home / "left")
    root.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=root.home / "left")
    login = ("-p", str(PORT), f"{mary.key_id}@127.0.0.1")
    with subprocess.Popen(
        ["ssh", *mary.ssh_options(), *login, "git-upload-pack '/v1/repos/left'"],
        env=mary.person.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as client:
        assert client.stdin is not None
        # It says what it wants, and never what it has: git waits for that.
        client.stdin.write(encode(f"want {tip} side-band-64k\n".encode()) + FLUSH)
        client.stdin.flush()
        running(service, "upload-pack", expected=True)
        client.kill()
    running(service, "upload-pack", expected=False)


def running(service: Service, program: str, *, expected: bool) -> None:
    """Wait until a git of that name runs under the service, or none does."""
    deadline = time.monotonic() + 30
    while True:
        pids = [process.pid for process in process_tree.tree(service.process.pid)]
        if any(program in words(pid) for pid in pids) == expected:
            return
        assert time.monotonic() < deadline, f"{program}: not {'seen' if expected else 'gone'}"
        time.sleep(0.05)  # a child's beginning and end are told to nobody outside the service


def words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def test_garbage_after_the_advertisement_is_refused(mary: SshUser) -> None:
    for service in ("upload", "receive"):
        done = mary.ssh(PORT, f"git-{service}-pack '/v1/repos/demo'", stdin="zzzz garbage")
        assert done.status == 1
        assert "A packet does not start with" in done.said


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # a TLS hello
        b"SSH-2.0-x\r\n" + bytes(range(256)) * 300,
        b"SSH-1.5-old\r\n",
        b"x" * 300_000,
    ],
    ids=["http", "tls", "garbage", "ssh 1", "long"],
)
def test_what_is_no_ssh_is_hung_up_on_and_harms_nobody(mary: SshUser, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", PORT), 60) as stranger, contextlib.suppress(OSError):
        stranger.sendall(sent)
        stranger.shutdown(socket.SHUT_WR)
        while stranger.recv(65_536):
            pass
    mary.person.ok(*listed(mary))


def test_policies_know_where_an_ssh_client_is(mary: SshUser) -> None:
    def deny(condition: str) -> None:
        mary.service.client("iam").put_user_policy(
            UserName=mary.name,
            PolicyName="where",
            PolicyDocument=(
                '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*",'
                f' "Condition": {condition}}}]}}'
            ),
        )

    deny('{"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}')
    mary.person.ok(*listed(mary))
    deny('{"Bool": {"aws:SecureTransport": "false"}}')
    mary.person.ok(*listed(mary))
    deny('{"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}')
    assert "with an explicit deny" in mary.person.refused(*listed(mary))


def test_no_failure_was_logged(service: Service) -> None:
    assert "Traceback" not in service.log
