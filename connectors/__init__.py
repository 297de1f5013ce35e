"""Finds and loads the connectors: one file per service, imported when it is first used.

The CLI, the operations and the worker call this module.

A connector's id is its path below this folder: `alibaba.cdn` is alibaba/cdn.py. Modules and folders
whose names start with "_" are shared by the connectors of one provider.
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


def list_services() -> list[str]:
    """The ids of all connectors, in alphabetical order; imports none of them."""
    return sorted(_find_services(list(__path__), ""))


def list_providers() -> list[str]:
    """All providers, in alphabetical order: the first part of each connector's id."""
    return sorted({name.partition(".")[0] for name in list_services()})


@cache
def load_connector(service: str) -> type[Connector]:
    """The connector of this id. Raises BadInput, naming near ones, if there is none."""
    if service not in list_services():
        raise _build_unknown_error("service", service, list_services())
    module = import_module(f"{__name__}.{service}")
    (found,) = _find_connectors(module)
    return found


def find_store_service(store: str) -> str | None:
    """The service of a store: "alibaba.cas" for "alibaba.cas/cn"; None for our vault."""
    name = store.partition("/")[0]
    return name if name in list_services() else None


def get_settings_model(provider: str) -> type[BaseModel]:
    """The settings of an account at this provider. Raises BadInput if there is no such provider."""
    services = [name for name in list_services() if name.partition(".")[0] == provider]
    if not services:
        raise _build_unknown_error("provider", provider, list_providers())
    return load_connector(services[0]).settings_model


def parse_settings(provider: str, values: Mapping[str, str]) -> BaseModel:
    """Reads the settings of an account from text, secrets included.

    Raises BadInput that names each wrong field and never shows a value.
    """
    try:
        return get_settings_model(provider).model_validate(dict(values))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [f"{'.'.join(map(str, one['loc'])) or provider}: {one['msg']}" for one in found]
    raise BadInput(
        "; ".join(problems),
        where=f"settings of {provider}",
        fix=f"`certroll connector show {provider}` lists the settings.",
        code="wrong-settings",
    )


def _find_services(folders: list[str], prefix: str) -> Iterator[str]:
    for module in pkgutil.iter_modules(folders):
        if module.name.startswith("_"):
            continue
        if module.ispkg:
            below = [f"{folder}/{module.name}" for folder in folders]
            yield from _find_services(below, f"{prefix}{module.name}.")
        else:
            yield prefix + module.name


def _find_connectors(module: ModuleType) -> Iterator[type[Connector]]:
    for value in vars(module).values():
        own = getattr(value, "__module__", None) == module.__name__
        if own and isinstance(value, type) and issubclass(value, Connector):
            yield value


def _build_unknown_error(kind: str, given: str, known: list[str]) -> BadInput:
    near = get_close_matches(given, known, n=3, cutoff=0.5) or [
        name for name in known if given and given in name
    ]
    fix = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
    return BadInput(f"there is no {kind} {given!r}", fix=fix, code=f"unknown-{kind}")
