"""The preview of a face as a page: its front drawn, its back as text, all in one document that loads nothing."""

import base64
from collections.abc import Iterator, Mapping
from html import escape
from string import Template
from typing import Final

from wallet import preview
from wallet.card_face import CardFace
from wallet.shown import shown

STYLE: Final = """
body{margin:0;font:16px/1.45 system-ui,sans-serif;background:#f3f2f0;color:#1c1c1e}
main{display:flex;flex-wrap:wrap;gap:24px;justify-content:center;align-items:flex-start;padding:24px 16px}
figure{margin:0}
figure img{display:block;width:431px;max-width:100%;height:auto}
section{width:375px;max-width:100%;margin-top:28px;background:#fff;border-radius:13px;overflow:hidden;
box-shadow:0 6px 18px rgb(26 23 20/.16)}
h1{margin:0;padding:16px;font-size:17px;font-weight:600}
dl,ul{margin:0;padding:0 16px 8px}
dl div,li{padding:10px 0;border-top:1px solid #e4e2de}
dt{font-size:13px;color:#6b6762}
dd{margin:2px 0 0;overflow-wrap:anywhere;white-space:pre-line}
ul{list-style:none}
.says{display:block;margin-top:4px;font-size:13px;color:#6b6762}
a{color:inherit}
"""
"""Of the page; whoever serves it allows it by its hash."""

_PAGE: Final = Template("""<!doctype html>
<html lang="$locale">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>$description</title>
<style>$style</style>
</head>
<body>
<main>
<figure><img src="data:image/png;base64,$front" width="$width" height="$height" alt="$alt"></figure>
<section>
<h1 dir="auto">$title</h1>
<dl>
$back
</dl>
$links
</section>
</main>
</body>
</html>
""")


def html(face: CardFace, images: Mapping[str, bytes]) -> str:
    """Return the page of a face; `images` are those of its package."""
    front = preview.png(face, images, scale=2)
    width, height = preview.size_of(front)
    links = "".join(f'<li dir="auto"><a href="{escape(one.url)}">{escape(one.label)}</a></li>' for one in face.links)
    return _PAGE.substitute(
        locale=escape(face.locale),
        description=escape(face.description),
        style=STYLE,
        front=base64.b64encode(front).decode(),
        width=width // 2,
        height=height // 2,
        alt=escape(spoken(face)),
        title=escape(face.program_name),
        back="\n".join(_rows(face)),
        links=f"<ul>{links}</ul>" if links else "",
    )


def spoken(face: CardFace) -> str:
    """Return the front in words, for those who hear it."""
    front = [one for one in face.fields if one.area != "back"]
    return ". ".join([face.description, *(f"{one.label}: {shown(one, face.locale)}" for one in front)])


def _rows(face: CardFace) -> Iterator[str]:
    """Yield what the phone speaks of on the front and all of the back, and below each what it says when it changes."""
    speaking = [one for one in face.fields if one.area != "back" and one.change_message]
    for one in (*speaking, *face.in_area("back")):
        value = shown(one, face.locale)
        said = one.change_message
        says = f'<span class="says">“{escape(said.replace("%@", value))}”</span>' if said and said != "%@" else ""
        yield f'<div><dt dir="auto">{escape(one.label)}</dt><dd dir="auto">{escape(value)}{says}</dd></div>'
