"""A real browser for tests: headless Chromium, spoken to over a pair of pipes in its own protocol (CDP).

    with browser(folder) as chromium:
        page = chromium.open("http://127.0.0.1:8000/")
        page.click("button")
        page.until("document.querySelector('#done')")

Nothing is needed but Chromium itself; `tools.need(PROGRAM)` skips a test where it is not installed.
"""

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

PROGRAM = "chromium"
PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.05
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip


class BrowserError(AssertionError):
    """The browser refused, or what was waited for did not come."""


@dataclass
class Browser:
    """A running browser; downloads go to its folder."""

    folder: Path
    _to: int
    _from: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _read: bytes = b""

    def open(self, url: str, *, width: int = 390, height: int = 844, agent: str = "", language: str = "fr") -> "Page":
        """Open a page in a window of this size, as a browser of this name and language; return it once it is there.

        Each page is alone with its cookies and storage.
        """
        context = self.call("Target.createBrowserContext")["browserContextId"]
        behaviour = {"behavior": "allow", "downloadPath": str(self.folder), "browserContextId": context}
        self.call("Browser.setDownloadBehavior", behaviour)
        target = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800}
        page.call("Emulation.setDeviceMetricsOverride", size)
        named = agent or "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0 Safari/537.36"
        page.call("Emulation.setUserAgentOverride", {"userAgent": named, "acceptLanguage": language})
        page.go(url)
        return page

    def call(self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None) -> Any:
        """Ask for something and return the answer; raise BrowserError for a refusal."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._next(deadline - time.monotonic())
            if answer.get("id") == number:
                break
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        return answer["result"]

    def downloaded(self) -> bytes:
        """Wait for a file to come, take it away and return its bytes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for path in self.folder.iterdir():
                # Until it is whole it has a name of Chromium's own, and is renamed at the end: perhaps as we look.
                if path.name.startswith(".") or path.suffix == ".crdownload":
                    continue
                with suppress(FileNotFoundError):
                    if content := path.read_bytes():
                        path.unlink()
                        return content
            time.sleep(POLL_SECONDS)
        raise BrowserError("nothing was downloaded")

    def _next(self, seconds: float) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._from], [], [], max(seconds, 0))
            got = os.read(self._from, 1_000_000) if ready else b""
            if not got:
                raise BrowserError("the browser says nothing")
            self._read += got
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@dataclass
class Page:
    """One tab."""

    browser: Browser
    session: str

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        """Ask the tab for something."""
        return self.browser.call(method, parameters, self.session)

    def go(self, url: str) -> None:
        """Go there, and wait until the page and its scripts were run."""
        self.call("Page.navigate", {"url": url})
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:
        """Return what an expression is, as JSON has it."""
        found = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in found:
            raise BrowserError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def reload(self) -> None:
        """Load the page again, and wait as `go` does."""
        self.ask("window.old = true")
        self.call("Page.reload")
        self.until("!window.old && document.readyState === 'complete'")

    def until(self, expression: str) -> None:
        """Wait until an expression is true of the page."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            # While one page goes and another comes there is nothing to ask.
            with suppress(BrowserError):
                if self.ask(f"!!({expression})"):
                    return
            time.sleep(POLL_SECONDS)
        raise BrowserError(f"never true: {expression}; the page says {self.text()!r}")

    def click(self, selector: str) -> None:
        """Click, as a person does: in the middle of the first that is found, which must be visible and on top."""
        box = self.ask(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            "if (!found || !found.checkVisibility()) return null; found.scrollIntoView({block: 'center'});"
            "const box = found.getBoundingClientRect(); const x = box.x + box.width / 2, y = box.y + box.height / 2;"
            "return found.contains(document.elementFromPoint(x, y)) ? {x, y} : null; })()"
        )
        if box is None:
            raise BrowserError(f"{selector} cannot be clicked; the page says {self.text()!r}")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", {"type": kind, **box, "button": "left", "clickCount": 1})

    def write(self, selector: str, text: str) -> None:
        """Click into a field and write."""
        self.click(selector)
        self.call("Input.insertText", {"text": text})

    def text(self) -> str:
        """Return what a person can read on the page."""
        return str(self.ask("document.body ? document.body.innerText : ''"))

    def visible(self, selector: str) -> list[str]:
        """Return the texts of those that can be seen."""
        found = self.ask(
            f"[...document.querySelectorAll({json.dumps(selector)})].filter((one) => one.checkVisibility())"
            ".map((one) => one.innerText)"
        )
        return [str(one) for one in found]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a browser of its own, with a new profile; downloads go to a folder below `folder`."""
    downloads = folder / "downloads"
    downloads.mkdir()
    theirs_from, to = os.pipe()
    from_, theirs_to = os.pipe()
    command = [PROGRAM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    # Chromium reads from its descriptor 3 and writes to 4.
    launch = f'exec "$@" 3<&{theirs_from} 4>&{theirs_to}'
    running = subprocess.Popen(
        ["bash", "-c", launch, "browser", *command], pass_fds=(theirs_from, theirs_to),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_from)
    os.close(theirs_to)
    made = Browser(downloads, to, from_)
    try:
        yield made
    finally:
        with suppress(BrowserError, OSError):
            made.call("Browser.close")
        os.close(to)
        os.close(from_)
        try:
            running.wait(60)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
