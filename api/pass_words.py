"""What the page of a pass's link says, in French and English. `{program}` is filled in.

The names of the wallets are their companies' own, and the button's words those of their guidelines for whoever speaks
of them: "Add to Apple Wallet" (developer.apple.com/wallet/add-to-apple-wallet-guidelines) and "Add to Google Wallet"
(developers.google.com/wallet/retail/loyalty-cards/resources/brand-guidelines). Their badges are not ours to draw.
"""

from collections.abc import Mapping
from typing import Final

WALLET_BUTTONS: Final[Mapping[str, Mapping[str, str]]] = {
    "fr": {"apple": "Ajouter à Apple Wallet", "google": "Ajouter à Google Wallet"},
    "en": {"apple": "Add to Apple Wallet", "google": "Add to Google Wallet"},
}
PASS_TEXTS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "fr": {
        "open": ("Votre carte {program}", "Un geste, et elle est dans votre téléphone. Elle s'y tient à jour seule."),
        "apple": ("", "À ouvrir sur un iPhone. Ce lien sert une fois, pendant dix minutes."),
        "google": ("", "À ouvrir sur un téléphone Android. Ce lien sert une fois, pendant dix minutes."),
        "gone": ("Ce lien a déjà servi", "Il sert une fois, pendant dix minutes. Demandez-en un autre à la boutique."),
        "none": ("Ce lien n'existe pas", "Vérifiez l'adresse, ou demandez un autre lien."),
        "wait": ("Votre carte arrive", "Encore un instant…"),
        "busy": ("Trop d'essais", "Attendez quelques minutes, puis ouvrez le lien à nouveau."),
        "stop": ("Cette carte ne peut pas être ajoutée", "Demandez à la boutique qui vous l'a donnée."),
    },
    "en": {
        "open": ("Your {program} card", "One tap, and it is in your phone. It keeps itself up to date there."),
        "apple": ("", "Open it on an iPhone. This link works once, for ten minutes."),
        "google": ("", "Open it on an Android phone. This link works once, for ten minutes."),
        "gone": ("This link was used already", "It works once, for ten minutes. Ask the shop for another."),
        "none": ("There is no such link", "Check the address, or ask for another link."),
        "wait": ("Your card is coming", "One moment…"),
        "busy": ("Too many tries", "Wait a few minutes, then open the link again."),
        "stop": ("This card cannot be added", "Ask the shop that gave it to you."),
    },
}  # fmt: skip
