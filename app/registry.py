"""A new kind is a new file: registries of kinds, filled by the modules of a package."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Named kinds of one thing (conditions, effects, channels), found by importing a package's modules."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kinds: dict[str, T] = {}

    def register(self, kind: str) -> Callable[[T], T]:
        """Return a decorator that enters its argument under `kind`; raise ValueError when it is taken."""

        def enter(item: T) -> T:
            if kind in self._kinds:
                raise ValueError(f"{self.name} already has a kind {kind!r}")
            self._kinds[kind] = item
            return item

        return enter

    def load(self, package: str) -> None:
        """Import every module of `package`, so that each may register its kind."""
        module = importlib.import_module(package)
        for found in pkgutil.iter_modules(module.__path__):
            importlib.import_module(f"{package}.{found.name}")

    def __getitem__(self, kind: str) -> T:
        return self._kinds[kind]

    def __contains__(self, kind: object) -> bool:
        return kind in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._kinds))

    def get(self, kind: str) -> T | None:
        """Return the kind's item, or None."""
        return self._kinds.get(kind)
