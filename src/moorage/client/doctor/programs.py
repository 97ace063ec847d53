"""Programs, found as the shell finds them that runs Git's helpers, and what their files begin with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from moorage.client import helper_kinds
from moorage.client.doctor.facts import Program
from moorage.client.git_config import Git
from moorage.client.machine import Machine

LOOKED_FOR = ("aws", "git-credential-moorage", "git-remote-codecommit", "curl")
# Programs with a git of their own, or a library in its place: they may not read what git reads.
TOOLS = {
    "GitHub Desktop": ("github-desktop", "GitHub Desktop.app", "GitHubDesktop"),
    "GitKraken": ("gitkraken", "GitKraken.app", "gitkraken"),
    "Fork": ("fork", "Fork.app", "Fork"),
    "Sourcetree": ("stree", "Sourcetree.app", "SourceTree"),
    "Tower": ("gittower", "Tower.app", "Tower"),
    "GitFiend": ("gitfiend", "GitFiend.app", "GitFiend"),
    "SmartGit": ("smartgit", "SmartGit.app", "SmartGit"),
    "Eclipse": ("eclipse", "Eclipse.app", "eclipse"),
    "Git Extensions": ("gitextensions", "GitExtensions.app", "GitExtensions"),
    "DVC": ("dvc", "DVC.app", "DVC"),
}
_ASK_THE_SHELL = 'for each in "$@"; do command -v "$each" || echo; done'
_WINDOWS_LAUNCHER = re.compile(r'#!("?)([^"\r\n\0]+?python[^"\r\n\0]*\.exe)\1(?=[\r\n ])', re.IGNORECASE)


def found(machine: Machine, git: Git | None, words: Iterable[str]) -> dict[str, Program]:
    """Return the programs of these words (and those that doctor always wants to know), each by its word."""
    wanted = list(dict.fromkeys((*LOOKED_FOR, *words)))
    paths = _paths(machine, git, wanted)
    return {word: _read(machine, word, path) for word, path in zip(wanted, paths, strict=True)}


def environment_of_git(machine: Machine, git: Git | None) -> dict[str, str]:
    """Return what git hands to its children: its own programs' folder comes first, and nothing may ask."""
    path = machine.environment.get("PATH", "")
    if git is not None and git.exec_path:
        path = git.exec_path + os.pathsep + path
    return {
        **machine.environment,
        "PATH": path,
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
    }


def shell(machine: Machine, git: Git | None) -> str:
    """Return the shell that git runs helpers with; on Windows its own."""
    return helper_kinds.shell_of(machine.system, git.exec_path if git is not None else "")


def version(machine: Machine, program: Program | None) -> str:
    """Return what a program says to --version; started away from the repository, and only if outside it."""
    if program is None or program.path is None or not program.interpreter_is_there:
        return ""
    if not is_safe_to_start(machine, program.path):
        return ""
    ran = machine.run([program.path, "--version"], folder=machine.home)
    return f"{ran.stdout}\n{ran.stderr}".strip() if ran.status == 0 else ""


def is_safe_to_start(machine: Machine, path: str) -> bool:
    """Tell whether a path is absolute and outside of the user's current folder, which may be anybody's."""
    absolute = PurePath(path).is_absolute()
    return absolute and (machine.folder == machine.home or not Path(path).is_relative_to(machine.folder))


def tools(machine: Machine) -> Iterator[str]:
    """Yield the known programs that bring a git of their own and are installed here."""
    folders = {
        "linux": (),
        "macos": (Path("/Applications"), machine.home / "Applications"),
        "windows": (Path(machine.environment.get("LOCALAPPDATA") or machine.home / "AppData" / "Local"),),
    }[machine.system]
    for name, (program, application, folder) in TOOLS.items():
        inside = application if machine.system == "macos" else folder
        if machine.which(program) or any(machine.is_folder(each / inside) for each in folders):
            yield name
    extensions = machine.names(machine.home / ".vscode" / "extensions")
    if any(name.startswith("amazonwebservices.aws-toolkit-vscode") for name in extensions):
        yield "AWS Toolkit for VS Code"


def _paths(machine: Machine, git: Git | None, words: list[str]) -> list[str | None]:
    ran = machine.run(
        [shell(machine, git), "-c", _ASK_THE_SHELL, "sh", *words],
        environment=environment_of_git(machine, git),
        folder=machine.home,
    )
    answers = ran.stdout.splitlines()
    if len(answers) == len(words):
        return [answer or None for answer in answers]
    return [machine.which(word) for word in words]


def _read(machine: Machine, word: str, path: str | None) -> Program:
    if path is None:
        return Program(word)
    text = machine.read(path) or ""
    if machine.system == "windows" and (launchers := _WINDOWS_LAUNCHER.findall(text)):
        quote, interpreter = launchers[-1]
        there = machine.is_file(interpreter) and (bool(quote) or " " not in interpreter)
        return Program(word, path, interpreter, there, _botocore(machine, interpreter))
    if not text.startswith("#!"):
        return Program(word, path)
    interpreter = text[2:].partition("\n")[0].strip()
    first = interpreter.split()[0] if interpreter else ""
    # The kernel cuts at the first space, so that a folder with a space in its name is never found.
    there = machine.is_file(first) or machine.system == "windows"
    return Program(word, path, interpreter, there, _botocore(machine, first))


def _botocore(machine: Machine, interpreter: str) -> str:
    """Return `botocore/VERSION` as it is installed beside an interpreter, else ""."""
    folder = Path(interpreter).parent
    library = folder.parent / "lib"
    pythons = [library / name for name in machine.names(library) if name.startswith("python3")]
    for python in (*pythons, folder / "Lib"):
        for name in machine.names(python / "site-packages"):
            if name.startswith("botocore-") and name.endswith(".dist-info"):
                return "botocore/" + name.removeprefix("botocore-").removesuffix(".dist-info")
    return ""
