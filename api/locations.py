"""Where to read what was just made: the `Location` of an answer 201 (RFC 9110 §10.2.2)."""

import json
import re

from flask import Response, request

_ONE = re.compile(r"(?P<collection>/[a-z/-]+)/<id\([a-z_]+\):[a-z_]+>")
_CREATED = 201


class Locations:
    """Knows the collections whose members can be read one by one, under the collection's path and the member's id."""

    def __init__(self) -> None:
        self._readable: set[str] = set()

    def declare(self, method: str, path: str) -> None:
        """Take note of an operation; that which reads one by its id says that its collection can be read so."""
        one = _ONE.fullmatch(path)
        if method == "GET" and one is not None:
            self._readable.add(one["collection"])

    def tell(self, path: str, response: Response) -> Response:
        """Say in the answer of an operation at `path` where to read what it made, if it made what can be read."""
        if response.status_code == _CREATED and path in self._readable:
            response.headers["Location"] = f"{request.path}/{json.loads(response.get_data())['id']}"
        return response
