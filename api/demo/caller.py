"""How the check speaks: to the API as one of its people, and to the stand-in of Firebase about a phone."""

import ssl
from types import TracebackType
from typing import Any, Self

import httpx

from app import ids

TIMEOUT_SECONDS = 20


class Failed(Exception):  # noqa: N818 - it is the check's answer, not a fault of the program
    """A step did not come out as it should; the message says what was there instead."""


def expect(holds: object, otherwise: str) -> None:
    """Raise Failed, saying `otherwise`, unless it holds."""
    if not holds:
        raise Failed(otherwise)


class Caller:
    """Two HTTP clients, closed at the block's end."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._api = httpx.Client(base_url=document["base_url"], timeout=TIMEOUT_SECONDS)
        trusted = ssl.create_default_context(cafile=document["phone"]["ca_file"])
        self._phones = httpx.Client(verify=trusted, http2=True, timeout=TIMEOUT_SECONDS)
        self._phone_url: str = document["phone"]["url"]

    def get(self, path: str, token: str = "") -> httpx.Response:
        """GET as whoever holds the token; raise Failed unless it succeeds."""
        return _succeeded(self._api.get(path, headers=_headers(token)))

    def post(self, path: str, body: dict[str, Any], token: str = "", *, status: int | None = None) -> dict[str, Any]:
        """POST under a new Idempotency-Key and return the answer; raise Failed unless it succeeds or has `status`."""
        headers = _headers(token) | {"Idempotency-Key": ids.new_id().hex}
        answer = self._api.post(path, json=body, headers=headers)
        if status is None:
            _succeeded(answer)
        else:
            expect(answer.status_code == status, f"{path} answered {answer.status_code}, not {status}: {answer.text}")
        document: dict[str, Any] = answer.json() if answer.content else {}
        return document

    def press(self, path: str) -> bytes:
        """Open a page, press its only button and return what it leads to; raise Failed unless all succeed."""
        self.get(path)
        return _succeeded(self._api.post(path, follow_redirects=True)).content

    def phone(self, address: str) -> list[dict[str, Any]]:
        """Return what the phone at a push address shows, newest first."""
        answer = _succeeded(self._phones.get(self._phone_url, params={"token": address}))
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.close()
        self._phones.close()


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _succeeded(answer: httpx.Response) -> httpx.Response:
    expect(answer.is_success, f"{answer.request.url.path} answered {answer.status_code}: {answer.text[:500]}")
    return answer
