"""A stand-in of Firebase on this machine: Google's token endpoint, FCM's HTTP v1 over TLS and HTTP/2, and the phone.

`StandIn(home)` runs it in a thread; `python -m notifications.stand_in` runs it alone.
"""

from notifications.stand_in.server import StandIn

__all__ = ["StandIn"]
