"""What the contestants of the pass benchmark make passes of (a face, pictures, a credential), and who they are."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from kit.stack import BENCHMARKS, ROOT
from wallet.card_face import CardFace, Colours, FaceField, Link, Stamps
from wallet.platforms.apple import diagnosis, pass_json
from wallet.platforms.apple.authority import Authority
from wallet.platforms.apple.pass_json import Particulars

CREDENTIAL = ("certificate.pem", "key.pem", "intermediate.pem")
PICTURES = ("icon.png", "icon@2x.png", "logo.png", "logo@2x.png", "strip.png", "strip@2x.png")
PASS_TYPE_ID = "pass.example.cafe"  # noqa: S105 - a name
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - nobody's
SERVICE = "https://loyalty.example/passkit"
WARM_UP = 30


@dataclass(kw_only=True)
class Contestant:
    """One who makes passes, and the rounds: passes a second by the clock, and by each second of its own CPU."""

    name: str
    count: int
    rates: list[float] = field(default_factory=list)
    by_cpu: list[float] = field(default_factory=list)

    def note(self, seen: Mapping[str, float]) -> None:
        """Keep a round."""
        self.rates.append(seen["made"] / seen["elapsed"])
        self.by_cpu.append(seen["made"] / seen["cpu"])

    @property
    def each_cpu_second(self) -> float | None:
        """Passes for each second of CPU, in the middle round; None where it was not there."""
        return median(self.by_cpu) if self.by_cpu else None


def serial(number: int) -> str:
    """Return the serial number of a pass."""
    return f"{number:032x}"


def face(number: int) -> CardFace:
    """Return the face of one card: a stamp card with points, as programmes have it."""
    return CardFace(
        program_name="Café Lumière",
        description="Loyalty card of Café Lumière",
        title="Café Lumière",
        locale="en",
        locales=("en",),
        member_name="Marie Dupont",
        barcode_text="A1ABCDEFGHJKMNPQRS1",
        colours=Colours(background="#0f5a3c", foreground="#ffffff", label="#c8e6d7"),
        stamps=Stamps(count=number % 10, goal=10, name="Coffees"),
        fields=(
            FaceField(
                key="points", label="Points", value=number, kind="number", area="header", change_message="%@ points"
            ),
            FaceField(key="stamps", label="Coffees", value=number % 10, kind="number", area="secondary"),
            FaceField(key="next_reward", label="Next reward", value="A free coffee", area="secondary"),
            FaceField(key="member", label="Member", value="Marie Dupont", area="auxiliary"),
            FaceField(key="contact_mail", label="Write to us", value="hello@lumiere.example", area="back"),
        ),
        links=(Link(label="Terms", url="https://lumiere.example/terms"),),
    )  # fmt: skip


def lay_out(folder: Path, authority: Authority, picture_bytes: int) -> None:
    """Write the material of a run: pictures of so many bytes together, a credential, and `pass.json` for others."""
    folder.mkdir()
    each = picture_bytes // len(PICTURES)
    for place, name in enumerate(PICTURES):
        noise = b"".join(hashlib.sha256(f"{place} {part}".encode()).digest() for part in range(each // 32 + 1))
        (folder / name).write_bytes(noise[:each])
    identity = authority.issue(PASS_TYPE_ID)
    contents = (identity.certificate_pem, identity.key_pem, authority.intermediate_pem)
    for name, content in zip(CREDENTIAL, contents, strict=True):
        (folder / name).write_bytes(content)
    (folder / "root.pem").write_bytes(authority.root_pem)
    particulars = Particulars(
        pass_type_id=PASS_TYPE_ID, team_id="ASSIDU0001", organization="Café Lumière", serial=serial(0), token=TOKEN,
        service_url=SERVICE,
    )  # fmt: skip
    (folder / "pass.json").write_text(json.dumps(pass_json.document(face(0), particulars)), "utf-8")


def pictures(folder: Path) -> dict[str, bytes]:
    """Return the pictures of a run."""
    return {name: (folder / name).read_bytes() for name in PICTURES}


def run(folder: Path, script: str, count: int, *, core: int, node_modules: Path | None = None) -> dict[str, float]:
    """Run a contestant to its end on one core; return what it says."""
    return ended(start(folder, script, count, core=core, node_modules=node_modules))


def start(
    folder: Path, script: str, count: int, *, core: int, node_modules: Path | None = None
) -> "subprocess.Popen[str]":
    """Start a contestant on one core."""
    runner = "node" if script.endswith(".js") else sys.executable
    environment = {
        **os.environ,  # noqa: TID251 - for a process that is no part of the product
        "PYTHONPATH": f"{ROOT}:{BENCHMARKS}",
        "NODE_PATH": str(node_modules or ""),
    }
    return subprocess.Popen(
        [runner, str(BENCHMARKS / "peers" / script), str(folder), str(count)], stdout=subprocess.PIPE, text=True,
        env=environment, preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - one thread here
    )  # fmt: skip


def ended(process: "subprocess.Popen[str]") -> dict[str, float]:
    """Wait for a contestant; return what it says."""
    text, _ = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    seen: dict[str, float] = json.loads(text.splitlines()[-1])
    return seen


def openssl(seconds: int, *, core: int) -> float:
    """Return how often OpenSSL's own speed test signs with RSA-2048, for each second of its CPU."""
    command = ["openssl", "speed", "-mr", "-seconds", str(seconds), "rsa2048"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    found = re.search(r"^\+F2:\d+:2048:([0-9.]+):", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"openssl said: {done.stdout}")
    return float(found[1])


def has_node(node_modules: Path | None) -> bool:
    """Say whether node and passkit-generator are here."""
    return bool(shutil.which("node")) and node_modules is not None and (node_modules / "passkit-generator").is_dir()


def judge(folder: Path, name: str, authority: Authority) -> None:
    """Raise RuntimeError unless a contestant's last pass is one that OpenSSL verifies, and ours has no fault at all."""
    path = folder / f"{name}.pkpass"
    with zipfile.ZipFile(path) as opened:
        for part in ("manifest.json", "signature"):
            (folder / part).write_bytes(opened.read(part))
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "signature", "-content", "manifest.json",
         "-CAfile", "root.pem", "-purpose", "any", "-out", os.devnull],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found: list[Any] = diagnosis.stopping(diagnosis.of_package(path.read_bytes(), authorities=[authority.intermediate]))
    # The pictures are noise, for nobody's eyes.
    found = [one.code for one in found if one.code != "not-a-png"]
    if done.returncode or (found and name == "ours"):
        raise RuntimeError(f"{name} made a pass that does not open: {done.stderr} {found}")
