"""One authority, one credential and one other for all tests of Apple's packages: keys are slow to make."""

import pytest

from tests.wallet.platforms.apple import samples
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.signing import Signer

PASS_TYPE_ID = "pass.example.cafe"


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.make(at=samples.NOON)


@pytest.fixture(scope="session")
def identity(authority: Authority) -> Identity:
    # Good at the noon of the samples, and whenever the tests are run for eight years.
    return authority.issue(PASS_TYPE_ID, at=samples.NOON, days=3000)


@pytest.fixture(scope="session")
def signer(authority: Authority, identity: Identity) -> Signer:
    return Signer(identity.certificate_pem, identity.key_pem, authority.intermediate_pem)
