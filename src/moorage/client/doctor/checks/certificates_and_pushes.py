"""Which certificates are trusted, and what becomes of long pushes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from moorage.client import git_config
from moorage.client.doctor import fixes
from moorage.client.doctor.asking import is_true
from moorage.client.doctor.facts import Facts, Target, named_in, place
from moorage.client.doctor.finding import Finding, found, typed

RENEWS_SIGNATURES = (2, 46)
BIG_PUSH_BYTES = 200 << 20
_SMALL_BUFFER = 1 << 20


class Bundle(NamedTuple):
    """A file of certificates, and what names it."""

    file: str
    where: str


def certificates_agree(facts: Facts, target: Target) -> Iterator[Finding]:
    """Compare what git obeys with what it ignores, and with what the AWS CLI obeys."""
    of_git = _of_git(facts, target)
    of_aws = _of_aws(facts, target)
    pairs = [*itertools.pairwise(of_git), *itertools.pairwise(of_aws)]
    if of_git and of_aws:
        pairs.append((of_git[0], of_aws[0]))
    if of_git and (curl := facts.environment.get("CURL_CA_BUNDLE")) and not _is_for_a_host(of_git[0]):
        pairs.append((of_git[0], Bundle(curl, "CURL_CA_BUNDLE")))
    for first, second in pairs:
        if not _same(facts, first, second):
            yield found(
                "ca-settings-disagree",
                f"Two settings name different certificates for {target.url.origin}.",
                evidence=f"{first.where} = {first.file}; {second.where} = {second.file}",
                consequence="A variable wins over a file: one program trusts the server, another does not.",
                remedy="Set all to one file, or unset the variables that are not for this server.",
            )
            return


def _of_git(facts: Facts, target: Target) -> list[Bundle]:
    """Return what names git's certificates, the one that it obeys first."""
    found_here = []
    if value := facts.environment.get("GIT_SSL_CAINFO"):
        found_here.append(Bundle(value, "GIT_SSL_CAINFO"))
    version = facts.git.version if facts.git is not None else git_config.NEWEST
    entry = git_config.value_for(facts.entries, target.url.text, "http.sslcainfo", version)
    if entry is not None and entry.value:
        found_here.append(Bundle(entry.value, named_in(entry)))
    return found_here


def _of_aws(facts: Facts, target: Target) -> list[Bundle]:
    found_here = [
        Bundle(value, name)
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
        if (value := facts.environment.get(name))
    ][:1]
    profile = facts.profile_of(target)
    if value := facts.settings(profile).get("ca_bundle"):
        found_here.append(Bundle(value, f"ca_bundle of profile {profile} in {facts.config.path}"))
    return found_here


def _is_for_a_host(bundle: Bundle) -> bool:
    return bundle.where.startswith("http.http")


def _same(facts: Facts, obeyed: Bundle, other: Bundle) -> bool:
    """Tell whether the file that is obeyed has all of the other, so that nothing is lost by it."""
    mine, others = facts.files.get(obeyed.file), facts.files.get(other.file)
    return obeyed.file == other.file or (mine is not None and others is not None and others.strip() in mine)


def certificate_files_are_there(facts: Facts, target: Target) -> Iterator[Finding]:
    for bundle in (*_of_git(facts, target)[:1], *_of_aws(facts, target)[:1]):
        if facts.files.get(bundle.file) is None:
            yield found(
                "ca-file-missing",
                f"The file of certificates {bundle.file} is not there, or cannot be read.",
                evidence=bundle.where,
                consequence="Every connection by TLS fails: error setting certificate verify locations.",
                remedy="Name a file that exists, or take the setting out.",
            )


def schannel_sees_the_certificates(facts: Facts, target: Target) -> Iterator[Finding]:
    version = facts.git.version if facts.git is not None else git_config.NEWEST

    def setting(key: str) -> git_config.Entry | None:
        return git_config.value_for(facts.entries, target.url.text, key, version)

    backend, uses = setting("http.sslbackend"), setting("http.schannelusesslcainfo")
    if backend is None or backend.value.lower() != "schannel" or (uses is not None and is_true(uses.value)):
        return
    of_git = _of_git(facts, target)
    if of_git:
        yield found(
            "ca-ignored-by-schannel",
            f"Git uses Windows' certificates, and not {of_git[0].file}.",
            evidence=f"{place(backend)}; {of_git[0].where}",
            consequence="A server with a certificate of a private authority is refused.",
            remedy=typed(
                "git", "config", "--global", f"http.{target.url.origin}.schannelUseSSLCAInfo", "true"
            )
            + ", or put the authority into Windows' store.",
            fix=fixes.setting(facts, target, f"http.{target.url.origin}", "schannelUseSSLCAInfo", "true"),
        )


def pushes_outlive_no_signature(facts: Facts, target: Target) -> Iterator[Finding]:
    repository = facts.repository
    if repository is None or target.remote is None or target.signer is None:
        return
    renews = (
        facts.git is not None and facts.git.version >= RENEWS_SIGNATURES and target.signer.kind == "moorage"
    )
    if repository.pre_push is not None and not renews:
        yield found(
            "push-outlives-signature",
            "A pre-push hook runs between the signature and the push.",
            evidence=f"{repository.pre_push}; {facts.git.text if facts.git else 'no git'}; "
            f"{place(target.signer.entry)}",
            consequence="A hook of more than 15 minutes ends in RPC failed, with no reason shown.",
            remedy="Git 2.46 and moorage's helper renew the signature; else keep the hook short.",
        )
    buffer = next((each for each in reversed(facts.entries) if each.key == "http.postbuffer"), None)
    if repository.pack_bytes >= BIG_PUSH_BYTES and not renews:
        yield found(
            "big-push",
            f"The repository has {repository.pack_bytes >> 20} MB of packs: a first push takes long.",
            evidence=f"{repository.folder}; http.postBuffer is {buffer.value if buffer else _SMALL_BUFFER}",
            consequence="A proxy may cut it off, or packing takes longer than a signature holds.",
            remedy="Push some branches or older commits first; git 2.46 and moorage's helper renew the "
            "signature; behind a proxy, raise http.postBuffer.",
        )
