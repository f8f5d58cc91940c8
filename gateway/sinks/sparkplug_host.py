"""Whether the primary host application is there, by its STATE messages. Pure."""

import orjson

NAMESPACE = "spBv1.0"


class PrimaryHost:
    """What a host says of itself on `spBv1.0/STATE/<host>`.

    A word that is older than the last one that counted is an echo of a connection that is gone.

    Args:
        host: the host's id; "" when the node waits for nobody.
    """

    def __init__(self, host: str) -> None:
        self.topic = f"{NAMESPACE}/STATE/{host}" if host else ""
        self._online = not host
        self._said_ms: int | None = None

    @property
    def online(self) -> bool:
        return self._online

    def connecting(self) -> None:
        """A new connection is about to begin; the host's retained word comes again."""
        self._online = not self.topic

    def heard(self, payload: bytes) -> bool:
        """A word of the host; whether it counts."""
        try:
            said = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(said, dict):
            return False
        online, at_ms = said.get("online"), said.get("timestamp")
        if not isinstance(online, bool) or not isinstance(at_ms, int) or isinstance(at_ms, bool):
            return False
        if self._said_ms is not None and at_ms < self._said_ms:
            return False
        self._online, self._said_ms = online, at_ms
        return True
