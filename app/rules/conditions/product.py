"""The condition `product`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.parameters import about
from app.rules.facts import ActivityFacts, Item, MemberFacts
from app.rules.kinds import CONDITIONS, Condition, Predicate


@CONDITIONS.register("product")
@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Condition):
    """At least one item is of these categories or SKUs, and not of the excluded ones.

    The items that match become what the rule's effects look at where they say `applies_to: matching_items`.
    With several `product` conditions an item must match each. Only exclusions: every other item matches.
    """

    categories: tuple[str, ...] = field(default=(), metadata=about("Categories that match.", example=["coffee"]))
    skus: tuple[str, ...] = field(default=(), metadata=about("SKUs that match.", example=["ESP-1"]))
    excluded_categories: tuple[str, ...] = field(
        default=(), metadata=about("Categories that never match.", example=["gift-card"])
    )
    excluded_skus: tuple[str, ...] = field(default=(), metadata=about("SKUs that never match.", example=["DELIVERY"]))

    def problems(self) -> Iterable[tuple[str, str]]:
        if not (self.categories or self.skus or self.excluded_categories or self.excluded_skus):
            yield "categories", "or `skus`, or one of the exclusions, is required"

    def compile(self) -> Predicate:
        matches = self.selects()

        def contains(activity: ActivityFacts, _member: MemberFacts) -> bool:
            return any(item.quantity > 0 and matches(item) for item in activity.items)

        return contains

    def selects(self) -> Callable[[Item], bool]:
        categories, skus = frozenset(self.categories), frozenset(self.skus)
        no_categories, no_skus = frozenset(self.excluded_categories), frozenset(self.excluded_skus)
        every = not categories and not skus

        def matches(item: Item) -> bool:
            if item.category in no_categories or item.sku in no_skus:
                return False
            return every or item.category in categories or item.sku in skus

        return matches

    def words(self) -> str:
        wanted = ", ".join((*self.categories, *self.skus)) or "any product"
        refused = ", ".join((*self.excluded_categories, *self.excluded_skus))
        return f"an item of {wanted}" + (f" but {refused}" if refused else "")
