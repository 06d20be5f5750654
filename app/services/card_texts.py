"""A customer's cards as JSON text: what the database says of the customer, and what is remembered of programmes.

The app opens with this, so it has a speed bar (`benchmarks/reads.py`). The door function `customers_cards` answers with
records of fields, parted by control characters that JSON cannot hold; names of programmes and purses are not in it, but
the programme's `config_version` is, so what is remembered is never older than the answer. Texts from people leave the
database as JSON already; all else is numbers, ids and instants, which need no escape.
"""

import functools
import json
from collections.abc import Mapping
from uuid import UUID

from app import ids
from app.crypto import Keyring
from app.services.config import ConfigCache, ProgramConfig, ProgramText, PurseConfig, PurseText

_CARD, _FIELD, _ITEM, _PART = "\x1e", "\x1f", "\x1d", "\x1c"

_program_id = functools.lru_cache(maxsize=1000)(UUID)
"""A programme's id by its text: there are few, and each is on many cards."""

VOUCHERS_MAX = 50
"""As many as an app shows of one card, the newest."""


def by_customer(found: str | None) -> dict[str, list[str]]:
    """Return each customer's records, by the text of the customer's id, for what `customers_cards` answered."""
    records: dict[str, list[str]] = {}
    for record in (found or "").split(_CARD):
        customer, _, rest = record.partition(_FIELD)
        records.setdefault(customer, []).append(rest)
    return records


def render(records: list[str], configs: ConfigCache, keyring: Keyring) -> str:
    """Return the JSON list of one customer's cards, the oldest first."""
    cards = sorted([record.split(_FIELD) for record in records], key=_card_id)
    return f"[{','.join([_card(card, configs, keyring) for card in cards])}]"


def _card_id(record: list[str]) -> str:
    return record[3]


def _card(record: list[str], configs: ConfigCache, keyring: Keyring) -> str:
    program, version, locale, card, number, status, member, joined_at, first_name, accounts, vouchers = record
    shown = _shown(configs.get(_program_id(program), int(version)), locale)
    named = f'"first_name":{first_name},' if first_name else ""
    brief = f'"id":"crd_{_bare(card)}","number":"{number}","status":"{status}"'
    return (
        f'{{{brief},"card":{{{brief}}},'
        f'"member":{{"id":"mbr_{_bare(member)}",{named}"joined_at":"{joined_at}"}},'
        f'"program":{shown.program},"accounts":[{_accounts(accounts, shown.purses)}],'
        f'"vouchers":[{_vouchers(vouchers, keyring) if vouchers else ""}]}}'
    )


def _accounts(found: str, purses: Mapping[str, PurseText]) -> str:
    if not found:
        return ""
    texts = []
    # Ids of purses are ordered by time and by text alike.
    for item in sorted(found.split(_ITEM)):
        purse_id, account, balance, pending = item.split(_PART)
        purse = purses[purse_id]
        if not purse.archived or balance != "0":
            texts.append(
                f'{{"id":"acc_{_bare(account)}",{purse.before}"balance":{balance},"pending":{pending}{purse.after}}}'
            )
    return ",".join(texts)


def _vouchers(found: str, keyring: Keyring) -> str:
    items = sorted(found.split(_ITEM), reverse=True)
    return ",".join([_voucher(item.split(_PART), keyring) for item in items[:VOUCHERS_MAX]])


def _voucher(parts: list[str], keyring: Keyring) -> str:
    voucher, reward, name, sealed, issued_at, *until = parts
    code = keyring.unseal(bytes.fromhex(sealed), context=UUID(voucher).bytes).decode()
    valid_until = f',"valid_until":"{until[0]}"' if until else ""
    return (
        f'{{"id":"vch_{_bare(voucher)}","reward_id":"rwd_{_bare(reward)}","name":{name},"status":"issued",'
        f'"code":{json.dumps(code)},"issued_at":"{issued_at}"{valid_until}}}'
    )


def _shown(config: ProgramConfig, locale: str) -> ProgramText:
    found = config.texts.get(locale)
    if found is None:
        # Bounded: a member's language is one of the programme's few, and a newer set-up begins anew.
        found = config.texts[locale] = ProgramText(
            program=_json(
                {
                    "id": ids.show("program", config.program_id),
                    "name": config.name,
                    "slug": config.slug,
                    "currency": config.currency,
                    "timezone": config.zone.key,
                    "locale": config.locale,
                    "brand": config.brand,
                }
            ),
            purses={str(purse.id): _purse(purse, locale) for purse in config.purses.values()},
        )
    return found


def _purse(purse: PurseConfig, locale: str) -> PurseText:
    fields = {
        "purse_id": ids.show("purse", purse.id),
        "code": purse.code,
        "name": purse.locales.get(locale, {}).get("name", purse.name),
        "kind": purse.kind,
    }
    return PurseText(
        before=f"{_json(fields)[1:-1]},",
        after="" if purse.goal is None else f',"goal":{purse.goal}',
        archived=purse.archived,
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bare(identifier: str) -> str:
    return identifier.replace("-", "")
