"""Pushes to Wallet: one connection for all, beside a connection for each as other servers of passes open it.

    python benchmarks/apns.py [--quick] [--rounds 3]

Every contestant proves itself to the same stand-in of APNs, over TLS and HTTP/2, by the same certificate; the stand-in
runs in a process of its own, written in Python with checks that the real one makes, so that rates are lower bounds.
Rounds are interleaved and medians compared. The last line of the output is one JSON object.
"""

import argparse
import multiprocessing
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import httpx
from kit import machine, report

from app import ids
from wallet.platforms.apple.authority import Authority
from wallet.platforms.apple.push import LIMITS, ApnsClient, CertificateLogin
from wallet.stand_in.apns import ApnsStandIn
from wire.transport import TransportLimits

TOPIC = "pass.example.benchmark"
HEADERS = {"apns-topic": TOPIC, "apns-push-type": "background", "apns-priority": "5"}
ONE_STREAM = TransportLimits(streams=1, connections=1, messages_per_minute=None)
Send = Callable[[list[str]], None]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the pushes")
    given = parser.parse_args()
    machine.pin()
    report.say(machine.describe())
    scale = 10 if given.quick else 1
    with tempfile.TemporaryDirectory(prefix="assidu-apns-") as home, playing(Path(home)) as (url, login):
        ca_file = Path(home) / "apns" / "ca.pem"
        many = ApnsClient(login, TOPIC, url=url, ca_file=ca_file, limits=LIMITS)
        single = ApnsClient(login, TOPIC, url=url, ca_file=ca_file, limits=ONE_STREAM)
        turns: list[tuple[str, Send, int]] = [
            ("ours, many streams", all_sent(many), 5000 // scale),
            ("ours, one stream", all_sent(single), 1000 // scale),
            ("httpx, one connection", on_one_connection(url, ca_file, login, Path(home)), 500 // scale),
            ("httpx, one for each push", on_one_each(url, ca_file, login, Path(home)), 200 // scale),
        ]
        rates: dict[str, list[float]] = {name: [] for name, _, _ in turns}
        for _ in range(given.rounds):
            for name, send, count in turns:
                tokens = [ids.secret_bytes(32).hex() for _ in range(count)]
                began = perf_counter()
                send(tokens)
                rates[name].append(count / (perf_counter() - began))
        many.close()
        single.close()
    found = {name: report.middle(each) for name, each in rates.items()}
    report.table(["", "pushes/s"], [[name, rate] for name, rate in found.items()])
    best, each = found["ours, many streams"], found["httpx, one for each push"]
    report.finish({"ratio_connection_each": best / each, "pushes_per_s": best, "connection_each_per_s": each})


@contextmanager
def playing(home: Path) -> Iterator[tuple[str, CertificateLogin]]:
    """Run the stand-in in a process of its own; yield its address and a login that it takes."""
    authority = Authority.make()
    identity = authority.issue(TOPIC)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=play, args=(home / "apns", authority.root_pem.decode(), there))
    process.start()
    try:
        yield (
            str(here.recv()),
            CertificateLogin(
                certificate_pem=identity.certificate_pem, key_pem=identity.key_pem, chain_pem=authority.intermediate_pem
            ),
        )
    finally:
        here.send("stop")
        process.join(10)


def play(home: Path, trusted_pem: str, orders: Connection) -> None:
    """Be the stand-in until told to stop."""
    with ApnsStandIn(home, trusted_pem) as apns:
        orders.send(apns.url)
        orders.recv()


def all_sent(client: ApnsClient) -> Send:
    """Return what sends by our client."""

    def send(tokens: list[str]) -> None:
        outcomes = {result.outcome for result in client.push_many(tokens)}
        if outcomes != {"sent"}:
            raise RuntimeError(f"not all were taken: {outcomes}")

    return send


def on_one_connection(url: str, ca_file: Path, login: CertificateLogin, home: Path) -> Send:
    """Return what sends one push after the other by httpx."""
    client = httpx.Client(http2=True, base_url=url, verify=_tls(ca_file, login, home))
    return lambda tokens: [_post(client, token) for token in tokens].clear()


def on_one_each(url: str, ca_file: Path, login: CertificateLogin, home: Path) -> Send:
    """Return what opens a connection for each push, by httpx."""
    tls = _tls(ca_file, login, home)

    def send(tokens: list[str]) -> None:
        for token in tokens:
            with httpx.Client(http2=True, base_url=url, verify=tls) as client:
                _post(client, token)

    return send


def _post(client: httpx.Client, token: str) -> None:
    client.post(f"/3/device/{token}", headers=HEADERS, content=b"{}").raise_for_status()


def _tls(ca_file: Path, login: CertificateLogin, home: Path) -> ssl.SSLContext:
    path = home / "identity.pem"
    path.touch(mode=0o600)
    path.write_bytes(b"\n".join((login.certificate_pem, login.chain_pem, login.key_pem)))
    tls = ssl.create_default_context(cafile=str(ca_file))
    tls.load_cert_chain(path)
    return tls


if __name__ == "__main__":
    main()
