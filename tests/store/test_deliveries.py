"""What is on its way to others, in each database: order, retries, what is given up."""

from __future__ import annotations

from moorage.storage import deliveries
from moorage.storage.database import Database
from moorage.storage.deliveries import Message


def message(stream: str, body: str, target: str = "sink") -> Message:
    return Message(target, stream, "us-east-2", body)


def test_of_each_stream_to_each_target_only_the_first_is_due(database: Database) -> None:
    with database.write() as connection:
        given = [message("a", "1"), message("a", "2"), message("b", "3"), message("a", "4", "other")]
        deliveries.add(connection, given, 100)
        assert [each.body for each in deliveries.due(connection, 100)] == ["1", "3", "4"]
        assert deliveries.due(connection, 99) == []


def test_what_has_arrived_makes_room_for_the_next_of_its_stream(database: Database) -> None:
    with database.write() as connection:
        deliveries.add(connection, [message("a", "1"), message("b", "2"), message("a", "3")], 100)
        first = deliveries.due(connection, 100)[0]
        following = deliveries.following(connection, first)
        assert following is not None
        assert following.body == "3"
        deliveries.arrived(connection, first)
        assert [each.body for each in deliveries.due(connection, 100)] == ["2", "3"]
        assert deliveries.following(connection, following) is None


def test_a_failed_one_holds_up_its_stream_until_its_time_comes(database: Database) -> None:
    with database.write() as connection:
        deliveries.add(connection, [message("a", "1"), message("a", "2")], 100)
        deliveries.failed(connection, deliveries.due(connection, 100)[0], "x" * 2_000, 500)
        assert deliveries.due(connection, 499) == []
        (again,) = deliveries.due(connection, 500)
        assert (again.body, again.attempts, again.last_error) == ("1", 1, "x" * 1_000)


def test_one_given_up_is_kept_and_its_stream_goes_on(database: Database) -> None:
    with database.write() as connection:
        deliveries.add(connection, [message("a", "1"), message("a", "2")], 100)
        deliveries.given_up(connection, deliveries.due(connection, 100)[0], "gone")
        assert [each.body for each in deliveries.due(connection, 100)] == ["2"]
        assert deliveries.counts(connection) == {"waiting": 1, "dead": 1}
        (dead,) = deliveries.listing(connection, "dead")
        assert (dead.body, dead.last_error) == ("1", "gone")


def test_those_given_up_are_tried_again_or_dropped_by_id_or_all_together(database: Database) -> None:
    with database.write() as connection:
        deliveries.add(connection, [message(str(number), str(number)) for number in range(4)], 100)
        for each in deliveries.due(connection, 100)[:3]:
            deliveries.given_up(connection, each, "gone")
        first, second, third = (each.delivery_id for each in deliveries.listing(connection, "dead"))
        waiting = deliveries.listing(connection, "waiting")[0].delivery_id
        assert deliveries.revive(connection, [first, waiting], 200) == 1
        assert deliveries.drop(connection, [second, waiting]) == 1
        assert [each.delivery_id for each in deliveries.listing(connection, "dead")] == [third]
        assert deliveries.revive(connection, [], 300) == 1
        assert deliveries.drop(connection, []) == 0
        assert [each.body for each in deliveries.due(connection, 300)] == ["0", "2", "3"]


def test_only_what_was_given_up_long_ago_is_pruned(database: Database) -> None:
    with database.write() as connection:
        deliveries.add(connection, [message("a", "1"), message("b", "2")], 100)
        deliveries.add(connection, [message("c", "3")], 900)
        old, _, new = deliveries.due(connection, 900)
        deliveries.given_up(connection, old, "gone")
        deliveries.given_up(connection, new, "gone")
        assert deliveries.prune(connection, 500) == 1
        assert [each.body for each in deliveries.listing(connection)] == ["2", "3"]
