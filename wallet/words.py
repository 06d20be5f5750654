"""Words of passes, in the languages that people have, with a face's translations collected on the way.

Sentences put a number or a name where no grammar bends to it ("3 more for", "Encore 3 pour"), so that no language needs
its plural rules here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_OTHERWISE: Final = "en"

PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "card": {
        "fr": "Carte de fidélité {program}", "en": "{program} loyalty card", "de": "Kundenkarte {program}",
        "es": "Tarjeta de fidelidad {program}", "it": "Carta fedeltà {program}", "nl": "Klantenkaart {program}",
        "pt": "Cartão de fidelidade {program}",
    },
    "voucher": {
        "fr": "Bon {program}", "en": "{program} voucher", "de": "Gutschein {program}", "es": "Vale {program}",
        "it": "Buono {program}", "nl": "Tegoedbon {program}", "pt": "Vale {program}",
    },
    "missing": {
        "fr": "Encore {n} pour", "en": "{n} more for", "de": "Noch {n} bis", "es": "{n} más para",
        "it": "Ancora {n} per", "nl": "Nog {n} tot", "pt": "Mais {n} para",
    },
    "ready": {
        "fr": "À vous", "en": "Ready for you", "de": "Jetzt einlösbar", "es": "Disponible", "it": "Disponibile",
        "nl": "Nu in te wisselen", "pt": "Disponível",
    },
    "tier": {
        "fr": "Statut", "en": "Status", "de": "Status", "es": "Nivel", "it": "Livello", "nl": "Status", "pt": "Nível",
    },
    "member": {
        "fr": "Membre", "en": "Member", "de": "Mitglied", "es": "Socio", "it": "Titolare", "nl": "Lid", "pt": "Membro",
    },
    "card_number": {
        "fr": "Numéro de carte", "en": "Card number", "de": "Kartennummer", "es": "Número de tarjeta",
        "it": "Numero della carta", "nl": "Kaartnummer", "pt": "Número do cartão",
    },
    "vouchers": {
        "fr": "Vos bons", "en": "Your vouchers", "de": "Ihre Gutscheine", "es": "Sus vales", "it": "I suoi buoni",
        "nl": "Uw tegoedbonnen", "pt": "Os seus vales",
    },
    "expiring": {
        "fr": "{purse} : {n} jusqu'au", "en": "{purse}: {n} until", "de": "{purse}: {n} bis",
        "es": "{purse}: {n} hasta el", "it": "{purse}: {n} fino al", "nl": "{purse}: {n} tot en met",
        "pt": "{purse}: {n} até",
    },
    "valid_until": {
        "fr": "Valable jusqu'au", "en": "Valid until", "de": "Gültig bis", "es": "Válido hasta", "it": "Valido fino al",
        "nl": "Geldig tot en met", "pt": "Válido até",
    },
    "voucher_code": {
        "fr": "Code du bon", "en": "Voucher code", "de": "Gutscheincode", "es": "Código del vale",
        "it": "Codice del buono", "nl": "Code van de bon", "pt": "Código do vale",
    },
    "gives": {
        "fr": "Ce que vous recevez", "en": "What you get", "de": "Was Sie bekommen", "es": "Lo que recibe",
        "it": "Cosa riceve", "nl": "Wat u krijgt", "pt": "O que recebe",
    },
    "message": {
        "fr": "Message", "en": "Message", "de": "Nachricht", "es": "Mensaje", "it": "Messaggio", "nl": "Bericht",
        "pt": "Mensagem",
    },
    "issuer": {
        "fr": "Proposée par", "en": "Issued by", "de": "Herausgeber", "es": "Emitida por", "it": "Emessa da",
        "nl": "Uitgegeven door", "pt": "Emitido por",
    },
    "phone": {
        "fr": "Téléphone", "en": "Phone", "de": "Telefon", "es": "Teléfono", "it": "Telefono", "nl": "Telefoon",
        "pt": "Telefone",
    },
    "email": {
        "fr": "E-mail", "en": "E-mail", "de": "E-Mail", "es": "Correo electrónico", "it": "E-mail", "nl": "E-mail",
        "pt": "E-mail",
    },
    "url": {
        "fr": "Site", "en": "Website", "de": "Website", "es": "Sitio web", "it": "Sito", "nl": "Website", "pt": "Site",
    },
    "address": {
        "fr": "Adresse", "en": "Address", "de": "Adresse", "es": "Dirección", "it": "Indirizzo", "nl": "Adres",
        "pt": "Morada",
    },
    "state": {
        "fr": "Carte", "en": "Card", "de": "Karte", "es": "Tarjeta", "it": "Carta", "nl": "Kaart", "pt": "Cartão",
    },
    "blocked": {
        "fr": "Bloquée", "en": "Blocked", "de": "Gesperrt", "es": "Bloqueada", "it": "Bloccata", "nl": "Geblokkeerd",
        "pt": "Bloqueado",
    },
    "replaced": {
        "fr": "Remplacée", "en": "Replaced", "de": "Ersetzt", "es": "Reemplazada", "it": "Sostituita",
        "nl": "Vervangen", "pt": "Substituído",
    },
    "voucher_state": {
        "fr": "Bon", "en": "Voucher", "de": "Gutschein", "es": "Vale", "it": "Buono", "nl": "Bon", "pt": "Vale",
    },
    "used": {
        "fr": "Utilisé", "en": "Used", "de": "Eingelöst", "es": "Usado", "it": "Usato", "nl": "Gebruikt", "pt": "Usado",
    },
    "expired": {
        "fr": "Expiré", "en": "Expired", "de": "Abgelaufen", "es": "Caducado", "it": "Scaduto", "nl": "Verlopen",
        "pt": "Expirado",
    },
    "void": {
        "fr": "Annulé", "en": "Withdrawn", "de": "Ungültig", "es": "Anulado", "it": "Annullato", "nl": "Ingetrokken",
        "pt": "Anulado",
    },
    "balance_changed": {
        "fr": "{purse} : vous en êtes à %@", "en": "{purse}: you now have %@", "de": "{purse}: jetzt %@",
        "es": "{purse}: ahora %@", "it": "{purse}: ora %@", "nl": "{purse}: nu %@", "pt": "{purse}: agora %@",
    },
    "tier_changed": {
        "fr": "Nouveau statut : %@", "en": "New status: %@", "de": "Neuer Status: %@", "es": "Nuevo nivel: %@",
        "it": "Nuovo livello: %@", "nl": "Nieuwe status: %@", "pt": "Novo nível: %@",
    },
    "vouchers_changed": {
        "fr": "Vos bons : %@", "en": "Your vouchers: %@", "de": "Ihre Gutscheine: %@", "es": "Sus vales: %@",
        "it": "I suoi buoni: %@", "nl": "Uw tegoedbonnen: %@", "pt": "Os seus vales: %@",
    },
    "state_changed": {
        "fr": "Votre carte : %@", "en": "Your card: %@", "de": "Ihre Karte: %@", "es": "Su tarjeta: %@",
        "it": "La sua carta: %@", "nl": "Uw kaart: %@", "pt": "O seu cartão: %@",
    },
}  # fmt: skip
"""What stands on passes, by language; programmes' other languages get English."""

LANGUAGES: Final = frozenset(PHRASES["card"])
TWIN: Final = "\u2060"
"""Tells two texts apart that look the same: a word joiner, which has no width and no ink (Unicode 23.2)."""


def phrase(key: str, locale: str) -> str:
    """Return a phrase in the language of `locale` (`fr`, `fr-CA`), in English where it has none."""
    found = PHRASES[key]
    return found.get(language(locale), found[_OTHERWISE])


def language(locale: str) -> str:
    """Return the language of a tag: `pt` of `pt-BR`."""
    return locale.partition("-")[0].lower()


def among(texts: Mapping[str, Any], locale: str) -> Any | None:
    """Return what `texts` has for a tag: its own, or the language's in whatever region; None where it has neither."""
    if locale in texts:
        return texts[locale]
    spoken = language(locale)
    return next((text for tag, text in texts.items() if language(tag) == spoken), None)


class Words:
    """Says texts in one language and collects what they are in the others."""

    def __init__(self, locale: str, locales: Sequence[str]) -> None:
        self.locale = locale
        self._others = [tag for tag in locales if tag != locale]
        self._strings: dict[str, dict[str, str]] = {tag: {} for tag in self._others}
        self._same: set[str] = set()

    @property
    def strings(self) -> dict[str, dict[str, str]]:
        """What was said, by language and by the text itself; without the languages in which everything is the same."""
        return {tag: words for tag, words in self._strings.items() if words}

    def say(self, in_language: Callable[[str], str]) -> str:
        """Return a text, given how to say it for each tag.

        Wallets look translations up by the text. One that stands for something else already, which other languages
        say otherwise, is told apart by a `TWIN` at its end, which nobody sees.
        """
        own, others = in_language(self.locale), {tag: in_language(tag) for tag in self._others}
        while self._stands_for_another(own, others):
            own += TWIN
        for tag, text in others.items():
            self._strings[tag][own] = text
        return own

    def same(self, text: str) -> str:
        """Return a name or a number, which is the same in all languages, and no other text's translation."""
        while any(words.get(text, text) != text for words in self._strings.values()):
            text += TWIN
        self._same.add(text)
        return text

    def _stands_for_another(self, own: str, others: Mapping[str, str]) -> bool:
        if own in self._same and any(text != own for text in others.values()):
            return True
        return any(self._strings[tag].get(own, text) != text for tag, text in others.items())

    def phrase(self, key: str, **values: Callable[[str], str]) -> str:
        """Return a phrase of ours; each value is said for each tag as well."""
        return self.say(lambda tag: phrase(key, tag).format(**{name: of(tag) for name, of in values.items()}))

    def given(self, default: str, texts: Mapping[str, Any] | None) -> str:
        """Return somebody's own text, with `texts` by language, `default` where they lack one."""
        return self.say(lambda tag: str(found) if (found := among(texts or {}, tag)) is not None else default)
