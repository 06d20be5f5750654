"""What a person who waits sees: each step when it begins, and how long it took when it ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show `text…` and, when the block has ended, its seconds; what it raises is shown as a failure."""
    began = time.monotonic()
    click.echo(f"{text}… ", nl=False)
    try:
        yield
    except BaseException:
        click.echo("stopped")
        raise
    click.echo(f"{time.monotonic() - began:.1f} s")
