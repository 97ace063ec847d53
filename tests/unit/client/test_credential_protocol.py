"""Hostile messages: whatever reaches the helper, no secret leaves it but for an exact host."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from credentials_at_hand import ENVIRONMENT, HOST, KEY, PATH, SECRET, asked, message
from moorage.client import credential_protocol
from moorage.client.credential_answer import NoAnswer
from moorage.client.credential_protocol import MOST_BYTES, Malformed, parse, render

GOOD = message()
EVIL = "evil.example"

# Each is refused whole: two readers of it could disagree on who is asking.
MALFORMED = {
    "two hosts": GOOD + f"host={EVIL}\n".encode(),
    "two hosts, the good one last": f"host={EVIL}\n".encode() + GOOD,
    "twice the same host": GOOD + f"host={HOST}\n".encode(),
    "two protocols": GOOD + b"protocol=http\n",
    "two paths": GOOD + b"path=x\n",
    "a host in the path's second line": GOOD + f"path=a\nhost={EVIL}\n".encode(),
    "a second message": GOOD + b"\n" + message(EVIL),
    "a second host after an empty line": GOOD + f"\nhost={EVIL}\n".encode(),
    "a carriage return in the host": message(f"{HOST}\rhost={EVIL}"),
    "a carriage return after the host": message(f"{HOST}\r"),
    "a carriage return before the host": message(f"\r{HOST}"),
    "a carriage return in the path": message(path="v1/repos/a\rhost=b"),
    "a carriage return in what nobody reads": GOOD + b"username=a\rb\n",
    "a carriage return for each line, elsewhere": b"protocol=https\r\nhost=a\rb\npath=c\n",
    "CR LF, and a last line cut off": message().replace(b"\n", b"\r\n") + b"x=\r",
    "a NUL in the host": message(f"{HOST}\0.{EVIL}"),
    "a NUL anywhere": GOOD + b"wwwauth[]=Basic\0\n",
    "a tab in the host": message(f"{HOST}\t"),
    "an escape in the path": message(path="v1/repos/\x1b[2J"),
    "a delete in the host": message(f"{HOST}\x7f"),
    "a vertical tab in the path": message(path="v1/repos/a\x0b"),
    "no host": b"protocol=https\npath=v1/repos/a\n",
    "an empty host": message(""),
    "no protocol": b"host=a\npath=v1/repos/a\n",
    "an empty protocol": message(protocol=""),
    "a line without a key": GOOD + b"=x\n",
    "a line without a value": GOOD + b"quiet\n",
    "a line that is no text": GOOD + b"\xff\xfe\n",
    "nothing": b"",
    "too much": GOOD + b"wwwauth[]=" + b"x" * MOST_BYTES + b"\n",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("options", [(), ("--ignore-host-check",)])
def test_a_malformed_message_is_refused_and_not_repeated(content: bytes, options: tuple[str, ...]) -> None:
    with pytest.raises(NoAnswer) as refused:
        asked(content, *options)
    assert EVIL not in str(refused.value)
    assert "\n" not in str(refused.value)


# Each is a host that AWS's own helper, or a careless reader, would take for one of AWS's.
LOOKALIKES = (
    f"{HOST}.{EVIL}",
    f"{HOST}@{EVIL}",
    f"{EVIL}@{HOST}",
    f"user:pass@{HOST}",
    f"{HOST}:8443@{EVIL}",
    f"{HOST}:@{EVIL}",
    f"{HOST}:",
    f"{HOST}:0",
    f"{HOST}:65536",
    f"{HOST}:443:443",
    f"{HOST}:4x",
    f"{HOST}:٤",
    f"{HOST}/",
    f"{HOST}/.{EVIL}",
    f"{HOST}\\.{EVIL}",
    f"{HOST}#.{EVIL}",
    f"{HOST}?.{EVIL}",
    f"{HOST}%2e{EVIL}",
    f"{HOST}%00.{EVIL}",
    f" {HOST}",
    f"{HOST} ",
    f"{HOST}.",
    f".{HOST}",
    f"x.{HOST}",
    f"{HOST}\u2028",
    f"{HOST}\u00a0",
    HOST.replace("a", "а"),  # noqa: RUF001  # Cyrillic
    HOST.replace("amazonaws", "amazonaws\u200b"),
    HOST.replace(".com", "。com"),
    HOST.upper(),
    f"{HOST}.localhost",
    f"{HOST}.cn",
    "git-codecommit.cn-north-1.amazonaws.com",
    "git-codecommit.amazonaws.com",
    "git-codecommit.s3.amazonaws.com",
    "git-codecommit.s3-us-west-2.amazonaws.com",
    "git-codecommit.s3.us-west-2.amazonaws.com",
    "git-codecommit.s3-website-1.amazonaws.com",
    "git-codecommit.xx-west-2.amazonaws.com",
    "git-codecommit.us-west-2.elb.amazonaws.com",
    "git-codecommit.us-west-2.vpce.amazonaws.com",
    "git-codecommit..amazonaws.com",
    "git-codecommit.us-west-2.amazonaws.community",
    "git-codecommit.us-west-2.amazonaws.com-evil.example",
    "git-codecommit.us-west-2.evilamazonaws.com",
    "git-codecommit.us-west-2.api.aws",
    "git-codecommit.us-west-2x.amazonaws.com",
    "git-codecommit.us-west-.amazonaws.com",
    "git-codecommit.us--2.amazonaws.com",
    "git-codecommit.us-west-222.amazonaws.com",
    "git-codecommit.us-gov-gov-west-1.amazonaws.com",
    "git-codecommit-fips-x.us-west-2.amazonaws.com",
    "codecommit.us-east-2.amazonaws.com",
    "vpce-.git-codecommit.us-west-2.vpce.amazonaws.com",
    "vpce-0b.git-codecommit.us-west-2.vpce.amazonaws.com",
    "vpce-0b-jk.git-codecommit.us-west-2.amazonaws.com",
    "vpce-0b-jk.vpce-svc-0b.us-west-2.vpce.amazonaws.com",
    "vpce-0b-jk.evil.git-codecommit.us-west-2.vpce.amazonaws.com",
    "amazonaws.com",
    f"amazon.com.{EVIL}",
    "[::1]",
    "[git-codecommit.us-east-2.amazonaws.com]",
    f"[{HOST}",
    "localhost",
    "127.0.0.1:8443",
    "." * 300,
    f"{'a' * 260}.amazonaws.com",
)


@pytest.mark.parametrize("protocol", ["https", "http"])
@pytest.mark.parametrize("host", LOOKALIKES)
def test_a_host_that_only_looks_like_one_of_awss_gets_nothing(host: str, protocol: str) -> None:
    with pytest.raises(NoAnswer):
        asked(message(host, protocol=protocol))


PARTS = st.sampled_from(
    [
        "host=",
        "protocol=",
        "path=",
        HOST,
        EVIL,
        "https",
        "http",
        PATH,
        "\n",
        "\r\n",
        "\r",
        "\0",
        "=",
        "@",
        ":",
        ".",
    ]
)
ALLOWED = re.compile(rb"(?:^|\n)host=git-codecommit\.us-east-2\.amazonaws\.com(?::[0-9]+)?\r?(?:\n|$)")


def asked_or_told(content: bytes) -> tuple[bytes, str]:
    """Return the answer, or the reason why there is none."""
    try:
        return asked(content), ""
    except NoAnswer as error:
        return b"", str(error)


@given(st.lists(PARTS, max_size=24).map("".join))
@example(GOOD.decode())
@example(GOOD.decode() + f"host={EVIL}\n")
def test_whatever_is_answered_was_asked_for_an_exact_host_and_no_other(text: str) -> None:
    content = text.encode()
    answered, reason = asked_or_told(content)
    assert SECRET not in reason
    assert KEY not in reason
    if not answered:
        return
    assert SECRET.encode() not in answered
    assert len(re.findall(rb"(?:^|\n)host=", content)) == 1
    assert ALLOWED.search(content)
    assert re.search(rb"(?:^|\n)protocol=https\r?(?:\n|$)", content)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    try:
        request = parse(content)
    except Malformed:
        return
    assert request.protocol
    assert "\n" not in request.host + request.path


def test_what_git_writes_is_read() -> None:
    request = parse(
        b"capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=a:8443\npath=v1/repos/x=y\n"
        b'wwwauth[]=Basic realm="moorage"\nstate[]=a:1\nstate[]=moorage:2\n'
    )
    assert (request.protocol, request.host, request.path) == ("https", "a:8443", "v1/repos/x=y")
    assert request.capabilities == ("authtype", "state")
    assert request.states == ("a:1", "moorage:2")


def test_an_empty_value_takes_a_list_back() -> None:
    assert parse(GOOD + b"state[]=a\nstate[]=\nstate[]=b\n").states == ("b",)


@pytest.mark.parametrize("content", [GOOD.replace(b"\n", b"\r\n"), GOOD + b"\n", GOOD.removesuffix(b"\n")])
def test_a_message_typed_by_hand_is_read(content: bytes) -> None:
    assert parse(content).host == HOST
    assert asked(content) == asked(GOOD)


def test_an_answer_has_newlines_alone() -> None:
    assert render([("a", "b"), ("c", "=d")]) == b"a=b\nc==d\n"
    with pytest.raises(credential_protocol.Malformed):
        render([("a", "b\nhost=c")])


def test_the_password_of_a_certificate_is_no_business_of_ours() -> None:
    with pytest.raises(NoAnswer, match=r"^$"):
        asked(b"protocol=cert\npath=/home/mary/key.pem\n", "--ignore-host-check")


def test_the_corpus_is_asked_with_keys_that_would_be_found() -> None:
    assert asked(GOOD, environment=ENVIRONMENT).startswith(b"username=AKID")
