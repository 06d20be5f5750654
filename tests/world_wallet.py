"""A card in a wallet: a credential, a pass with a registered device, a link, and what is due to it."""

from datetime import timedelta
from uuid import UUID

from app import clock, ids
from app.db import Session
from app.models import (
    GoogleNonce,
    Pass,
    PassDevice,
    PassLink,
    PassLog,
    PassMessage,
    PassRegistration,
    PassRevision,
    PassUpdate,
    WalletCredential,
)


def make_wallet(session: Session, member_id: UUID, card_id: UUID) -> dict[str, UUID]:
    """Make one row of each table of wallets; return their ids by kind. What they say is nothing that engines act on."""
    now, later = clock.now(), clock.now() + timedelta(days=3650)
    pass_type = f"pass.example.{session.program.hex}"
    credential = WalletCredential(platform="apple", sealed=b"x", facts={"pass_type_id": pass_type}, status="retired")
    one = Pass(
        card_id=card_id, member_id=member_id, platform="apple", pass_type_id=pass_type, serial=ids.secret_text(128),
        token_sealed=b"x", token_hash=ids.digest(ids.secret_text()), changed_at=now.replace(microsecond=0),
    )  # fmt: skip
    device = PassDevice(
        library_id_hash=ids.digest(ids.secret_text()), push_token_sealed=b"x", pass_type_id=pass_type,
        push_token_hash=ids.digest(ids.secret_text()), last_seen_at=now,
    )  # fmt: skip
    session.add_all([credential, one, device])
    session.flush()
    message = PassMessage(pass_id=one.id, text={"fr": {"title": "Bonjour", "body": "Un café offert"}})
    session.add_all([
        message,
        PassRegistration(device_id=device.id, pass_id=one.id),
        PassRevision(),
        PassUpdate(pass_id=one.id, platform="apple", due_at=later, reason="test", marked_at=now),
        PassLink(token_hash=ids.digest(ids.secret_text()), card_id=card_id, platform="apple", expires_at=now),
        PassLog(program_id=session.program, line="test"),
        GoogleNonce(nonce=ids.secret_text(), seen_at=now),
    ])  # fmt: skip
    session.flush()
    return {"wallet_credential": credential.id, "pass": one.id, "pass_message": message.id}
