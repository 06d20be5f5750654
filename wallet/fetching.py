"""Pictures from the addresses that staff write: through the guard at the socket, small, soon, and believed in nothing.

No redirects, no proxies, https to public addresses only (`app.egress`), a deadline over all of it, bounds on bytes and
pixels.
"""

import io
import ssl
from typing import Final

import httpcore
from PIL import Image

from app.egress import check_url
from app.errors import InvalidError
from wire.egress import AddressRefusedError, Deadline, GuardedBackend, NameNotFoundError, Resolve, resolve

PICTURE_BYTES_MAX: Final = 4_000_000
PIXELS_MAX: Final = 16_000_000
KEPT_SIDE: Final = 1400
"""No wallet asks for more pixels in a row: larger pictures are kept smaller."""
TIMEOUT_SECONDS: Final = 6.0
_CONNECTIONS_MAX: Final = 8
_KEPT_SECONDS: Final = 10.0
_HTTP_OK: Final = 200
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_HEADERS: Final = [
    (b"accept", b"image/png,image/jpeg,image/webp"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"Assidu/1"),
]


class PictureError(Exception):
    """There is no usable picture at the address; the message says why, in words for who wrote it."""


class PictureClient:
    """Gets pictures, from any number of threads; `loopback` is for development, where they are here."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        resolve: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._loopback = loopback
        self._timeout_seconds = timeout_seconds
        self._deadline = Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust or ssl.create_default_context(),
            max_connections=_CONNECTIONS_MAX,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=GuardedBackend(self._deadline, loopback=loopback, resolve=resolve),
        )

    def get(self, url: str) -> bytes:
        """Return what lies there; raise PictureError."""
        try:
            check_url(url, loopback=self._loopback)
            with self._deadline.within(self._timeout_seconds):
                return self._exchange(url)
        except InvalidError as error:
            raise PictureError(error.detail) from None
        except (AddressRefusedError, NameNotFoundError):
            raise PictureError("Its host is not on the public Internet.") from None
        except (httpcore.TimeoutException, httpcore.ProtocolError, httpcore.NetworkError, ssl.SSLError, OSError):
            raise PictureError("Its server did not answer as servers do.") from None

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _exchange(self, url: str) -> bytes:
        timeouts = {"connect": self._timeout_seconds, "pool": self._timeout_seconds}
        with self._pool.stream("GET", url, headers=_HEADERS, extensions={"timeout": timeouts}) as response:
            if response.status != _HTTP_OK:
                raise PictureError(f"Its server answered {response.status} and not 200; redirects are not followed.")
            found = bytearray()
            for chunk in response.iter_stream():
                found += chunk
                if len(found) > PICTURE_BYTES_MAX:
                    raise PictureError(f"It has more than {PICTURE_BYTES_MAX // 1_000_000} MB.")
        return bytes(found)


def opened(content: bytes) -> Image.Image:
    """Return a picture's first frame with its transparency, 1400 pixels a side at most; raise PictureError."""
    try:
        found = Image.open(io.BytesIO(content), formats=_FORMATS)
        # What is said before anything is decoded.
        pixels = found.width * found.height
        picture = found.convert("RGBA") if 0 < pixels <= PIXELS_MAX else None
    except Exception:  # noqa: BLE001 - a decoder may raise anything at bytes of strangers
        raise PictureError(f"It is no picture in {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}.") from None
    if picture is None:
        raise PictureError(f"It has more than {PIXELS_MAX // 1_000_000} million pixels.")
    picture.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    return picture
