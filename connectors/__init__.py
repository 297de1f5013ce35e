"""How services take certificates: found by looking, one file each, imported when first used.

A connector's id is its path below this folder: `alibaba.cdn` lies in alibaba/cdn.py. Modules whose
names start with "_" are help that one provider's connectors share.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import ModuleType

from pydantic import BaseModel, ValidationError

from domain.errors import BadInput
from domain.resources.connector import Connector


def names() -> list[str]:
    """The ids of all connectors, in alphabetical order; imports none of them."""
    return sorted(_found(list(__path__), ""))


def providers() -> list[str]:
    """All providers, in alphabetical order: the first part of each connector's id."""
    return sorted({name.partition(".")[0] for name in names()})


@cache
def load(service: str) -> type[Connector]:
    """The connector of this id. Raises BadInput, naming near ones, if there is none."""
    if service not in names():
        raise _unknown("service", service, names())
    module = import_module(f"{__name__}.{service}")
    (found,) = _connectors_in(module)
    return found


def keeper(store: str) -> str | None:
    """The connector that keeps a store: "alibaba.cas" for "alibaba.cas/cn"; None for our vault."""
    name = store.partition("/")[0]
    return name if name in names() else None


def settings_model(provider: str) -> type[BaseModel]:
    """What an account at this provider needs to be told. Raises BadInput if there is none."""
    services = [name for name in names() if name.partition(".")[0] == provider]
    if not services:
        raise _unknown("provider", provider, providers())
    return load(services[0]).settings_model


def settings(provider: str, values: Mapping[str, str]) -> BaseModel:
    """An account's settings out of text, secrets included.

    Raises BadInput that names each wrong field and never shows a value.
    """
    try:
        return settings_model(provider).model_validate(dict(values))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [f"{'.'.join(map(str, one['loc'])) or provider}: {one['msg']}" for one in found]
    raise BadInput(
        "; ".join(problems),
        where=f"settings of {provider}",
        fix=f"`certroll connector show {provider}` lists the settings.",
    )


def _found(folders: list[str], prefix: str) -> Iterator[str]:
    for module in pkgutil.iter_modules(folders):
        if module.name.startswith("_"):
            continue
        if module.ispkg:
            below = [f"{folder}/{module.name}" for folder in folders]
            yield from _found(below, f"{prefix}{module.name}.")
        else:
            yield prefix + module.name


def _connectors_in(module: ModuleType) -> Iterator[type[Connector]]:
    for value in vars(module).values():
        own = getattr(value, "__module__", None) == module.__name__
        if own and isinstance(value, type) and issubclass(value, Connector):
            yield value


def _unknown(kind: str, asked: str, known: list[str]) -> BadInput:
    near = get_close_matches(asked, known, n=3, cutoff=0.5) or [
        name for name in known if asked and asked in name
    ]
    fix = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
    return BadInput(f"there is no {kind} {asked!r}", fix=fix)
