"""What is unreadable in an upload is told of every field at once."""

import pytest

from app.errors import InvalidError
from tests.wallet.platforms.apple.samples import NOON
from wallet.platforms.apple import uploads
from wallet.platforms.apple.authority import Authority, Identity


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"certificate", "private_key"}, {"#/certificate", "#/private_key"}),
        ({"certificate", "intermediate"}, {"#/certificate", "#/intermediate"}),
        ({"private_key", "intermediate", "apns_key"}, {"#/private_key", "#/intermediate", "#/apns_key_id"}),
        ({"intermediate"}, {"#/intermediate"}),
    ],
)
def test_every_file_that_cannot_be_read_is_named(
    broken: set[str], told: set[str], identity: Identity, authority: Authority
) -> None:
    good = {"certificate": identity.certificate_pem.decode(), "private_key": identity.key_pem.decode()}
    with pytest.raises(InvalidError) as caught:
        uploads.check(good | dict.fromkeys(broken, "!"), now=NOON, authorities=[authority.intermediate])

    assert {error["pointer"] for error in caught.value.errors} == told
