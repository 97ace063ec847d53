from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from moorage.repos.prepared import PreparedResponses, Response, drop_oldest_responses


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
    for thread in threading.enumerate():
        if thread.name == "prepare-response":
            thread.join(timeout=10)
    assert list((tmp_path / "responses").iterdir()) == []


def test_a_clone_is_kept_at_once_and_a_fetch_the_second_time(tmp_path: Path) -> None:
    prepared = PreparedResponses()
    assert prepared.worth_keeping(tmp_path, "clone", at_once=True)
    assert not prepared.worth_keeping(tmp_path, "fetch", at_once=False)
    assert prepared.worth_keeping(tmp_path, "fetch", at_once=False)


def in_a_thread(response: Response) -> list[bytes | Exception]:
    """Read a response to its end, however it ends, without waiting for ever."""
    outcome: list[bytes | Exception] = []

    def read() -> None:
        try:
            outcome.append(read_all(response))
        except Exception as error:  # noqa: BLE001 -- the test looks at it
            outcome.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(timeout=5)
    return outcome


def test_readers_get_the_whole_response_although_its_folder_is_deleted_meanwhile(tmp_path: Path) -> None:
    source = Pieces(b"one", b"two", held=True)
    response = PreparedResponses().open(tmp_path / "repository", "key", lambda: source)
    shutil.rmtree(tmp_path / "repository")
    source.go.release(3)
    assert in_a_thread(response) == [b"onetwo"]


def test_git_is_not_started_where_its_answer_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "responses").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        PreparedResponses().open(tmp_path, "key", never)


def test_what_a_killed_process_left_half_written_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    source = Pieces(b"one", held=True)
    response = PreparedResponses().open(tmp_path, "key", lambda: source)
    (tmp_path / "responses" / "other.1.part").write_bytes(b"half")
    drop_oldest_responses([tmp_path], 1 << 30)
    assert [path.name for path in (tmp_path / "responses").iterdir()] == [f"key.{os.getpid()}.part"]
    source.go.release(2)
    assert in_a_thread(response) == [b"one"]
    assert read_all(PreparedResponses().open(tmp_path, "key", never)) == b"one"


def test_half_written_responses_drive_no_whole_ones_out(tmp_path: Path) -> None:
    folder = tmp_path / "responses"
    folder.mkdir()
    (folder / "half.2.part").write_bytes(b"x" * 1000)
    (folder / "whole").write_bytes(b"x" * 10)
    drop_oldest_responses([tmp_path], 100)
    assert (folder / "whole").exists()
