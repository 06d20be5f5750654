"""One authority, one credential and one other for all tests of Apple's packages: keys are slow to make."""

import pytest

from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.signing import Signer

PASS_TYPE_ID = "pass.example.cafe"


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(scope="session")
def identity(authority: Authority) -> Identity:
    return authority.issue(PASS_TYPE_ID)


@pytest.fixture(scope="session")
def signer(authority: Authority, identity: Identity) -> Signer:
    return Signer(identity.certificate_pem, identity.key_pem, authority.intermediate_pem)
