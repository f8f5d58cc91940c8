"""Who is not trusted gets nothing: real certificates, each wrong in its own way, and never a word in the clear."""

import asyncio
import subprocess
from dataclasses import replace

import pytest

from gateway.sinks.config import MqttConfig
from tests.gateway.sinks.mqtt_site import QUICK

pytestmark = pytest.mark.mosquitto

LONG_WAIT = replace(QUICK, refused_ms=60_000)


class Authority:
    """Makes certificates with the machine's openssl."""

    def __init__(self, folder) -> None:
        self._folder = folder
        for name in ("ca", "other"):
            subject = ("-subj", f"/CN={name}", "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.pem")
            self._run(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                *subject,
            )

    def make(self, name, *, ca="ca", host="localhost", days=2):
        """`name.key` and `name.pem`; with negative days one that has expired."""
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                  "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        (self._folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                  "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip
        for file in (f"{name}.key", f"{name}.pem"):
            (self._folder / file).chmod(0o600)

    def _run(self, *arguments) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def secure(mosquitto, tmp_path):
    """`secure(certificate, *lines)` → a broker that speaks TLS only."""

    def start(name, *lines):
        files = [f"certfile {tmp_path}/{name}.pem", f"keyfile {tmp_path}/{name}.key", *lines]
        return mosquitto(*files)

    return start


class Tap:
    """Stands before the broker, counts connections and keeps the first bytes of each."""

    def __init__(self, port) -> None:
        self._to = port
        self.first: list[bytes] = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
        index = len(self.first)
        self.first.append(b"")

        async def pass_on(source, sink, *, note):
            try:
                while data := await source.read(4_096):
                    if note:
                        self.first[index] += data[:1]
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            finally:
                sink.close()

        await asyncio.gather(pass_on(reader, up_writer, note=True), pass_on(up_reader, writer, note=False))


async def test_a_client_certificate_opens_the_door(
    authority, secure, tmp_path, sink_for, running, feed, until, journal
):
    authority.make("server")
    authority.make("client")
    broker = secure("server", f"cafile {tmp_path}/ca.pem", "require_certificate true")
    config = MqttConfig(
        url=f"mqtts://localhost:{broker.port}",
        ca_file="ca.pem",
        cert_file="client.pem",
        key_file="client.key",
    )
    sink = sink_for(broker.port, config=config)
    running(sink)
    await until(lambda: sink.connected)
    feed.frame()
    await until(lambda: journal.cursor("mqtt") == 1)


SERVERS = {
    "expired": {"days": -1},
    "of another authority": {"ca": "other"},
    "of another host": {"host": "elsewhere"},
}
CLIENTS = {
    "none": None,
    "expired client": {"days": -1},
    "client of another authority": {"ca": "other"},
}


async def _refused_once_and_never_in_the_clear(broker, sink_for, running, until, **files):
    async with Tap(broker.port) as tap:
        config = MqttConfig(url=f"mqtts://localhost:{tap.port}", ca_file="ca.pem", **files)
        sink = sink_for(broker.port, config=config, pace=LONG_WAIT)
        running(sink)
        await until(lambda: sink.trouble)
        await asyncio.sleep(1.0)
        assert not sink.connected
        assert len(tap.first) == 1, "the next attempt is a minute away"
        assert tap.first[0][:1] == b"\x16", "a TLS handshake, and nothing else before it"
    return sink.trouble


@pytest.mark.parametrize("wrong", SERVERS)
async def test_a_server_that_is_not_trusted_gets_nothing(wrong, authority, secure, sink_for, running, until):
    authority.make("server", **SERVERS[wrong])
    trouble = await _refused_once_and_never_in_the_clear(secure("server"), sink_for, running, until)
    assert "certificate verify failed" in trouble


@pytest.mark.parametrize("wrong", CLIENTS)
async def test_a_server_that_does_not_trust_us_is_asked_again_a_minute_later(
    wrong, authority, secure, tmp_path, sink_for, running, until
):
    authority.make("server")
    files = {}
    if CLIENTS[wrong] is not None:
        authority.make("client", **CLIENTS[wrong])
        files = {"cert_file": "client.pem", "key_file": "client.key"}
    broker = secure("server", f"cafile {tmp_path}/ca.pem", "require_certificate true")
    await _refused_once_and_never_in_the_clear(broker, sink_for, running, until, **files)


async def test_a_server_without_tls_gets_a_handshake_only(authority, mosquitto, sink_for, running, until):
    await _refused_once_and_never_in_the_clear(mosquitto(), sink_for, running, until)


async def test_a_refused_password_is_tried_again_a_minute_later(
    mosquitto, tmp_path, sink_for, running, until
):
    (tmp_path / "none").write_text("")
    (tmp_path / "none").chmod(0o600)
    broker = mosquitto("allow_anonymous false", f"password_file {tmp_path}/none")
    async with Tap(broker.port) as tap:
        sink = sink_for(0, config=MqttConfig(url=f"mqtt://localhost:{tap.port}"), pace=LONG_WAIT)
        running(sink)
        await until(lambda: sink.trouble)
        await asyncio.sleep(1.0)
        assert len(tap.first) == 1
    assert "refused" in sink.trouble
