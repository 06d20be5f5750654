"""A contestant: firebase-admin's `send_each`. Arguments: endpoint, authority, account file, first message, how many."""

import json
import resource
import sys
import warnings
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import firebase_admin
from firebase_admin import credentials, messaging

from peers.push_messages import LINK, parts

BATCH = 500
"""As many as it takes at once."""


def _message(number: int) -> messaging.Message:
    made: dict[str, Any] = parts(number)
    key = made["id"].hex
    return messaging.Message(
        token=made["address"],
        data={**made["data"], "link": LINK, "message_id": key},
        notification=messaging.Notification(title=made["title"], body=made["body"]),
        android=messaging.AndroidConfig(
            collapse_key=key, priority="high", ttl=86_400, notification=messaging.AndroidNotification(tag=key)
        ),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": key, "apns-expiration": "1800000000"}),
        webpush=messaging.WebpushConfig(
            headers={"TTL": "86400", "Topic": key},
            notification=messaging.WebpushNotification(tag=key),
            fcm_options=messaging.WebpushFCMOptions(link=LINK),
        ),
        fcm_options=messaging.FCMOptions(analytics_label="autumn"),
    )


def main() -> None:
    """Send, and print one line of JSON."""
    endpoint, _ca_file, account_file, *numbers = sys.argv[1:]
    first, count = map(int, numbers)
    warnings.simplefilter("ignore")
    messaging._MessagingService.FCM_URL = endpoint + "/v1/projects/{0}/messages:send"  # noqa: SLF001 - no other way
    app = firebase_admin.initialize_app(credentials.Certificate(json.loads(Path(account_file).read_text("utf-8"))))
    session = messaging._get_messaging_service(app)._client.session  # noqa: SLF001
    # Its pool of a hundred connections is for Google's address only: here it is for the stand-in's too.
    session.mount(endpoint, session.get_adapter("https://fcm.googleapis.com"))
    messaging.send_each([_message(first + count + extra) for extra in range(100)])
    batches = [
        [_message(number) for number in range(begin, min(begin + BATCH, first + count))]
        for begin in range(first, first + count, BATCH)
    ]
    began, used = perf_counter(), process_time()
    sent = sum(messaging.send_each(batch).success_count for batch in batches)
    found = {"elapsed": perf_counter() - began, "cpu": process_time() - used, "sent": sent}
    print(json.dumps({**found, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


main()
