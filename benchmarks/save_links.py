"""Links that save a card to Google Wallet, beside OpenSSL's bare RSA and PyJWT.

    python benchmarks/save_links.py [--quick] [--rounds 5]

Ours names a class and an object and signs with a loaded key; PyJWT does the same with a loaded key, and with the key as
text, as its documentation shows. Rounds are interleaved and medians compared, by the CPU seconds that each used, as
`openssl speed` does itself: others on the machine change them little. Every last link is verified. The last line of the
output is one JSON object.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from kit import machine, passes, report

from wallet.platforms.google import save_links

EMAIL = "wallet@cafe-assidu-app.iam.gserviceaccount.com"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
ISSUER = "3388000000022000000"
CLASS_ID = f"{ISSUER}.{'0' * 32}"
ORIGINS = ["https://loyalty.example"]
ISSUED_AT = 1_790_000_000


def main() -> None:
    """Run the benchmark."""
    rounds, count, seconds = _options()
    machine.pin()
    report.say(machine.describe())
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    contestants: dict[str, tuple[Callable[[int], Any], int]] = {
        "ours": (lambda number: _ours(key, number), count),
        "key.sign of cryptography": (lambda number: key.sign(number.to_bytes(32), PKCS1v15(), SHA256()), count),
        "PyJWT, key loaded": (lambda number: _pyjwt(key, number), count),
        "PyJWT, key as text": (lambda number: _pyjwt(pem, number), max(count // 100, 3)),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    bare: list[float] = []
    for place in range(rounds):
        bare.append(passes.openssl(seconds, core=core))
        for name, (make, each) in contestants.items():
            rates[name].append(_rate(make, each))
        said = ", ".join(f"{name} {made[-1]:,.0f}" for name, made in rates.items())
        report.say(f"round {place + 1}: openssl {bare[-1]:,.0f}, {said} a CPU second")
    _judge(key, _ours(key, 1), _pyjwt(key, 1))
    limit = median(bare)
    report.table(
        ["", "each CPU second", "of bare RSA"],
        [
            ["openssl speed rsa2048", limit, 1.0],
            *([name, median(made), median(made) / limit] for name, made in rates.items()),
        ],
    )
    ours = median(rates["ours"])
    report.finish({
        "ratio_openssl": ours / limit,
        "ratio_raw_sign": ours / median(rates["key.sign of cryptography"]),
        "ratio_pyjwt": ours / median(rates["PyJWT, key loaded"]),
        "ratio_pyjwt_text": ours / median(rates["PyJWT, key as text"]),
        "links_per_cpu_s": ours,
        "link_length": len(_ours(key, 1)),
    })  # fmt: skip


def _ours(key: RSAPrivateKey, number: int) -> str:
    return save_links.make(
        key, client_email=EMAIL, key_id=KEY_ID, class_id=CLASS_ID, object_ids=[f"{ISSUER}.{number:032x}"],
        origins=ORIGINS, issued_at=ISSUED_AT,
    )  # fmt: skip


def _pyjwt(key: Any, number: int) -> str:
    claims = {
        "iss": EMAIL, "aud": "google", "typ": "savetowallet", "iat": ISSUED_AT, "origins": ORIGINS,
        "payload": {"loyaltyObjects": [{"id": f"{ISSUER}.{number:032x}", "classId": CLASS_ID}]},
    }  # fmt: skip
    return f"{save_links.SAVE_URL}/{jwt.encode(claims, key, algorithm='RS256', headers={'kid': KEY_ID})}"


def _rate(make: Callable[[int], Any], count: int) -> float:
    """Return how many are made in a second of this process's CPU."""
    begun = time.process_time()
    for number in range(count):
        make(number)
    return count / (time.process_time() - begun)


def _judge(key: RSAPrivateKey, *links: str) -> None:
    """Verify links, and that all say the same."""
    said = [
        jwt.decode(link.rpartition("/")[2], key.public_key(), algorithms=["RS256"], audience="google",
                   options={"verify_iat": False})
        for link in links
    ]  # fmt: skip
    if json.dumps(said[0], sort_keys=True) != json.dumps(said[1], sort_keys=True):
        raise SystemExit("the links do not say the same")


def _options() -> tuple[int, int, int]:
    parser = argparse.ArgumentParser(prog="benchmarks/save_links.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    return (1, 300, 1) if given.quick else (given.rounds, 3000, 3)


if __name__ == "__main__":
    main()
