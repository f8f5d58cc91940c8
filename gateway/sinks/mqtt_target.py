"""From the `mqtt:` block of a site file to a broker's address, identity and TLS."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from gateway.secret import find_file, find_secret, read_secret
from gateway.sinks.config import DEFAULT_NAME, MqttConfig
from gateway.sinks.mqtt_link import Target


def target_of(
    config: MqttConfig, site: str, secrets: Path, embedded_at: tuple[str, int] | None = None
) -> Target:
    """Read what the configuration names; touches files.

    Args:
        config: the block.
        site: the site's id; part of the client id unless one is given, as is a name of the block's own.
        secrets: the folder that `*_file` names are looked up in.
        embedded_at: where the embedded broker listens.

    Raises:
        SecretError: a password, key or certificate file is missing or open to others.
        ssl.SSLError: a certificate or key cannot be used.
    """
    own = "" if config.name == DEFAULT_NAME else f"-{config.name}"  # several sinks may go to one broker
    client_id = config.client_id or f"maplebridge-{site}{own}"
    password = read_secret(config.password_file, secrets) if config.password_file else None
    if config.embedded:
        if embedded_at is None:
            raise ValueError("the embedded broker must be started before its sink")
        host, port = embedded_at
        return Target(host, port, client_id, config.username, password)
    parts = urlsplit(config.url)
    secure = parts.scheme == "mqtts"
    return Target(
        host=parts.hostname or "",
        port=parts.port or (8883 if secure else 1883),
        client_id=client_id,
        username=config.username,
        password=password,
        tls=_tls(config, secrets) if secure else None,
    )


class _Socket(ssl.SSLSocket):
    """Closed at once when the handshake fails; the client only forgets it."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # as the library has it
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _tls(config: MqttConfig, secrets: Path) -> ssl.SSLContext:
    ca = None if config.ca_file is None else str(find_file(config.ca_file, secrets))
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _Socket
    if config.cert_file is not None and config.key_file is not None:
        context.load_cert_chain(find_file(config.cert_file, secrets), find_secret(config.key_file, secrets))
    return context
