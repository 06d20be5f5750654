"""Certificates and signatures made once more, with one thing wrong."""

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from wallet.platforms.apple import certificates, der
from wallet.platforms.apple.authority import Authority, Identity


def by_itself(identity: Identity) -> Identity:
    """Return the same certificate, signed by its own key."""
    subject = certificates.read_certificate(identity.certificate_pem).subject
    return _again(identity, issuer=subject, key=certificates.read_key(identity.key_pem))


def by(authority: Authority, identity: Identity, *, without: x509.ObjectIdentifier) -> Identity:
    """Return the same certificate, signed by the same authority, less one extension."""
    return _again(identity, issuer=authority.intermediate.subject, key=authority.intermediate_key, without=without)


def of_nobody(authority: Authority, identity: Identity, *, key_bits: int) -> Identity:
    """Return a certificate for passes that names no team, for a new key of so many bits."""
    model = certificates.read_certificate(identity.certificate_pem)
    subject = x509.Name([each for each in model.subject if each.oid != NameOID.ORGANIZATIONAL_UNIT_NAME])
    own = certificates.key_pem(rsa.generate_private_key(public_exponent=65537, key_size=key_bits))
    return _again(
        Identity(certificate_pem=identity.certificate_pem, key_pem=own),
        issuer=authority.intermediate.subject,
        key=authority.intermediate_key,
        subject=subject,
    )


def attributes_reversed(signature: bytes, identity: Identity) -> bytes:
    """Return the signature with its signed attributes the other way round, and signed so, as node-forge does."""
    info = cms.ContentInfo.load(signature)
    (signer_info,) = info["content"]["signer_infos"]
    encoded = [each.dump() for each in signer_info["signed_attrs"]]
    disordered = der.value(0xA0, *reversed(encoded))
    key = certificates.read_key(identity.key_pem)
    signed = key.sign(bytes((der.SET,)) + disordered[1:], padding.PKCS1v15(), hashes.SHA256())
    # Both have the length of what they replace.
    return signature.replace(signer_info["signed_attrs"].dump(), disordered).replace(
        signer_info["signature"].native, signed
    )


def _again(
    identity: Identity,
    *,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    without: x509.ObjectIdentifier | None = None,
    subject: x509.Name | None = None,
) -> Identity:
    model = certificates.read_certificate(identity.certificate_pem)
    draft = (
        x509.CertificateBuilder()
        .subject_name(subject or model.subject)
        .issuer_name(issuer)
        .public_key(certificates.read_key(identity.key_pem).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(model.not_valid_before_utc)
        .not_valid_after(model.not_valid_after_utc)
    )
    for extension in model.extensions:
        if extension.oid != without:
            draft = draft.add_extension(extension.value, critical=extension.critical)
    made = draft.sign(key, hashes.SHA256())
    return Identity(certificate_pem=made.public_bytes(serialization.Encoding.PEM), key_pem=identity.key_pem)
