"""Adds the fields of a dataclass to a command as options, for options that commands share."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, signature
from typing import Any, get_type_hints

Command = Callable[..., None]


def with_options(kind: type[Any]) -> Callable[[Command], Command]:
    """Replaces the command's parameter of type `kind` by one option for each field of `kind`.

    Each field is annotated as an option. The command itself is called with one `kind`.
    """

    def decorate(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        (target,) = (name for name, hint in hints.items() if hint is kind)
        options = _options(kind)

        @wraps(command)
        def wrapper(**given: Any) -> None:
            chosen = kind(**{each.name: given.pop(each.name) for each in options})
            command(**{target: chosen}, **given)

        own = [
            each.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[each.name])
            for each in signature(command).parameters.values()
        ]
        at = [each.name for each in own].index(target)
        parameters = [*own[:at], *options, *own[at + 1 :]]
        vars(wrapper)["__signature__"] = signature(command).replace(parameters=parameters)
        wrapper.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapper

    return decorate


def _options(kind: type[Any]) -> list[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(
            each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
        )
        for each in fields(kind)
    ]
