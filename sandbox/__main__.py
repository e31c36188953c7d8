"""`python -m sandbox`: serve all providers on one port of the loopback interface."""

import argparse
import asyncio
import sys
from pathlib import Path

from sandbox.certificates import KINDS
from sandbox.provider import Options
from sandbox.server import Lifetime, Tls, serve


def main() -> int:
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.tls is None and arguments.certificate != KINDS[0]:
        parser.error("--certificate needs --tls")
    options = Options(
        events=arguments.events,
        contacts=arguments.contacts,
        seed=arguments.seed,
        start=arguments.start,
        end=arguments.end,
        example=not arguments.no_example,
        streamed=arguments.streamed,
    )
    tls = None if arguments.tls is None else Tls(arguments.tls, arguments.certificate)
    try:
        lifetime = Lifetime(arguments.idle_timeout, arguments.parent)
        asyncio.run(serve(arguments.port, options, lifetime, tls, arguments.write_configs))
    except (OSError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8044, help="0: any free port (default: %(default)s)")
    parser.add_argument("--events", type=int, default=default.events, help="events to generate (%(default)s)")
    parser.add_argument("--contacts", type=int, default=default.contacts, help="contacts to generate (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="same seed, same events (%(default)s)")
    parser.add_argument("--start", default=default.start, help="time of the first events (%(default)s)")
    parser.add_argument("--end", default=default.end, help="time of the last events (%(default)s)")
    parser.add_argument("--no-example", action="store_true", help="leave the published example events out")
    parser.add_argument(
        "--streamed",
        type=int,
        default=default.streamed,
        metavar="N",
        help="instead, N events that are made while they are read and held nowhere (Cloud4Wi only)",
    )
    parser.add_argument(
        "--write-configs",
        type=Path,
        metavar="DIR",
        help="write a ready configuration for each system into this folder, PROVIDER.json, then serve",
    )
    parser.add_argument(
        "--tls",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="serve https; the certificate of its authority is put into FOLDER, or into a temporary one",
    )
    parser.add_argument(
        "--certificate", choices=KINDS, default=KINDS[0], help="with --tls: which one is shown (default: %(default)s)"
    )
    parser.add_argument("--idle-timeout", type=float, default=1800, help="stop after so many idle seconds")
    parser.add_argument("--parent", type=int, help="stop when the process with this id is gone")
    return parser


if __name__ == "__main__":
    sys.exit(main())
