"""What can go wrong, as the domain says it.

    AssiduError
    ├── NotFoundError     it is not there, or not yours to see
    ├── ForbiddenError    you may not, whatever the state
    ├── ConflictError     not in this state, or somebody was faster
    └── InvalidError      the input itself is wrong; `errors` points at the fields

The domain knows no status code: `api.problems` maps families to statuses. Each concrete error has a `slug`, which is
the last part of its problem type and the name of its page in `docs/problems/`, and carries its facts as keywords.
"""

from typing import Any, ClassVar


class AssiduError(Exception):
    """The root: a sentence for a person, a slug for a program, facts as data."""

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "", *, errors: list[dict[str, str]] | None = None, **data: Any) -> None:
        self.detail = detail or self.title
        self.errors = errors or []
        self.data = data
        super().__init__(self.detail)


class NotFoundError(AssiduError):
    """It is not there, or it belongs to somebody else: the two are told apart by nobody."""

    slug = "not-found"
    title = "Not found"


class ForbiddenError(AssiduError):
    """The caller may not do this."""

    slug = "forbidden"
    title = "Not allowed"


class ConflictError(AssiduError):
    """The state does not allow it now."""

    slug = "conflict"
    title = "Not possible in this state"


class InvalidError(AssiduError):
    """The input is wrong; `errors` holds `{"pointer": "#/amount", "detail": "…"}` for each field."""

    slug = "invalid"
    title = "The request is not valid"


def invalid_field(pointer: str, detail: str) -> InvalidError:
    """Return an InvalidError about one field, `pointer` being a JSON pointer such as `#/activity/amount`."""
    return InvalidError(detail, errors=[{"pointer": pointer, "detail": detail}])
