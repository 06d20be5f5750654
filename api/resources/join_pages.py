"""`/j/{slug}`: the page that a poster's QR code opens: what the programme offers, and a card in ten seconds.

The page is made here, in French or English, in the programme's colours; its script joins by the public API
(`POST /v1/join/{slug}`) and draws nothing but what that answers. Nothing of the visitor is kept by opening it.
"""

from html import escape
from http import HTTPStatus
from typing import Any

import flask
import psycopg
from flask import Response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api import limits, web_files
from api.branded_pages import FOLDER, Policy, language_of, page, template
from api.join_words import WORDS
from api.operation import edge
from api.pass_words import WALLET_BUTTONS
from api.problems import TooManyRequestsError, from_database
from app.models import Purse, Reward
from app.services import joins
from app.services.joins import NoSuchProgramError, Offer
from wallet import qr

blp = flask.Blueprint("join_pages", __name__)

TEXT_VERSION = "join-2026-11"
"""What the consents of this page say, kept with each as its proof; another wording is another version."""

_POLICY = Policy(forms="'self' https:", script="/j/files/join.js")
"""Buttons send the visitor to a pass of ours, and from there to Google."""
OFFERS_SHOWN = 4
DOTS_MAX = 20

_MESSAGES = (
    "sending", "welcome", "already", "email_wrong", "phone_wrong", "name_wrong", "busy", "gone", "later", "network",
    "trouble",
)  # fmt: skip
"""What the script says, by the name it asks for."""


@blp.get("/j/<slug>")
def show_join(slug: str) -> Response:
    """Show what the programme offers, and the form; a kind page of our own when that cannot be."""
    here = edge()
    try:
        limits.meter_client(here.database, here.meters.clients)
        with here.database.transaction(joins.program_of(here.database, slug.lower())) as session:
            offer = joins.offer(session)
    except NoSuchProgramError:
        return _trouble("gone", HTTPStatus.NOT_FOUND)
    except TooManyRequestsError as error:
        return _trouble("busy", HTTPStatus.TOO_MANY_REQUESTS, error.data["retry_after"])
    except (DBAPIError, PoolTimeoutError, psycopg.Error) as error:
        return _trouble("later", HTTPStatus(from_database(error).status_code), 5)
    return _form(offer, language_of(offer.program.locale))


@blp.get("/j/<slug>/qr.svg")
def show_poster_code(slug: str) -> Response:
    """Give the QR code for a poster: the address of the programme's page, under the public address if one is set."""
    here = edge()
    joins.program_of(here.database, slug)
    base = here.database.settings.base_url or request.host_url.rstrip("/")
    return Response(qr.svg(f"{base}/j/{slug}"), mimetype="image/svg+xml")


@blp.get("/j/files/<name>")
def show_join_file(name: str) -> Response:
    """Give a file of the page."""
    return web_files.serve(FOLDER, name, web_files.CHECKED_CACHE)


def _form(offer: Offer, language: str) -> Response:
    program = offer.program
    words = {name: text.replace("{program}", program.name) for name, text in WORDS[language].items()}
    messages = "\n".join(f'<p data-word="{name}">{escape(words[name])}</p>' for name in _MESSAGES)
    body = template("form.html").substitute(
        {name: escape(text) for name, text in words.items() if name not in _MESSAGES},
        slug=escape(program.slug),
        language=language,
        text_version=f"{TEXT_VERSION}-{language}",
        offers=_offers(offer, language),
        welcome=escape(words["hello"]),
        **{f"add_{kind}": escape(text) for kind, text in WALLET_BUTTONS[language].items()},
        words=messages,
    )
    return page(language, words["title"], body, program=program, policy=_POLICY)


def _trouble(kind: str, status: HTTPStatus, retry_seconds: int | None = None) -> Response:
    language = language_of("")
    words = WORDS[language]
    text = words[kind].replace("{minutes}", str(-(-(retry_seconds or 0) // 60)))
    body = f"<main><h1>{escape(words[f'{kind}_title'])}</h1><p>{escape(text)}</p></main>"
    response = page(language, words[f"{kind}_title"], body, status=status)
    if retry_seconds is not None:
        response.headers["Retry-After"] = str(retry_seconds)
    return response


def _offers(offer: Offer, language: str) -> str:
    purses = {purse.id: purse for purse in offer.purses}
    rewards = {reward.id: reward for reward in offer.rewards}
    lines = [
        _stamp_card(purse, rewards.get(purse.reward_id) if purse.reward_id else None, language)
        for purse in offer.purses
        if purse.kind == "stamps" and purse.goal
    ]
    for reward in offer.rewards:
        purse = purses.get(reward.purse_id) if reward.purse_id else None
        if purse is not None and purse.kind in {"points", "stamps"} and reward.price:
            unit = _unit(purse.kind, reward.price, language)
            lines.append(f'<li class="price"><b>{_name(reward, language)}</b><span>{unit}</span></li>')
    return f'<ul class="offers">{"".join(lines[:OFFERS_SHOWN])}</ul>' if lines else ""


def _stamp_card(purse: Purse, reward: Reward | None, language: str) -> str:
    goal = purse.goal or 0
    dots = f'<div class="dots" aria-hidden="true">{"<i></i>" * goal}</div>' if goal <= DOTS_MAX else ""
    gives = f" = {_name(reward, language)}" if reward is not None else ""
    return f"<li><b>{_name(purse, language)}</b>{dots}{_unit('stamps', goal, language)}{gives}</li>"


def _unit(kind: str, amount: int, language: str) -> str:
    one, many = WORDS[language][f"unit_{kind}"].split("|")
    return f"{amount} {one if amount == 1 else many}"


def _name(row: Purse | Reward, language: str) -> str:
    said: dict[str, Any] = row.locales.get(language) or {}
    return escape(str(said.get("name") or row.name))
