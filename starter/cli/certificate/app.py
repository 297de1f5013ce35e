"""`certroll certificate`: uploaded with their keys, listed, shown, deleted."""

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
    renewal_facts,
    show_renewal,
)
from starter.cli.certificate.show import Family, facts, policy_words, show_list, show_one
from starter.cli.shared import By, Json, Yes, confirm, opened, secret_from, who
from starter.cli.terminal.output import say, show_json

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
    replaces: Replaces = None,
    policy: PolicyMode = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Checks a certificate with its key and stores both.

    The key has to match, the chain has to be complete (it is put in order), and the certificate
    has to be valid now. The key is sealed first. Whatever is refused leaves nothing behind. SM2
    certificates come in pairs: one signs, the other encrypts, each with its key.

    A renewed certificate follows a former one: the one that --replaces names, else the only one
    with the same names, the same kind of key and an earlier expiry. It inherits the policy, which
    says what becomes of the resources that serve the former. With --replaces, a name that the
    former has gets the day of issue behind it, and the same upload again is no error.
    """
    from domain.certificates.certificate import Source, check_name
    from domain.certificates.renewal import Mode
    from starter.cli.certificate.upload import Paths, from_pair, from_pem, from_pfx
    from starter.requests.certificates import keep

    check_name(name)
    by = who(by)
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
    with opened() as (store, settings):
        kept = keep(store, *made, replaces=replaces, mode=Mode(policy) if policy else None)
        family, renewal = Family(store), None
        if not as_json:
            show_one(kept.certificate, family)
        try:
            renewal = hand_over(store, settings, kept, by)
        finally:
            if as_json:
                show_json(
                    {**facts(kept.certificate, family), **renewal_facts(kept, renewal, store)}
                )
        if not as_json:
            show_renewal(kept, renewal, store)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all certificates."""
    with opened() as (store, _):
        family = Family(store)
    show_list(family, as_json=as_json)


@app.command()
def show(which: Which, as_json: Json = False) -> None:
    """Shows one certificate: names, key, times, chain."""
    with opened() as (store, _):
        found, family = store.certificates.find(which), Family(store)
    if as_json:
        show_json(facts(found, family))
    else:
        show_one(found, family)


@app.command()
def policy(
    which: Which,
    mode: Annotated[
        Modes | None, typer.Argument(metavar="[manual|propose|automatic]", help="Else it is told.")
    ] = None,
    contact: Annotated[
        list[str] | None,
        typer.Option("--contact", metavar="NAME", help="Who hears of the task; at most 10."),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="NAME", help="Only resources of it; repeatable."),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option("--service", metavar="SERVICE", help="Only resources of it; repeatable."),
    ] = None,
    rollback_days: Annotated[
        int,
        typer.Option(
            "--rollback-days", metavar="N", min=0, max=365, help="How long it may be taken back."
        ),
    ] = 30,
    as_json: Json = False,
) -> None:
    """Says what shall be done once a certificate has a successor, which inherits it.

    manual: nothing. propose: a plan is saved. automatic: a task is made for the next opening of
    the maintenance windows. What is not named here again is not kept. Of a certificate that has a
    successor already, the newest one is meant.
    """
    from starter.cli.certificate.policy import checked, set_policy

    with opened() as (store, _):
        found = store.certificates.find(which)
        if mode is not None:
            made = checked(store, mode, contact, account, service, rollback_days)
            found = set_policy(store, found, made)
        elif contact or account or service:
            raise BadInput(
                "no policy is named", where="policy", fix="Name manual, propose or automatic."
            )
        told = store.certificates.standing(found.fingerprint).policy
    if as_json:
        show_json({"fingerprint": found.fingerprint, "name": found.name, "policy": told})
    else:
        say(f"{found.name}: {policy_words(told)}")


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


app.command()(cleanup)
