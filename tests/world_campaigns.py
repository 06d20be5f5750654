"""Builders of campaigns over HTTP, and of members whom they reach."""

from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.models import Campaign, CampaignRun, Member, Program
from tests.world import World
from tests.world_setup import made

WORDS = {"title": "Un café offert", "body": 'Bonjour {{ first_name | "l\'ami" }} !'}
VARIANTS = [{"name": "A", "content": {"fr": WORDS, "en": {"title": "Free coffee", "body": "Hi {{ first_name }}"}}}]


def make_members(world: World, count: int, **fields: Any) -> list[UUID]:
    """Enrol members by their rows."""
    with world.database.transaction(world.program_id) as session:
        rows = [Member(joined_at=clock.now(), **fields) for _ in range(count)]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def make_segment(client: FlaskClient, world: World, tag: str = "regular") -> str:
    """Save the segment of members with a tag."""
    body = {"name": tag, "where": {"kind": "tag", "tags": [tag]}}
    return str(made(client, world, "segments", body)["id"])


def make_campaign(client: FlaskClient, world: World, *, who: str = "marketer", **fields: Any) -> dict[str, Any]:
    """Write a campaign that could be scheduled, for everybody by the console."""
    body = {"name": "Avent", "channels": ["console"], "variants": VARIANTS} | fields
    return made(client, world, "campaigns", body, who=who)


def act(
    client: FlaskClient, world: World, campaign: dict[str, Any], action: str, *, who: str = "marketer", **body: Any
) -> Any:
    """POST an action on a campaign and return the answer."""
    headers = world.as_(who)
    if action == "schedule":
        headers = headers | {"Idempotency-Key": ids.new_id().hex}
    bodiless = action in {"pause", "resume", "cancel"}
    return client.post(f"/v1/campaigns/{campaign['id']}/{action}", json=None if bodiless else body, headers=headers)


def set_threshold(world: World, above: int | None) -> None:
    """Have campaigns to more members than that approved by a second person; None for never."""
    with world.database.transaction(world.program_id) as session:
        session.get_one(Program, world.program_id).campaign_settings = {"approval_above": above}


def make_run(world: World, campaign: dict[str, Any], **fields: Any) -> None:
    """Begin a campaign as the engine does."""
    with world.database.transaction(world.program_id) as session:
        row = session.get_one(Campaign, ids.parse("campaign", campaign["id"]))
        session.add(CampaignRun(campaign_id=row.id, starts_at=clock.now(), definition=row.definition, **fields))
        row.status, row.next_run_at = "running", None


def run_states(world: World) -> list[str]:
    """Return the states of all runs, the oldest first."""
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(CampaignRun.state).order_by(CampaignRun.id)))


def refusal(answer: Any) -> tuple[int, str]:
    """Return an answer's status and the code of its problem document."""
    return answer.status_code, answer.json["code"]
