"""Sessions opened for one program, or one customer, for life: reads filtered, writes stamped, the database told."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, event
from sqlalchemy.orm import ORMExecuteState, SessionTransaction, with_loader_criteria
from sqlalchemy.orm import Session as SqlAlchemySession

from app.db.base import BulkTenant, HotTenant, Tenant


class Session(SqlAlchemySession):
    """A unit of work. `program_id` filters and stamps; row-level security is told the same and is the second wall."""

    def __init__(
        self,
        bind: Any,
        *,
        program_id: UUID | None = None,
        customer_id: UUID | None = None,
        contact_hash: bytes | None = None,
    ) -> None:
        super().__init__(bind, expire_on_commit=False, autoflush=True)
        self.program_id = program_id
        self.customer_id = customer_id
        self.contact_hash = contact_hash

    @property
    def program(self) -> UUID:
        """The program's id; raise RuntimeError in a session that was opened for none."""
        if self.program_id is None:
            raise RuntimeError("this session was opened for no program")
        return self.program_id


def tell(connection: Any, program_id: UUID | None, customer_id: UUID | None, contact_hash: bytes | None) -> None:
    """Tell row-level security whom this transaction works for; it forgets at the transaction's end."""
    connection.execute(
        "SELECT set_config('assidu.program_id', %s, true), set_config('assidu.customer_id', %s, true),"
        " set_config('assidu.contact_hash', %s, true)",
        (
            str(program_id) if program_id else "",
            str(customer_id) if customer_id else "",
            contact_hash.hex() if contact_hash else "",
        ),
    )


@event.listens_for(Session, "after_begin")
def _tell_database(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    driver = connection.connection.driver_connection
    tell(driver, session.program_id, session.customer_id, session.contact_hash)


@event.listens_for(Session, "do_orm_execute")
def _filter_by_program(state: ORMExecuteState) -> None:
    # Unconditionally: asking first whether a tenant table is present silently leaks count(), subqueries and unions.
    if state.is_column_load or state.is_relationship_load:
        return
    session = state.session
    assert isinstance(session, Session)
    program_id = session.program_id
    if program_id is None:
        return
    state.statement = state.statement.options(
        with_loader_criteria(Tenant, lambda row: row.program_id == program_id, include_aliases=True),
        with_loader_criteria(BulkTenant, lambda row: row.program_id == program_id, include_aliases=True),
        with_loader_criteria(HotTenant, lambda row: row.program_id == program_id, include_aliases=True),
    )


@event.listens_for(Session, "before_attach")
def _stamp_program(session: Session, instance: object) -> None:
    if not isinstance(instance, Tenant | HotTenant | BulkTenant):
        return
    stamped: UUID | None = getattr(instance, "program_id", None)  # typed as always there, absent until stamped
    if stamped is None:
        instance.program_id = session.program
    elif stamped != session.program:
        raise RuntimeError("a row of another program cannot be written here")
