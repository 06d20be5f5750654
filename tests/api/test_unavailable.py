"""What a till notices of a connection that the database ended."""

from flask.testing import FlaskClient

from app.db import Database
from tests.world import World
from tests.world_till import Till, make_cafe, make_guest


def test_a_hot_connection_that_was_ended_while_idle_is_not_noticed(
    client: FlaskClient, world: World, database: Database
) -> None:
    cafe = make_cafe(world)
    guest, till = make_guest(cafe), Till(client, cafe)
    till.scan(guest)
    with database.hot.lend() as connection:
        pid = connection.info.backend_pid
    with database.owner.begin() as owner:
        owner.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")

    answer = till.scan(guest)

    assert (answer.status_code, till.balance(guest, cafe.stamps)) == (201, 2)
