"""Read a machine once: all that the checks judge. Nothing that a repository names is run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from moorage.client import aws_files, git_config
from moorage.client.doctor import asking, programs, targets, tokens
from moorage.client.doctor.facts import AwsFile, Facts, Program, Repository, Target
from moorage.client.git_config import ConfigUnreadable, Entry, Git
from moorage.client.git_urls import Version
from moorage.client.machine import Machine
from moorage.client.setup import facts as setup_facts

_NO_GIT: Version = (0,)
_MAKER = "/sys/devices/virtual/dmi/id/sys_vendor"  # who made the machine, as Linux tells it
_CA_VARIABLES = ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def read(machine: Machine, wanted: str | None) -> Facts:
    """Return the facts for a URL, a remote, or (None) all that this repository and this user have.

    Raises:
        targets.NotFound: `wanted` is no remote and no URL.
    """
    git = git_config.git(machine)
    entries, problem = _entries(machine, git)
    hosts_file = machine.config_folder / "hosts"
    config = _aws_file(machine, aws_files.config_path(machine.environment))
    credentials = _aws_file(machine, aws_files.credentials_path(machine.environment))
    known = targets.Known(
        entries,
        git.version if git else _NO_GIT,
        machine.read(hosts_file) or "",
        _region(machine.environment, config),
    )
    looked_at = targets.all_of(known, wanted)
    found = _programs(machine, git, looked_at)
    profiles = {aws_files.profile_of(machine.environment, each.profile_named) for each in looked_at}
    return Facts(
        system=machine.system,
        environment=machine.environment,
        home=machine.home,
        is_on_ec2="Amazon EC2" in (machine.read(_MAKER) or ""),
        now=machine.now(),
        git=git,
        git_build=_build(machine, git, found),
        git_problem=problem,
        entries=tuple(entries),
        targets=looked_at,
        programs=found,
        config=config,
        credentials=credentials,
        answers=asking.answers(machine, git, looked_at),
        tokens=tuple(tokens.read(machine, config, credentials, profiles)),
        files=_files(machine, entries, config),
        tools=tuple(programs.tools(machine)),
        repository=_repository(machine, entries),
        global_config=_global_config(machine, git),
        hosts_file=hosts_file,
        moorage_helper=setup_facts.helper(machine),
    )


def _entries(machine: Machine, git: Git | None) -> tuple[list[Entry], str | None]:
    if git is None:
        path = machine.which("git")
        # A git that is there and does not even tell its version says why.
        return [], machine.run([path, "--version"]).stderr.strip() or None if path is not None else None
    try:
        return git_config.entries(machine, git), None
    except ConfigUnreadable as error:
        return [], str(error)


def _region(environment: Mapping[str, str], config: AwsFile) -> str | None:
    profile = aws_files.profiles_of(config.sections).get(aws_files.profile_of(environment, None), {})
    named = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or profile.get("region")
    return named if named and named.replace("-", "").isalnum() and named.isascii() else None


def _aws_file(machine: Machine, path: str) -> AwsFile:
    sections: aws_files.Sections = {}
    problem = None
    try:
        sections = aws_files.read(path)
    except aws_files.Unreadable as error:
        problem = str(error)
    return AwsFile(path, machine.read(path), sections, problem, machine.mode(path))


def _programs(machine: Machine, git: Git | None, looked_at: tuple[Target, ...]) -> dict[str, Program]:
    lines = [
        helper.line
        for target in looked_at
        for helper in target.helpers
        if helper.is_codecommits and not helper.of_repository  # whose programs are not asked for a version
    ]
    words = [word for line in lines for word in (line.program, line.program_meant) if word is not None]
    found = programs.found(machine, git, words)
    for word, program in found.items():
        if word in {"aws", *words} and _is_aws(word):
            told = programs.version(machine, program)
            found[word] = Program(
                program.name,
                program.path,
                program.interpreter,
                program.interpreter_is_there,
                told or program.version,
            )
    return found


def _is_aws(word: str) -> bool:
    return os.path.basename(word.replace("\\", "/")) in {"aws", "aws.exe", "aws.cmd"}  # noqa: PTH119 -- of any system


def _build(machine: Machine, git: Git | None, found: Mapping[str, Program]) -> str:
    told = ""
    if git is not None:
        told = machine.run([git.path, "version", "--build-options"], folder=machine.home).stdout
    return told + programs.version(machine, found.get("curl"))


def _global_config(machine: Machine, git: Git | None) -> Path:
    file = git_config.config_file(machine, git, "global") if git is not None else None
    return file if file is not None else machine.git_home / ".gitconfig"


def _files(machine: Machine, entries: list[Entry], config: AwsFile) -> dict[str, str | None]:
    """Return what stands in the certificate files that settings name, by their names as set."""
    named = [machine.environment.get(name, "") for name in _CA_VARIABLES]
    named += [
        entry.value for entry in entries if entry.key.startswith("http.") and entry.key.endswith(".sslcainfo")
    ]
    named += [section.get("ca_bundle", "") for section in config.sections.values()]
    return {
        name: machine.read(aws_files.expanded(name, machine.environment))
        for name in dict.fromkeys(named)
        if name
    }


def _repository(machine: Machine, entries: list[Entry]) -> Repository | None:
    folder = next((found for above in _folders(machine) if (found := _git_folder(machine, above))), None)
    if folder is None:
        return None
    common = folder / (machine.read(folder / "commondir") or ".").strip()
    hooks = next(
        (Path(entry.value) for entry in reversed(entries) if entry.key == "core.hookspath"), common / "hooks"
    )
    hook = machine.git_home / str(hooks)[2:] if str(hooks).startswith("~") else machine.folder / hooks
    is_hook = machine.is_file(hook / "pre-push")
    return Repository(
        folder, common / "config", str(hook / "pre-push") if is_hook else None, _pack_bytes(machine, common)
    )


def _folders(machine: Machine) -> Iterator[Path]:
    yield machine.folder
    yield from machine.folder.parents


def _git_folder(machine: Machine, folder: Path) -> Path | None:
    inside = folder / ".git"
    if machine.is_folder(inside):
        return inside
    told = machine.read(inside)
    if told is not None and told.startswith("gitdir:"):
        return folder / told.removeprefix("gitdir:").strip()
    if machine.is_file(folder / "HEAD") and machine.is_folder(folder / "objects"):
        return folder
    return None


def _pack_bytes(machine: Machine, common: Path) -> int:
    packs = common / "objects" / "pack"
    total = 0
    for name in machine.names(packs):
        if name.endswith(".pack"):
            try:
                total += (packs / name).stat().st_size
            except OSError:
                continue  # gone since it was listed
    return total
