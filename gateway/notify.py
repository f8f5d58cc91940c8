"""Tells systemd how the service fares: ready, alive, stopping (sd_notify(3)).

A dozen own lines: the protocol is one datagram, and the packages for it are
older than the machines that we run on. Without systemd nothing is sent.
"""

import os
import socket

import structlog

_log = structlog.get_logger(__name__)


class ServiceManager:
    """The other end of `$NOTIFY_SOCKET`, if there is one."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.unsent = 0

    @property
    def watchdog_s(self) -> float | None:
        """How often systemd wants a sign of life, or None."""
        period_us = os.environ.get("WATCHDOG_USEC", "")
        return int(period_us) / 1_000_000 if period_us.isdigit() and int(period_us) else None

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """To be called only when there was real progress: a timer alone proves nothing."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.connect(self._address)
                link.sendall(message.encode())
        except OSError as error:
            self.unsent += 1
            if self.unsent == 1:
                _log.warning("notify.unsent", why=str(error))
