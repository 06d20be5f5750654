"""The stand-in of FCM is what answers here too."""

from tests.notifications.conftest import channel, service_account_file, stand_in

__all__ = ["channel", "service_account_file", "stand_in"]
