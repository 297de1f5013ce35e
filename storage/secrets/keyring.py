"""Loads the key-encryption keys (KEK) of the vault, from the environment or a file.

The store loads them when it opens; `certroll` creates a key file on first use.
"""

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
from storage.files import create_private_file
from storage.settings import Settings

KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Keyring:
    """Keys by id. The first one is the current key; the others only decrypt."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.current = next(iter(self._keys))

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Loads `kek`, else `kek_file`, else the file in the home folder, created if missing."""
        if settings.kek is not None:
            return cls(parse_keys(settings.kek.get_secret_value().split(","), "CERTROLL_KEK"))
        path = settings.kek_file or settings.home / "kek"
        if settings.kek_file is None:
            try:
                create_private_file(path, _write_new_key)
            except OSError as error:
                raise _build_unusable_error("created", path, error) from None
        return cls(_read(path))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, the current key first."""
        return tuple(self._keys)

    def find(self, kek_id: str) -> bytes | None:
        """The key of this id; None if it is missing."""
        return self._keys.get(kek_id)


def generate_key_line() -> str:
    """Generates a key as "ID:BASE64", the format of the file and of the variable."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return f"kek-{secrets.token_hex(4)}:{key}"


def parse_keys(lines: list[str], where: str) -> dict[str, bytes]:
    """The keys by id, in the given order. Blank lines and lines that begin with # are skipped."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        kek_id, _, text = entry.partition(":")
        if not _ID.fullmatch(kek_id):
            raise _build_error(f"entry {number} does not begin with an id and a colon", where)
        if kek_id in keys:
            raise _build_error(f"the id {kek_id} is used twice", where)
        keys[kek_id] = _decode(text, kek_id, where)
    if not keys:
        raise _build_error("there is no key in it", where)
    return keys


def _decode(text: str, kek_id: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _build_error(f"the key {kek_id} is not Base64", where) from None
    if len(key) != KEY_BYTES:
        raise _build_error(f"the key {kek_id} has {len(key)} bytes instead of {KEY_BYTES}", where)
    return key


def _build_error(what: str, where: str) -> BadInput:
    fix = "Write each key as ID:BASE64 of 32 random bytes."
    return BadInput(what, where=where, fix=fix, code="invalid-kek")


def _read(path: Path) -> dict[str, bytes]:
    try:
        with path.open(encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise BadInput(
                    "other users may read or change this key file",
                    where=str(path),
                    fix=f"Run: chmod 600 {path}",
                    code="key-file-not-private",
                )
            return parse_keys(file.read().splitlines(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise _build_unusable_error("read", path, error) from None


def _build_unusable_error(verb: str, path: Path, error: Exception) -> BadInput:
    reason = error.strerror if isinstance(error, OSError) else "it is not text"
    return BadInput(
        f"the key file cannot be {verb}: {reason}",
        where=str(path),
        fix="Set CERTROLL_HOME, CERTROLL_KEK_FILE or CERTROLL_KEK to a usable value.",
        code="key-file-unusable",
    )


def _write_new_key(path: Path) -> None:
    path.write_text(generate_key_line() + "\n", encoding="ascii")
