"""The key-encryption keys: from the environment, from a file, or made on first use."""

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from domain.errors import BadInput
from storage.files import create_once
from storage.settings import Settings

KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Keyring:
    """Keys by id; the first is the current one, the others only open what they once sealed."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.current = next(iter(self._keys))

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """From `kek`, else `kek_file`, else the file in the home folder, made when missing."""
        if settings.kek is not None:
            return cls(parse(settings.kek.get_secret_value().split(","), "CERTROLL_KEK"))
        path = settings.kek_file or settings.home / "kek"
        if settings.kek_file is None:
            try:
                create_once(path, _write_new_key)
            except OSError as error:
                raise _unusable("made", path, error) from None
        return cls(_read(path))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, the current one first."""
        return tuple(self._keys)

    def find(self, kek_id: str) -> bytes | None:
        """The key of this id, if it is here."""
        return self._keys.get(kek_id)


def new_line() -> str:
    """A fresh key in the form that the file and the variable take: "ID:BASE64"."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return f"kek-{secrets.token_hex(4)}:{key}"


def parse(lines: list[str], where: str) -> dict[str, bytes]:
    """Keys by id in the order given; blank lines and lines that begin with # are skipped."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        kek_id, _, text = entry.partition(":")
        if not _ID.fullmatch(kek_id):
            raise _bad(f"entry {number} does not begin with an id and a colon", where)
        if kek_id in keys:
            raise _bad(f"the id {kek_id} stands there twice", where)
        keys[kek_id] = _decode(text, kek_id, where)
    if not keys:
        raise _bad("there is no key in it", where)
    return keys


def _decode(text: str, kek_id: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _bad(f"the key {kek_id} is not Base64", where) from None
    if len(key) != KEY_BYTES:
        raise _bad(f"the key {kek_id} has {len(key)} bytes instead of {KEY_BYTES}", where)
    return key


def _bad(what: str, where: str) -> BadInput:
    return BadInput(what, where=where, fix="Each key is ID:BASE64 of 32 random bytes.")


def _read(path: Path) -> dict[str, bytes]:
    try:
        with path.open(encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise BadInput(
                    "other users may read or change this key file",
                    where=str(path),
                    fix=f"Run: chmod 600 {path}",
                )
            return parse(file.read().splitlines(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable("read", path, error) from None


def _unusable(verb: str, path: Path, error: Exception) -> BadInput:
    reason = error.strerror if isinstance(error, OSError) else "it is not text"
    return BadInput(
        f"the key file cannot be {verb}: {reason}",
        where=str(path),
        fix="Set CERTROLL_HOME, CERTROLL_KEK_FILE or CERTROLL_KEK to one that can be used.",
    )


def _write_new_key(path: Path) -> None:
    path.write_text(new_line() + "\n", encoding="ascii")
