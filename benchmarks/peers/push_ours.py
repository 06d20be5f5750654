"""A contestant: our push channel. Arguments: endpoint, authority, account file, first, how many, batch, threads."""

import json
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from notifications.channels.protocol import OutgoingMessage
from notifications.channels.push import PushChannel
from peers.push_messages import LINK, parts


def _message(number: int) -> OutgoingMessage:
    made: dict[str, Any] = parts(number)
    return OutgoingMessage(
        delivery_id=made["id"], address=made["address"], title=made["title"], body=made["body"], data=made["data"],
        link=LINK, analytics_label="autumn",
    )  # fmt: skip


def main() -> None:
    """Send, and print one line of JSON."""
    endpoint, ca_file, account_file, *numbers = sys.argv[1:]
    first, count, batch, threads = map(int, numbers)
    account = json.loads(Path(account_file).read_text("utf-8"))
    channel = PushChannel(account, endpoint=endpoint, ca_file=Path(ca_file), messages_per_minute=None)
    channel.send([_message(first + count + extra) for extra in range(batch)])
    batches = [
        [_message(number) for number in range(begin, min(begin + batch, first + count))]
        for begin in range(first, first + count, batch)
    ]
    began, used = perf_counter(), process_time()
    with ThreadPoolExecutor(threads) as pool:
        sent = sum(result.outcome == "sent" for results in pool.map(channel.send, batches) for result in results)
    found = {"elapsed": perf_counter() - began, "cpu": process_time() - used, "sent": sent}
    channel.close()
    print(json.dumps({**found, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


main()
