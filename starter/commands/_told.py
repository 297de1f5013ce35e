"""Who was told what of a task, and why somebody was not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starter.output import say, show_table

if TYPE_CHECKING:
    from storage.deliveries import Delivery


def show_told(deliveries: Sequence["Delivery"]) -> None:
    """The last attempt of each contact and event; nothing where nobody was to be told."""
    from starter.times import logged

    last = {(each.contact, each.event): each for each in deliveries}
    if not last:
        return
    say()
    rows = [
        (logged(each.at), each.contact, each.event, "told" if each.ok else f"not: {each.detail}")
        for each in last.values()
    ]
    show_table(("AT", "CONTACT", "OF", "TOLD"), rows)
