"""401 or 403 in each phase of Git, in both modes, byte by byte; and the grace of long pushes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from attacker import Answer, Attacker, Header, Key, basic
from e2e_names import POWER_USER
from git_attacks import ZERO, a_commit_with, command, report
from moorage.git.packs import EMPTY_PACK
from moorage.git.receive_pack import MAX_REF_UPDATES
from raw_git import pkt, unpkt
from service_process import serving

READER = "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"
NAME = "guarded"
PATH = f"/v1/repos/{NAME}"
PULL, PUSH = "git-upload-pack", "git-receive-pack"
PHASES = [("GET", PULL), ("GET", PUSH), ("POST", PULL), ("POST", PUSH)]
TIP, PACK = a_commit_with()
OTHER, OTHER_PACK = a_commit_with(text="Another.\n")
PASSWORD_LIFETIME = timedelta(minutes=15)
GRACE = timedelta(hours=4)


class Doors(Attacker):
    """A service in one of the two modes, whose clock can be shifted."""

    def phase(
        self, method: str, service: str, headers: list[Header], body: bytes = b"0000", name: str = NAME
    ) -> Answer:
        path = f"/v1/repos/{name}"
        if method == "GET":
            target = f"{path}/info/refs?service={service}"
            return self.ask("GET", target, headers, host=self.git_host())
        kind = ("Content-Type", f"application/x-{service}-request")
        return self.ask("POST", f"{path}/{service}", [*headers, kind], body, host=self.git_host())

    def pushed(self, branch: str, headers: list[Header], name: str = NAME) -> Answer:
        """Push a branch of one commit, as git does after its GET."""
        lines = command(ZERO, OTHER, f"refs/heads/{branch}".encode(), first=True) + b"0000"
        return self.phase("POST", PUSH, headers, lines + OTHER_PACK, name)

    def fetched(self, headers: list[Header], name: str = NAME) -> Answer:
        wants = pkt(f"want {TIP} no-progress\n".encode()) + b"0000" + pkt(b"done\n")
        return self.phase("POST", PULL, headers, wants, name)

    def shift_clock(self, shift: timedelta) -> None:
        body = json.dumps({"shiftSeconds": shift.total_seconds()}).encode()
        assert self.ask("POST", "/_moorage/clock", [("X-Moorage-Test", "1")], body).status == 200

    def branches(self) -> set[str]:
        told: list[str] = self.service.client("codecommit").list_branches(repositoryName=NAME)["branches"]
        return set(told)

    def deny(self, user: str, *actions: str) -> None:
        statement = {"Sid": "NotNow", "Effect": "Deny", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.service.client("iam").put_user_policy(
            UserName=user, PolicyName="Freeze", PolicyDocument=document
        )


class Keys:
    """The access keys of the users whom the tests are about."""

    def __init__(self, doors: Doors) -> None:
        service = doors.service
        self.writer: Key = service.create_user("writer", POWER_USER)
        self.reader: Key = service.create_user("reader", READER)
        self.nobody: Key = service.create_user("nobody")
        self.keyless: Key = service.create_user("keyless", POWER_USER)
        doors.deny("keyless", "kms:*")


@pytest.fixture(scope="module", params=["friendly", "strict"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def doors(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    proxy = ("--trusted-proxy", "127.0.0.1")  # so that a test can be at two addresses
    with serving(tmp_path_factory.mktemp(mode), "--test-mode", "--compat", mode, *proxy) as service:
        yield Doors(service)


@pytest.fixture(scope="module")
def keys(doors: Doors) -> Keys:
    doors.service.create_repository(NAME)
    lines = command(ZERO, TIP, b"refs/heads/main", first=True) + b"0000"
    assert "ok refs/heads/main" in report(doors.push(NAME, lines, PACK))
    return Keys(doors)


@pytest.fixture(autouse=True)
def right_time(doors: Doors) -> Iterator[None]:
    yield
    doors.shift_clock(timedelta())


def wrong_logins(doors: Doors, keys: Keys) -> dict[str, list[Header]]:
    long_ago = datetime.now(UTC) - PASSWORD_LIFETIME - timedelta(minutes=1)
    return {
        "none": [],
        "empty password": [basic(keys.writer[0], "")],
        "unknown key": [doors.password(PATH, ("AKIANOBODYATALL00000", keys.writer[1]))],
        "bad signature": [doors.password(PATH, (keys.writer[0], keys.reader[1]))],
        "expired": [doors.password(PATH, keys.writer, at=long_ago)],
    }


@pytest.mark.parametrize("login", ["none", "empty password", "unknown key", "bad signature", "expired"])
@pytest.mark.parametrize(("method", "service"), PHASES)
def test_who_is_not_known_is_asked_to_log_in_in_every_phase(
    doors: Doors, keys: Keys, mode: str, method: str, service: str, login: str
) -> None:
    headers = wrong_logins(doors, keys)[login]
    body = command(ZERO, OTHER, b"refs/heads/x", first=True) + b"0000" if service == PUSH else b"0000"
    answer = doors.phase(method, service, headers, body)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.headers["content-type"].startswith("text/plain")
    assert bool(answer.body.strip()) == (mode == "friendly")
    assert "x" not in doors.branches()


@pytest.mark.parametrize("who", ["nobody", "keyless"])
@pytest.mark.parametrize("service", [PULL, PUSH])
def test_who_may_not_is_told_why_on_the_first_request(
    doors: Doors, keys: Keys, mode: str, service: str, who: str
) -> None:
    answer = doors.phase("GET", service, [doors.password(PATH, getattr(keys, who))])
    assert answer.status == 403
    assert "www-authenticate" not in answer.headers
    if mode == "strict":
        assert answer.body == b""
        return
    asked = "kms:" if who == "keyless" else f"codecommit:Git{'Pull' if service == PULL else 'Push'}"
    for told in (f":user/{who} ", asked, "NotNow" if who == "keyless" else "no identity-based policy"):
        assert told in answer.text


@pytest.mark.parametrize("who", ["reader", "keyless"])
def test_a_push_that_may_not_be_is_answered_in_gits_own_words(
    doors: Doors, keys: Keys, mode: str, who: str
) -> None:
    answer = doors.pushed("denied", [doors.password(PATH, getattr(keys, who))])
    assert "denied" not in doors.branches()
    if mode == "strict":
        assert (answer.status, answer.body) == (403, b"")
        return
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-git-receive-pack-result"
    asked = "kms:" if who == "keyless" else "codecommit:GitPush"
    bands = [packet for packet in unpkt(answer.body) if packet]
    (told,) = (band[1:].decode() for band in bands if band[:1] == b"\2" and b"request id" not in band)
    assert asked in told
    unpack, ref = (line.decode() for line in unpkt(b"".join(b[1:] for b in bands if b[:1] == b"\1"))[:2])
    assert unpack.startswith("unpack ")
    assert asked in unpack
    assert ref.startswith("ng refs/heads/denied ")


@pytest.mark.parametrize("who", ["nobody", "keyless"])
def test_a_fetch_that_may_not_be_is_answered_by_an_error_packet(
    doors: Doors, keys: Keys, mode: str, who: str
) -> None:
    answer = doors.fetched([doors.password(PATH, getattr(keys, who))])
    if mode == "strict":
        assert (answer.status, answer.body) == (403, b"")
        return
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-git-upload-pack-result"
    (packet,) = unpkt(answer.body)
    assert packet.startswith(b"ERR ")
    assert ("kms:" if who == "keyless" else "codecommit:GitPull").encode() in packet


@pytest.mark.parametrize("service", [PULL, PUSH])
def test_whether_a_repository_exists_is_told_only_to_who_may_know(
    doors: Doors, keys: Keys, mode: str, service: str
) -> None:
    missing = "/v1/repos/missing"
    stranger = doors.phase("GET", service, [doors.password(missing, keys.nobody)], name="missing")
    friend = doors.phase("GET", service, [doors.password(missing, keys.writer)], name="missing")
    assert (stranger.status, friend.status) == (403, 404)
    assert ("does not exist" in friend.text) == (mode == "friendly")
    assert "does not exist" not in stranger.text


def test_a_push_refused_as_a_whole_is_read_to_its_end(doors: Doors, keys: Keys, mode: str) -> None:
    """Else a client that is still sending hears of a broken connection, and not of the reason."""
    lines = command(ZERO, OTHER, b"refs/heads/long", first=True) + b"0000"
    rest = b"x" * (8 << 20)
    answer = doors.phase("POST", PUSH, [doors.password(PATH, keys.reader)], lines + rest)
    assert answer.status == (403 if mode == "strict" else 200)


# --- long pushes ---------------------------------------------------------------------------------


SECONDS = itertools.count(1)  # passwords of one second are one password, and have one grace


def begun(doors: Doors, key: Key, service: str = PUSH) -> list[Header]:
    """Make a push's (or a fetch's) first request; return the login that it was made with."""
    login = [doors.password(PATH, key, at=datetime.now(UTC) - timedelta(seconds=2 * next(SECONDS)))]
    assert doors.phase("GET", service, login).status == 200
    return login


@pytest.mark.parametrize("late", [timedelta(minutes=20), GRACE - timedelta(minutes=1)], ids=["20 min", "4 h"])
def test_a_push_that_began_in_time_may_finish_after_its_password_expired_except_in_strict(
    doors: Doors, keys: Keys, mode: str, late: timedelta
) -> None:
    login = begun(doors, keys.writer)
    doors.shift_clock(late)
    branch = f"late-{late.total_seconds():.0f}"
    answer = doors.pushed(branch, login)
    doors.shift_clock(timedelta())
    assert answer.status == (401 if mode == "strict" else 200)
    assert (branch in doors.branches()) == (mode == "friendly")


def test_the_grace_is_good_for_one_push(doors: Doors, keys: Keys, mode: str) -> None:
    login = begun(doors, keys.writer)
    doors.shift_clock(timedelta(minutes=20))
    doors.pushed("once", login)
    assert doors.pushed("twice", login).status == 401
    doors.shift_clock(timedelta())
    assert ("once" in doors.branches()) == (mode == "friendly")
    assert "twice" not in doors.branches()


def test_the_grace_ends_after_four_hours(doors: Doors, keys: Keys) -> None:
    login = begun(doors, keys.writer)
    doors.shift_clock(GRACE + timedelta(minutes=1))
    assert doors.pushed("too-late", login).status == 401


def test_the_grace_is_for_a_push_only(doors: Doors, keys: Keys) -> None:
    login = begun(doors, keys.writer)
    doors.shift_clock(timedelta(minutes=20))
    assert doors.phase("GET", PUSH, login).status == 401
    assert doors.fetched(login).status == 401


def test_the_grace_is_for_the_address_that_the_push_began_from(doors: Doors, keys: Keys, mode: str) -> None:
    login = begun(doors, keys.writer)
    doors.shift_clock(timedelta(minutes=20))
    elsewhere = ("X-Forwarded-For", "192.0.2.9")
    assert doors.pushed("elsewhere", [*login, elsewhere]).status == 401
    assert doors.pushed("here", login).status == (401 if mode == "strict" else 200)


def test_what_began_as_a_fetch_has_no_grace(doors: Doors, keys: Keys) -> None:
    login = begun(doors, keys.writer, PULL)
    doors.shift_clock(timedelta(minutes=20))
    assert doors.pushed("fetched", login).status == 401


def test_an_expired_password_that_began_nothing_finishes_nothing(doors: Doors, keys: Keys) -> None:
    begun(doors, keys.writer)
    another = [doors.password(PATH, keys.writer, at=datetime.now(UTC) - timedelta(minutes=10))]
    doors.shift_clock(timedelta(minutes=20))
    assert doors.pushed("another", another).status == 401


@pytest.mark.parametrize("actions", ["codecommit:GitPush", "kms:*"])
def test_rights_are_asked_again_when_the_push_arrives(
    doors: Doors, keys: Keys, mode: str, actions: str
) -> None:
    login = begun(doors, keys.writer)
    doors.deny("writer", actions)
    doors.shift_clock(timedelta(minutes=20))
    answer = doors.pushed("frozen", login)
    doors.shift_clock(timedelta())
    doors.service.client("iam").delete_user_policy(UserName="writer", PolicyName="Freeze")
    assert "frozen" not in doors.branches()
    if mode == "friendly":
        assert "NotNow" in report(answer)
    else:
        assert answer.status in (401, 403)


def test_a_key_switched_off_ends_the_grace(doors: Doors, keys: Keys) -> None:
    iam = doors.service.client("iam")
    login = begun(doors, keys.writer)
    words = {"UserName": "writer", "AccessKeyId": keys.writer[0]}
    iam.update_access_key(**words, Status="Inactive")
    doors.shift_clock(timedelta(minutes=20))
    answer = doors.pushed("off", login)
    doors.shift_clock(timedelta())
    iam.update_access_key(**words, Status="Active")
    assert answer.status == 401
    assert "off" not in doors.branches()


def test_strict_keeps_to_awss_quota_of_refs_and_friendly_allows_more(
    doors: Doors, keys: Keys, mode: str
) -> None:
    doors.service.create_repository("many")
    first = command(ZERO, TIP, b"refs/heads/main", first=True) + b"0000"
    assert "ok refs/heads/main" in report(doors.push("many", first, PACK))
    names = [b"refs/heads/many/%d" % number for number in range(MAX_REF_UPDATES + 1)]
    lines = [command(ZERO, TIP, name, first=at == 0) for at, name in enumerate(names)]
    told = report(doors.push("many", b"".join(lines) + b"0000", EMPTY_PACK))
    assert ("Too many reference update commands" in told) == (mode == "strict")
    assert told.count("ok refs/heads/many/") == (0 if mode == "strict" else len(names))
