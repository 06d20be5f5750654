"""Apple's web service under phones by the thousand and under noise: what is registered, what is answered, what breaks.

    python benchmarks/faults/passkit.py [--phones 2000] [--malformed 100000] [--clients 32] [--seed 7] [--scans 20]

Real sockets, the web server as `assidu web` starts it, and the tests' phones, which speak the whole of Apple's
protocol. All phones register at one instant, two for each card; then each asks, fetches its pass, and asks again; then
a till scans while all fetch, as after a new design; then comes the noise. The last line of the output is one JSON
object; the exit status is 1 where an answer was a 5xx, where noise got a pass or a registration, or where a phone was
lost.
"""

import argparse
import http.client
import multiprocessing
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from time import perf_counter, sleep

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kit import load, report, seed, stack, till
from sqlalchemy import func, select

from app.models import Card, Pass, PassDevice, PassRegistration
from app.services import passes, wallet_credentials
from tests.fuzz.passkit_requests import Malformed, malformed
from tests.passkit_device import Installed, Phone, Told
from wallet.platforms.apple.authority import Authority
from wallet.platforms.apple.keys import AppleKeys

PASS_TYPE = "pass.example.benchmark"  # noqa: S105 - a pass type
PHONES_EACH = 2
STORM_SECONDS, STORM_CLIENTS = 10.0, 32


class Line:
    """A thread's own keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._own = threading.local()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Told:
        """Send one request; on a connection that the server has ended meanwhile, once more on another."""
        for last in (False, True):
            line: http.client.HTTPConnection | None = getattr(self._own, "line", None)
            if line is None:
                line = self._own.line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                line.request(method, path, body, dict(headers))
                answer = line.getresponse()
                content = answer.read()
            except (http.client.HTTPException, OSError):
                line.close()
                self._own.line = None
                if last:
                    raise
            else:
                return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)
        raise AssertionError


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--phones", type=int, default=2000)
    parser.add_argument("--malformed", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--scans", type=float, default=20, help="a second, while phones fetch")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, stack.running(Path(home) / "database") as running:
        programme = seed.make_programme(running.database)
        held, codes = issue(running, programme, cards=given.phones // PHONES_EACH)
        with stack.web(running, base_url="https://loyalty.example") as web:
            line = Line(web.port)
            phones = [Phone(line.send) for _ in range(PHONES_EACH * len(held))]
            pairs = list(zip(phones, held * PHONES_EACH, strict=True))
            with ThreadPoolExecutor(given.clients) as threads:
                found = journey(threads, running, programme, pairs)
                found |= storm(web.port, till.scans([(programme, codes)]), held, rate=given.scans)
                noise = run_noise(threads, line, held, given.malformed, given.seed)
        found["phones_known"] = count(running, programme)
    finish(found, noise, phones=len(phones))


def issue(running: stack.Stack, programme: seed.Programme, *, cards: int) -> tuple[list[Installed], list[str]]:
    """Set Apple's wallet up and issue a pass for each of so many cards; return them, and the cards' codes."""
    database, authority = running.database, Authority.make()
    identity = authority.issue(PASS_TYPE)
    keys = AppleKeys(
        certificate_pem=identity.certificate_pem, key_pem=identity.key_pem, intermediate_pem=authority.intermediate_pem
    )
    with running.owner() as owner:
        codes = seed.enrol(owner, database.keyring, programme, members=cards, live=cards)
    held = []
    with database.transaction(programme.id) as session:
        wallet_credentials.put(
            session, database.keyring, platform="apple", type_id=PASS_TYPE, secret=keys.written(),
            facts={"pass_type_id": PASS_TYPE, "team_id": "ASSIDU0001"},
        )  # fmt: skip
        for card in session.scalars(select(Card)):
            row = passes.issue(session, database.keyring, card=card, platform="apple", pass_type_ids=[PASS_TYPE])
            held.append(Installed(PASS_TYPE, row.serial, passes.token_of(database.keyring, row)))
    running.settle()
    return held, codes


def journey(
    threads: ThreadPoolExecutor, running: stack.Stack, programme: seed.Programme, pairs: list[tuple[Phone, Installed]]
) -> dict[str, float]:
    """Have every phone register at once, again, ask, fetch, and fetch again; return figures."""
    found: dict[str, float] = {}
    steps: list[tuple[str, Callable[[tuple[Phone, Installed]], Told], int]] = [
        ("register", lambda pair: pair[0].add(pair[1]), 201),
        ("register_again", lambda pair: pair[0].register(pair[1]), 200),
        ("ask", lambda pair: pair[0].ask(PASS_TYPE), 200),
        ("fetch", fetch, 200),
        ("ask_again", lambda pair: pair[0].ask(PASS_TYPE), 204),
    ]
    for name, step, expected in steps:
        began = perf_counter()
        timed = list(threads.map(lambda pair, step=step: _timed(step, pair), pairs))  # type: ignore[misc]
        seconds = perf_counter() - began
        statuses = Counter(told.status for told, _ in timed)
        ordered = sorted(took for _, took in timed)
        found[f"{name}_per_s"] = len(pairs) / seconds
        found[f"{name}_wrong"] = len(pairs) - statuses[expected]
        report.say(
            f"{name}: {len(pairs)} in {seconds:.1f} s, {len(pairs) / seconds:.0f} a second, "
            f"p50 {ordered[len(ordered) // 2] * 1000:.0f} ms, p99 {ordered[len(ordered) * 99 // 100] * 1000:.0f} ms, "
            f"{dict(statuses)}"
        )
    found["registered"] = count(running, programme)
    return found


def fetch(pair: tuple[Phone, Installed]) -> Told:
    """Fetch a pass as phones do: whoever is told to come back comes back, here sooner than a phone would."""
    phone, held = pair
    while (told := phone.fetch(held)).status == 429:
        sleep(0.2)
    return told


def storm(port: int, scans: Iterator[bytes], held: list[Installed], *, rate: float) -> dict[str, float]:
    """Scan at a steady rate, alone and while phones of another process fetch their passes; return the scans' p95."""
    load.run(port, scans, seconds=2, rate=rate).require(201)
    calm = load.run(port, scans, seconds=STORM_SECONDS, rate=rate).require(201)
    context = multiprocessing.get_context("spawn")
    phones = context.Process(target=fetch_all, args=(port, held, STORM_SECONDS + 4))
    phones.start()
    sleep(3)  # it imports, and begins
    stormy = load.run(port, scans, seconds=STORM_SECONDS, rate=rate).require(201)
    phones.join()
    found = {"scan_p95_ms_calm": calm.quantile_ms(0.95), "scan_p95_ms_while_fetching": stormy.quantile_ms(0.95)}
    report.say(f"scans at {rate:.0f} a second: p95 {found}")
    return found


def fetch_all(port: int, held: list[Installed], seconds: float) -> None:
    """Fetch passes from as many phones as the server has threads and more, until the time is over."""
    line, until = Line(port), perf_counter() + seconds
    statuses: Counter[int] = Counter()

    def go_on(first: int) -> None:
        place = first
        while perf_counter() < until:
            one = held[place % len(held)]
            told = Phone(line.send).fetch(Installed(one.pass_type_id, one.serial, one.token))
            statuses[told.status] += 1
            place += STORM_CLIENTS
            if told.status == 429:
                sleep(0.2)

    with ThreadPoolExecutor(STORM_CLIENTS) as threads:
        list(threads.map(go_on, range(STORM_CLIENTS)))
    report.say(f"meanwhile phones were told {dict(statuses)}")


def run_noise(threads: ThreadPoolExecutor, line: Line, held: list[Installed], wanted: int, number: int) -> Counter[str]:
    """Send malformed requests; return how many answers of which kind came."""
    began = perf_counter()
    found: Counter[str] = Counter()

    def send(request: Malformed) -> str:
        told = line.send(request.method, request.path, request.headers, request.body)
        if told.status >= 500:
            report.say(f"{told.status}: {request}")
            return "server_errors"
        let_in = told.status == 201 or (told.status == 200 and told.body and request.kind != "log")
        return "let_in" if let_in and request.method != "OPTIONS" else str(told.status)

    for batch in _batches(islice(malformed(held[:50], seed=number, http=True), wanted)):
        found.update(threads.map(send, batch))
    seconds = perf_counter() - began
    report.say(f"malformed: {wanted} in {seconds:.0f} s, {wanted / seconds:.0f} a second, {dict(found)}")
    return found


def count(running: stack.Stack, programme: seed.Programme) -> int:
    """Return how many phones are registered, each for its pass."""
    with running.database.transaction(programme.id) as session:
        query = (
            select(func.count())
            .select_from(PassRegistration)
            .join(PassDevice, PassDevice.id == PassRegistration.device_id)
            .join(Pass, Pass.id == PassRegistration.pass_id)
        )
        return session.scalar(query) or 0


def finish(found: Mapping[str, float], noise: Mapping[str, int], *, phones: int) -> None:
    """Print the result; exit with 1 where something is not as it has to be."""
    values = {**found, "malformed": sum(noise.values()), "phones": phones}
    values |= {name: noise.get(name, 0) for name in ("server_errors", "let_in")}
    report.finish(values)
    wrong = [name for name, value in values.items() if name.endswith("_wrong") and value]
    wrong += [name for name in ("server_errors", "let_in") if values[name]]
    wrong += [name for name in ("registered", "phones_known") if values[name] != phones]
    if wrong:
        sys.exit(f"not as it has to be: {', '.join(wrong)}")


def _timed(step: Callable[[tuple[Phone, Installed]], Told], pair: tuple[Phone, Installed]) -> tuple[Told, float]:
    began = perf_counter()
    return step(pair), perf_counter() - began


def _batches(requests: Iterable[Malformed]) -> Iterable[list[Malformed]]:
    wanted = iter(requests)
    while batch := list(islice(wanted, 2000)):
        yield batch


if __name__ == "__main__":
    main()
