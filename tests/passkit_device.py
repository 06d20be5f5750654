"""A phone with Apple's Wallet, as far as its passes' web service sees it: the whole of Apple's protocol, as a client.

It keeps what a phone keeps (its own id, its push token, its passes, the tag of each pass type) and does what a phone
does when a pass is added, when a push comes, and when a pass is deleted. It judges nothing: tests look at what it was
told.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from app import ids


@dataclass(frozen=True)
class Told:
    """An answer of the web service; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's document."""
        return json.loads(self.body)


Send = Callable[[str, str, Mapping[str, str], bytes], Told]
"""Sends one request: method, path (from the root, with its query), headers, body."""


@dataclass
class Installed:
    """A pass on the phone."""

    pass_type_id: str
    serial: str
    token: str
    content: bytes = b""
    last_modified: str | None = None

    @property
    def document(self) -> Any:
        """The pass's `pass.json`."""
        return json.loads(zipfile.ZipFile(io.BytesIO(self.content)).read("pass.json"))


@dataclass
class Phone:
    """One phone. `service` is the path of the passes' `webServiceURL`."""

    send: Send
    service: str = "/passkit"
    library_id: str = field(default_factory=lambda: ids.secret_bytes(16).hex())
    push_token: str = field(default_factory=lambda: ids.secret_bytes(32).hex())
    passes: dict[tuple[str, str], Installed] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def open(self, package: bytes) -> Told:
        """Add a pass from its file, as if the person had tapped on "Add"."""
        found = Installed("", "", "", package)
        document = found.document
        found.pass_type_id, found.serial = document["passTypeIdentifier"], document["serialNumber"]
        found.token = document["authenticationToken"]
        self.service = "/" + document["webServiceURL"].split("/", 3)[3]
        return self.add(found)

    def add(self, installed: Installed) -> Told:
        """Keep a pass and register for it."""
        self.passes[installed.pass_type_id, installed.serial] = installed
        return self.register(installed)

    def register(self, installed: Installed) -> Told:
        """Ask to be told of a pass's changes."""
        body = json.dumps({"pushToken": self.push_token}).encode()
        headers = self._proof(installed) | {"Content-Type": "application/json"}
        return self.send("POST", self._registration(installed), headers, body)

    def delete(self, installed: Installed) -> Told:
        """Remove a pass."""
        self.passes.pop((installed.pass_type_id, installed.serial), None)
        return self.send("DELETE", self._registration(installed), self._proof(installed), b"")

    def ask(self, pass_type_id: str, *, tag: str | None = None) -> Told:
        """Ask which passes changed, since the tag that was told last (or another); remember the new one."""
        since = self.tags.get(pass_type_id) if tag is None else tag
        query = "" if since is None else f"?passesUpdatedSince={quote(since, safe='')}"
        path = f"{self.service}/v1/devices/{quote(self.library_id, safe='')}/registrations/{quote(pass_type_id)}"
        told = self.send("GET", path + query, {}, b"")
        if told.status == 200 and tag is None:
            self.tags[pass_type_id] = told.json["lastUpdated"]
        return told

    def fetch(self, installed: Installed) -> Told:
        """Get the latest version of a pass, if it is another than the phone has."""
        headers = self._proof(installed)
        if installed.last_modified is not None:
            headers["If-Modified-Since"] = installed.last_modified
        told = self.send("GET", self._pass(installed), headers, b"")
        if told.status == 200:
            installed.content, installed.last_modified = told.body, told.headers["last-modified"]
        return told

    def hear(self, pass_type_id: str) -> list[tuple[str, int]]:
        """Do what a phone does when a push comes; return the serials that were named and what each fetch was told."""
        told = self.ask(pass_type_id)
        if told.status != 200:
            return []
        held = [self.passes[pass_type_id, serial] for serial in told.json["serialNumbers"]]
        return [(one.serial, self.fetch(one).status) for one in held]

    def complain(self, *lines: str) -> Told:
        """Send log lines."""
        body = json.dumps({"logs": lines}).encode()
        return self.send("POST", f"{self.service}/v1/log", {"Content-Type": "application/json"}, body)

    def _proof(self, installed: Installed) -> dict[str, str]:
        return {"Authorization": f"ApplePass {installed.token}"}

    def _registration(self, installed: Installed) -> str:
        device = quote(self.library_id, safe="")
        return f"{self.service}/v1/devices/{device}/registrations/{installed.pass_type_id}/{installed.serial}"

    def _pass(self, installed: Installed) -> str:
        return f"{self.service}/v1/passes/{installed.pass_type_id}/{installed.serial}"
