"""`certroll certificate`: uploaded with their keys, listed, shown, deleted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from domain.errors import BadInput
from starter.commands._shared import (
    Json,
    Yes,
    confirm,
    opened,
    secret_from,
)
from starter.output import say, show_fields, show_json, show_table, some

if TYPE_CHECKING:
    from domain.certificate import Certificate

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
    encrypt_certificate: Annotated[
        Path | None,
        typer.Option(
            "--encrypt-certificate",
            metavar="FILE",
            help="Of an SM2 pair the one that encrypts; --certificate is then the one that signs.",
        ),
    ] = None,
    encrypt_key: Annotated[
        Path | None,
        typer.Option("--encrypt-key", metavar="FILE", help="Its private key, not encrypted."),
    ] = None,
    pfx: Annotated[
        Path | None,
        typer.Option("--pfx", metavar="FILE", help="PFX (PKCS#12) instead of those above."),
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
    has to be valid now. The key is sealed first. Whatever is refused leaves nothing behind. SM2
    certificates come in pairs: one signs, the other encrypts, each with its key.
    """
    from domain.certificate import Source, check_name
    from starter.commands._uploads import Paths, from_pair, from_pem, from_pfx

    check_name(name)
    passphrase = secret_from(passphrase_file, VARIABLE)
    paths = Paths(certificate, chain, key, encrypt_certificate, encrypt_key)
    if pfx is not None:
        if any(paths):
            raise BadInput("is everything in one file", where="--pfx", fix="Give it alone.")
        made = from_pfx(name, pfx, passphrase, Source(source))
    elif encrypt_certificate or encrypt_key:
        made = from_pair(name, paths, Source(source))
    else:
        made = from_pem(name, paths, passphrase, Source(source))
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
            *_encryption(certificate),
            ("subject", certificate.subject),
            ("issuer", certificate.issuer),
            ("chain", "\n".join(_chain(certificate))),
        ]
    )


def _encryption(certificate: "Certificate") -> list[tuple[str, str]]:
    """Of an SM2 pair the half that all other facts do not tell of."""
    half = certificate.encrypt_fingerprint
    return [("encrypts with", f"SHA-256 {half}")] if half else []


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
