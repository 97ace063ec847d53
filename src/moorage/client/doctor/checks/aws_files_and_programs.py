"""The AWS CLI, botocore, and the two files in ~/.aws."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from moorage.client import aws_files
from moorage.client.doctor import fixes
from moorage.client.doctor.facts import AwsFile, Facts, Program
from moorage.client.doctor.finding import Edit, Finding, Mode, found, typed

OLDEST_CLI = (1, 7, 38)  # the guide's minimum
# Which versions brought these settings: the CLI's from its release notes, botocore's of the same weeks.
_NEEDS = {
    "sso_session": ({1: (1, 27, 10), 2: (2, 9, 0)}, (1, 29, 10)),
    "login_session": ({1: (1, 43, 0), 2: (2, 32, 0)}, (1, 41, 0)),
}
# Which versions brought `endpoint_url`; those before are silent about it.
_KNOWS_ENDPOINTS = {1: (1, 29, 0), 2: (2, 13, 0)}
_SECRETS = {"aws_secret_access_key", "aws_session_token", "aws_security_token"}
_CLI = re.compile(r"aws-cli/(\d+(?:\.\d+)*)")
_BOTOCORE = re.compile(r"botocore/(\d+(?:\.\d+)*)")
_UNQUOTED = re.compile(r"^(\s*\[\s*profile\s+)([^'\"\]\s]+(?:[ \t]+[^'\"\]\s]+)+)(\s*\])", re.MULTILINE)
_AUTO_PROMPT = re.compile(r"^(\s*cli_auto_prompt\s*[=:]\s*)(on|on-partial)\s*$", re.MULTILINE | re.IGNORECASE)


def cli_is_new_enough(facts: Facts) -> Iterator[Finding]:
    signers = [target.signer for target in facts.over_https()]
    if signers and all(signer is not None and signer.kind == "moorage" for signer in signers):
        return  # nobody starts it
    for program in facts.programs.values():
        version = _version(_CLI, program)
        if version and version < OLDEST_CLI:
            yield found(
                "aws-too-old",
                "This AWS CLI is older than 1.7.38.",
                evidence=f"{program.path} --version says {_shown(version)}",
                consequence="It has no credential helper for CodeCommit.",
                remedy="Upgrade it (python3 -m pip install --upgrade awscli), or let moorage's helper sign.",
                fix=fixes.moorage_instead(facts),
            )


def botocore_knows_the_sign_in(facts: Facts) -> Iterator[Finding]:
    for profile in _profiles(facts):
        settings = facts.settings(profile)
        for key, (clis, botocore) in _NEEDS.items():
            if key not in settings:
                continue
            for program in _users_of(facts):
                cli, library = _version(_CLI, program), _version(_BOTOCORE, program)
                if (library and library < botocore) or (cli and not library and cli < clis.get(cli[0], (0,))):
                    yield found(
                        "old-botocore",
                        f"{program.name} is too old for {key}, which the profile {profile} has.",
                        evidence=f"{program.path} has {_shown(library or cli)}; {facts.config.path}",
                        consequence="It finds no credentials, or ends with a traceback.",
                        remedy="Upgrade it, or let moorage's helper sign.",
                    )


def _users_of(facts: Facts) -> list[Program]:
    """Return the programs that sign with a profile for some target."""
    words = {helper.line.program for each in facts.targets for helper in each.helpers if helper.kind == "aws"}
    if any(target.url.scheme == "codecommit" for target in facts.targets):
        words.add("git-remote-codecommit")
    return [program for word, program in facts.programs.items() if word in words]


def cli_obeys_the_endpoint(facts: Facts) -> Iterator[Finding]:
    """Say where a CLI does not know the setting that leads it to another server than AWS's."""
    version = _version(_CLI, facts.programs["aws"])
    if not version or version >= _KNOWS_ENDPOINTS.get(version[0], ()):
        return
    named = [name for name in facts.environment if name.startswith("AWS_ENDPOINT_URL")]
    named += [
        f"endpoint_url in [{title}] of {facts.config.path}"
        for title, section in facts.config.sections.items()
        if "endpoint_url" in section or any("endpoint_url" in value for value in section.values())
    ]
    if named:
        yield found(
            "endpoint-ignored",
            f"The AWS CLI {_shown(version)} ignores the endpoint that is set, and calls AWS itself.",
            evidence=f"{', '.join(sorted(named))}; {facts.programs['aws'].path}",
            consequence="Commands meant for your own server go to the real AWS.",
            remedy="Give --endpoint-url with each command, or upgrade to 2.13 (of version 1: to 1.29).",
        )


def files_can_be_read(facts: Facts) -> Iterator[Finding]:
    for file in _both(facts):
        problem = file.problem
        if problem is not None and (file.text or "").startswith("{\\rtf"):
            problem += "; it was saved as rich text"
        if problem is not None:
            yield found(
                "aws-file-broken",
                "One of AWS's files cannot be read.",
                evidence=problem,
                consequence="aws and the helpers end with ConfigParseError, or find no credentials.",
                remedy="Let yourself read it, by its owner and mode."
                if "cannot be read" in problem
                else "Correct that line in a plain text editor: [default], then KEY = VALUE on each line.",
            )


def files_are_private(facts: Facts) -> Iterator[Finding]:
    if facts.system == "windows":
        return
    for file in _both(facts):
        holds_a_secret = any(_SECRETS & set(section) for section in file.sections.values())
        if file.mode is not None and file.mode & 0o077 and holds_a_secret:
            yield found(
                "aws-files-readable",
                f"Others on this machine may read {file.path}, which holds a secret key.",
                evidence=f"its mode is {file.mode:04o}",
                consequence="Whoever reads it can act as you.",
                remedy=typed("chmod", "600", file.path),
                fix=(Mode(Path(file.path), 0o600, f"only you may read {file.path}"),),
            )


def profile_sections_are_quoted(facts: Facts) -> Iterator[Finding]:
    for match in _UNQUOTED.finditer(facts.config.text or ""):
        line = (facts.config.text or "").count("\n", 0, match.start(2)) + 1
        header = match[0].strip()
        yield found(
            "profile-section-unquoted",
            f"The profile {match[2]} has a space and no quotes in AWS's config file.",
            evidence=f"{header} in {facts.config.path}, line {line}",
            consequence="The CLI, git-remote-codecommit and the helpers do not see that section.",
            remedy=f"Write [profile '{match[2]}'].",
            fix=(
                Edit(
                    Path(facts.config.path),
                    lambda text: _UNQUOTED.sub(r"\1'\2'\3", text),
                    "profile names in quotes",
                ),
            ),
        )


def auto_prompt_is_off(facts: Facts) -> Iterator[Finding]:
    if not _users_of(facts):
        return  # a helper that is not the CLI's does not prompt
    if (value := facts.environment.get("AWS_CLI_AUTO_PROMPT", "").lower()) in {"on", "on-partial"}:
        yield _prompts(f"AWS_CLI_AUTO_PROMPT={value} in the environment", fixes.moorage_instead(facts))
    elif not value and (match := _AUTO_PROMPT.search(facts.config.text or "")) is not None:
        line = (facts.config.text or "").count("\n", 0, match.start(2)) + 1
        edit = Edit(
            Path(facts.config.path), lambda text: _AUTO_PROMPT.sub(r"\1off", text), "no prompts of the CLI"
        )
        yield _prompts(f"{match[0].strip()} in {facts.config.path}, line {line}", (edit,))


def _prompts(evidence: str, fix: tuple[Edit, ...]) -> Finding:
    return found(
        "auto-prompt",
        "The AWS CLI is told to prompt for what a command leaves out.",
        evidence=evidence,
        consequence="In the helper of CLI v2 it prints a warning where git expects a password.",
        remedy="Turn it off, or let moorage's helper sign.",
        fix=fix,
    )


def _both(facts: Facts) -> tuple[AwsFile, AwsFile]:
    return facts.config, facts.credentials


def _profiles(facts: Facts) -> list[str]:
    named = {facts.profile_of(target) for target in facts.targets}
    return sorted(named or {aws_files.profile_of(facts.environment, None)})


def _version(pattern: re.Pattern[str], program: Program) -> tuple[int, ...]:
    match = pattern.search(program.version)
    return tuple(map(int, match[1].split("."))) if match else ()


def _shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
