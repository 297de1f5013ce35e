"""YAML from people: plain data only, and each error with its line and column.

Read from parser events, not through a loader: tags construct nothing, anchors expand nothing.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import yaml
from yaml.reader import Reader

from domain.errors import BadInput

Path = tuple[str | int, ...]
MOST_DEEP = 12
MOST_TOLD = 10

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NONE = {"", "~", "null", "Null", "NULL"}
_BOOL = {**dict.fromkeys(("true", "True"), True), **dict.fromkeys(("false", "False"), False)}
_INT = re.compile(r"-?(0|[1-9][0-9]{0,15})")


class Spot(NamedTuple):
    """A place in a text; both count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class Fault(NamedTuple):
    """What is wrong with the value, or with the key, at a path of keys and numbers."""

    path: Path
    what: str
    at_key: bool = False


def decode(data: bytes, where: str) -> str:
    """The text; BadInput for what is no UTF-8 or holds a character that YAML does not allow."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        raise told(where, [(_after(before), "this is no UTF-8")]) from None
    if strange := Reader.NON_PRINTABLE.search(text):
        what = f"the character U+{ord(strange.group()):04X} may not stand in YAML"
        raise told(where, [(_after(text[: strange.start()]), what)])
    return text


def load(text: str, where: str) -> Any:
    """Dicts, lists, texts, whole numbers, booleans and None; BadInput for anything else."""
    reading = _Reading(text, where, ())
    value = reading.document()
    if reading.faults:
        raise told(where, reading.faults)
    return value


def refused(text: str, where: str, faults: Iterable[Fault]) -> BadInput:
    """One error for all faults, each with its place: the text is read once more to find it."""
    listed = list(faults)
    wanted = {fault.path[:length] for fault in listed for length in range(len(fault.path) + 1)}
    reading = _Reading(text, where, wanted)
    reading.document()
    return told(where, sorted((reading.spot(fault), fault.what) for fault in listed))


def told(where: str, found: list[tuple[Spot, str]]) -> BadInput:
    """One error is told in a line, several in one each."""
    if len(found) == 1:
        spot, what = found[0]
        return BadInput(what, where=f"{where}, {spot}", fix="Nothing was stored.")
    lines = [f"  {spot}: {what}" for spot, what in found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        lines.append(f"  and {len(found) - MOST_TOLD} more")
    return BadInput("\n".join([f"{len(found)} errors, nothing was stored", *lines]), where=where)


class _Reading:
    """One pass over a text. Of the paths to `watch` it remembers where they stand."""

    def __init__(self, text: str, where: str, watch: Collection[Path]) -> None:
        self._where, self._watch = where, watch
        self._keys: dict[Path, Spot] = {}
        self._values: dict[Path, Spot] = {}
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.faults: list[tuple[Spot, str]] = []

    def document(self) -> Any:
        """The one document of the text."""
        try:
            self._next()
            if isinstance(self._next(), yaml.StreamEndEvent):
                raise told(self._where, [(Spot(1, 1), "there is nothing in it")])
            value = self._value(self._next(), ())
            self._next()
            if not isinstance(event := self._next(), yaml.StreamEndEvent):
                raise told(self._where, [(_spot(event), "a second document begins here")])
        except yaml.MarkedYAMLError as error:
            raise told(self._where, [_syntax(error)]) from None
        return value

    def spot(self, fault: Fault) -> Spot:
        """Where it stands; of what is missing, where it should: the value that lacks it."""
        if fault.at_key and fault.path in self._keys:
            return self._keys[fault.path]
        path = fault.path
        while path not in self._values:
            path = path[:-1]
        return self._values[path]

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, event: Any, path: Path) -> Any:
        if path in self._watch:
            self._values[path] = _spot(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
            self.faults.append((_spot(event), _not_plain(event)))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, path)
        return _plain(event) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, begin: Any, path: Path) -> dict[str, Any]:
        self._check_depth(begin, path)
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                raise told(self._where, [(_spot(event), "a name is expected here, no structure")])
            if key in found:
                self.faults.append((_spot(event), f"{key!r} is given twice"))
            here = (*path, key)
            if here in self._watch:
                self._keys[here] = _spot(event)
            found[key] = self._value(self._next(), here)
        return found

    def _sequence(self, begin: Any, path: Path) -> list[Any]:
        self._check_depth(begin, path)
        found: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _check_depth(self, event: Any, path: Path) -> None:
        if len(path) > MOST_DEEP:
            what = f"this lies more than {MOST_DEEP} levels deep"
            raise told(self._where, [(_spot(event), what)])


def _plain(event: Any) -> Any:
    text: str = event.value
    if event.style in ("'", '"', "|", ">"):
        return text
    if text in _NONE:
        return None
    if text in _BOOL:
        return _BOOL[text]
    return int(text) if _INT.fullmatch(text) else text


def _not_plain(event: Any) -> str:
    if isinstance(event, yaml.AliasEvent):
        return f"aliases are not taken (*{event.anchor}): write the value itself"
    if event.anchor:
        return f"anchors are not taken (&{event.anchor})"
    return f"tags are not taken ({event.tag})"


def _syntax(error: yaml.MarkedYAMLError) -> tuple[Spot, str]:
    mark = error.problem_mark or error.context_mark
    spot = Spot(mark.line + 1, mark.column + 1) if mark else Spot(1, 1)
    began = f"(from line {error.context_mark.line + 1})" if error.context_mark else None
    return spot, " ".join(filter(None, ("no YAML:", error.context, began, error.problem)))


def _spot(event: Any) -> Spot:
    return Spot(event.start_mark.line + 1, event.start_mark.column + 1)


def _after(text: str) -> Spot:
    """The place of the character behind this text."""
    return Spot(text.count("\n") + 1, len(text) - text.rfind("\n"))
