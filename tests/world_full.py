"""A programme with at least one row in every table of its own, and the ids of one of each kind."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.models import (
    Account,
    ApiKey,
    AuditEntry,
    Card,
    CodeUse,
    Consent,
    CustomerCode,
    Debt,
    Delivery,
    Device,
    Entry,
    Event,
    IdempotencyKey,
    Lot,
    PendingGrant,
    Rule,
    RuleUsage,
    RuleVersion,
    Staff,
    StaffStore,
    Voucher,
    Webhook,
)
from app.services import vouchers, webhook_secrets
from tests.world import World
from tests.world_ledger import Books
from tests.world_members import Person, make_customer
from tests.world_offers import make_offers
from tests.world_till import Cafe, Till, make_cafe, make_guest
from tests.world_wallet import make_wallet


@dataclass(frozen=True)
class Full:
    """The programme, a customer who is its member, and ids by kind; `voucher_code` is a voucher's code."""

    cafe: Cafe
    person: Person
    ids: dict[str, UUID]
    voucher_code: str
    member_code: str

    @property
    def world(self) -> World:
        """The world under it."""
        return self.cafe.world

    def shown(self, kind: str) -> str:
        """Return the public id of this programme's row of a kind."""
        return ids.show(kind, self.ids[kind])


def make_full(world: World, client: FlaskClient) -> Full:
    """Let something of everything happen."""
    cafe = make_cafe(world)
    person = make_customer(world.database)
    guest = make_guest(cafe, customer_id=person.id, email=person.email)
    books, till = Books(cafe, guest.id), Till(client, cafe)
    sale = till.scan(guest, "purchase", amount=90_00).json
    assert sale["accounts"], sale
    hold = books.hold(5)
    voucher = books.redeem()
    with world.database.transaction(world.program_id, customer_id=person.id, contact_hash=b"\1" * 32) as session:
        account = session.scalars(
            select(Account).where(Account.member_id == guest.id, Account.purse_id == cafe.points)
        ).one()
        rule = session.scalars(select(Rule).order_by(Rule.id).limit(1)).one()
        version = session.scalars(select(RuleVersion.id).where(RuleVersion.rule_id == rule.id)).one()
        cashier = session.scalars(select(Staff).where(Staff.role == "cashier")).one()
        entry = session.scalars(select(Entry).where(Entry.kind == "earn")).one()
        activity = ids.parse("activity", sale["id"])
        delivery = Delivery(
            member_id=guest.id, event_id=ids.new_id(), channel="inbox", address="inbox", kind="voucher.issued",
            title="Gâteau", body="…", due_at=clock.now(), state="sent",
        )  # fmt: skip
        device = Device(
            customer_id=person.id, address=ids.secret_text(), platform="android", last_contact_at=clock.now()
        )
        code = CustomerCode(contact_hash=b"\1" * 32, code_hash="x", expires_at=clock.now() + timedelta(minutes=10))
        waiting = PendingGrant(
            account_id=account.id, activity_id=activity, amount=1, occurred_at=clock.now(), cancelled=1
        )
        waiting.state = "cancelled"
        consent = Consent(member_id=guest.id, channel="push", purpose="offers", granted=True, source="test")
        audit = AuditEntry(action="test", subject="test")
        key = session.scalars(select(ApiKey.id)).one()
        session.add_all([
            delivery, device, code, waiting, consent, audit,
            Debt(entry_id=entry.id, account_id=account.id, amount=1, remaining=0),
            RuleUsage(rule_id=rule.id, member_id=guest.id, on_day=clock.now().date(), amount=1),
            StaffStore(staff_id=cashier.id, store_id=world.other_store_id),
            CodeUse(card_id=guest.card_id, period=1, created_at=clock.now()),
            IdempotencyKey(scope="test", key="test", fingerprint=b"x", recorded_at=clock.now(), status=200, answer="x"),
        ])  # fmt: skip
        offers = make_offers(session, guest.id)
        wallet = make_wallet(session, guest.id, guest.card_id)
        webhook = session.get_one(Webhook, offers["webhook"])
        webhook.secrets_sealed = webhook_secrets.seal(world.database.keyring, webhook, [webhook_secrets.new()])
        event = session.scalars(select(Event.id).order_by(Event.id).limit(1)).one()
        lot = session.scalars(select(Lot.id).order_by(Lot.id).limit(1)).one()
        card = session.scalars(select(Card).where(Card.id == guest.card_id)).one()
        found = session.scalars(select(Voucher).where(Voucher.id == voucher.id)).one()
        voucher_code = vouchers.code_of(world.database.keyring, found)
        return Full(
            cafe=cafe,
            person=person,
            voucher_code=voucher_code,
            member_code=guest.code,
            ids={
                "program": world.program_id, "partner": world.partner_id, "store": world.store_id, "staff": cashier.id,
                "api_key": key, "purse": cafe.points, "rule": rule.id, "rule_version": version, "reward": cafe.cake,
                "customer": person.id, "member": guest.id, "card": card.id, "account": account.id, "entry": entry.id,
                "lot": lot, "hold": hold, "pending_grant": waiting.id, "activity": activity, "voucher": voucher.id,
                "event": event, "delivery": delivery.id, "device": device.id, "consent": consent.id,
                "audit": audit.id, **offers, **wallet,
            },
        )  # fmt: skip
