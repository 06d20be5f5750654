"""What is wrong with a pass or a credential, as sentences for the person who can mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

About = Literal["certificate", "key", "intermediate", "package", "pass", "signature", "pictures", "languages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found: `code` for programs, `says` for people.

    `stops` is True where no phone opens the pass; the rest opens and disappoints, or soon stops to open.
    """

    code: str
    about: About
    says: str
    stops: bool = True


def stopping(findings: Iterable[Finding]) -> list[Finding]:
    """Return what keeps a pass from opening."""
    return [finding for finding in findings if finding.stops]
