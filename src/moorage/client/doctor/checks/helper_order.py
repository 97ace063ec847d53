"""Which helpers git asks for a URL, and in which order: the commonest cause of 403."""

from __future__ import annotations

from collections.abc import Iterator

from moorage.client import git_config
from moorage.client.doctor import fixes, urls
from moorage.client.doctor.asking import STORES, is_true, question
from moorage.client.doctor.facts import Facts, Helper, Target, is_of_repository, place
from moorage.client.doctor.finding import Command, Finding, Fix, found, typed
from moorage.client.git_config import EMPTY_HELPER_RESETS, Entry
from moorage.client.git_urls import WILDCARDS, Version

_IDS = {"manager": "manager-answers-first", "osxkeychain": "keychain-answers-first"}
_NAMES = {
    "manager": "Git Credential Manager",
    "osxkeychain": "The macOS keychain",
    "wincred": "Windows' credential store",
    "libsecret": "The desktop's keyring",
    "store": "git-credential-store",
    "cache": "git-credential-cache",
}


def no_other_helper_comes_first(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in target.before:
        if helper.kind in STORES or helper.kind == "other":
            name = _NAMES.get(helper.kind, "Another helper")
            yield found(
                _IDS.get(helper.kind, "other-helper-first"),
                f"{name} answers before the helper that signs, for {target.url.origin}.",
                evidence=place(helper.entry),
                consequence="It keeps a signature and gives it again after its 15 minutes: 403.",
                remedy=_reset(facts, target),
                fix=fixes.own_section(facts, target, f"only the helper that signs, for {target.url.host}"),
            )


def no_other_helper_comes_after(facts: Facts, target: Target) -> Iterator[Finding]:
    signer = target.signer
    for helper in target.helpers[target.helpers.index(signer) + 1 :] if signer else ():
        if helper.kind in STORES and not _is_git_credential(facts, target, helper):
            yield found(
                "other-helper-after",
                f"{_NAMES[helper.kind]} is told every signature for {target.url.origin}.",
                evidence=place(helper.entry),
                consequence="It fills with signatures that nobody can use; it is not asked for them.",
                remedy=_reset(facts, target),
                fix=fixes.own_section(facts, target, f"only the helper that signs, for {target.url.host}"),
            )


def no_signature_is_stored(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in target.helpers:
        answer = facts.answer(target, helper)
        if helper.is_codecommits or answer is None or not answer.is_signature:
            continue
        argv, stdin = answer.erase
        fix: tuple[Fix, ...] = (
            Command(argv, stdin, f"takes the signature for {target.url.host} out of {helper.entry.value}"),
        )
        if helper in target.before:
            fix += fixes.own_section(facts, target, f"only the helper that signs, for {target.url.host}")
        yield found(
            "stored-signature",
            f"{_NAMES.get(helper.kind, 'A helper')} holds a signature for {target.url.origin}.",
            evidence=f"{place(helper.entry)} answers with one",
            consequence="A signature is good for 15 minutes; after that it is refused, with 403 by AWS.",
            remedy=typed("printf", r"%s\n", *question(target).splitlines())
            + " | git credential reject; then keep that helper away from this host.",
            fix=fix,
        )


def git_credentials_are_not_hidden(facts: Facts, target: Target) -> Iterator[Finding]:
    if target.signer is None:
        return
    if target.url.user and "-at-" in target.url.user:
        evidence = f"the URL names {target.url.user}: {target.where}"
    else:
        given = (helper for helper in target.helpers if _is_git_credential(facts, target, helper))
        helper = next(given, None)
        if helper is None:
            return
        evidence = f"{place(helper.entry)} holds Git credentials"
    yield found(
        "git-credentials-ignored",
        f"Git credentials and a helper that signs are both set up for {target.url.origin}.",
        evidence=f"{evidence}; {place(target.signer.entry)}",
        consequence="Only the first that answers is used: your access key, or the Git credentials.",
        remedy="Decide: take the helper out of that section, or remove the stored Git credentials.",
    )


def there_is_a_helper(facts: Facts, target: Target) -> Iterator[Finding]:
    if facts.git is None or facts.git_problem is not None:
        return
    if target.signer is not None or any(section_is_obeyed(facts, target)):
        return
    given = [facts.answer(target, helper) for helper in target.helpers]
    if any(answer is not None and answer.is_given and not answer.is_signature for answer in given):
        return  # Git credentials: user name and password
    others = ", ".join(place(helper.entry) for helper in target.helpers)
    yield found(
        "no-helper",
        f"No credential helper signs for {target.url.origin}, and none has Git credentials for it.",
        evidence=f"git asks only {others}" if others else "git's configuration has no helper for it",
        consequence="Git asks for a user name and a password.",
        remedy=typed("moorage", "setup", target.url.origin),
        fix=fixes.own_section(facts, target, "the helper that signs") if target.moorage_signs else (),
    )


def section_is_obeyed(facts: Facts, target: Target) -> Iterator[Finding]:
    if target.signer is not None or facts.git is None:
        return
    for entry in facts.entries:
        reason = _why_ignored(facts, target, entry)
        if reason is None:
            continue
        yield found(
            "section-ignored",
            f"A section for this host does not hold for {target.url.origin}: {reason}.",
            evidence=f"{place(entry)}; {target.where}",
            consequence="Git does not ask its helper, and asks for a user name.",
            remedy=f'Write the section as [credential "{target.url.origin}"].',
            fix=fixes.own_section(facts, target, f"a section for {target.url.origin}", line=entry.value)
            if not is_of_repository(entry)
            else (),
        )


def _why_ignored(facts: Facts, target: Target, entry: Entry) -> str | None:
    """Return why a helper's section, written for this host, does not hold for the URL; None if it was not."""
    version = facts.git.version if facts.git is not None else WILDCARDS
    if not entry.value or not (entry.key.startswith("credential.") and entry.key.endswith(".helper")):
        return None
    section = entry.key.removeprefix("credential.").removesuffix(".helper")
    named = urls.parse(section)
    if named is None or git_config.matches(section, target.url.text, version):
        return None
    if "*" in section:
        return _why_not_by_wildcard(named.host.lower(), target.url.host.lower(), version)
    return _why_not_by_parts(named, target.url) if named.host.lower() == target.url.host.lower() else None


def _why_not_by_parts(named: urls.Url, url: urls.Url) -> str:
    if named.scheme != url.scheme:
        return f"it is for {named.scheme}, the URL for {url.scheme}"
    if named.port != url.port:
        return f"it is for {_port(named)}, the URL for {_port(url)}"
    return "its path or its user is another"


def _why_not_by_wildcard(pattern: str, host: str, version: Version) -> str | None:
    first, *others = pattern.split("*")
    if not host.startswith(first) or not host.endswith(others[-1]):
        return None
    if version < WILDCARDS:
        return "this git is older than 2.26 and knows no wildcards"
    return "a * stands for one part between dots, or a port is missing"


def _port(url: urls.Url) -> str:
    return "no port" if url.port is None else f"port {url.port}"


def path_is_sent(facts: Facts, target: Target) -> Iterator[Finding]:
    signer, entry = target.signer, target.use_http_path
    if signer is None or (entry is not None and is_true(entry.value)):
        return
    scope = "--local" if entry is not None and is_of_repository(entry) else "--global"
    yield found(
        "use-http-path-unset",
        f"Git does not tell the helper the repository: useHttpPath is not set for {target.url.origin}.",
        evidence=place(entry) if entry is not None else f"no useHttpPath beside {place(signer.entry)}",
        consequence="The helper cannot sign (AWS's says: 'path'), and git asks for a user name.",
        remedy=typed("git", "config", scope, f"credential.{target.url.origin}.useHttpPath", "true"),
        fix=fixes.own_section(facts, target, "useHttpPath"),
    )


def _is_git_credential(facts: Facts, target: Target, helper: Helper) -> bool:
    answer = facts.answer(target, helper)
    return answer is not None and not helper.is_codecommits and answer.is_git_credential


def _reset(facts: Facts, target: Target) -> str:
    if facts.git is not None and facts.git.version < EMPTY_HELPER_RESETS:
        return "This git knows no empty `helper =` (2.9 does): take that helper out where it stands."
    return (
        f'Begin the section [credential "{target.url.origin}"] with an empty `helper =` line: '
        "moorage setup does, and so does --fix."
    )
