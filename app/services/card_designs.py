"""Use cases of a programme's card design: how its cards look in wallets, in the app and on paper."""

from collections.abc import Mapping
from typing import Any

from app.models import Program
from app.services import programs


def change(program: Program, *, values: Mapping[str, Any], whole: bool) -> dict[str, Any]:
    """Set the held programme's design: the `whole`, or its given parts, where None takes a part away."""
    program.card_design = programs.merged({} if whole else program.card_design, values)
    return program.card_design
