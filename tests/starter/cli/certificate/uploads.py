"""Every upload that is refused: the files, and what the refusal says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.factory import (
    CA,
    DAY,
    NOW,
    Authority,
    Leaf,
    build_pfx,
    encrypt_key,
    get_rsa_key,
    relabel_as_sm2,
)

PASSPHRASE = "korrekt pferd"
CA_1 = CA()
LEAF = CA_1.leaf()
ROOT = Authority.root("Root")
MIDDLE = ROOT.sub("Middle")
LOW = MIDDLE.sub("Low")
DEEP = LOW.leaf()


@dataclass(frozen=True)
class Refused:
    """`files` by option; `{folder}` in `what` stands for where they lie."""

    what: str
    files: dict[str, bytes]
    name: str = "main"
    words: Sequence[str] = ()

    def arguments(self, folder: Path) -> list[str]:
        """The words after `certificate upload`, with the files written."""
        words = [self.name, *self.words]
        for option, content in self.files.items():
            path = folder / f"{option}.pem"
            path.write_bytes(content)
            words += [f"--{option}", str(path)]
        return words


def pem(leaf: Leaf, **changed: bytes) -> dict[str, bytes]:
    """A proper upload of this leaf, or with what `changed` puts in its place."""
    return {"certificate": leaf.pem, "key": leaf.key_pem, **changed}


def _odd_curve() -> Leaf:
    return ROOT.leaf(key=ec.generate_private_key(ec.BrainpoolP256R1()))


def _named(name: str, expected: str) -> Refused:
    return Refused(expected, pem(LEAF), name=name)


CASES: dict[str, Callable[[], Refused]] = {
    "the key does not match": lambda: Refused(
        "{folder}/key.pem: the private key does not match 'CN=www.example.com'",
        pem(LEAF, key=CA_1.leaf().key_pem),
    ),
    "the chain has a gap, so that it cannot be put in order": lambda: Refused(
        "{folder}/chain.pem: 'CN=Root' does not belong to the chain of 'CN=www.example.com'",
        pem(DEEP, certificate=DEEP.leaf_pem + LOW.pem, chain=ROOT.pem),
    ),
    "the chain is of another authority": lambda: Refused(
        "'CN=Root' does not belong", pem(LEAF, chain=ROOT.pem)
    ),
    "the chain is incomplete": lambda: Refused(
        "'CN=www.example.com' was issued by 'CN=Low', whose certificate is missing. Add it",
        pem(DEEP, certificate=DEEP.leaf_pem),
    ),
    "it has expired": lambda: Refused(
        "'CN=www.example.com' expired on ",
        pem(CA_1.leaf(not_before=NOW - 9 * DAY, not_after=NOW - DAY)),
    ),
    "it is not valid yet": lambda: Refused(
        "'CN=www.example.com' is not valid before ", pem(CA_1.leaf(not_before=NOW + DAY))
    ),
    "its key is weak": lambda: Refused(
        "has an RSA key of 1024 bits. Only 2048 to 8192 bits are accepted.",
        pem(ROOT.leaf(key=get_rsa_key(1024))),
    ),
    "its key is of a kind that is not taken": lambda: Refused(
        "has a key of the kind brainpoolP256r1", pem(_odd_curve())
    ),
    "it is half of an SM2 pair": lambda: Refused(
        "made for SM2, whose certificates come in pairs",
        pem(LEAF, certificate=relabel_as_sm2(LEAF.leaf_pem)),
    ),
    "the key is encrypted and there is no passphrase": lambda: Refused(
        "{folder}/key.pem: the private key is encrypted. Give its passphrase as well.",
        pem(LEAF, key=encrypt_key(LEAF, PASSPHRASE)),
    ),
    "the passphrase is wrong": lambda: Refused(
        "{folder}/key.pem: the private key does not open: the passphrase is wrong",
        {**pem(LEAF, key=encrypt_key(LEAF, PASSPHRASE)), "passphrase-file": b"falsch\n"},
    ),
    "the passphrase is no text": lambda: Refused(
        "{folder}/passphrase-file.pem: the file is not text",
        {**pem(LEAF, key=encrypt_key(LEAF, PASSPHRASE)), "passphrase-file": b"\xff\xfe"},
    ),
    "there are several leaves": lambda: Refused(
        "{folder}/certificate.pem: holds 2 server certificates",
        pem(LEAF, certificate=LEAF.pem + CA_1.leaf(["shop.example.com"]).leaf_pem),
    ),
    "there is no leaf": lambda: Refused(
        "holds only authorities: 'CN=Low', 'CN=Middle'",
        pem(DEEP, certificate=LOW.pem + MIDDLE.pem),
    ),
    "the name is empty": lambda: _named("", "the name is empty"),
    "the name is too long": lambda: _named("x" * 64, "the name has 64 characters, too long"),
    "the name is Chinese": lambda: _named("证书", "has the Chinese character '证'"),
    "the name plays tricks": lambda: _named("a\x1b[2J", "has the unprintable character"),
    "the certificate's file is empty": lambda: Refused(
        "{folder}/certificate.pem: the file is empty", pem(LEAF, certificate=b"")
    ),
    "the key's file is empty": lambda: Refused(
        "{folder}/key.pem: the file is empty", pem(LEAF, key=b"\n")
    ),
    "the chain's file is empty": lambda: Refused(
        "{folder}/chain.pem: the file is empty", pem(LEAF, chain=b"")
    ),
    "the certificate's file is truncated": lambda: Refused(
        "{folder}/certificate.pem: truncated: the CERTIFICATE block",
        pem(LEAF, certificate=LEAF.leaf_pem[:-30]),
    ),
    "the key's file is truncated": lambda: Refused(
        "{folder}/key.pem: truncated: the PRIVATE KEY block", pem(LEAF, key=LEAF.key_pem[:-40])
    ),
    "a file has no end": lambda: Refused(
        "/dev/zero: the file has more than 1048576 bytes", {}, words=("--certificate", "/dev/zero")
    ),
    "a file does not exist": lambda: Refused(
        "/nowhere/a.pem: the file cannot be read: No such file",
        {},
        words=("--pfx", "/nowhere/a.pem"),
    ),
    "a file is a folder": lambda: Refused(
        "/: the file cannot be read: Is a directory", pem(LEAF), words=("--chain", "/")
    ),
    "no certificate is given": lambda: Refused("no certificate is given. Give its file", {}),
    "no key is given": lambda: Refused(
        "{folder}/certificate.pem: no private key is given. Give the key's file by --key.",
        {"certificate": LEAF.pem},
    ),
    "the PFX file stands beside others": lambda: Refused(
        "--pfx: a PFX file holds certificate, chain and key together",
        {**pem(LEAF), "pfx": build_pfx(LEAF)},
    ),
    "the PFX file wants its passphrase": lambda: Refused(
        "{folder}/pfx.pem: needs a passphrase, or is damaged", {"pfx": build_pfx(LEAF, PASSPHRASE)}
    ),
    "the PFX file wants another passphrase": lambda: Refused(
        "{folder}/pfx.pem: the passphrase is wrong",
        {"pfx": build_pfx(LEAF, PASSPHRASE), "passphrase-file": b"falsch"},
    ),
    "the PFX file is empty": lambda: Refused("{folder}/pfx.pem: the file is empty", {"pfx": b""}),
    "the PFX file is truncated": lambda: Refused(
        "{folder}/pfx.pem: truncated", {"pfx": build_pfx(LEAF)[:-20]}
    ),
    "the PFX file is PEM": lambda: Refused(
        "{folder}/pfx.pem: is not a PFX file", {"pfx": LEAF.pem}
    ),
    "the PFX file holds no key": lambda: Refused(
        "{folder}/pfx.pem: holds no private key", {"pfx": build_pfx(LEAF, with_key=False)}
    ),
    "the PFX file holds no chain": lambda: Refused(
        "the chain is incomplete", {"pfx": build_pfx(LEAF, with_chain=False)}
    ),
}
