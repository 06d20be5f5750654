"""One run of schemathesis over the whole API: how it is fed, which refusals are right, and what it saw."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.engine import Status, events
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree
from schemathesis.schemas import BaseSchema
from werkzeug.serving import WSGIRequestHandler, make_server

from api.reading import BODY_REFUSED, KEY_PATTERN, QUERY_REFUSED
from app import ids
from app.services.idempotency import KEY_MAX
from tests.fuzz.seeded import SET_UP, Named, Seeded
from tests.world_signing import somewhere

SEED = 20261122
FED = 0.8
"""How often a value that exists is sent where one can be; else one is made up from the schema."""

TOGETHER = frozenset({
    ("POST /v1/me/devices", "#/token"), ("PATCH /v1/program", "#/timezone"), ("PATCH /v1/program", "#/locale"),
})  # fmt: skip
"""Fields that are refused for others (a device has a token or a fid, never both; a programme speaks its own language),
or for a list that no schema holds (the world's time zones)."""

LISTS_OF_ARCHIVED = "/v1/segments/{segment_id}/members"
"""Who is in a segment stays to be read like the segment, which says that it is archived; lists and files cannot."""

CHECKS = frozenset({
    "allow_header_conformance", "content_type_conformance", "ensure_resource_availability", "ignored_auth",
    "missing_required_header", "negative_data_rejection", "not_a_server_error", "object_level_authorization",
    "positive_data_acceptance", "response_headers_conformance", "response_schema_conformance",
    "status_code_conformance", "unsupported_method", "use_after_free",
})  # fmt: skip


@dataclass
class Report:
    """What a run sent, was answered and found."""

    operations: set[str]
    requests: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    checks: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)

    def succeeded(self) -> set[str]:
        """Return the operations that did what they are for at least once."""
        return {operation for operation, status in self.statuses if 200 <= status < 300}


@schemathesis.serializer("text/csv")
def _csv(_context: Any, value: Any) -> bytes:
    return str(value).encode(errors="replace")


def run(
    application: Flask, seeded: Seeded, *, paths: str, examples: int, narrowed: Mapping[str, int] | None = None
) -> Report:
    """Send schema-made requests to each operation under `paths`, a regular expression; judge each answer.

    `examples` are by chance to one operation, and ten times as many sequences over all of them. Of a union that
    is `narrowed` so many kinds are sent, the last ones.

    The systematic phase takes most of the time, about 70 requests to an operation: each bound, type and required field.
    """
    with served(application) as address:
        document = application.test_client().get("/openapi.json").get_json()
        document["paths"] = {path: found for path, found in document["paths"].items() if re.match(paths, path)}
        for name, kinds in (narrowed or {}).items():
            _narrow(document["components"]["schemas"][name], kinds)
        schema = _schema(document, address, seeded, examples)
        report = Report({found.ok().label for found in schema.get_all_operations()})
        for event in engine.from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _note(report, event)
            elif isinstance(event, events.NonFatalError):
                report.failures[f"error {event.label} {type(event.value).__name__}"] = str(event.value)
            elif isinstance(event, events.FatalError):
                raise event.exception
    return report


@contextmanager
def served(application: Flask) -> Iterator[str]:
    """Serve the application on a port of this machine's own network; yield its address."""

    def from_anywhere(environ: dict[str, Any], start: Any) -> Any:
        # Each request comes from a place of its own: else most of what is public would be refused as asked too often.
        return application(environ | somewhere(), start)

    server = make_server("127.0.0.1", 0, from_anywhere, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    """A server that keeps connections and says nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


def _note(report: Report, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    report.seconds[event.phase.value] += round(event.elapsed_time)
    for case_id, exchange in recorder.interactions.items():
        report.requests[event.phase.value] += 1
        if exchange.response is not None:
            operation = recorder.cases[case_id].value.operation.label
            report.statuses[operation, exchange.response.status_code] += 1
    for checks in recorder.checks.values():
        for check in checks:
            report.checks.add(check.name)
            if check.status == Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                what = f"{event.phase.value} {check.name}: {failure.operation}: {failure.title}: {failure.message}"
                report.failures.setdefault(what, check.failure_info.code_sample)


def _narrow(union: dict[str, Any], kinds: int) -> None:
    union["oneOf"] = union["oneOf"][-kinds:]
    places = {kind["$ref"] for kind in union["oneOf"]}
    if "discriminator" in union:
        mapping = union["discriminator"]["mapping"]
        union["discriminator"]["mapping"] = {name: place for name, place in mapping.items() if place in places}


def _schema(document: dict[str, Any], address: str, seeded: Seeded, examples: int) -> BaseSchema:
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                # It says "any status": without it, each status that is met must be declared by its number.
                operation.get("responses", {}).pop("default", None)
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(_config(seeded, examples)))
    # Nothing is judged by how long it takes: a busy machine has stalled for longer than the ten seconds that are usual.
    schema.config.update(base_url=address, request_timeout=120)
    schema.auth(refresh_interval=None)(_signing_in(seeded))
    schema.hook(filter_failure)
    return schema


def _signing_in(seeded: Seeded) -> type[Any]:
    class SignedIn:
        """Whoever the operation admits, by its `x-scopes`; with a new key where there is a valid one.

        Else the key of the example would be sent again and again, and refused as used for another request. And a right
        request has the key that it needs: schemathesis learns from refusals, at times to leave it out.
        """

        def get(self, case: Any, context: Any) -> dict[str, str]:  # noqa: ARG002 - schemathesis calls it so
            operation = context.operation
            scopes = set(operation.definition.raw.get("x-scopes", ["public"]))
            return seeded.headers_for(operation.method.upper(), operation.path, scopes)

        def set(self, case: Any, data: dict[str, str], context: Any) -> None:
            case.headers.update(data)
            key = case.headers.get("Idempotency-Key")
            if key is None:
                parameters = context.operation.definition.raw.get("parameters", [])
                needed = any(one["name"] == "Idempotency-Key" and one["required"] for one in parameters)
                fresh = needed and case.meta is not None and not case.meta.generation.mode.is_negative
            else:
                fresh = isinstance(key, str) and re.fullmatch(KEY_PATTERN, key) and len(key) <= KEY_MAX
            if fresh:
                case.headers["Idempotency-Key"] = ids.new_id().hex

    return SignedIn


def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:  # noqa: ARG001
    """Return whether a finding of schemathesis is one of ours. Three kinds are not.

    A request that fits its schema may be refused for what no schema says: an id that is nobody's, fields that exclude
    each other, a code whose check character is wrong, another currency. That is the domain's refusal; the edge's own,
    which says that a field has the wrong form, is a difference between what is documented and what is done; except
    for the fields that need or exclude each other, which `TOGETHER` names.

    What is taken out of a programme's set-up stays to be read, since the past refers to it, and says that it is out.

    A batch is answered 200 when a scan in it is wrong, by design: that scan is refused in its place, with the status
    that it would have had alone.
    """
    if isinstance(failure, RejectedPositiveData) and response.status_code == 422:
        problem = response.json()
        pointed = {(case.operation.label, error["pointer"]) for error in problem.get("errors", [])}
        return problem["detail"] in {BODY_REFUSED, QUERY_REFUSED} and not pointed <= TOGETHER
    if isinstance(failure, UseAfterFree) and case.operation.path.startswith(LISTS_OF_ARCHIVED):
        return False
    if isinstance(failure, UseAfterFree):
        found = response.json()
        return "archived_at" not in found and found.get("status") != "archived"
    if isinstance(failure, AcceptedNegativeData) and case.operation.path == "/v1/scans/batch":
        return all(one["status"] != 422 for one in response.json()["data"])
    return True


def _config(seeded: Seeded, examples: int) -> dict[str, Any]:
    set_up = f"^({'|'.join(SET_UP)})"
    places = {"cafe": seeded.cafe, "workshop": seeded.workshop, "spare": seeded.spare}
    return {
        "seed": SEED,
        "continue-on-failure": True,
        "dictionaries": {
            f"{place}_{name}": {"values": values} for place, named in places.items() for name, values in named.items()
        },
        "parameters": _fed("cafe", seeded.cafe),
        "operations": [
            {
                "include-path-regex": set_up,
                "exclude-method": "DELETE",
                "parameters": _fed("workshop", seeded.workshop),
            },
            {"include-path-regex": set_up, "include-method": "DELETE", "parameters": _fed("spare", seeded.spare)},
            {
                "include-path-regex": "^/v1/me/(?!.*/replace$)",
                "parameters": {
                    place: {"dictionary": "cafe_my_card_id", "probability": FED}
                    for place in ("path.card_id", "body.card_id")
                },
            },
            {
                # A card that was replaced is not the customer's any more: the others would find none.
                "include-path-regex": "^/v1/me/.*/replace$",
                "parameters": {"path.card_id": {"dictionary": "spare_my_card_id", "probability": FED}},
            },
        ],
        "generation": {"deterministic": True, "max-examples": examples, "no-shrink": True, "database": "none"},
        "phases": {"stateful": {"generation": {"max-examples": 10 * examples}, "max-steps": 6}},
        "checks": {
            # 412: If-Match is compared after the body's form, before what it means.
            "negative_data_rejection": {"expected-statuses": _REFUSALS},
            "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "412", "429"]},
        },
    }


_REFUSALS = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429"]


def _fed(place: str, named: Named) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name in named:
        fed = {"dictionary": f"{place}_{name}", "probability": FED}
        if name == "voucher_code":
            parameters["path.code"] = fed
        elif name == "slug":
            parameters["path.slug"] = fed
        elif name == "code":
            parameters["body.code"] = parameters["body.scans[*].code"] = fed
        elif name != "my_card_id":
            parameters[f"path.{name}"] = parameters[f"body.{name}"] = fed
            parameters[f"body.scans[*].{name}"] = parameters[f"body.effects[*].{name}"] = fed
    return parameters
