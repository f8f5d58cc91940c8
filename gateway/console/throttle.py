"""How often somebody may try to sign in: per address and per account, pure counting.

An address has few tries; an account has more, over all addresses together, so that one
guesser does not lock its owner out.
"""

import ipaddress
from dataclasses import dataclass, field

WINDOW_MS = 5 * 60 * 1_000
PER_ADDRESS = 10
PER_ACCOUNT = 50
_MAX_KEYS = 10_000


@dataclass(slots=True)
class Throttle:
    """Failed tries of the last five minutes. A try counts from its start, and not at all if it succeeds."""

    _tries: dict[str, list[int]] = field(default_factory=dict)
    """Key → times; the key that tried last stands last, the first goes when there are too many."""

    def begin(self, address: str, account: str, now_ms: int) -> int:
        """Milliseconds to wait, or 0: the try is allowed and counted."""
        keys = ((_address_key(address), PER_ADDRESS), (f"user {account}", PER_ACCOUNT))
        wait_ms = max(self._wait_ms(key, limit, now_ms) for key, limit in keys)
        if wait_ms == 0:
            for key, _limit in keys:
                self._tries[key] = [*self._tries.pop(key, ()), now_ms]
            while len(self._tries) > _MAX_KEYS:
                del self._tries[next(iter(self._tries))]
        return wait_ms

    def succeeded(self, address: str, account: str, begun_ms: int) -> None:
        """The try that began then was no failure."""
        for key in (_address_key(address), f"user {account}"):
            tries = self._tries.get(key, [])
            if begun_ms in tries:
                tries.remove(begun_ms)

    def _wait_ms(self, key: str, limit: int, now_ms: int) -> int:
        tries = [at for at in self._tries.get(key, ()) if now_ms - at < WINDOW_MS]
        if key in self._tries:
            self._tries[key] = tries
        return 0 if len(tries) < limit else tries[-limit] + WINDOW_MS - now_ms


def _address_key(address: str) -> str:
    """One key per IPv4 address, and per IPv6 network of a household (/64)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"from {address}"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return f"from {ip.ipv4_mapped}"
        return f"from {ipaddress.ip_network((ip, 64), strict=False)}"
    return f"from {ip}"
