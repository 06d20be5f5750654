"""What the join page says, in French and English. `{program}`, `{name}` and `{minutes}` are filled in."""

LANGUAGES = ("fr", "en")
NAMES = {"fr": "Français", "en": "English"}

_FR = {
    "title": "Votre carte {program}",
    "heading": "Votre carte {program}",
    "lead": "Prête en dix secondes, sans rien installer.",
    "noscript": "Cette page a besoin de JavaScript. Demandez votre carte à la caisse\u202f: elle est faite en un"
    " instant.",
    "name": "Prénom",
    "contact": "E-mail ou mobile",
    "contact_hint": "Pour retrouver votre carte si vous changez de téléphone.",
    "optional": "facultatif",
    "offers_by": "Recevoir les offres de {program}\u202f?",
    "push": "Oui, par notification",
    "email": "Oui, par e-mail",
    "sms": "Oui, par SMS",
    "button": "Recevoir ma carte",
    "privacy": "Ces informations servent à tenir votre carte chez {program}. Vous pouvez demander à les voir ou à les"
    " effacer, et changer d'avis sur les offres à tout moment.",
    "hello": "Bienvenue\u202f!",
    "show": "Montrez ce code à la caisse, dès maintenant.",
    "qr_alt": "Le code QR de votre carte, à montrer à la caisse",
    "number": "Carte n°",
    "only": "Sans e-mail ni mobile, ce code est le seul moyen de retrouver votre carte\u202f: enregistrez l'image.",
    "save": "Enregistrer l'image",
    "again": "Pour la revoir, rouvrez cette page ou scannez encore l'affiche avec ce téléphone.",
    "forget": "Oublier la carte sur ce téléphone",
    "sending": "Un instant…",
    "welcome": "Bienvenue, {name}\u202f!",
    "already": "Vous avez déjà une carte chez {program}\u202f: rien n'a changé. Ouvrez-la dans l'application avec cette"
    " adresse ou ce numéro, ou dites-le à la caisse, qui la retrouvera.",
    "email_wrong": "Cette adresse semble incomplète\u202f: vérifiez-la, ou laissez le champ vide.",
    "phone_wrong": "Ce numéro semble incomplet\u202f: vérifiez-le, avec l'indicatif du pays s'il est d'ailleurs.",
    "name_wrong": "Ce prénom ne peut pas être gardé\u202f: écrivez-le plus simplement, ou laissez le champ vide.",
    "busy_title": "Beaucoup de monde à la fois",
    "busy": "Beaucoup de monde demande une carte en ce moment. Réessayez dans {minutes} min\u202f: ce que vous avez"
    " écrit reste là.",
    "gone_title": "Cette affiche ne mène plus ici",
    "gone": "Le programme a changé d'adresse. Demandez votre carte à la caisse.",
    "later_title": "Un instant, s'il vous plaît",
    "later": "Le service ne répond pas pour le moment. Réessayez dans quelques secondes\u202f: rien n'est perdu.",
    "network": "Pas de réponse\u202f: le réseau est peut-être faible ici. Réessayez, vous n'aurez qu'une seule carte.",
    "trouble": "Cela n'a pas marché, et ce n'est pas votre faute. Réessayez, ou demandez votre carte à la caisse.",
    "unit_points": "point|points",
    "unit_stamps": "tampon|tampons",
}

_EN = {
    "title": "Your {program} card",
    "heading": "Your {program} card",
    "lead": "Ready in ten seconds, with nothing to install.",
    "noscript": "This page needs JavaScript. Ask for your card at the till: it is made in a moment.",
    "name": "First name",
    "contact": "E-mail or mobile",
    "contact_hint": "To find your card again when you change phones.",
    "optional": "optional",
    "offers_by": "Hear of offers from {program}?",
    "push": "Yes, by notification",
    "email": "Yes, by e-mail",
    "sms": "Yes, by text message",
    "button": "Get my card",
    "privacy": "This is used to keep your card at {program}. You can ask to see or erase it, and change your mind about"
    " offers at any time.",
    "hello": "Welcome!",
    "show": "Show this code at the till, from now on.",
    "qr_alt": "The QR code of your card, to be shown at the till",
    "number": "Card no.",
    "only": "Without an e-mail address or a mobile number, this code is the only way back to your card: save the"
    " picture.",
    "save": "Save the picture",
    "again": "To see it again, open this page or scan the poster with this phone.",
    "forget": "Forget the card on this phone",
    "sending": "One moment…",
    "welcome": "Welcome, {name}!",
    "already": "You have a card at {program} already: nothing was changed. Open it in the app with this address or"
    " number, or tell the till, which will find it.",
    "email_wrong": "This address looks incomplete: check it, or leave it empty.",
    "phone_wrong": "This number looks incomplete: check it, with its country's prefix if it is from elsewhere.",
    "name_wrong": "This name cannot be kept: write it more simply, or leave it empty.",
    "busy_title": "Many people at once",
    "busy": "Many people are asking for a card right now. Try again in {minutes} min: what you wrote stays.",
    "gone_title": "This poster leads here no more",
    "gone": "The programme has another address now. Ask for your card at the till.",
    "later_title": "One moment, please",
    "later": "The service does not answer right now. Try again in a few seconds: nothing is lost.",
    "network": "No answer: the network may be weak here. Try again, you will get one card only.",
    "trouble": "That did not work, and it is not your fault. Try again, or ask for your card at the till.",
    "unit_points": "point|points",
    "unit_stamps": "stamp|stamps",
}

WORDS = {"fr": _FR, "en": _EN}
