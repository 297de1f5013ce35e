"""`certroll certificate`: certificates and their private keys."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from domain.errors import BadInput
from starter.cli.certificate.cleanup import cleanup
from starter.cli.certificate.renewals import (
    Modes,
    PolicyMode,
    Replaces,
    hand_over,
    renewal_to_json,
    show_renewal,
)
from starter.cli.certificate.show import (
    CertificateFamily,
    certificate_to_json,
    format_policy,
    show_list,
    show_one,
)
from starter.cli.shared import By, Json, Yes, confirm, get_requester, open_store, read_secret
from starter.cli.terminal.output import say, show_json

app = typer.Typer(no_args_is_help=True)

VARIABLE = "CERTROLL_PASSPHRASE"
Which = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FINGERPRINT", help="The name, or the beginning of the fingerprint."
    ),
]


@app.command()
def upload(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name for it: 1 to 63 characters, no Chinese ones."),
    ],
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--certificate", metavar="FILE", help="PEM or DER. May also hold the chain and the key."
        ),
    ] = None,
    chain: Annotated[
        Path | None,
        typer.Option(
            "--chain", metavar="FILE", help="The intermediate certificates, in any order."
        ),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The private key, PEM or DER.")
    ] = None,
    encrypt_certificate: Annotated[
        Path | None,
        typer.Option(
            "--encrypt-certificate",
            metavar="FILE",
            help="The encryption certificate of an SM2 pair. --certificate is the signing one.",
        ),
    ] = None,
    encrypt_key: Annotated[
        Path | None,
        typer.Option(
            "--encrypt-key",
            metavar="FILE",
            help="The private key of --encrypt-certificate, not encrypted.",
        ),
    ] = None,
    pfx: Annotated[
        Path | None,
        typer.Option(
            "--pfx", metavar="FILE", help="A PFX (PKCS#12) file instead of the options above."
        ),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE",
            help=f"The passphrase of the key. Default: {VARIABLE}, else you are asked.",
        ),
    ] = None,
    source: Annotated[
        Literal["uploaded", "official", "shared"],
        typer.Option(
            "--source",
            metavar="uploaded|official|shared",
            help="Where it comes from. Official and shared certificates cost no quota.",
        ),
    ] = "uploaded",
    replaces: Replaces = None,
    policy: PolicyMode = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Checks a certificate with its key, and stores both.

    The key must match, the chain must be complete (it is put in order), and the certificate must
    be valid now. The key is stored encrypted. If anything is refused, nothing is stored. An SM2
    certificate is a pair: one certificate signs, one encrypts, each with its own key.

    A renewed certificate replaces a former one: the one named by --replaces, else the only one
    with the same names, the same kind of key and an earlier expiry. It inherits the renewal
    policy, which decides what happens to resources that serve the former one. With --replaces, a
    name that is taken by the former certificate gets the day of issue appended, and repeating the
    same upload is not an error.
    """
    from domain.certificates.certificate import Source, check_name
    from domain.certificates.renewal import RenewalMode
    from starter.cli.certificate.upload import Paths, from_pair, from_pem, from_pfx
    from starter.requests.certificates import save

    check_name(name)
    by = get_requester(by)
    passphrase = read_secret(passphrase_file, VARIABLE)
    paths = Paths(certificate, chain, key, encrypt_certificate, encrypt_key)
    if pfx is not None:
        if any(paths):
            raise BadInput(
                "a PFX file holds certificate, chain and key together",
                where="--pfx",
                fix="Give --pfx without the other file options.",
                code="conflicting-options",
            )
        parsed = from_pfx(name, pfx, passphrase, Source(source))
    elif encrypt_certificate or encrypt_key:
        parsed = from_pair(name, paths, Source(source))
    else:
        parsed = from_pem(name, paths, passphrase, Source(source))
    with open_store() as (store, settings):
        saved = save(
            store, *parsed, replaces=replaces, mode=RenewalMode(policy) if policy else None
        )
        family, renewal = CertificateFamily(store), None
        if not as_json:
            show_one(saved.certificate, family)
        try:
            renewal = hand_over(store, settings, saved, by)
        finally:
            if as_json:
                show_json(
                    {
                        **certificate_to_json(saved.certificate, family),
                        **renewal_to_json(saved, renewal, store),
                    }
                )
        if not as_json:
            show_renewal(saved, renewal, store)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all certificates."""
    with open_store() as (store, _):
        family = CertificateFamily(store)
    show_list(family, as_json=as_json)


@app.command()
def show(which: Which, as_json: Json = False) -> None:
    """Shows one certificate: names, key, times, chain."""
    with open_store() as (store, _):
        found, family = store.certificates.find(which), CertificateFamily(store)
    if as_json:
        show_json(certificate_to_json(found, family))
    else:
        show_one(found, family)


@app.command()
def policy(
    which: Which,
    mode: Annotated[
        Modes | None,
        typer.Argument(
            metavar="[manual|propose|automatic]", help="Without it, the current policy is shown."
        ),
    ] = None,
    contact: Annotated[
        list[str] | None,
        typer.Option(
            "--contact", metavar="NAME", help="Whom the task notifies; repeatable, at most 10."
        ),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            "--account",
            metavar="NAME",
            help="Only resources of this account or service; repeatable.",
        ),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="SERVICE",
            help="Only resources of this account or service; repeatable.",
        ),
    ] = None,
    rollback_days: Annotated[
        int,
        typer.Option(
            "--rollback-days",
            metavar="N",
            min=0,
            max=365,
            help="How many days the task can be rolled back.",
        ),
    ] = 30,
    as_json: Json = False,
) -> None:
    """Sets what happens when a certificate is renewed. The successor inherits this policy.

    manual: nothing. propose: a plan is saved. automatic: a task is created for the next
    maintenance window. The policy is replaced as a whole. If the certificate already has a
    successor, the policy of the newest one is set.
    """
    from starter.cli.certificate.policy import build_policy, set_policy

    with open_store() as (store, _):
        found = store.certificates.find(which)
        if mode is not None:
            parsed = build_policy(store, mode, contact, account, service, rollback_days)
            found = set_policy(store, found, parsed)
        elif contact or account or service:
            raise BadInput(
                "no policy is given",
                where="policy",
                fix="Give manual, propose or automatic.",
                code="missing-policy",
            )
        current = store.certificates.get_renewal(found.fingerprint).policy
    if as_json:
        show_json({"fingerprint": found.fingerprint, "name": found.name, "policy": current})
    else:
        say(f"{found.name}: {format_policy(current)}")


@app.command()
def delete(which: Which, yes: Yes = False, as_json: Json = False) -> None:
    """Deletes a certificate and its key here. Where it is deployed, it stays."""
    with open_store() as (store, _):
        found = store.certificates.find(which)
        confirm(
            f"Delete certificate {found.name!r} ({found.short_fingerprint}) with its key?", yes=yes
        )
        store.certificates.delete(found.fingerprint)
    if as_json:
        show_json({"deleted": found.fingerprint, "name": found.name})
    else:
        say(f"Certificate {found.name!r} is deleted.")


app.command()(cleanup)
