"""Commands that write a video sign it, as far as that can be done."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from latentcam.server.commands.options import local_file
from latentcam.server.credentials import (
    SIGNED,
    given_certificate,
    machine_certificate,
    missing,
    sign,
)
from latentcam.server.errors import ConfigError, UsageError

logger = logging.getLogger(__name__)


def certificate_options() -> argparse.ArgumentParser:
    """A parent parser: who signs the video."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--certificate",
        type=local_file,
        metavar="PEM",
        help="the chain that signs the video's Content Credentials, instead of this machine's own",
    )
    parser.add_argument("--key", type=local_file, metavar="PEM", help="the certificate's key")
    return parser


def signer_of(args: argparse.Namespace) -> Callable[[Path, str], None]:
    """What signs a finished file, given its mark, or says in one line why it does not; without the
    package only in the log, since nobody asked. Raises UsageError if a certificate was given and
    cannot be used."""
    if (args.certificate is None) != (args.key is None):
        raise UsageError("--certificate and --key belong together, got only one of them")
    given = args.certificate is not None
    lacking = missing()
    if lacking and not given:
        logger.info("no Content Credentials without the package c2pa-python: %s", lacking)
        return lambda path, mark: None
    try:
        if args.out.suffix.lower() not in SIGNED:
            raise UsageError(f"{' and '.join(SIGNED)} can hold them, {args.out.name} cannot")
        if lacking:
            raise UsageError(f"the package c2pa-python is missing: {lacking}")
        certificate = (
            given_certificate(args.certificate, args.key) if given else machine_certificate()
        )
    except (ConfigError, UsageError) as error:
        if given:
            raise UsageError(f"no Content Credentials by --certificate: {error}") from None
        why = str(error)
        return lambda path, mark: print(
            f"latentcam: no Content Credentials: {why}", file=sys.stderr
        )
    return lambda path, mark: sign(path, certificate, mark)
