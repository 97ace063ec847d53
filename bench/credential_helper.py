"""The credential helper beside the AWS CLI's, git-remote-codecommit's signing and a bare interpreter.

    python3 dev.py bench credential_helper [--quick]

Git starts a helper twice for each operation: `get`, then `store`. Here each is started as Git starts it,
with a static key in AWS's credentials file, in turns with all the others. CPU is that of the process
and its children, as the kernel accounts it; ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import dev

KEY, SECRET = "AKIDEXAMPLE00000TEST", "moorage/test+Secret/Key+0123456789abcdef"
HOST = "git-codecommit.us-east-2.amazonaws.com"
MESSAGE = f"protocol=https\nhost={HOST}\npath=v1/repos/MyDemoRepo\n".encode()
PYTHON = [sys.executable, "-I", "-S"]
FILE = dev.ROOT / "src" / "moorage" / "client" / "credential_helper.py"
GRC = (
    "from git_remote_codecommit import Context, git_url\n"
    "c = Context.from_url('codecommit://MyDemoRepo')\n"
    "print(git_url(c.repository, c.version, c.region, c.credentials))\n"
)

ROUNDS = 40  # of what is about as quick as a bare interpreter
SLOW_EVERY = 4  # the others take 20 to 50 times as long, and need fewer for a steady median

LEAST_BELOW_V1 = 20.0
MOST_CPU_OF_BARE = 1.6
MOST_WALL_OF_BARE = 2.0


@dataclass
class Program:
    """One way to be asked, and what each start took, in milliseconds."""

    name: str
    command: Sequence[str | Path]
    answers: bytes  # what its output holds when it did what it should
    slow: bool = False
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, environment: Mapping[str, str]) -> None:
        """Start it once, give it Git's message, and note what it took until its end."""
        reading, writing = os.pipe()
        with tempfile.TemporaryFile() as stdout:
            os.write(writing, MESSAGE)
            os.close(writing)
            actions = [
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_DUP2, stdout.fileno(), 1),
            ]
            words = [str(word) for word in self.command]
            started = time.perf_counter()
            process = os.posix_spawn(words[0], words, dict(environment), file_actions=actions)
            _, status, usage = os.wait4(process, 0)
            self.wall.append((time.perf_counter() - started) * 1000)
            self.cpu.append((usage.ru_utime + usage.ru_stime) * 1000)
            os.close(reading)
            stdout.seek(0)
            if status != 0 or self.answers not in stdout.read():
                raise SystemExit(f"{self.name} did not do what it should: {shlex.join(words)}")

    @property
    def middle(self) -> tuple[float, float]:
        return statistics.median(self.wall), statistics.median(self.cpu)


def at_home(home: Path) -> dict[str, str]:
    """Write a person's files, with the launcher as pip leaves it; return the environment."""
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text("[default]\nregion = us-east-2\noutput = json\n")
    (home / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "moorage").symlink_to(dev.ROOT / "src" / "moorage")
    (home / "bin").mkdir()
    shutil.copy(dev.ROOT / "launchers" / "git-credential-moorage", home / "bin")
    command = "import sys\nfrom moorage.cli.main import main\nsys.exit(main())\n"
    (home / "bin" / "moorage").write_text(f"#!{sys.executable}\n{command}")
    (home / "bin" / "moorage").chmod(0o755)
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def programs(home: Path) -> Iterator[Program]:
    launcher = home / "bin" / "git-credential-moorage"
    yield Program("python -I -S -c pass", [*PYTHON, "-c", "pass"], b"")
    yield Program("moorage: python -I -S FILE get", [*PYTHON, FILE, "get"], b"password=")
    yield Program("moorage: git-credential-moorage get", [launcher, "get"], b"password=")
    yield Program("moorage: git-credential-moorage store", [launcher, "store"], b"")
    yield Program(
        "moorage: moorage credential-helper get",
        [home / "bin" / "moorage", "credential-helper", "get"],
        b"password=",
    )
    pyz = home / "moorage.pyz"
    dev.pyz([str(pyz)])
    yield Program(
        "moorage: python -I -S moorage.pyz get", [*PYTHON, pyz, "credential-helper", "get"], b"password="
    )
    helper = ["codecommit", "credential-helper"]
    yield Program("AWS CLI v1 get", [dev.BIN / "aws", *helper, "get"], b"password=", slow=True)
    yield Program("AWS CLI v1 store", [dev.BIN / "aws", *helper, "store"], b"", slow=True)
    version_2 = dev.find("aws")
    if version_2 is not None:
        yield Program("AWS CLI v2 get", [version_2, *helper, "get"], b"password=", slow=True)
        yield Program("AWS CLI v2 store", [version_2, *helper, "store"], b"", slow=True)
    yield Program("git-remote-codecommit, signing", [sys.executable, "-c", GRC], KEY.encode(), slow=True)


def measure(rounds: int) -> list[Program]:
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as folder:
        environment = at_home(Path(folder))
        all_ = list(programs(Path(folder)))
        for program in all_:  # the first start reads from the disk and compiles
            program.run(environment)
            program.wall.clear()
            program.cpu.clear()
        for number in range(rounds):
            for program in all_:
                if not program.slow or number % SLOW_EVERY == 0:
                    program.run(environment)
    return all_


def failures(by_name: Mapping[str, Program]) -> Iterator[str]:
    wall, cpu = by_name["python -I -S -c pass"].middle
    theirs = by_name["AWS CLI v1 get"].middle[1]
    for name in ("moorage: python -I -S FILE get", "moorage: git-credential-moorage get"):
        ours = by_name[name].middle
        judged = (
            ("a bare interpreter's CPU", ours[1] / cpu, MOST_CPU_OF_BARE),
            ("a bare interpreter's time", ours[0] / wall, MOST_WALL_OF_BARE),
            ("of the CPU of AWS CLI v1", ours[1] / theirs, 1 / LEAST_BELOW_V1),
        )
        for what, ratio, most in judged:
            if ratio > most:
                yield f"{name}: {ratio:.3f} times {what}, over {most:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the credential helper with AWS's.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = ROUNDS // 2 if parser.parse_args().quick else ROUNDS
    measured = measure(rounds)
    by_name = {program.name: program for program in measured}
    bare, ours = measured[0].middle, by_name["moorage: git-credential-moorage get"].middle
    print(
        "| what is started | time | CPU | CPU, of a bare interpreter | CPU, of `git-credential-moorage get` |"
    )
    print("| --- | --- | --- | --- | --- |")
    for program in measured:
        wall, cpu = program.middle
        print(
            f"| {program.name} | {wall:.1f} ms | {cpu:.1f} ms | {cpu / bare[1]:.2f}x | {cpu / ours[1]:.2f}x |"
        )
        told = {
            "case": program.name,
            "rounds": len(program.cpu),
            "wall_ms": round(wall, 2),
            "cpu_ms": round(cpu, 2),
        }
        told |= {"wall_of_bare": round(wall / bare[0], 2), "cpu_of_bare": round(cpu / bare[1], 2)}
        print(json.dumps(told), file=sys.stderr)
    failed = list(failures(by_name))
    for failure in failed:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
