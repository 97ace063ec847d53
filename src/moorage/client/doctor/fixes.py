"""What `doctor --fix` writes: edits of files, made together, shown as a diff and undone from a journal."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from moorage.client import git_config
from moorage.client.changes import Change, ChangeRefused
from moorage.client.doctor.facts import Facts, Helper, Target, is_of_repository
from moorage.client.doctor.finding import Command, Edit, Finding, Mode
from moorage.client.git_config import EMPTY_HELPER_RESETS, ConfigSyntaxError, Entry
from moorage.client.machine import Machine

_REGION = re.compile(r"--region[ =]([a-z0-9-]+)")


def own_section(facts: Facts, target: Target, why: str, *, line: str | None = None) -> tuple[Edit, ...]:
    """Return the edit that gives a host its own section: an empty helper first, one that signs, useHttpPath.

    It goes to the repository's file where that has the say, else to the user's. Nothing for a host that the
    user has not set up, and for a git that does not know the empty helper.
    """
    if facts.git is None or facts.git.version < EMPTY_HELPER_RESETS or not target.is_trusted:
        return ()
    file = _file(facts, target)
    if file is None:
        return ()
    line = line or best_line(facts, target)
    if line.startswith(facts.moorage_helper) and not target.moorage_signs:
        return ()  # it would print nothing: first the user has to say that the host gets signatures
    pairs = [("helper", ""), ("helper", line), ("useHttpPath", "true")]
    section = f"credential.{target.url.origin}"
    return (Edit(file, lambda text: git_config.with_section(text, section, pairs, last=True), why),)


def _file(facts: Facts, target: Target) -> Path | None:
    """Return the file that has the say about a host's helpers; None where only a person can tell.

    A repository's lines are written into its own file alone: it could include the user's, and have them
    copied there.
    """
    involved: list[Entry | None] = [helper.entry for helper in target.helpers]
    of_repository = [
        entry for entry in (*involved, target.use_http_path) if entry is not None and is_of_repository(entry)
    ]
    if not of_repository:
        return facts.global_config
    own = facts.repository.config if facts.repository is not None else None
    return own if all(entry.scope == "local" and entry.file == own for entry in of_repository) else None


def best_line(facts: Facts, target: Target) -> str:
    """Return the helper's line for a host: the user's own, put right, or moorage's where that cannot work."""
    signer = target.signer
    if signer is None:
        return moorage_line(facts, None)
    if signer.kind == "moorage":
        # Its environment may have been moved or removed since: the one that runs now is there.
        name = signer.line.program
        is_gone = name is not None and facts.program(name) is not None and not _starts(facts, name)
        return moorage_line(facts, signer.line.profile_meant) if is_gone else signer.entry.value
    if not _starts(facts, signer.line.program_meant):
        return moorage_line(facts, signer.line.profile_meant)
    line = signer.line
    sound = not (
        line.is_wrapped_in_quotes
        or line.has_open_quote
        or line.lacks_exclamation_mark
        or line.lacks_arguments
        or line.profile_is_unquoted
    )
    return line.value if sound else _rewritten(signer)


def moorage_line(facts: Facts, profile: str | None) -> str:
    """Return the line that runs moorage's helper, as setup writes it."""
    return facts.moorage_helper + (f" --profile {shlex.quote(profile)}" if profile is not None else "")


def _starts(facts: Facts, name: str) -> bool:
    program = facts.program(name)
    return program is not None and program.path is not None and program.interpreter_is_there


def _rewritten(signer: Helper) -> str:
    line = signer.line
    words = [line.program_meant]
    if line.profile_meant is not None:
        words += ["--profile", line.profile_meant]
    if (region := _REGION.search(line.value)) is not None:
        words += ["--region", region[1]]
    words += ["codecommit", "credential-helper"]
    if line.ignores_host_check:
        words.append("--ignore-host-check")
    return "!" + " ".join(shlex.quote(word) for word in words) + " $@"


def moorage_instead(facts: Facts) -> tuple[Edit, ...]:
    """Return the edits that let moorage's helper sign wherever AWS's does now."""
    return tuple(
        edit
        for target in facts.over_https()
        if (signer := target.signer) is not None and signer.kind == "aws" and target.moorage_signs
        for edit in own_section(
            facts,
            target,
            f"moorage's helper for {target.url.host}",
            line=moorage_line(facts, signer.line.profile_meant),
        )
    )


def setting(facts: Facts, target: Target, section: str, key: str, value: str) -> tuple[Edit, ...]:
    """Return the edit that sets one key in the user's configuration, for a host that the user trusts."""
    if not target.is_trusted:
        return ()

    def make(text: str) -> str:
        return git_config.with_section(text, section, [(key, value)])

    return (Edit(facts.global_config, make, f"{key} for {target.url.host}"),)


def remote_url(facts: Facts, target: Target) -> tuple[Edit, ...]:
    """Return the edit that corrects a remote's URL; nothing where it has several, or insteadOf made it."""
    entry = target.entry
    if entry is None or entry.file is None or target.remote is None:
        return ()
    is_own = facts.repository is not None and entry.file == facts.repository.config
    if not is_own or sum(each.key == entry.key for each in facts.entries) != 1:
        return ()
    section, _, key = entry.key.rpartition(".")
    return (
        Edit(
            entry.file,
            lambda text: git_config.with_section(text, section, [(key, target.url.corrected)]),
            f"the URL of the remote {target.remote}",
        ),
    )


def changes(machine: Machine, findings: Iterable[Finding]) -> tuple[list[Change], list[str]]:
    """Return what to write for all findings, one change for each file, and why some cannot be made."""
    texts: dict[Path, str] = {}
    before: dict[Path, str | None] = {}
    reasons: dict[Path, list[str]] = {}
    problems: list[str] = []
    for edit in [fix for each in findings for fix in each.fix if isinstance(fix, Edit)]:
        if edit.path not in before:
            before[edit.path] = machine.read(edit.path)
            texts[edit.path] = before[edit.path] or ""
        try:
            made = edit.make(texts[edit.path])
        except ConfigSyntaxError as error:
            problems.append(f"{edit.path}: {error}")
            continue
        except ChangeRefused as error:
            problems.append(str(error))
            continue
        if made != texts[edit.path]:
            texts[edit.path] = made
            reasons.setdefault(edit.path, []).append(edit.why)
    made_all = [
        Change(path, before[path], texts[path], "; ".join(dict.fromkeys(why)))
        for path, why in reasons.items()
    ]
    return made_all, problems


def modes(findings: Iterable[Finding]) -> list[Mode]:
    """Return the permission bits to set for all findings, each once."""
    return list(dict.fromkeys(fix for each in findings for fix in each.fix if isinstance(fix, Mode)))


def commands(findings: Iterable[Finding]) -> list[Command]:
    """Return the programs to run for all findings, each once."""
    return list(dict.fromkeys(fix for each in findings for fix in each.fix if isinstance(fix, Command)))


def carry_out(machine: Machine, commands: Iterable[Command], modes: Iterable[Mode]) -> list[str]:
    """Run the programs and set the modes; return what went wrong."""
    problems = []
    for command in commands:
        ran = machine.run(command.argv, command.stdin, folder=machine.home)
        if ran.status != 0:
            problems.append(f"{command.why}: {ran.stderr.strip() or f'status {ran.status}'}")
    for mode in modes:
        try:
            mode.path.chmod(mode.mode)
        except OSError as error:
            problems.append(f"{mode.why}: {error.strerror}")
    return problems
