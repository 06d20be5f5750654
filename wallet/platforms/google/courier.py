"""Brings changed passes up to date at Google Wallet: one object each, in batches, within the rate of each project."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import clock
from app.config import Settings
from app.db import Session
from app.embedded import keyring
from app.models import Card, Pass, PassUpdate
from app.services import cards
from wallet.platforms import Credential, Job, Told
from wallet.platforms.google import accounts, classes, objects, pictures, telling, vouchers
from wallet.platforms.google.accounts import Account, Addresses
from wallet.platforms.google.client import GoogleWallet
from wallet.platforms.google.pacing import Window
from wallet.platforms.google.pictures import PictureAddresses
from wallet.platforms.google.telling import Conversation, Found

MESSAGES_A_DAY = 3
"""As many messages make a phone sound in 24 hours; Google refuses the next, which then comes silently."""
WALLETS_MAX = 500
SETTLED = timedelta(hours=1)
"""After so long an object that nobody has is believed, whatever a callback said."""
SOUNDING = frozenset({"activity.recorded", "entry.posted", "reward.redeemed"})
"""Facts of which the phone tells when they changed a balance; a new design or a reversal changes it in silence."""
UNKNOWN_ISSUER = Told(outcome="refused", reason="issuer_without_credentials")


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What telling needs beside a face: the key of the card's rotating code, and whether the change may sound."""

    totp_key: bytes | None = field(repr=False, default=None)
    sounds: bool = False


class GoogleCourier:
    """One for each worker; safe from several threads, each for another programme."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._addresses = Addresses.of(settings)
        self._ca_file = Path(settings.google_wallet_ca_file) if settings.google_wallet_ca_file else None
        self._keyring = keyring(settings)
        self._pictures = PictureAddresses(settings, self._keyring)
        self._lock = threading.Lock()
        self._wallets: OrderedDict[tuple[str, str | None], GoogleWallet] = OrderedDict()
        self._windows: dict[str, Window] = {}
        self._classes: dict[str, bytes] = {}

    def gather(self, session: Session, rows: Sequence[Pass]) -> Mapping[UUID, Gathered]:
        """Return the keys of the cards' codes, and why each pass was marked."""
        of_cards = {row.card_id for row in rows if row.voucher_id is None}
        keys = {
            card.id: cards.totp_key_of(self._keyring, card)
            for card in session.scalars(select(Card).where(Card.id.in_(of_cards)))
        }
        marks = select(PassUpdate.pass_id, PassUpdate.reason).where(PassUpdate.pass_id.in_([row.id for row in rows]))
        reasons = {row.pass_id: row.reason for row in session.execute(marks)}
        return {
            row.id: Gathered(totp_key=keys.get(row.card_id), sounds=reasons.get(row.id) in SOUNDING) for row in rows
        }

    def deliver(self, program_id: UUID, credentials: Sequence[Credential], jobs: Sequence[Job]) -> list[Told]:
        """Tell Google of each pass; the programme's class first, where it is another than Google was told last."""
        told: dict[UUID, Told] = {}
        by_issuer: dict[str, list[Job]] = {}
        for job in jobs:
            by_issuer.setdefault(job.row.pass_type_id, []).append(job)
        for issuer_id, some in by_issuer.items():
            credential = next((one for one in credentials if one.facts.get("issuer_id") == issuer_id), None)
            if credential is None:
                answers = [UNKNOWN_ISSUER] * len(some)
            else:
                answers = self._deliver(program_id, accounts.opened(credential.secret), some)
            told |= {job.row.id: answer for job, answer in zip(some, answers, strict=True)}
        return [told[job.row.id] for job in jobs]

    def record(self, session: Session, jobs: Sequence[Job], told: Sequence[Told]) -> None:
        """Write down which objects exist, which are saved, and how often phones sounded today."""
        now = clock.now()
        for job, one in zip(jobs, told, strict=True):
            values = _news(job.row, one, now)
            if not values:
                continue
            stamped = {name: now if value is True else value for name, value in values.items()}
            session.execute(
                update(Pass).where(Pass.id == job.row.id).values(**stamped),
                execution_options={"synchronize_session": False},
            )

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            wallets = list(self._wallets.values())
            self._wallets.clear()
        for wallet in wallets:
            wallet.close()

    def _deliver(self, program_id: UUID, account: Account, jobs: Sequence[Job]) -> list[Told]:
        wallet = self._wallet(account)
        told: dict[UUID, Told] = {}
        for are_vouchers in (False, True):
            some = [job for job in jobs if (job.row.voucher_id is not None) == are_vouchers]
            if some:
                answers = self._deliver_alike(wallet, program_id, account.issuer_id, some, are_vouchers=are_vouchers)
                told |= {job.row.id: answer for job, answer in zip(some, answers, strict=True)}
        return [told[job.row.id] for job in jobs]

    def _deliver_alike(
        self, wallet: GoogleWallet, program_id: UUID, issuer_id: str, jobs: Sequence[Job], *, are_vouchers: bool
    ) -> list[Told]:
        """Tell Google of passes that share a class."""
        named = vouchers.class_id if are_vouchers else classes.class_id
        class_id = named(issuer_id, program_id)
        refusal = self._tell_class(wallet, program_id, class_id, jobs[0])
        if refusal is not None:
            return [refusal] * len(jobs)
        held = [self._conversation(program_id, class_id, job) for job in jobs]
        told = telling.hold(held, wallet.send)
        if any(one.reason == "classNotFound" for one in told):
            with self._lock:
                self._classes.pop(class_id, None)
        return told

    def _tell_class(self, wallet: GoogleWallet, program_id: UUID, class_id: str, job: Job) -> Told | None:
        """Tell Google of the class unless it knows it; return what stands in the way of its objects, if anything."""
        kind, callback_url = telling.CLASS, pictures.callback_url(self._settings)
        if job.row.voucher_id is None:
            logo_url = self._pictures.logo_url(program_id, job.face)
            document = classes.loyalty_class(job.face, class_id=class_id, logo_url=logo_url, callback_url=callback_url)
        else:
            kind, document = telling.VOUCHER_CLASS, vouchers.voucher_class(class_id=class_id, callback_url=callback_url)
        # A digest of each: an installation may have many programmes.
        said = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
        if self._classes.get(class_id) == said:
            return None
        (told,) = telling.hold([telling.of_class(document, kind=kind)], wallet.send)
        if told.outcome != "sent":
            return told
        with self._lock:
            self._classes[class_id] = said
        return None

    def _conversation(self, program_id: UUID, class_id: str, job: Job) -> Conversation:
        object_id = f"{job.row.pass_type_id}.{job.row.serial}"
        if job.row.voucher_id is not None:
            return self._voucher_conversation(program_id, class_id, object_id, job)
        if job.row.state == "removed":
            return telling.of_erased(objects.erased_object(object_id=object_id, class_id=class_id))
        gathered = job.gathered if isinstance(job.gathered, Gathered) else Gathered()
        document = objects.loyalty_object(
            job.face,
            object_id=object_id,
            class_id=class_id,
            totp_key=gathered.totp_key,
            hero_url=self._pictures.hero_url(program_id, job.face),
        )
        sounds = gathered.sounds and any(one.change_message for one in objects.amounts(job.face))
        return telling.of_object(job, document, sounds=sounds, sounds_left=_sounds_left(job.row, clock.now().date()))

    def _voucher_conversation(self, program_id: UUID, class_id: str, object_id: str, job: Job) -> Conversation:
        if job.row.state == "removed":
            erased = vouchers.erased_voucher(object_id=object_id, class_id=class_id)
            return telling.of_erased(erased, kind=telling.VOUCHER)
        logo_url = self._pictures.logo_url(program_id, job.face)
        document = vouchers.voucher_object(job.face, object_id=object_id, class_id=class_id, logo_url=logo_url)
        return telling.of_object(job, document, kind=telling.VOUCHER)

    def _wallet(self, account: Account) -> GoogleWallet:
        """Return what speaks with an account; the projects' rates are shared by all accounts of each."""
        key = (account.client_email, account.key_id)
        with self._lock:
            wallet = self._wallets.get(key)
            if wallet is None:
                window = self._windows.setdefault(
                    account.project_id, Window(self._settings.google_wallet_requests_per_second)
                )
                wallet = self._wallets[key] = GoogleWallet(
                    account.tokens(self._ca_file), endpoint=self._addresses.api, ca_file=self._ca_file, window=window
                )
            self._wallets.move_to_end(key)
            if len(self._wallets) > WALLETS_MAX:
                # Not closed: somebody may be speaking. Its connections end when nobody has it any more.
                self._wallets.popitem(last=False)
        return wallet


def _sounds_left(row: Pass, today: date) -> int:
    return MESSAGES_A_DAY - (row.notified_count if row.notified_on == today else 0)


def _news(row: Pass, told: Told, now: datetime) -> dict[str, Any]:
    """Return the columns that change; True stands for this instant."""
    found, today = told.found, now.date()
    if not isinstance(found, Found):
        return {}
    news: dict[str, Any] = {}
    if row.google_inserted_at is None:
        news["google_inserted_at"] = True
    saved_at = row.saved_at if row.removed_at is None or (row.saved_at and row.removed_at < row.saved_at) else None
    # Google's callbacks say it sooner, where they arrive; its objects may lag behind them.
    if found.has_users and saved_at is None:
        news["saved_at"] = True
    if not found.has_users and saved_at is not None and now - saved_at >= SETTLED:
        news["removed_at"] = True
    if found.sounded:
        before = row.notified_count if row.notified_on == today else 0
        news |= {"notified_on": today, "notified_count": before + found.sounded}
    return news
