"""A tree of conditions as people write it: `all`, `any` and `none` of conditions and of further trees.

Read strictly, with a pointer to every fault, and compiled to one condition on `Member`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, not_, or_

from app import ids, parameters
from app.parameters import Errors
from app.segments.kinds import CONDITIONS, Condition, Context

CONDITIONS.load("app.segments.conditions")

DEPTH_MAX = 5
CONDITIONS_MAX = 50
JOINTS = ("all", "any", "none")

Joint = Literal["all", "any", "none"]


@dataclass(frozen=True, slots=True)
class Group:
    """Some parts and what must be true of them: all hold, any holds, none holds."""

    joint: Joint
    parts: "tuple[Tree, ...]"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition, with the name of its kind and where it was written."""

    kind: str
    condition: Condition
    pointer: str


Tree = Group | Leaf


def load(raw: object, *, pointer: str = "#/where") -> Tree:
    """Return the tree that `raw` describes; raise InvalidError that points at every fault."""
    errors: Errors = []
    tree = _read(raw, pointer, errors, 1)
    if tree is not None and sum(1 for _ in leaves(tree)) > CONDITIONS_MAX:
        errors.append({"pointer": pointer, "detail": f"must not have more than {CONDITIONS_MAX} conditions"})
    parameters.refuse(errors)
    assert tree is not None
    return tree


def _read(raw: object, pointer: str, errors: Errors, depth: int) -> Tree | None:
    if not isinstance(raw, dict):
        errors.append({"pointer": pointer, "detail": "must be an object"})
        return None
    if "kind" in raw:
        kind, condition = parameters.read_kind(CONDITIONS, raw, pointer, errors)
        return Leaf(kind, condition, pointer) if kind is not None and condition is not None else None
    if len(raw) != 1 or next(iter(raw)) not in JOINTS:
        detail = "must be a condition with its `kind`, or have exactly one of `all`, `any` and `none`"
        errors.append({"pointer": pointer, "detail": detail})
        return None
    ((joint, parts),) = raw.items()
    place = f"{pointer}/{joint}"
    if depth > DEPTH_MAX:
        errors.append({"pointer": place, "detail": f"must not be nested deeper than {DEPTH_MAX} levels"})
        return None
    if not isinstance(parts, list) or not 1 <= len(parts) <= CONDITIONS_MAX:
        errors.append({"pointer": place, "detail": f"must be a list of 1 to {CONDITIONS_MAX}"})
        return None
    read = [_read(part, f"{place}/{index}", errors, depth + 1) for index, part in enumerate(parts)]
    return Group(joint, tuple(part for part in read if part is not None))


def leaves(tree: Tree) -> Iterator[Leaf]:
    """Yield every condition of a tree."""
    if isinstance(tree, Leaf):
        yield tree
        return
    for part in tree.parts:
        yield from leaves(part)


def dump(tree: Tree) -> dict[str, Any]:
    """Return the tree as JSON, as `load` takes it; what was left out stays out."""
    if isinstance(tree, Leaf):
        return {"kind": tree.kind, **parameters.dump(tree.condition)}
    return {tree.joint: [dump(part) for part in tree.parts]}


def references(tree: Tree) -> Iterator[tuple[str, str, UUID]]:
    """Yield the pointer, kind and id of everything that the tree names, for a service to look up."""
    for leaf in leaves(tree):
        for field in parameters.fields_of(type(leaf.condition)):
            ref, content = field.about.get("ref"), getattr(leaf.condition, field.attribute)
            if not ref or not content:
                continue
            place = f"{leaf.pointer}/{field.name}"
            if field.many:
                yield from ((f"{place}/{step}", ref, ids.parse(ref, text)) for step, text in enumerate(content))
            else:
                yield place, ref, ids.parse(ref, content)


def clause(tree: Tree, context: Context) -> ColumnElement[bool]:
    """Return the tree as one condition on `Member`, never NULL."""
    if isinstance(tree, Leaf):
        return tree.condition.clause(context)
    parts = [clause(part, context) for part in tree.parts]
    match tree.joint:
        case "all":
            return and_(*parts)
        case "any":
            return or_(*parts)
        case "none":
            return not_(or_(*parts))


def where_clause(where: Mapping[str, Any], *, context: Context) -> ColumnElement[bool]:
    """Return `where` as a condition on `Member`; raise InvalidError for a tree that is none."""
    return clause(load(dict(where)), context)
