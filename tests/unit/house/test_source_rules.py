"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src" / "moorage"
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
MODULE_LINES = 400
FUNCTION_LINES = 60

# Who may start a program, and who may read the clock: all others are handed both.
MAY_START_PROGRAMS = ("git/", "client/", "testing/", "server/", "cli/")
MAY_READ_THE_CLOCK = ("core/clock.py", "edge/", "server/", "cli/", "client/", "testing/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def nodes_of(path: Path) -> Sequence[ast.AST]:
    return tuple(ast.walk(ast.parse(path.read_text())))


def everything(*, except_in: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.AST]]:
    for path in MODULES:
        if not name_of(path).startswith(except_in or ("\0",)):
            for node in nodes_of(path):
                yield f"{name_of(path)}:{getattr(node, 'lineno', 1)}", node


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module.split(".")[0]}
    return set()


def test_programs_are_started_only_where_the_layout_says_so() -> None:
    starters = [
        place
        for place, node in everything(except_in=MAY_START_PROGRAMS)
        if imported(node) & {"subprocess", "pty", "multiprocessing"}
    ]
    assert starters == []


def test_no_shell_is_ever_used() -> None:
    shells = [
        place
        for place, node in everything()
        if isinstance(node, ast.Call)
        and any(
            keyword.arg == "shell"
            and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            for keyword in node.keywords
        )
    ]
    assert shells == []


def test_the_clock_is_read_only_at_the_edge() -> None:
    readers = [
        place
        for place, node in everything(except_in=MAY_READ_THE_CLOCK)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {
            ("datetime", "now"),
            ("datetime", "utcnow"),
            ("time", "time"),
            ("time", "time_ns"),
            ("date", "today"),
        }
    ]
    assert readers == []


def test_modules_have_no_grab_bag_names() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
    assert [name_of(path) for path in MODULES if path.stem in vague] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_and_its_functions_fit_a_readers_head(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in nodes_of(path)
        if isinstance(node, Function) and node.end_lineno and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert long == {}
