"""The frame of a mail: one message as plain text and as HTML, in the programme's brand, with everything escaped.

The HTML is one column of 600 px at most that fills a phone, laid out by a table since mail programs need one, styled in
place since many drop style sheets. It loads nothing but the programme's own images, and counts no openings.
"""

import re
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from notifications.channels.protocol import Letterhead, OutgoingMessage

BACKGROUND = "#1f2937"
CONTRAST_MIN = 4.5
"""Between text and what it stands on (WCAG 2.2, 1.4.3)."""

_WORDS = {
    "fr": {
        "more": "En savoir plus",
        "why": "Vous recevez ce message car vous l'avez accepté auprès de {program}.",
        "stop": "Se désabonner",
        "colon": " :",
    },
    "en": {
        "more": "Learn more",
        "why": "You get this message because you allowed it to {program}.",
        "stop": "Unsubscribe",
        "colon": ":",
    },
}
_RTL = frozenset({"ar", "fa", "he", "ur"})
_FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_LINEAR_FROM = 0.04045
_COLOUR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's words: `text` and `html` say the same."""

    subject: str
    text: str
    html: str


def render(message: OutgoingMessage, letterhead: Letterhead) -> Rendered:
    """Return a message in the frame of a letterhead.

    The body is plain text: a blank line begins a paragraph, `- ` a point of a list, `# ` a heading. Where the message
    brings its body as HTML (`html`), that is put in as it is. A link or an image that is not http(s) is left out.
    """
    words = _WORDS[_language(message.locale)]
    subject = " ".join((message.subject or message.title).split())
    return Rendered(subject, _text(message, letterhead, words), _html(message, letterhead, words, subject))


def web_url(url: str | None) -> str | None:
    """Return the URL when it is one that any mail program may open, else None."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"https", "http"} and parts.hostname else None


def colour(text: str | None) -> str | None:
    """Return a colour `#rrggbb`, or None for any other text: nothing else may stand in a style."""
    return text if text is not None and _COLOUR.fullmatch(text) else None


def readable(background: str, wanted: str | None) -> str:
    """Return the wanted colour of text when it can be read on `background`, else black or white, the better."""
    if wanted is not None and contrast(background, wanted) >= CONTRAST_MIN:
        return wanted
    return max(("#ffffff", "#000000"), key=lambda colour: contrast(background, colour))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours `#rrggbb`, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= _LINEAR_FROM else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _language(locale: str | None) -> str:
    language = (locale or "").replace("_", "-").split("-")[0].lower()
    return language if language in _WORDS else "en"


def _text(message: OutgoingMessage, letterhead: Letterhead, words: dict[str, str]) -> str:
    parts = [message.title, message.body.strip()]
    link = web_url(message.link)
    if link:
        parts.append(f"{words['more']}{words['colon']} {link}")
    # RFC 3676 §4.3: what stands behind a line of two dashes and a space is the signature.
    parts.append(f"-- \n{letterhead.program}")
    if message.unsubscribe_url:
        parts.append(words["why"].format(program=letterhead.program))
        parts.append(f"{words['stop']}{words['colon']} {message.unsubscribe_url}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(message: OutgoingMessage, letterhead: Letterhead, words: dict[str, str], subject: str) -> str:
    tag = (message.locale or "en").replace("_", "-")
    direction = "rtl" if tag.split("-")[0].lower() in _RTL else "ltr"
    background = colour(letterhead.background) or BACKGROUND
    foreground = readable(background, colour(letterhead.foreground))
    paint = f"background-color:{background};color:{foreground}"
    rows = [
        _row(f"padding:20px 24px;{paint};border-radius:12px 12px 0 0", _head(letterhead, foreground)),
        _image(message),
        _row("padding:24px 24px 8px", _title(message.title) + (message.html or body_html(message.body))),
        _button(message.link, words["more"], paint, foreground),
        _row("padding:16px 24px 24px;font-size:14px;line-height:20px;color:#52525b", _foot(message, letterhead, words)),
    ]
    return (
        f'<!doctype html>\n<html lang="{escape(tag)}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light">\n'
        f"<title>{escape(subject)}</title>\n</head>\n"
        f'<body style="margin:0;padding:0;background-color:#f4f4f5;font-family:{_FONT};color:#18181b">\n'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0" border="0"><tr>'
        '<td align="center" style="padding:16px 12px">\n'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0" border="0" '
        'style="max-width:600px;background-color:#ffffff;border-radius:12px;border-collapse:separate">\n'
        + "\n".join(row for row in rows if row)
        + "\n</table>\n</td></tr></table>\n</body>\n</html>\n"
    )


def body_html(body: str) -> str:
    """Return a plain body as HTML: headings, lists and paragraphs, everything escaped."""
    blocks = [block.strip("\n") for block in body.replace("\r\n", "\n").split("\n\n")]
    return "".join(_block([line.rstrip() for line in block.split("\n")]) for block in blocks if block.strip())


def _block(lines: list[str]) -> str:
    if len(lines) == 1 and lines[0].startswith("# "):
        return f'<h2 style="margin:16px 0 8px;font-size:18px;line-height:24px">{escape(lines[0][2:])}</h2>'
    if all(line.startswith("- ") for line in lines):
        points = "".join(f'<li style="margin:0 0 8px">{escape(line[2:])}</li>' for line in lines)
        return f'<ul style="margin:0 0 16px;padding-inline-start:24px;font-size:16px;line-height:24px">{points}</ul>'
    return f'<p style="margin:0 0 16px;font-size:16px;line-height:24px">{"<br>".join(map(escape, lines))}</p>'


def _row(style: str, content: str) -> str:
    return f'<tr><td style="{style}">{content}</td></tr>'


def _title(title: str) -> str:
    return f'<h1 style="margin:0 0 16px;font-size:24px;line-height:32px">{escape(title)}</h1>'


def _head(letterhead: Letterhead, foreground: str) -> str:
    name = escape(letterhead.program)
    logo = web_url(letterhead.logo_url)
    if logo is None:
        return f'<strong style="font-size:18px;line-height:24px;color:{foreground}">{name}</strong>'
    return (
        f'<img src="{escape(logo)}" alt="{name}" height="40" '
        f'style="display:block;height:40px;border:0;font-size:18px;font-weight:bold;color:{foreground}">'
    )


def _image(message: OutgoingMessage) -> str:
    url = web_url(message.image_url)
    if url is None:
        return ""
    style = "display:block;width:100%;max-width:600px;height:auto;border:0"
    return _row("padding:0", f'<img src="{escape(url)}" alt="" width="600" style="{style}">')


def _button(link: str | None, label: str, paint: str, foreground: str) -> str:
    url = web_url(link)
    if url is None:
        return ""
    # 48 px high: a finger's target (WCAG 2.2, 2.5.8 asks for 24).
    button = (
        f'<a href="{escape(url)}" style="display:inline-block;padding:12px 24px;{paint};border-radius:8px;'
        f'font-size:16px;line-height:24px;font-weight:bold;text-decoration:none">'
        f'<span style="color:{foreground}">{escape(label)}</span></a>'
    )
    return _row("padding:0 24px 24px", button)


def _foot(message: OutgoingMessage, letterhead: Letterhead, words: dict[str, str]) -> str:
    if not message.unsubscribe_url:
        return escape(letterhead.program)
    why = escape(words["why"].format(program=letterhead.program))
    link = f'<a href="{escape(message.unsubscribe_url)}" style="color:#52525b">{escape(words["stop"])}</a>'
    return f"{why}<br>{link}"
