"""A contestant: what Python programs do at best, `zipfile` and cryptography's PKCS7SignatureBuilder on a loaded key.

Arguments: folder of the material, how many. `pass.json` is made before: only its serial number is changed.
"""

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path
from time import perf_counter, process_time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from kit import passes


def main() -> None:
    """Make passes, keep the last, and print one line of JSON."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    certificate, key_pem, intermediate = (folder.joinpath(name).read_bytes() for name in passes.CREDENTIAL)
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, RSAPrivateKey)
    signer, issuer = (x509.load_pem_x509_certificate(pem) for pem in (certificate, intermediate))
    document = json.loads((folder / "pass.json").read_text("utf-8"))
    still = passes.pictures(folder)
    options = [PKCS7Options.DetachedSignature, PKCS7Options.Binary, PKCS7Options.NoCapabilities]

    def make(number: int) -> bytes:
        files = {"pass.json": json.dumps({**document, "serialNumber": passes.serial(number)}).encode(), **still}
        hashed = {name: hashlib.sha1(content, usedforsecurity=False).hexdigest() for name, content in files.items()}
        manifest = json.dumps(hashed).encode()
        builder = PKCS7SignatureBuilder().set_data(manifest).add_signer(signer, key, hashes.SHA256())
        signature = builder.add_certificate(issuer).sign(Encoding.DER, options)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as opened:
            for name, content in {**files, "manifest.json": manifest, "signature": signature}.items():
                opened.writestr(name, content)
        return buffer.getvalue()

    for number in range(passes.WARM_UP):
        make(number)
    began, used = perf_counter(), process_time()
    for number in range(count):
        # Let go of at once, as a server does that has sent it.
        make(number)
    seen = {"elapsed": perf_counter() - began, "cpu": process_time() - used}
    (folder / "builder.pkpass").write_bytes(make(count))
    print(json.dumps({**seen, "made": count}))


main()
