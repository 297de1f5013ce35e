"""Reads YAML that people wrote: plain data only, each error with its line and column.

Called by domain.plans.file. It reads parser events instead of using a loader: so tags construct no
objects and aliases expand nothing.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import yaml
from yaml.reader import Reader

from domain.errors import BadInput

INVALID_FILE = "invalid-file"
Path = tuple[str | int, ...]
MAX_DEPTH = 12
MAX_REPORTED = 10

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NONE = {"", "~", "null", "Null", "NULL"}
_BOOL = {**dict.fromkeys(("true", "True"), True), **dict.fromkeys(("false", "False"), False)}
_INT = re.compile(r"-?(0|[1-9][0-9]{0,15})")


class Position(NamedTuple):
    """A position in a text; line and column count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class Fault(NamedTuple):
    """What is wrong with the value, or with the key, at a path of keys and numbers."""

    path: Path
    what: str
    at_key: bool = False


def decode_text(data: bytes, where: str) -> str:
    """The text; raises BadInput for invalid UTF-8 and for characters that YAML does not allow."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        raise build_error(
            where, [(_get_position_after(before), "this is not valid UTF-8")]
        ) from None
    if strange := Reader.NON_PRINTABLE.search(text):
        what = f"the character U+{ord(strange.group()):04X} is not allowed in YAML"
        raise build_error(where, [(_get_position_after(text[: strange.start()]), what)])
    return text


def parse_yaml(text: str, where: str) -> Any:
    """Returns dicts, lists, strings, integers, booleans and None; BadInput for anything else."""
    reading = _Reading(text, where, ())
    value = reading.read_document()
    if reading.faults:
        raise build_error(where, reading.faults)
    return value


def build_error_at(text: str, where: str, faults: Iterable[Fault]) -> BadInput:
    """One error for all faults with their positions; reads the text again to find these."""
    listed = list(faults)
    watched = {fault.path[:length] for fault in listed for length in range(len(fault.path) + 1)}
    reading = _Reading(text, where, watched)
    reading.read_document()
    return build_error(
        where, sorted((reading.find_position(fault), fault.what) for fault in listed)
    )


def build_error(where: str, found: list[tuple[Position, str]]) -> BadInput:
    """One fault gives a message of one line, several give a line each."""
    if len(found) == 1:
        position, what = found[0]
        return BadInput(
            what, where=f"{where}, {position}", fix="Nothing was stored.", code=INVALID_FILE
        )
    lines = [f"  {position}: {what}" for position, what in found[:MAX_REPORTED]]
    if len(found) > MAX_REPORTED:
        lines.append(f"  and {len(found) - MAX_REPORTED} more")
    message = "\n".join([f"{len(found)} errors, nothing was stored", *lines])
    return BadInput(message, where=where, code=INVALID_FILE)


class _Reading:
    """One pass over a text; records the positions of the paths to `watch`."""

    def __init__(self, text: str, where: str, watch: Collection[Path]) -> None:
        self._where, self._watch = where, watch
        self._keys: dict[Path, Position] = {}
        self._values: dict[Path, Position] = {}
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.faults: list[tuple[Position, str]] = []

    def read_document(self) -> Any:
        """The data of the one document in the text."""
        try:
            self._next()
            if isinstance(self._next(), yaml.StreamEndEvent):
                raise build_error(self._where, [(Position(1, 1), "the file is empty")])
            value = self._value(self._next(), ())
            self._next()
            if not isinstance(event := self._next(), yaml.StreamEndEvent):
                raise build_error(
                    self._where,
                    [(_get_position(event), "only one document is allowed, a second begins here")],
                )
        except yaml.MarkedYAMLError as error:
            raise build_error(self._where, [_syntax(error)]) from None
        return value

    def find_position(self, fault: Fault) -> Position:
        """The position of the fault; for a missing field that of the value that lacks it."""
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
            self._values[path] = _get_position(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
            self.faults.append((_get_position(event), _explain_not_plain(event)))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, path)
        return _to_plain_value(event) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, begin: Any, path: Path) -> dict[str, Any]:
        self._check_depth(begin, path)
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                raise build_error(
                    self._where, [(_get_position(event), "a key must be a plain name")]
                )
            if key in found:
                self.faults.append((_get_position(event), f"the key {key!r} appears twice"))
            here = (*path, key)
            if here in self._watch:
                self._keys[here] = _get_position(event)
            found[key] = self._value(self._next(), here)
        return found

    def _sequence(self, begin: Any, path: Path) -> list[Any]:
        self._check_depth(begin, path)
        found: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _check_depth(self, event: Any, path: Path) -> None:
        if len(path) > MAX_DEPTH:
            what = f"this is nested more than {MAX_DEPTH} levels deep"
            raise build_error(self._where, [(_get_position(event), what)])


def _to_plain_value(event: Any) -> Any:
    text: str = event.value
    if event.style in ("'", '"', "|", ">"):
        return text
    if text in _NONE:
        return None
    if text in _BOOL:
        return _BOOL[text]
    return int(text) if _INT.fullmatch(text) else text


def _explain_not_plain(event: Any) -> str:
    if isinstance(event, yaml.AliasEvent):
        return f"aliases are not allowed (*{event.anchor}): write the value itself"
    if event.anchor:
        return f"anchors are not allowed (&{event.anchor})"
    return f"tags are not allowed ({event.tag})"


def _syntax(error: yaml.MarkedYAMLError) -> tuple[Position, str]:
    mark = error.problem_mark or error.context_mark
    position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    began = f"(from line {error.context_mark.line + 1})" if error.context_mark else None
    return position, " ".join(filter(None, ("invalid YAML:", error.context, began, error.problem)))


def _get_position(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _get_position_after(text: str) -> Position:
    """The position of the character that follows this text."""
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))
