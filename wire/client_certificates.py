"""TLS as a client that shows a certificate of its own."""

import os
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from app import ids


def client_tls(
    *, certificate_pem: bytes, key_pem: bytes, chain_pem: bytes = b"", ca_file: Path | None = None
) -> ssl.SSLContext:
    """Return the TLS settings of a client that proves itself with a certificate, over HTTP/2.

    `chain_pem` are the authorities between the certificate and what the server trusts. `ca_file` holds the authorities
    that we trust instead of the system's. Raises ValueError when the key cannot be read, or is not the certificate's.

    OpenSSL takes keys from files only. What is written for the moment of reading is encrypted with a password that is
    nowhere else, in a file that nobody else may read.
    """
    tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    tls.set_alpn_protocols(["h2"])
    key = load_pem_private_key(key_pem, password=None)
    password = ids.secret_text()
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    # Made with mode 0600.
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b"\n".join((certificate_pem.strip(), chain_pem.strip(), sealed)))
        tls.load_cert_chain(name, password=password)
    except ssl.SSLError as error:
        raise ValueError("the key is not the certificate's") from error
    finally:
        Path(name).unlink()
    return tls
