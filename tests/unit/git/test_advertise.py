"""Every answer given without git is compared, byte for byte, with what the installed git says."""

from __future__ import annotations

import re

import pytest

from moorage.core.names import ObjectId
from moorage.git import advertise
from moorage.git.advertise import Ref, RefSnapshot
from moorage.git.capabilities import Capabilities, of_installed_git
from moorage.git.fetch_request import LsRefsRequest, parse
from moorage.git.pkt_line import FLUSH, encode, encode_text
from unit.git.handmade import Repository

CONFIGURATION = ("-c", "uploadpack.allowFilter=true", "-c", "uploadpack.allowAnySHA1InWant=true")


@pytest.fixture(scope="module")
def capabilities() -> Capabilities:
    return of_installed_git()


@pytest.fixture
def furnished(repository: Repository) -> Repository:
    """Branches, plain and annotated tags, a tag of a tag, a tag of a blob, notes."""
    commit = repository.commit()
    for name in (
        "refs/heads/main",
        "refs/heads/a/b",
        "refs/heads/a-b",
        "refs/tags/plain",
        "refs/notes/commits",
    ):
        repository.ref(name, commit)
    once = repository.tag(commit, "once")
    repository.ref("refs/tags/once", once)
    repository.ref("refs/tags/twice", repository.tag(once, "twice", kind="tag"))
    repository.ref("refs/tags/blob", repository.tag(repository.blob(b"x"), "blob", kind="blob"))
    return repository


def snapshot_of(repository: Repository) -> RefSnapshot:
    refs = []
    for line in repository.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines():
        name, target = line.split()
        peeled = repository.git("rev-parse", f"{target.decode()}^{{}}").strip()
        refs.append(
            Ref(name, ObjectId(target.decode()), ObjectId(peeled.decode()) if peeled != target else None)
        )
    return RefSnapshot(refs, repository.git("symbolic-ref", "HEAD").strip())


def with_gits_agent(answer: bytes) -> bytes:
    """Put git's own name where ours stands, and mend the length of that packet."""
    version = re.sub(rb"^git version (\S+)\n$", rb"git/\1", Repository.here().git("version"))
    found = re.search(rb"agent=git/moorage-[^\s\0]+", answer)
    if not found:
        return answer
    start = answer.rindex(b"\n", 0, found.start()) + 1 if b"\n" in answer[: found.start()] else 0
    if answer[start : start + 4] == b"0000":
        start += 4
    renamed = b"agent=" + version
    length = int(answer[start : start + 4], 16) + len(renamed) - len(found.group())
    return b"%s%04x%s%s%s" % (
        answer[:start],
        length,
        answer[start + 4 : found.start()],
        renamed,
        answer[found.end() :],
    )


def advertised(repository: Repository, program: str, version: int = 0) -> bytes:
    configuration = CONFIGURATION if program == "upload-pack" else ()
    return repository.git(
        *configuration,
        program,
        "--stateless-rpc",
        "--http-backend-info-refs",
        str(repository.path),
        protocol=f"version={version}",
    )


@pytest.mark.parametrize("version", [0, 1])
def test_the_refs_are_advertised_as_git_does(
    furnished: Repository, capabilities: Capabilities, version: int
) -> None:
    ours = advertise.upload_pack(snapshot_of(furnished), capabilities, version=version, service_line=False)
    assert with_gits_agent(ours) == advertised(furnished, "upload-pack", version)


@pytest.mark.parametrize("version", [0, 1])
def test_an_empty_repository_is_advertised_as_git_does(
    repository: Repository, capabilities: Capabilities, version: int
) -> None:
    ours = advertise.upload_pack(snapshot_of(repository), capabilities, version=version, service_line=False)
    assert with_gits_agent(ours) == advertised(repository, "upload-pack", version)


@pytest.mark.parametrize("version", [0, 1])
def test_an_unborn_head_is_advertised_as_git_does(
    furnished: Repository, capabilities: Capabilities, version: int
) -> None:
    furnished.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    ours = advertise.upload_pack(snapshot_of(furnished), capabilities, version=version, service_line=False)
    assert with_gits_agent(ours) == advertised(furnished, "upload-pack", version)


@pytest.mark.parametrize("version", [0, 1])
def test_the_receiving_end_is_advertised_as_git_does(
    furnished: Repository, capabilities: Capabilities, version: int
) -> None:
    ours = advertise.receive_pack(snapshot_of(furnished), capabilities, version=version, service_line=False)
    assert with_gits_agent(ours) == advertised(furnished, "receive-pack", version)


def test_an_empty_receiving_end_is_advertised_as_git_does(
    repository: Repository, capabilities: Capabilities
) -> None:
    ours = advertise.receive_pack(snapshot_of(repository), capabilities, service_line=False)
    assert with_gits_agent(ours) == advertised(repository, "receive-pack")


def test_version_2_offers_what_git_does_but_the_denied(
    repository: Repository, capabilities: Capabilities
) -> None:
    theirs = advertised(repository, "upload-pack", 2).replace(encode_text("object-info"), b"")
    assert with_gits_agent(advertise.upload_pack_v2(capabilities)) == theirs


def test_over_http_a_service_line_comes_first_but_not_in_version_2(
    repository: Repository, capabilities: Capabilities
) -> None:
    snapshot = snapshot_of(repository)
    assert advertise.upload_pack(snapshot, capabilities).startswith(b"001e# service=git-upload-pack\n0000")
    assert advertise.receive_pack(snapshot, capabilities, version=1).startswith(
        b"001f# service=git-receive-pack\n0000000eversion 1\n"
    )
    assert advertise.upload_pack_v2(capabilities).startswith(b"000eversion 2\n")


ARGUMENTS = [
    [],
    ["peel"],
    ["symrefs"],
    ["peel", "symrefs", "unborn"],
    ["peel", "symrefs", "ref-prefix refs/heads/", "ref-prefix refs/tags/", "ref-prefix HEAD"],
    ["peel", "ref-prefix refs/tags/", "ref-prefix refs/heads/main", "ref-prefix refs/heads/main"],
    ["ref-prefix refs/heads/a", "ref-prefix refs/heads/a/b", "ref-prefix refs/heads/a-"],
    ["ref-prefix H", "symrefs"],
    ["ref-prefix ", "symrefs"],
    ["ref-prefix refs/nothing/"],
    ["unborn"],
    ["unborn", "symrefs", "ref-prefix HEAD"],
]


def ls_refs_request(arguments: list[str]) -> bytes:
    head = [
        encode_text("command=ls-refs"),
        encode_text("agent=git/2.39.5"),
        encode_text("object-format=sha1"),
    ]
    return b"".join([*head, b"0001", *map(encode_text, arguments), FLUSH])


def compare_ls_refs(repository: Repository, arguments: list[str]) -> None:
    body = ls_refs_request(arguments)
    request = parse(body, version=2)
    assert isinstance(request, LsRefsRequest)
    theirs = repository.git(
        "upload-pack", "--stateless-rpc", str(repository.path), stdin=body, protocol="version=2"
    )
    assert advertise.ls_refs(snapshot_of(repository), request) == theirs


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_refs_are_listed_as_git_does(furnished: Repository, arguments: list[str]) -> None:
    compare_ls_refs(furnished, arguments)


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_an_empty_repository_is_listed_as_git_does(repository: Repository, arguments: list[str]) -> None:
    compare_ls_refs(repository, arguments)


def test_an_unborn_head_is_listed_as_git_does(furnished: Repository) -> None:
    furnished.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    compare_ls_refs(furnished, ["symrefs", "unborn"])
    compare_ls_refs(furnished, ["symrefs", "unborn", "ref-prefix refs/heads/"])


def test_the_servers_own_refs_are_never_listed(furnished: Repository, capabilities: Capabilities) -> None:
    before = snapshot_of(furnished)
    commit = ObjectId(furnished.git("rev-parse", "refs/heads/main").decode().strip())
    furnished.ref("refs/moorage/keep/1", commit)
    furnished.ref("refs/moorage-not/x", commit)
    furnished.git("update-ref", "-d", "refs/moorage-not/x")
    after = snapshot_of(furnished)
    assert len(after.refs) == len(before.refs) + 1
    assert advertise.upload_pack(after, capabilities) == advertise.upload_pack(before, capabilities)
    assert advertise.receive_pack(after, capabilities) == advertise.receive_pack(before, capabilities)
    request = LsRefsRequest(prefixes=(b"refs/moorage/",))
    assert advertise.ls_refs(after, request) == b"0000"
    assert b"moorage" not in advertise.ls_refs(after, LsRefsRequest())
    theirs = furnished.git(
        "-c",
        "uploadpack.hideRefs=refs/moorage",
        "upload-pack",
        "--stateless-rpc",
        str(furnished.path),
        stdin=ls_refs_request([]),
        protocol="version=2",
    )
    assert advertise.ls_refs(after, LsRefsRequest()) == theirs


def test_bytes_behind_every_letter_have_prefixes_too() -> None:
    name = b"refs/heads/\xc3\xbf"
    snapshot = RefSnapshot([Ref(name, ObjectId("1" * 40))], b"refs/heads/main")
    expected = encode(b"1" * 40 + b" " + name + b"\n") + FLUSH
    assert advertise.ls_refs(snapshot, LsRefsRequest(prefixes=(b"refs/heads/\xc3",))) == expected
    assert advertise.ls_refs(snapshot, LsRefsRequest(prefixes=(b"\xff",))) == b"0000"
    assert advertise.ls_refs(snapshot, LsRefsRequest(prefixes=(b"",))) == expected
