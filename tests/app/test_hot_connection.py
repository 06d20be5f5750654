"""The driver's own connection, lent and given back."""

from sqlalchemy import select

from app.models import Program
from tests.world import World


def test_a_session_after_a_hot_connection_still_has_transactions(world: World) -> None:
    with world.database.hot.lend() as driver:
        driver.execute("SELECT 1")

    with world.database.transaction(world.program_id) as session:
        assert session.scalars(select(Program.id)).one() == world.program_id
        assert not session.connection().connection.driver_connection.autocommit
