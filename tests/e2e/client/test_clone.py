"""`moorage clone` on a machine where nothing is set up: one command, and then plain git works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e_names import POWER_USER, NewPerson
from person import VENV_BIN, Done, Person
from service_process import Service

pytestmark = pytest.mark.needs("git")

Key = tuple[str, str]


@pytest.fixture(scope="module")
def keys(service: Service) -> tuple[Key, Key]:
    """Two users' keys. There is one repository with a commit, and others with names like it."""
    for name in ("demo", "demonstration", "else"):
        service.create_repository(name)
    client = service.client("codecommit")
    client.put_file(
        repositoryName="demo", branchName="main", filePath="cat.txt", fileContent=b"The cat\n", name="Mary"
    )
    return service.create_user("mary", POWER_USER), service.create_user("li", POWER_USER)


@pytest.fixture
def mary(new_person: NewPerson, keys: tuple[Key, Key], service: Service) -> Person:
    """Has two profiles in AWS's files, and no more."""
    person = new_person()
    for name in ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        person.env.pop(name, None)
    person.write_profile(keys[0])
    person.write_profile(keys[1], profile="li li")
    with (person.home / ".aws" / "config").open("a") as config:
        config.write(f"[profile ours]\nregion = us-east-2\nendpoint_url = {service.endpoint}\n")
    return person


def clone(person: Person, *words: str | Path, folder: Path | None = None) -> Done:
    return person.run(VENV_BIN / "moorage", "clone", *words, cwd=folder)


def cloned(person: Person, *words: str | Path) -> Done:
    done = clone(person, "--ca", person.service.ca, "--yes", *words)
    assert done.status == 0, done.said
    return done


def kept(person: Person, clone: Path, key: str) -> list[str]:
    return person.run("git", "config", "--local", "--get-all", key, cwd=clone).out.splitlines()


def pushes(person: Person, clone: Path, name: str) -> None:
    person.name_in_commits()
    person.commit(clone, f"{name}.txt")
    person.ok("git", "push", "origin", f"HEAD:refs/heads/{name}", cwd=clone)


def test_a_url_is_cloned_from_nothing_and_plain_git_goes_on(mary: Person, service: Service) -> None:
    done = cloned(mary, service.url("demo"))
    assert "Cloning into 'demo'" in done.err
    assert (mary.home / "demo" / "cat.txt").read_text() == "The cat\n"
    pushes(mary, mary.home / "demo", "next")
    again = cloned(mary, service.url("demo"), "second", "--", "--depth", "1", "--branch=next")
    assert again.out == ""  # nothing was left to write
    assert (mary.home / "second" / "next.txt").exists()


def test_a_name_is_found_at_the_server_that_is_named_or_set_up(mary: Person, service: Service) -> None:
    cloned(mary, "demo", "one", "--server", service.endpoint)
    assert clone(mary, "demo", "two").status == 0  # the one that is set up
    assert clone(mary, "demo", "three", "--profile", "ours", "--dry-run").status == 0
    told = json.loads(clone(mary, "codecommit::eu-west-1://ours@demo", "--dry-run", "--json").out)
    assert told["url"] == service.url("demo", "eu-west-1")
    told = json.loads(clone(mary, f"{service.endpoint}/v1/repos/demo", "--dry-run", "--json").out)
    assert told["url"] == f"{service.endpoint}/v1/repos/demo"
    told = json.loads(clone(mary, "demo", "four", "--server", "aws", "--dry-run", "--json").out)
    assert told["url"] == "https://git-codecommit.us-east-2.amazonaws.com/v1/repos/demo"


def test_another_profile_is_kept_in_the_clone_alone(mary: Person, service: Service) -> None:
    cloned(mary, service.url("demo"), "mine")
    before = (mary.home / ".gitconfig").read_bytes()
    cloned(mary, service.url("demo"), "theirs", "--profile", "li li")
    assert (mary.home / ".gitconfig").read_bytes() == before
    base = service.url("").removesuffix("/v1/repos/")
    helpers = kept(mary, mary.home / "theirs", f"credential.{base}.helper")
    assert helpers[0] == ""
    assert helpers[1].endswith("--profile 'li li'")
    assert kept(mary, mary.home / "mine", f"credential.{base}.helper") == []
    pushes(mary, mary.home / "theirs", "by-li")
    events = service.client("codecommit").get_branch(repositoryName="demo", branchName="by-li")
    assert events["branch"]["branchName"] == "by-li"


def test_with_local_only_the_clone_and_the_hosts_file_are_written(
    mary: Person, service: Service, new_git: Path
) -> None:
    mary.env["PATH"] = f"{new_git.parent}:{mary.env['PATH']}"
    cloned(mary, service.url("demo"), "--local")
    assert not (mary.home / ".gitconfig").exists()
    mary.ok("git", "fetch", cwd=mary.home / "demo")
    pushes(mary, mary.home / "demo", "by-a-newer-git")


def test_an_unknown_repository_is_refused_with_names_like_it(mary: Person, service: Service) -> None:
    done = clone(mary, service.url("Demonstratoin"), "--ca", service.ca, "--yes")
    assert done.status == 1
    assert "remote: Demonstratoin does not exist" in done.err
    assert "did you mean demonstration?" in done.out
    assert not (mary.home / "Demonstratoin").exists()


def test_json_alone_is_on_standard_output_and_progress_on_the_other(mary: Person, service: Service) -> None:
    done = cloned(mary, service.url("demo"), "--json")
    told = json.loads(done.out)
    assert (told["url"], told["folder"], told["cloned"]) == (service.url("demo"), "demo", True)
    assert [Path(each["path"]).name for each in told["changes"]] == [".gitconfig", "hosts"]
    assert "Cloning into" in done.err
    failed = json.loads(clone(mary, service.url("nothing"), "--json", "--yes").out)
    assert failed["cloned"] is False


def test_nobody_to_ask_and_wrong_words_write_nothing(mary: Person, service: Service) -> None:
    done = clone(mary, service.url("demo"), "--ca", service.ca)
    assert (done.status, "nothing was changed" in done.err) == (1, True)
    assert clone(mary, "demo", "folder", "third").status == 2
    dry = clone(mary, service.url("demo"), "folder", "--ca", service.ca, "--dry-run", "--", "--depth", "1")
    assert dry.out.splitlines()[-1] == f"would run: git clone --depth 1 -- {service.url('demo')} folder"
    for words in (("a/b",), (service.endpoint,), ("demo", "--profile", "nobody")):
        assert clone(mary, *words, "--yes").status == 1
    assert not (mary.home / ".gitconfig").exists()
    assert not (mary.home / ".config").exists()
