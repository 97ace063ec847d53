"""What clients may send on the wire, beyond what the Git installed here does."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import attacker
from moorage.core import sigv4
from raw_git import Answer, Connection, credential, pkt, unpkt
from service_process import Service

PATH = "/v1/repos/wire"
ADVERTISEMENT = f"{PATH}/info/refs?service=git-upload-pack"
LS_REFS = pkt(b"command=ls-refs\n") + b"0001" + pkt(b"unborn\n") + b"0000"
VERSION_2 = {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"}


@pytest.fixture(scope="module", autouse=True)
def repository(service: Service) -> str:
    return service.create_repository("wire")


@pytest.fixture
def connection(service: Service) -> Iterator[Connection]:
    with Connection(service) as opened:
        yield opened


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def assert_asked_again(answer: Answer) -> None:
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body.strip()


def test_no_credentials_are_asked_for(connection: Connection) -> None:
    assert_asked_again(connection.ask("GET", ADVERTISEMENT))
    assert_asked_again(connection.ask("POST", f"{PATH}/git-receive-pack", body=b"0000"))


def test_an_empty_password_is_asked_again(connection: Connection) -> None:
    assert_asked_again(connection.ask("GET", ADVERTISEMENT, basic("mary", "")))


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("AKIANOBODYATALL00000", "20260101T000000Z" + "0" * 64),
        ("AKIAMOORAGEROOT00001", "20260101T000000Z" + "0" * 64),
        ("AKIAMOORAGEROOT00001", "not a signature"),
        ("", "x"),
        ("AKIAMOORAGEROOT00001%token", "20260101T000000Z" + "0" * 64),
    ],
    ids=["unknown key", "expired", "malformed", "no name", "unknown token"],
)
def test_what_does_not_verify_is_a_401_with_a_reason(
    connection: Connection, user: str, password: str
) -> None:
    assert_asked_again(connection.ask("GET", ADVERTISEMENT, basic(user, password)))


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_password_holds_for_a_quarter_of_an_hour_around_its_time(
    service: Service, connection: Connection, minutes: int
) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    assert connection.ask("GET", ADVERTISEMENT, credential(service, PATH, at=then)).status == 200


@pytest.mark.parametrize("minutes", [-17, 17])
def test_outside_of_it_the_reason_tells_the_time(
    service: Service, connection: Connection, minutes: int
) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    assert_asked_again(connection.ask("GET", ADVERTISEMENT, credential(service, PATH, at=then)))


def test_a_password_for_one_repository_opens_no_other(service: Service, connection: Connection) -> None:
    service.create_repository("other-wire")
    target = "/v1/repos/other-wire/info/refs?service=git-upload-pack"
    assert_asked_again(connection.ask("GET", target, credential(service, PATH)))


@pytest.mark.parametrize("region", ["us-east-2", "eu-west-1"])
@pytest.mark.parametrize("host", ["localhost", "git.example.org"])
def test_on_a_host_without_a_region_it_is_the_one_that_was_signed_for(
    service: Service, region: str, host: str
) -> None:
    name = f"bare-{region}-{host}"
    service.create_repository(name, region)
    path = f"/v1/repos/{name}"

    def status(signed_for: str) -> int:
        password = sigv4.git_password(
            host, path, secret=service.secret, region=signed_for, now=datetime.now(UTC)
        )
        login = [attacker.basic(service.key_id, password)]
        target = f"{path}/info/refs?service=git-upload-pack"
        return attacker.Attacker(service).ask("GET", target, login, host=f"{host}:8443").status

    assert status(region) == 200
    assert status("us-east-1") == 404  # it is known, and there is none of that name
    assert status("mars-north-1") == 401


def test_a_body_may_come_compressed(service: Service, connection: Connection) -> None:
    headers = VERSION_2 | credential(service, PATH) | {"Content-Encoding": "gzip"}
    answer = connection.ask("POST", f"{PATH}/git-upload-pack", headers, gzip.compress(LS_REFS))
    assert answer.status == 200
    assert unpkt(answer.body)[-1] == b""


def test_a_compressed_body_may_come_in_chunks(service: Service, connection: Connection) -> None:
    headers = VERSION_2 | credential(service, PATH) | {"Content-Encoding": "gzip"}
    packed = gzip.compress(LS_REFS)
    connection.send_chunked(f"{PATH}/git-upload-pack", [packed[:7], packed[7:]], headers)
    assert connection.receive().status == 200


def test_a_body_that_is_not_what_it_says_is_refused(service: Service, connection: Connection) -> None:
    headers = VERSION_2 | credential(service, PATH) | {"Content-Encoding": "gzip"}
    answer = connection.ask("POST", f"{PATH}/git-upload-pack", headers, b"this is no gzip")
    assert 400 <= answer.status < 500


def test_a_client_that_waits_to_continue_is_told_to(service: Service, connection: Connection) -> None:
    headers = VERSION_2 | credential(service, PATH) | {"Expect": "100-continue"}
    headers["Content-Length"] = str(len(LS_REFS))
    connection.send_head("POST", f"{PATH}/git-upload-pack", headers)
    assert connection.receive().status == 100
    connection.socket.sendall(LS_REFS)
    assert connection.receive().status == 200


def test_one_connection_serves_many_requests(service: Service, connection: Connection) -> None:
    headers = VERSION_2 | credential(service, PATH)
    for _ in range(20):
        assert connection.ask("GET", ADVERTISEMENT, headers).status == 200
        assert connection.ask("POST", f"{PATH}/git-upload-pack", headers, LS_REFS).status == 200


@pytest.mark.parametrize("phase", ["git-upload-pack", "git-receive-pack"])
def test_a_probe_of_four_bytes_is_answered(service: Service, connection: Connection, phase: str) -> None:
    headers = {"Content-Type": f"application/x-{phase}-request"} | credential(service, PATH)
    answer = connection.ask("POST", f"{PATH}/{phase}", headers, b"0000")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("kilobytes", [1, 8, 20, 40])
def test_a_long_token_is_read_whole(service: Service, connection: Connection, kilobytes: int) -> None:
    """A token that this service did not make does not verify; it must be read to find that out."""
    headers = credential(service, PATH, token="A" * kilobytes * 1024)
    assert_asked_again(connection.ask("GET", ADVERTISEMENT, headers))
    assert connection.ask("GET", ADVERTISEMENT, credential(service, PATH)).status == 200


def test_headers_of_sixty_kilobytes_pass_and_endless_ones_do_not(service: Service) -> None:
    with Connection(service) as connection:
        headers = credential(service, PATH) | {"X-Long": "x" * 60_000}
        assert connection.ask("GET", ADVERTISEMENT, headers).status == 200
    with Connection(service) as connection:
        answer = connection.ask("GET", ADVERTISEMENT, {"X-Long": "x" * 200_000})
        assert answer.status in (400, 431)


@pytest.mark.parametrize(
    "body",
    [b"", b"zzzz", b"0003", b"fff0" + b"x", pkt(b"command=rm -rf\n") + b"0000", b"\x00" * 4096],
    ids=["nothing", "no number", "too short", "cut off", "unknown command", "zeros"],
)
@pytest.mark.parametrize("phase", ["git-upload-pack", "git-receive-pack"])
def test_what_is_not_git_is_refused_and_never_a_500(
    service: Service, connection: Connection, phase: str, body: bytes
) -> None:
    headers = VERSION_2 | credential(service, PATH)
    headers["Content-Type"] = f"application/x-{phase}-request"
    answer = connection.ask("POST", f"{PATH}/{phase}", headers, body)
    assert answer.status < 500
    assert service.client("codecommit").list_branches(repositoryName="wire")["branches"] == []


@pytest.mark.parametrize(
    "target",
    [
        "/v1/repos/wire/objects/info/packs",
        "/v1/repos/wire/HEAD",
        "/v1/repos/wire/info/refs",
        "/v1/repos/wire/info/refs?service=git-upload-archive",
        "/v1/repos/../repos/wire/info/refs?service=git-upload-pack",
        "/v1/repos/a%2Fb/info/refs?service=git-upload-pack",
        "/v1/repos/%00/info/refs?service=git-upload-pack",
        "/v1/repos/" + "x" * 300 + "/info/refs?service=git-upload-pack",
    ],
)
def test_other_paths_are_no_way_in(service: Service, connection: Connection, target: str) -> None:
    path = target.partition("?")[0].removesuffix("/info/refs")
    answer = connection.ask("GET", target, credential(service, path))
    assert 400 <= answer.status < 500
