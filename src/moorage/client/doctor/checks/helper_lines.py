"""How a helper's line is written, whether what it starts is there, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterator

from moorage.client.doctor import fixes
from moorage.client.doctor.facts import Facts, Helper, Target, place
from moorage.client.doctor.finding import Finding, found, typed

SLOW_S = 5.0
_ASKS = "Git asks for a user name and a password."


def quotes_are_right(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in _ours(target):
        if helper.line.is_wrapped_in_quotes or helper.line.has_open_quote:
            yield found(
                "helper-quoting",
                "Quotes of a shell have become part of the helper's line.",
                evidence=place(helper.entry),
                consequence=f"Git's shell does not find such a program. {_ASKS}",
                remedy="On Windows cmd, write it in double quotes; better let moorage setup write it.",
                fix=fixes.own_section(facts, target, "the helper's line, rightly quoted"),
            )


def exclamation_mark_is_there(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in _ours(target):
        if helper.line.lacks_exclamation_mark:
            yield found(
                "helper-lacks-exclamation-mark",
                "The helper's line does not begin with an exclamation mark.",
                evidence=place(helper.entry),
                consequence=f"Git looks for a program called git credential-aws. {_ASKS}",
                remedy="Write it as !aws codecommit credential-helper $@.",
                fix=fixes.own_section(facts, target, "the helper's line with its exclamation mark"),
            )


def arguments_are_passed(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in _ours(target):
        if helper.line.lacks_arguments:
            yield found(
                "helper-without-arguments",
                "The helper's line has no $@, perhaps lost to a shell's double quotes.",
                evidence=place(helper.entry),
                consequence="None: git puts the operation at its end.",
                remedy="Write $@ at its end, in single quotes for the shell.",
                fix=fixes.own_section(facts, target, "the helper's line with $@"),
            )


def profile_is_quoted(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in _ours(target):
        if helper.line.profile_is_unquoted:
            yield found(
                "profile-unquoted",
                f"The profile {helper.line.profile_meant} has a space and no quotes in the helper's line.",
                evidence=place(helper.entry),
                consequence=f"The helper takes {helper.line.profile} for the profile, and stops at the rest.",
                remedy=f"Write --profile '{helper.line.profile_meant}'.",
                fix=fixes.own_section(facts, target, "the profile in quotes"),
            )


def host_passes_aws_check(_: Facts, target: Target) -> Iterator[Finding]:
    signer = target.signer
    if signer is None or signer.kind != "aws" or signer.line.ignores_host_check:
        return
    if not any(name in target.url.host for name in ("amazonaws.com", "amazon.com")):
        yield found(
            "host-check-refuses",
            f"AWS's helper signs for AWS's hosts only, and {target.url.host} is none.",
            evidence=place(signer.entry),
            consequence=f"It prints nothing and reports no error. {_ASKS}",
            remedy=typed("moorage", "setup", target.url.origin)
            + "; or add --ignore-host-check to that line, in a section for this host alone.",
        )


def moorage_knows_the_host(facts: Facts, target: Target) -> Iterator[Finding]:
    signer = target.signer
    if signer is None or signer.kind != "moorage" or signer.line.ignores_host_check or target.moorage_signs:
        return
    yield found(
        "host-not-set-up",
        f"Nobody has told moorage to sign for {target.url.origin}.",
        evidence=f"{facts.hosts_file} does not list it; {place(signer.entry)}",
        consequence=f"moorage's helper prints nothing for it. {_ASKS}",
        remedy="If you trust that server: " + typed("moorage", "setup", target.url.origin),
    )


def aws_is_found(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in _ours(target):
        line, program = helper.line, facts.program(helper.line.program)
        if line.is_wrapped_in_quotes or line.lacks_exclamation_mark:
            continue  # what it would start is not what it means
        if program is not None and program.path is None:
            yield found(
                "aws-not-found",
                f"The program {program.name} is not found by the shell that git runs helpers with.",
                evidence=f"sh -c 'command -v {program.name}' finds nothing; {place(helper.entry)}",
                consequence=f"{program.name}: command not found. {_ASKS}",
                remedy="Write its absolute path in the helper's line, or let moorage's helper sign: "
                + typed("moorage", "setup", target.url.origin),
                fix=fixes.own_section(facts, target, "a helper that is there"),
            )


def interpreter_is_there(facts: Facts, target: Target) -> Iterator[Finding]:
    words = [helper.line.program for helper in _ours(target)]
    if target.url.scheme == "codecommit":
        words.append("git-remote-codecommit")
    for word in words:
        program = facts.program(word)
        if program is not None and not program.interpreter_is_there:
            yield found(
                "bad-interpreter",
                f"{program.name} cannot start: its interpreter is not there, or has a space in its path.",
                evidence=f"{program.path} begins with #!{program.interpreter}",
                consequence="bad interpreter, or Failed to create process.",
                remedy="Install it again, into a folder without spaces; or let moorage's helper sign.",
                fix=fixes.own_section(facts, target, "a helper that starts") if target.uses_https else (),
            )


def it_answers(facts: Facts, target: Target) -> Iterator[Finding]:
    """Say so where a helper gave nothing; `diagnose` drops it where another finding has the reason."""
    signer = target.signer
    answer = facts.answer(target, signer) if signer is not None else None
    if signer is None or answer is None or answer.is_given:
        return
    said = answer.said.splitlines()[-1] if answer.said else "nothing at all"
    yield found(
        "helper-without-answer",
        f"The helper has no user name and password for {target.url.origin}.",
        evidence=f"{place(signer.entry)} ended with status {answer.status} and said: {said}",
        consequence=_ASKS,
        remedy="Do what it says; with GIT_TRACE=1 git shows how it runs the helper.",
    )


def it_answers_soon(facts: Facts, target: Target) -> Iterator[Finding]:
    for helper in target.helpers:
        answer = facts.answer(target, helper)
        if answer is not None and answer.seconds >= SLOW_S:
            yield found(
                "helper-slow",
                f"A helper took {answer.seconds:.0f} s for {target.url.origin}.",
                evidence=place(helper.entry),
                consequence="Every fetch and push waits for it.",
                remedy="Keep it away from this host: begin the host's section with an empty `helper =` line.",
                fix=fixes.own_section(facts, target, "only the helper that signs")
                if helper in target.before
                else (),
            )


def _ours(target: Target) -> list[Helper]:
    return [helper for helper in target.helpers if helper.is_codecommits]
