"""Options that several commands share: written once, as the fields of a dataclass."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, signature
from typing import Any, get_type_hints

Command = Callable[..., None]


def sharing(kind: type[Any]) -> Callable[[Command], Command]:
    """Puts the fields of `kind` in the place of the command's parameter of that type.

    Each field is annotated as an option of its own. The command is called with one `kind`.
    """

    def decorate(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        (place,) = (name for name, hint in hints.items() if hint is kind)
        options = _options(kind)

        @wraps(command)
        def shared(**given: Any) -> None:
            chosen = kind(**{each.name: given.pop(each.name) for each in options})
            command(**{place: chosen}, **given)

        own = [
            each.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[each.name])
            for each in signature(command).parameters.values()
        ]
        at = [each.name for each in own].index(place)
        shown = [*own[:at], *options, *own[at + 1 :]]
        vars(shared)["__signature__"] = signature(command).replace(parameters=shown)
        shared.__annotations__ = {each.name: each.annotation for each in shown}
        return shared

    return decorate


def _options(kind: type[Any]) -> list[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(
            each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
        )
        for each in fields(kind)
    ]
