"""`certroll certificate`: uploaded with their keys, listed, shown, deleted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from domain.errors import BadInput
from starter.commands._shared import (
    Json,
    Yes,
    ask_secret,
    can_ask,
    confirm,
    opened,
    read_file,
    secret_from,
)
from starter.output import say, show_fields, show_json, show_table, some

if TYPE_CHECKING:
    from domain.certificate import Certificate, PrivateKey, Source

app = typer.Typer(no_args_is_help=True)

VARIABLE = "CERTROLL_PASSPHRASE"
Which = Annotated[
    str,
    typer.Argument(metavar="NAME|FINGERPRINT", help="Of a fingerprint the beginning is enough."),
]


@app.command()
def upload(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="1 to 63 characters, none of them Chinese.")
    ],
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="PEM or DER; may hold chain and key."),
    ] = None,
    chain: Annotated[
        Path | None, typer.Option("--chain", metavar="FILE", help="The intermediates, any order.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The private key, PEM or DER.")
    ] = None,
    pfx: Annotated[
        Path | None,
        typer.Option("--pfx", metavar="FILE", help="PFX (PKCS#12) instead of the three above."),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file", metavar="FILE", help=f"Else {VARIABLE} counts, else it is asked."
        ),
    ] = None,
    source: Annotated[
        Literal["uploaded", "official", "shared"],
        typer.Option(
            "--source",
            metavar="uploaded|official|shared",
            help="Deploying official and shared ones costs no quota.",
        ),
    ] = "uploaded",
    as_json: Json = False,
) -> None:
    """Checks a certificate with its key and stores both.

    The key has to match, the chain has to be complete (it is put in order), and the certificate
    has to be valid now. The key is sealed first. Whatever is refused leaves nothing behind.
    """
    from domain.certificate import Source, check_name

    check_name(name)
    passphrase = secret_from(passphrase_file, VARIABLE)
    if pfx is not None:
        if certificate or chain or key:
            raise BadInput("is everything in one file", where="--pfx", fix="Give it alone.")
        made = _from_pfx(name, pfx, passphrase, Source(source))
    else:
        made = _from_pem(name, certificate, chain, key, passphrase, Source(source))
    with opened() as (store, _):
        store.certificates.add(*made)
    _show(made[0], as_json=as_json)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all certificates."""
    with opened() as (store, _):
        certificates = store.certificates.list()
    if as_json:
        show_json([_facts(each) for each in certificates])
        return
    show_table(
        ("NAME", "NAMES", "KEY", "SOURCE", "EXPIRES", "SHA-256"),
        [
            (
                each.name,
                some([*each.names, *each.addresses]),
                f"{each.algorithm} {each.key_bits}",
                each.source,
                _expiry(each),
                each.short,
            )
            for each in certificates
        ],
        empty="No certificates yet: certroll certificate upload",
    )


@app.command()
def show(which: Which, as_json: Json = False) -> None:
    """Shows one certificate: names, key, times, chain."""
    with opened() as (store, _):
        found = store.certificates.find(which)
    _show(found, as_json=as_json)


@app.command()
def delete(which: Which, yes: Yes = False, as_json: Json = False) -> None:
    """Forgets a certificate and its key; what is deployed stays."""
    with opened() as (store, _):
        found = store.certificates.find(which)
        confirm(f"Delete certificate {found.name!r} ({found.short}) with its key?", yes=yes)
        store.certificates.delete(found.fingerprint)
    if as_json:
        show_json({"deleted": found.fingerprint, "name": found.name})
    else:
        say(f"Certificate {found.name!r} is deleted.")


def _from_pem(
    name: str,
    certificate: Path | None,
    chain: Path | None,
    key: Path | None,
    passphrase: str | None,
    source: "Source",
) -> tuple["Certificate", "PrivateKey"]:
    from datetime import UTC, datetime

    from domain.certificate import Files, parse_pem

    if certificate is None:
        raise BadInput("no certificate is given", fix="Give its file by --certificate or --pfx.")
    leaf = read_file(certificate)
    secret = _key_in(certificate, leaf) if key is None else read_file(key)
    if passphrase is None and b"ENCRYPTED" in secret and can_ask():
        passphrase = ask_secret(f"Passphrase of {key or certificate}")
    return parse_pem(
        name,
        certificate=leaf,
        chain=None if chain is None else read_file(chain),
        key=secret,
        passphrase=passphrase,
        source=source,
        now=datetime.now(UTC),
        files=Files(certificate=str(certificate), chain=str(chain), key=str(key or certificate)),
    )


def _key_in(path: Path, data: bytes) -> bytes:
    """The certificate's file again, if it holds a key too."""
    if b"PRIVATE KEY-----" not in data:
        raise BadInput(
            "no private key is given", where=str(path), fix="Give the key's file by --key."
        )
    return data


def _from_pfx(
    name: str, path: Path, passphrase: str | None, source: "Source"
) -> tuple["Certificate", "PrivateKey"]:
    from datetime import UTC, datetime

    from domain.certificate import parse_pfx

    data = read_file(path)
    if passphrase is None and data and can_ask():
        passphrase = ask_secret(f"Passphrase of {path}")
    return parse_pfx(
        name,
        data=data,
        passphrase=passphrase,
        source=source,
        now=datetime.now(UTC),
        label=str(path),
    )


def _show(certificate: "Certificate", *, as_json: bool) -> None:
    from starter.times import shown

    if as_json:
        show_json(_facts(certificate))
        return
    show_fields(
        [
            ("name", certificate.name),
            ("names", "\n".join([*certificate.names, *certificate.addresses])),
            ("key", f"{certificate.algorithm} {certificate.key_bits} bits"),
            ("source", certificate.source),
            ("valid from", shown(certificate.not_before)),
            ("expires", _expiry(certificate)),
            ("serial", certificate.serial),
            ("SHA-256", certificate.fingerprint),
            ("SHA-1", certificate.sha1),
            ("subject", certificate.subject),
            ("issuer", certificate.issuer),
            ("chain", "\n".join(_chain(certificate))),
        ]
    )


def _expiry(certificate: "Certificate") -> str:
    from datetime import UTC, datetime

    from starter.times import days_left, shown

    left = days_left(certificate.not_after, datetime.now(UTC))
    told = f"{left} days left" if left >= 0 else "expired"
    return f"{shown(certificate.not_after)} ({told})"


def _chain(certificate: "Certificate") -> list[str]:
    """The subjects from the leaf up."""
    from cryptography import x509

    parsed = x509.load_pem_x509_certificates(certificate.chain_pem.encode())
    return [each.subject.rfc4514_string() for each in parsed]


def _facts(certificate: "Certificate") -> dict[str, Any]:
    from datetime import UTC, datetime

    from starter.times import days_left

    left = days_left(certificate.not_after, datetime.now(UTC))
    facts = certificate.model_dump(mode="json")
    return {**facts, "days_left": left, "chain": _chain(certificate)}
