"""Tags as the products word them: a list of keys with their values."""

from collections.abc import Mapping


def worded(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """One object for each; `key` and `value` are what the product calls the two."""
    return [{key: name, value: text} for name, text in tags.items()]
