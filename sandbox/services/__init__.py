"""Finds the services by looking: one module per product, each with its class named SERVICE."""

import pkgutil
from importlib import import_module

from sandbox.cloud import Cloud
from sandbox.service import Service


def find_services(cloud: Cloud) -> list[Service]:
    """One instance of every service in this folder; names with a leading underscore are help."""
    names = sorted(one.name for one in pkgutil.iter_modules(__path__) if one.name[0] != "_")
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return [module.SERVICE(cloud) for module in modules]
