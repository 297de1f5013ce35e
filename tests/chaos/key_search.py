"""Searches all files and tables of a run for private keys and passwords."""

from collections.abc import Iterator, Sequence

from sqlalchemy import inspect, text

from tests.chaos.checks import KEY, Violation
from tests.chaos.site import Site
from tests.support.factory import Leaf
from tests.support.key_finder import SecretFinder

_PIECE = 8 * 2**20
_OVERLAP = 8192


def find_leaked_keys(site: Site, leaves: Sequence[Leaf]) -> list[Violation]:
    """One violation for each place that holds a secret; it names the secret only."""
    finder = SecretFinder()
    for number, leaf in enumerate(leaves):
        finder.add_key(f"key {number}", leaf.key)
    finder.add_text("the access key's secret", site.cloud.account["access_key_secret"])
    kek = (site.settings.home / "kek").read_text().strip()
    finder.add_text("the key-encryption key", kek.partition(":")[2])
    found = [(place, sorted(finder.find(data))) for place, data in _read_places(site)]
    return [Violation(KEY, f"{place}: {', '.join(forms)}") for place, forms in found if forms]


def _read_places(site: Site) -> Iterator[tuple[str, bytes]]:
    """Every file of the installation except the key-encryption key, and every row of PostgreSQL."""
    for path in sorted(site.settings.home.rglob("*")):
        if path.is_file() and path.name != "kek":
            data = path.read_bytes()
            for start in range(0, len(data) or 1, _PIECE):
                yield path.name, data[max(0, start - _OVERLAP) : start + _PIECE]
    if site.postgresql is None:
        return
    with site.stack.store.database.read() as session:
        for table in inspect(session.connection()).get_table_names():
            rows = session.execute(text(f'SELECT t::text FROM "{table}" t')).scalars()  # noqa: S608 - names from the schema
            yield f"table {table}", "\n".join(rows).encode()
