from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git.fetch_request import FetchRequest, LsRefsRequest, parse
from moorage.git.pkt_line import encode, encode_text

ONE, TWO, THREE = (ObjectId(digit * 40) for digit in "123")


def v2(
    *arguments: str, capabilities: tuple[str, ...] = ("agent=git/2.39.5",), command: str = "fetch"
) -> bytes:
    head = [f"command={command}", *capabilities]
    return b"".join([*map(encode_text, head), b"0001", *map(encode_text, arguments), b"0000"])


def fetched(body: bytes, version: int = 2) -> FetchRequest:
    request = parse(body, version=version)
    assert isinstance(request, FetchRequest)
    return request


def v0(*wants: str, capabilities: str = "", then: bytes = b"0000", tail: bytes = b"0009done\n") -> bytes:
    first, *others = wants
    lines = [f"want {first} {capabilities}".rstrip(), *(f"want {want}" for want in others)]
    return b"".join(map(encode_text, lines)) + then + tail


def test_a_clone_in_version_2_is_understood() -> None:
    request = fetched(v2("thin-pack", "ofs-delta", f"want {ONE}", f"want {TWO}", "done"))
    assert request.wants == (ONE, TWO)
    assert request.is_clone
    assert request.cache_key
    assert not request.shallow


def test_equal_fetches_have_equal_keys_whoever_asks_in_whatever_order() -> None:
    one = v2(f"want {ONE}", f"want {TWO}", f"have {THREE}", "done", capabilities=("agent=a", "session-id=x"))
    two = v2("done", f"have {THREE}", f"want {TWO}", f"want {ONE}", f"want {ONE}", capabilities=("agent=b",))
    assert fetched(one).cache_key == fetched(two).cache_key


@pytest.mark.parametrize(
    "difference",
    [
        f"want {THREE}",
        f"have {THREE}",
        "deepen 1",
        "filter blob:none",
        "include-tag",
        "no-progress",
        "thin-pack",
    ],
)
def test_what_changes_the_answer_changes_the_key(difference: str) -> None:
    plain, other = fetched(v2(f"want {ONE}", "done")), fetched(v2(f"want {ONE}", "done", difference))
    assert plain.cache_key
    assert other.cache_key
    assert plain.cache_key != other.cache_key


@pytest.mark.parametrize(
    "arguments",
    [
        [f"want {ONE}", f"have {TWO}"],
        [f"want {ONE}", "wait-for-done"],
        [f"want {ONE}", "done", "deepen-not refs/heads/old"],
        ["want-ref refs/heads/main", f"want {ONE}", "done"],
    ],
)
def test_negotiations_and_answers_that_follow_refs_are_not_kept(arguments: list[str]) -> None:
    assert fetched(v2(*arguments)).cache_key is None


def test_a_clone_in_version_0_is_understood() -> None:
    caps = "multi_ack_detailed side-band-64k thin-pack agent=git/2.39.5"
    request = fetched(v0(ONE, TWO, capabilities=caps), version=0)
    assert request.wants == (ONE, TWO)
    assert request.is_clone
    again = v0(TWO, ONE, capabilities="thin-pack side-band-64k multi_ack_detailed agent=git/1.7.9")
    assert request.cache_key == fetched(again, version=0).cache_key
    assert request.cache_key != fetched(v0(ONE, TWO, capabilities="side-band-64k"), version=0).cache_key
    assert request.cache_key != fetched(v0(ONE, TWO, capabilities=caps), version=1).cache_key


def test_a_round_of_negotiation_in_version_0_is_not_kept() -> None:
    body = v0(ONE, tail=encode_text(f"have {TWO}") + b"0000")
    assert fetched(body, version=0).cache_key is None
    assert fetched(body, version=0).haves == (TWO,)
    deepening = v0(ONE, then=encode_text("deepen 1") + b"0000", tail=b"")
    assert fetched(deepening, version=0).shallow
    assert fetched(deepening, version=0).cache_key is None


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_probe_wants_nothing(version: int) -> None:
    assert parse(b"", version=version) == parse(b"0000", version=version) == FetchRequest()


def test_ls_refs_is_understood() -> None:
    body = v2("peel", "symrefs", "unborn", "ref-prefix refs/heads/", "ref-prefix HEAD", command="ls-refs")
    assert parse(body, version=2) == LsRefsRequest(
        peel=True, symrefs=True, unborn=True, prefixes=(b"refs/heads/", b"HEAD")
    )
    assert parse(encode_text("command=ls-refs") + b"0000", version=2) == LsRefsRequest()


def test_with_too_many_prefixes_everything_is_listed_as_git_does() -> None:
    request = parse(v2(*["ref-prefix refs/heads/x"] * 65_536, command="ls-refs"), version=2)
    assert request == LsRefsRequest()


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (b"zzzz", 2),
        (b"0005", 2),
        (v2(command="object-info"), 2),
        (encode_text("agent=x") + b"0000", 2),
        (v2(capabilities=("command=fetch",)), 2),
        (v2(capabilities=("object-format=sha256",)), 2),
        (v2("ref-prefixes refs/", command="ls-refs"), 2),
        (v2("want xyz"), 2),
        (v2(f"have {ONE}x"), 2),
        (v2()[:-4], 2),
        (v2() + v2(), 2),
        (v2()[:-4] + b"0002" + b"0000", 2),
        (encode(b"have x") + b"0000", 0),
        (encode(b"want") + b"0000", 0),
        (v0(ONE, capabilities="object-format=sha256"), 0),
        (v0("G" * 40), 1),
        (v0(ONE) + b"0001", 0),
    ],
)
def test_nonsense_is_refused_with_a_reason(body: bytes, version: int) -> None:
    with pytest.raises(Fault) as refusal:
        parse(body, version=version)
    assert refusal.value.message


@given(st.binary(max_size=200), st.sampled_from([0, 1, 2]))
def test_any_bytes_give_a_request_or_a_fault(body: bytes, version: int) -> None:
    with contextlib.suppress(Fault):
        parse(body, version=version)
    with contextlib.suppress(Fault):
        parse(encode(body) + b"0000", version=version)


def test_a_filter_that_git_would_ponder_for_minutes_is_refused() -> None:
    lines = [b"want " + b"1" * 40, b"filter " + b"combine:" * 600 + b"tree:1", b"done"]
    body = encode(b"command=fetch") + b"0001" + b"".join(map(encode, lines)) + b"0000"
    with pytest.raises(Fault, match="4096 are allowed"):
        parse(body, version=2)
