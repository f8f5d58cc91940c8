"""`tls: self_signed`: a certificate made by the machine's `openssl`, kept in the data folder."""

import ipaddress
import os
import shutil
import socket
import subprocess
from pathlib import Path

from gateway.failure import Failure

_DAYS = 825  # what browsers accept at most
_RENEW_S = 30 * 86_400
_TIMEOUT_S = 30


class CertificateError(Failure):
    """No certificate could be made; the message says how to mend it."""


def self_signed_files(host: str, data: Path) -> tuple[Path, Path]:
    """(certificate, key) for this host; made anew within 30 days of its end.

    Raises:
        CertificateError: `openssl` is missing or refuses.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise CertificateError(
            "openssl is not installed; run apt install openssl, or name cert_file and key_file"
        )
    cert, key = data / "console-cert.pem", data / "console-key.pem"
    if (
        cert.is_file()
        and key.is_file()
        and _run([openssl, "x509", "-in", str(cert), "-noout", "-checkend", str(_RENEW_S)])
    ):
        return cert, key
    data.mkdir(parents=True, exist_ok=True)
    fresh = key.with_suffix(".new")
    os.close(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    names = ",".join(_alternative_names(host))
    made = _run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(fresh), "-out", str(cert), "-days", str(_DAYS)),
            *("-subj", "/CN=Maplebridge console", "-addext", f"subjectAltName={names}"),
        ]
    )
    if not made:
        raise CertificateError(
            f"openssl could not make a certificate in {data}; check that it can be written"
        )
    fresh.replace(key)
    return cert, key


def _alternative_names(host: str) -> list[str]:
    names = ["DNS:localhost", "IP:127.0.0.1", f"DNS:{socket.gethostname()}"]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [*names, f"DNS:{host}"]
    return names if address.is_unspecified or address.is_loopback else [*names, f"IP:{address}"]


def _run(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603  # fixed words
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
