"""`python -m sandbox`: a practice cloud until it is told to stop."""

import argparse
import sys
from pathlib import Path

from sandbox.options import DEFAULT_ACCOUNT, SITE_REGIONS, Account, Options, parse_account
from sandbox.server import run


def parse(arguments: list[str]) -> Options:
    """Options from a command line; exits with a message when they make no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        accounts = tuple(parse_account(text, given.site) for text in given.account)
    except ValueError as error:
        parser.error(str(error))
    default = Account(DEFAULT_ACCOUNT.access_key_id, DEFAULT_ACCOUNT.access_key_secret, given.site)
    return Options(
        port=given.port,
        edge_port=given.edge_port,
        accounts=accounts or (default,),
        propagation=given.propagation,
        latency=given.latency,
        qps=given.qps,
        seed=given.seed,
        state=given.state,
        record=given.record,
        seed_file=given.seed_file,
        faults=given.faults,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("sandbox", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="of the API; 0 (the default) takes a free one")
    add("--edge-port", type=int, default=0, help="of the TLS edge; 0 takes a free one")
    add("--account", action="append", default=[], metavar="ID:SECRET[:SITE]", help="repeatable")
    add("--site", choices=SITE_REGIONS, default="cn", help="of accounts that name none")
    add("--propagation", type=float, default=0.2, metavar="SECONDS", help="from a bind to the edge")
    add("--latency", type=float, default=0, metavar="MS", help="added to each call")
    add("--qps", type=int, metavar="N", help="calls per second, account, product and operation")
    add("--seed", type=int, default=0, help="makes faults with a share repeatable")
    add("--seed-file", type=Path, help="JSON as the control API takes it; what exists is kept")
    add("--faults", type=Path, help="JSON: fault rules from the start")
    add(
        "--state",
        type=Path,
        help="survive a restart by this file; it holds the practice cloud's private keys",
    )
    add(
        "--record",
        type=Path,
        help="append each request as received, one JSON object a line; nothing is redacted: "
        "what clients send, private keys included, is in it",
    )
    return parser


def main() -> int:
    """Run until told to stop; 2 when it cannot start."""
    try:
        run(parse(sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
