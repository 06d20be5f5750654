"""Bring Google's description of the Wallet API, unmodified, from its client: `python scripts/vendor_discovery.py`.

It comes through pip's own configuration, as test data, with the client's licence and a README that names the version,
the document's revision and each file's SHA-256. To take a newer version, change it here, run this, and look at what
the tests say.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE, VERSION = "google-api-python-client", "2.202.0"
DOCUMENT = "googleapiclient/discovery_cache/documents/walletobjects.v1.json"
LICENCE = f"{PACKAGE.replace('-', '_')}-{VERSION}.dist-info/licenses/LICENSE"
FOLDER = Path(__file__).parent.parent / "tests" / "wallet" / "platforms" / "google" / "vendor"
README = """# Google's description of the Wallet API

`{name}`, revision {revision}, and `LICENSE` (Apache License 2.0), unmodified from {package} {version} on PyPI.
Test data: documents that we send are held against it. `python scripts/vendor_discovery.py` brings it.

| file | SHA-256 |
|---|---|
{rows}
"""


def main() -> None:
    """Replace what is there."""
    with tempfile.TemporaryDirectory() as work:
        wheel = ["--no-deps", "--only-binary", ":all:", "--dest", work]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", *wheel, f"{PACKAGE}=={VERSION}"], check=True
        )
        (archive,) = Path(work).glob("*.whl")
        with zipfile.ZipFile(archive) as opened:
            files = {Path(name).name: opened.read(name) for name in (DOCUMENT, LICENCE)}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    name = Path(DOCUMENT).name
    revision = json.loads(files[name])["revision"]
    rows = "\n".join(f"| `{each}` | `{hashlib.sha256(content).hexdigest()}` |" for each, content in files.items())
    readme = README.format(name=name, revision=revision, package=PACKAGE, version=VERSION, rows=rows)
    (FOLDER / "README.md").write_text(readme, "utf-8")
    print(f"{name}, revision {revision}")


if __name__ == "__main__":
    main()
