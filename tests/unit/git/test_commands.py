from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.git import children, commands, environment
from moorage.git.commands import TABLE, Limits, Place
from unit.git.handmade import Repository

GENEROUS = Limits(cpu_seconds=30, wall_seconds=30)
NO_CONFIGURATION = {"PATH": os.environ["PATH"]}


def start(*argv: str, limits: Limits = GENEROUS, env: dict[str, str] = NO_CONFIGURATION) -> children.Child:
    return children.start(list(argv), env=env, folder=Path("/"), limits=limits)


def test_a_command_of_the_table_runs_and_answers(repository: Repository) -> None:
    blob = repository.blob(b"hello")
    finished = commands.run("cat-file", "--batch", at=repository.path, stdin=f"{blob}\n".encode())
    assert finished.ok
    assert finished.stdout == f"{blob} blob 5\nhello\n".encode()
    assert commands.git_version()[0].isdigit()


def test_what_the_table_does_not_hold_is_not_run(repository: Repository) -> None:
    with pytest.raises(KeyError):
        commands.run("push", at=repository.path)
    with pytest.raises(ValueError, match="--upload-pack"):
        commands.run("rev-list", "--upload-pack=touch /x", at=repository.path)
    with pytest.raises(ValueError, match="for an option"):
        commands.run("for-each-ref", operands=("--format=x",), at=repository.path)


def test_operands_that_look_like_options_are_none(repository: Repository) -> None:
    finished = commands.run("rev-list", operands=("--all",), at=repository.path)
    assert finished.returncode == 128
    assert "--all" in finished.stderr


def test_the_environment_is_built_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORAGE_ROOT_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("GIT_TRACE", "1")
    made = environment.build(Place(Path("/x"), (Path('/a:"b'),)), protocol="version=2")
    assert "canary" not in str(made)
    assert set(made) - {name for name in made if name.startswith("GIT_")} == {"PATH", "HOME", "LC_ALL"}
    assert "GIT_TRACE" not in made
    assert made["GIT_PROTOCOL"] == "version=2"
    assert made["GIT_ALTERNATE_OBJECT_DIRECTORIES"] == '"/a:\\"b"'
    assert made["GIT_ALLOC_LIMIT"] == str(64 << 20)


def test_the_configuration_reaches_git_and_the_repositorys_hooks_do_not(repository: Repository) -> None:
    names = commands.TABLE["cat-file"].configuration
    made = environment.build(Place(repository.path), configuration=names)
    told = subprocess.run(
        ["git", "config", "--list"], env=made, capture_output=True, check=True
    ).stdout.decode()
    assert "core.hookspath=/dev/null" in told
    assert "core.bigfilethreshold=33554432" in told
    assert f"safe.directory={repository.path}" in told


def test_borrowed_objects_are_found_at_odd_paths(tmp_path: Path, repository: Repository) -> None:
    blob = repository.blob(b"hello")
    odd = tmp_path / 'o:d"d \\'
    (repository.path / "objects").rename(odd)
    (repository.path / "objects").mkdir()
    place = Place(repository.path, (odd,))
    assert commands.run("cat-file", "--batch-check", at=place, stdin=f"{blob}\n".encode()).stdout.endswith(
        b"blob 5\n"
    )


def test_the_allocation_limit_grows_with_what_is_sent_or_stored() -> None:
    assert environment.allocation_limit() == 64 << 20
    assert environment.allocation_limit(received_bytes=100 << 20) == 250 << 20
    assert environment.allocation_limit(received_bytes=1, largest_object_bytes=200 << 20) == 500 << 20


def test_input_may_be_bytes_a_file_or_an_iterator(repository: Repository) -> None:
    blob = repository.blob(b"x")
    lines = f"{blob}\n".encode() * 20_000  # far more than a pipe holds, both ways

    def pieces() -> Iterator[bytes]:
        yield from (lines[at : at + 1000] for at in range(0, len(lines), 1000))

    with tempfile.TemporaryFile() as file:
        file.write(lines)
        file.seek(0)
        answers = [
            commands.run("cat-file", "--batch-check", at=repository.path, stdin=stdin)
            for stdin in (lines, file, pieces())
        ]
    assert answers[0].ok
    assert answers[0].stdout.count(b"\n") == 20_000
    assert answers[0].stdout == answers[1].stdout == answers[2].stdout


def test_an_input_that_fails_ends_the_child(repository: Repository) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        commands.run("cat-file", "--batch", at=repository.path, stdin=breaks_off())


def test_too_much_output_ends_the_child(repository: Repository) -> None:
    blob = repository.blob(b"x" * 100_000)
    limits = replace(TABLE["cat-file"].limits, output_bytes=1000)
    finished = commands.run(
        "cat-file", "--batch", at=repository.path, stdin=f"{blob}\n".encode(), limits=limits
    )
    assert not finished.ok
    assert finished.stopped == "it wrote more than 1000 bytes"
    assert len(finished.stdout) == 1000


def test_a_child_that_takes_too_long_is_ended_with_all_it_started() -> None:
    with start(
        "sh", "-c", "sleep 50 & echo $!; sleep 50", limits=replace(GENEROUS, wall_seconds=0.3)
    ) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        assert child.wait() == -signal.SIGKILL
        assert child.overdue
    assert ends(grandchild)


def ends(pid: int) -> bool:
    """Tell whether a process has ended, or does within 20 seconds."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([watched], [], [], 20)
    os.close(watched)
    return bool(ended)


def test_a_closed_child_leaves_no_process() -> None:
    child = start("sh", "-c", "sleep 50 & echo $!; exec sleep 50")
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    child.close()
    child.close()
    assert not child.running
    assert ends(grandchild)
    assert ends(child.pid)


def test_a_child_that_ended_never_waits_for_another_that_got_its_number() -> None:
    ended = start("true")
    ended.wait()
    with start("sleep", "20") as other:
        ended.pid = other.pid
        began = time.monotonic()
        ended.close()
        assert other.running
        assert time.monotonic() - began < 10


def test_processor_time_is_limited() -> None:
    limits = replace(GENEROUS, cpu_seconds=1)
    with start("sh", "-c", "while :; do :; done", limits=limits) as child:
        assert (
            children.limit_named_by(child.wait(), limits) == "it took more than 1 seconds of processor time"
        )


PRINT_LIMITS = "read go; ulimit -S -t; ulimit -H -t; ulimit -f; ulimit -c; ulimit -n; ulimit -v"


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("memory_bytes", "memory"), [(None, b"unlimited"), (1 << 30, b"1048576")])
def test_every_child_has_its_limits(tied: bool, memory_bytes: int | None, memory: bytes) -> None:
    limits = Limits(cpu_seconds=7, wall_seconds=30, memory_bytes=memory_bytes)
    argv = ["sh", "-c", PRINT_LIMITS]
    with children.start(argv, env=NO_CONFIGURATION, folder=Path("/"), limits=limits, tied=tied) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"\n")
        assert child.stdout.read().split() == [b"7", b"8", b"2048", b"0", b"1024", memory]


def test_complaints_never_block_a_child() -> None:
    with start("sh", "-c", "head -c 1000000 /dev/zero >&2; echo done") as child:
        assert child.stdout is not None
        assert child.stdout.read() == b"done\n"
        assert child.wait() == 0
        assert len(child.complaint()) == 16_384


def test_a_child_outlives_the_thread_that_asked_for_it() -> None:
    made: list[children.Child] = []
    asking = threading.Thread(target=lambda: made.append(start("sh", "-c", "read line; echo got $line")))
    asking.start()
    asking.join()
    (child,) = made
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"it\n")
        assert child.stdout.read() == b"got it\n"


def test_a_child_dies_with_the_server() -> None:
    program = (
        "import os, sys; from pathlib import Path; from moorage.git import children as c\n"
        "child = c.start(['sh', '-c', 'echo; exec sleep 50'], env={'PATH': os.environ['PATH']},\n"
        "    folder=Path('/'), limits=c.Limits(cpu_seconds=9, wall_seconds=60))\n"
        "child.stdout.readline(); print(child.pid, flush=True); sys.stdin.read(); os.kill(os.getpid(), 9)"
    )
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.stdin.close()
    assert ends(pid)


def test_a_program_that_is_missing_is_told_to_who_asked() -> None:
    with start("/nonexistent/program") as child:
        assert child.wait() != 0


def test_the_commands_of_upkeep_run_with_the_options_they_have(
    repository: Repository, tmp_path: Path
) -> None:
    repository.ref("refs/heads/main", repository.commit())
    packs = repository.path / "objects" / "pack"
    made = commands.run(
        "pack-objects",
        "--revs",
        operands=[str(packs / "pack")],
        at=repository.path,
        stdin=repository.git("rev-parse", "main"),
    )
    name = f"pack-{made.stdout.decode().strip()}"
    midx = commands.run(
        "multi-pack-index",
        "--bitmap",
        "--stdin-packs",
        at=repository.path,
        stdin=f"{name}.idx\n".encode(),
    )
    graph = commands.run("commit-graph", "--reachable", "--changed-paths", at=repository.path)
    again = commands.run(
        "pack-objects",
        "--stdin-packs",
        operands=[str(tmp_path / "pack")],
        at=repository.path,
        stdin=f"{name}.pack\n".encode(),
    )
    listed = commands.run("for-each-ref", "--format=%(refname)", at=repository.path)
    sound = commands.run("fsck", "--full", "--no-dangling", at=repository.path)
    assert [each.stderr for each in (made, midx, graph, again, listed, sound) if not each.ok] == []
    assert listed.stdout == b"refs/heads/main\n"
    assert list(packs.glob("multi-pack-index-*.bitmap"))


def test_fetches_are_served_with_their_own_configuration(repository: Repository) -> None:
    repository.ref("refs/heads/main", repository.commit())
    finished = commands.run(
        "upload-pack",
        "--stateless-rpc",
        "--http-backend-info-refs",
        operands=["."],
        at=repository.path,
        protocol="version=2",
    )
    assert b"fetch=shallow wait-for-done filter" in finished.stdout
