"""A contestant: our packages, from a face to a signed file. Arguments: folder of the material, how many."""

import json
import sys
from pathlib import Path
from time import perf_counter, process_time

from kit import passes

from wallet.platforms.apple import package
from wallet.platforms.apple.signing import Signer


def main() -> None:
    """Make passes, keep the last, and print one line of JSON."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    signer = Signer(*(folder.joinpath(name).read_bytes() for name in passes.CREDENTIAL))
    pictures = passes.pictures(folder)

    def make(number: int) -> package.Chunks:
        asked = {"serial": passes.serial(number), "token": passes.TOKEN, "service_url": passes.SERVICE}
        return package.build(passes.face(number), pictures, signer, **asked)  # type: ignore[arg-type]

    for number in range(passes.WARM_UP):
        make(number)
    began, used = perf_counter(), process_time()
    for number in range(count):
        # Let go of at once, as a server does that has sent both chunks.
        make(number)
    seen = {"elapsed": perf_counter() - began, "cpu": process_time() - used}
    (folder / "ours.pkpass").write_bytes(b"".join(make(count)))
    print(json.dumps({**seen, "made": count}))


main()
