"""Builds the tag lists of answers. The services call it."""

from collections.abc import Mapping


def to_tag_list(
    tags: Mapping[str, str], key: str = "Key", value: str = "Value"
) -> list[dict[str, str]]:
    """One object for each; `key` and `value` are what the product calls the two."""
    return [{key: name, value: text} for name, text in tags.items()]
