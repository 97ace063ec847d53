from __future__ import annotations

import threading
from pathlib import Path

import pytest

from moorage.repos.prepared import PreparedResponses, Response


class Pieces:
    """A source that gives out its pieces, each one only when told to."""

    def __init__(self, *pieces: bytes, succeeds: bool = True, held: bool = False) -> None:
        self.pieces = list(pieces)
        self.succeeds = succeeds
        self.go = threading.Semaphore(0 if held else 1000)
        self.aborted = threading.Event()

    def read(self, _size: int) -> bytes:
        self.go.acquire()
        return self.pieces.pop(0) if self.pieces else b""

    def finish(self) -> bool:
        return self.succeeds

    def abort(self) -> None:
        self.aborted.set()


def read_all(response: Response) -> bytes:
    parts = []
    while piece := response.read():
        parts.append(piece)
    response.close()
    return b"".join(parts)


def never() -> Pieces:
    raise AssertionError("git was started again")


def test_the_first_to_ask_gets_what_git_says(tmp_path: Path) -> None:
    response = PreparedResponses().open(tmp_path, "key", lambda: Pieces(b"one", b"two"))
    assert read_all(response) == b"onetwo"


def test_the_second_to_ask_gets_the_same_without_git(tmp_path: Path) -> None:
    prepared = PreparedResponses()
    read_all(prepared.open(tmp_path, "key", lambda: Pieces(b"answer")))
    assert read_all(prepared.open(tmp_path, "key", never)) == b"answer"


def test_another_process_of_the_node_finds_a_whole_response(tmp_path: Path) -> None:
    read_all(PreparedResponses().open(tmp_path, "key", lambda: Pieces(b"answer")))
    assert read_all(PreparedResponses().open(tmp_path, "key", never)) == b"answer"


def test_a_crowd_asking_at_once_is_served_by_one_git(tmp_path: Path) -> None:
    prepared = PreparedResponses()
    source = Pieces(b"a" * 1000, b"b" * 1000, held=True)
    responses = [prepared.open(tmp_path, "key", lambda: source)]
    responses += [prepared.open(tmp_path, "key", never) for _ in range(15)]
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda r=r: answers.append(read_all(r))) for r in responses]
    for thread in threads:
        thread.start()
    source.go.release(3)
    for thread in threads:
        thread.join(timeout=10)
    assert answers == [b"a" * 1000 + b"b" * 1000] * 16


def test_what_git_could_not_finish_is_an_error_and_is_not_kept(tmp_path: Path) -> None:
    prepared = PreparedResponses()
    response = prepared.open(tmp_path, "key", lambda: Pieces(b"half", succeeds=False))
    with pytest.raises(ConnectionError):
        read_all(response)
    response.close()
    assert read_all(prepared.open(tmp_path, "key", lambda: Pieces(b"whole"))) == b"whole"


def test_git_is_ended_when_every_reader_has_left(tmp_path: Path) -> None:
    prepared = PreparedResponses()
    source = Pieces(b"one", b"two", b"three", held=True)
    prepared.open(tmp_path, "key", lambda: source).close()
    source.go.release()
    assert source.aborted.wait(timeout=10)
    assert list((tmp_path / "responses").iterdir()) == []


def test_a_clone_is_kept_at_once_and_a_fetch_the_second_time(tmp_path: Path) -> None:
    prepared = PreparedResponses()
    assert prepared.worth_keeping(tmp_path, "clone", at_once=True)
    assert not prepared.worth_keeping(tmp_path, "fetch", at_once=False)
    assert prepared.worth_keeping(tmp_path, "fetch", at_once=False)
