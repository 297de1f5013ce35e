"""`python -m sandbox` runs a practice cloud until it is stopped.

`python -m sandbox seed --scale 500` writes a seed for `--seed-file` and ends.
"""

import argparse
import json
import sys
from pathlib import Path

from sandbox.options import DEFAULT_ACCOUNT, SITE_REGIONS, Options, SandboxAccount, parse_account
from sandbox.seeds import build_seed
from sandbox.server import run


def parse(arguments: list[str]) -> Options:
    """Reads options from a command line; exits with a message when they are wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        accounts = tuple(parse_account(text, given.site) for text in given.account)
    except ValueError as error:
        parser.error(str(error))
    default = SandboxAccount(
        DEFAULT_ACCOUNT.access_key_id, DEFAULT_ACCOUNT.access_key_secret, given.site
    )
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
        scale=given.scale,
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
    add("--seed-file", type=Path, help="JSON as for the control API; existing resources stay")
    add(
        "--scale",
        type=int,
        metavar="N",
        help="seed N resources in total, in equal parts for all accounts and services",
    )
    add("--faults", type=Path, help="JSON: fault rules from the start")
    add(
        "--state",
        type=Path,
        help="keep the state in this file over restarts; it holds private keys",
    )
    add(
        "--record",
        type=Path,
        help="append each request as received, one JSON object a line; nothing is redacted: "
        "what clients send, private keys included, is in it",
    )
    return parser


def write_seed(arguments: list[str]) -> None:
    """Write a seed to the standard output, private keys of its certificates included."""
    parser = argparse.ArgumentParser("sandbox seed", description="Writes a seed and ends.")
    parser.add_argument("--scale", type=int, required=True, metavar="N", help="so many resources")
    parser.add_argument("--site", choices=SITE_REGIONS, default="cn", help="of the account")
    given = parser.parse_args(arguments)
    json.dump(build_seed(given.scale, SITE_REGIONS[given.site]), sys.stdout)
    sys.stdout.write("\n")


def main() -> int:
    """Runs until it is stopped; returns 2 when it cannot start."""
    command, *rest = sys.argv[1:] or [""]
    try:
        if command == "seed":
            write_seed(rest)
        else:
            run(parse(sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
