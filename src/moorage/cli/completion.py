"""`moorage completion`: the script that lets a shell complete moorage's commands and options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Words:
    """What may follow a chain of commands: subcommands and options, each with its help."""

    path: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    flags: tuple[tuple[str, str], ...]
    choices: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell's name."""
    parser.add_argument("shell", choices=SHELLS, help="the shell to complete in")
    parser.epilog = (
        'bash: add  eval "$(moorage completion bash)"  to ~/.bashrc. '
        'zsh: add  eval "$(moorage completion zsh)"  to ~/.zshrc after compinit. '
        "fish: moorage completion fish > ~/.config/fish/completions/moorage.fish"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the script; exit status 0."""
    from moorage.cli.main import parser

    words = list(_walk((), parser()))
    script = {"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.shell]
    sys.stdout.write(script(words))
    return 0


def _walk(path: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Words]:
    commands: list[tuple[str, str]] = []
    flags: list[tuple[str, str]] = []
    choices: list[str] = []
    below: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:  # noqa: SLF001 -- argparse has no other way to read a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 -- the same
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001 -- the same
            commands += [(name, helps.get(name, "")) for name in action.choices]
            below += list(action.choices.items())
        elif action.option_strings:
            flags += [(flag, _short(action.help)) for flag in action.option_strings if flag.startswith("--")]
        elif action.choices:
            choices += [str(choice) for choice in action.choices]
    yield Words(path, tuple(commands), tuple(flags), tuple(choices))
    for name, made in below:
        yield from _walk((*path, name), made)


def _short(text: str | None) -> str:
    return (text or "").partition(" (default:")[0].partition(";")[0].replace("'", "")[:80]


def _bash(words: list[Words]) -> str:
    cases = "\n".join(f'        "{" ".join(one.path)}") words="{_all(one)}" ;;' for one in words)
    chains = "|".join(f'"{" ".join(one.path)}"' for one in words if one.path)
    return f"""_moorage() {{
    local word chain="" words="" next
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        next="${{chain:+$chain }}$word"
        case "$next" in {chains}) chain="$next" ;; esac
    done
    case "$chain" in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _moorage moorage
"""


def _zsh(words: list[Words]) -> str:
    cases = "\n".join(f'        ("{" ".join(one.path)}") candidates=({_all(one)}) ;;' for one in words)
    chains = "|".join(f'"{" ".join(one.path)}"' for one in words if one.path)
    return f"""_moorage() {{
    local word chain="" following
    local -a candidates
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        following="${{chain:+$chain }}$word"
        case "$following" in ({chains}) chain="$following" ;; esac
    done
    case "$chain" in
{cases}
    esac
    compadd -- $candidates || _files
}}
compdef _moorage moorage
"""


def _fish(words: list[Words]) -> str:
    lines = ["complete -c moorage -f"]
    for one in words:
        known = [name for name, _ in one.commands]
        seen = [f"__fish_seen_subcommand_from {name}" for name in one.path]
        unseen = [f"not __fish_seen_subcommand_from {' '.join(known)}"] if known else []
        condition = "; and ".join([*seen, *unseen]) or "true"
        lines += [
            f"complete -c moorage -n '{condition}' -a {name} -d '{_short(text)}'"
            for name, text in one.commands
        ]
        lines += [f"complete -c moorage -n '{condition}' -a {choice}" for choice in one.choices]
        lines += [
            f"complete -c moorage -n '{condition}' -l {flag[2:]} -d '{text}' -r -F"
            if flag not in {"--help", "--version", "--json"}
            else f"complete -c moorage -n '{condition}' -l {flag[2:]} -d '{text}'"
            for flag, text in one.flags
        ]
    return "\n".join(lines) + "\n"


def _all(one: Words) -> str:
    return " ".join([*(name for name, _ in one.commands), *one.choices, *(flag for flag, _ in one.flags)])
