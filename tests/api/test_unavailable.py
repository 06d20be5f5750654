"""What a till is told while the database is away."""

from flask.testing import FlaskClient

from app.db import Database
from tests.world import World
from tests.world_till import Till, make_cafe, make_guest


def test_a_lost_hot_connection_is_a_503_and_the_next_scan_works(
    client: FlaskClient, world: World, database: Database
) -> None:
    cafe = make_cafe(world)
    guest, till = make_guest(cafe), Till(client, cafe)
    till.scan(guest)
    with database.hot.lend() as connection:
        pid = connection.info.backend_pid
    with database.owner.begin() as owner:
        owner.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")

    lost = till.scan(guest, key="k")
    again = till.scan(guest, key="k")

    assert (lost.status_code, lost.json["code"], lost.headers["Retry-After"]) == (503, "unavailable", "1")
    assert (again.status_code, till.balance(guest, cafe.stamps)) == (201, 2)
