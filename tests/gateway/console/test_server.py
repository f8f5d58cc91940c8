"""The server: its port, its certificates, how it stops, health and metrics."""

import asyncio
import socket
import ssl
import time

import httpx2
import pytest

from gateway.console.config import ConsoleConfig
from gateway.console.ports import Check
from gateway.console.server import ConsoleServer
from gateway.secret import SecretError


async def test_port_zero_takes_a_free_one_and_answers_at_once(console):
    assert int(console.url.rpartition(":")[2]) > 0
    assert (await console.client().get("/healthz")).status_code == 200


async def test_connections_before_run_wait_and_are_served(console, tmp_path):
    server = ConsoleServer(
        console.console, ConsoleConfig(listen="127.0.0.1:0"), folder=tmp_path, data=tmp_path
    )
    url = server.bind()
    asking = asyncio.get_running_loop().create_task(console.client().get(f"{url}/healthz"))
    await asyncio.sleep(0.05)
    running = asyncio.get_running_loop().create_task(server.run())
    assert (await asking).status_code == 200
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_taken_port_is_an_os_error(console, tmp_path):
    port = console.url.rpartition(":")[2]
    server = ConsoleServer(
        console.console, ConsoleConfig(listen=f"127.0.0.1:{port}"), folder=tmp_path, data=tmp_path
    )
    with pytest.raises(OSError, match="in use"):
        server.bind()


async def test_it_stops_within_two_seconds_with_streams_open_and_frees_the_port(
    tmp_path, start_console, streaming
):
    async with start_console(tmp_path) as console:
        viewer = console.as_role("viewer")
        stream_open = streaming(viewer)
        stream = await stream_open.__aenter__()
        await stream.until("snapshot")
        idle = await asyncio.open_connection("127.0.0.1", int(console.url.rpartition(":")[2]))
        console.clients.clear()
        start = time.monotonic()
    assert time.monotonic() - start < 2
    with pytest.raises(EOFError):
        await stream.until("never")
    await stream_open.__aexit__(None, None, None)
    await viewer.aclose()
    idle[1].close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", int(console.url.rpartition(":")[2])))


async def test_its_own_certificate_is_kept_private_and_reused(tmp_path, start_console):
    for _start in range(2):
        async with start_console(tmp_path, tls="self_signed") as console:
            assert console.url.startswith("https://")
            trusted = ssl.create_default_context(cafile=str(console.data / "console-cert.pem"))
            async with httpx2.AsyncClient(base_url=console.url, verify=trusted, trust_env=False) as client:
                code = console.console.code.issue()
                answer = await client.post("/api/v1/session", json={"code": code})
                assert answer.status_code == 204
                cookie = answer.headers["set-cookie"]
                assert cookie.startswith("__Host-maplebridge_session=")
                assert "; Secure" in cookie
                assert answer.headers["strict-transport-security"].startswith("max-age=")
                assert (await client.get("/api/v1/session")).json()["user"] == "setup"
            key = console.data / "console-key.pem"
            assert key.stat().st_mode & 0o077 == 0
            stamp = key.stat().st_mtime_ns
    assert key.stat().st_mtime_ns == stamp


async def test_a_key_that_others_can_read_is_refused(tmp_path, console):
    (tmp_path / "cert.pem").write_text("public")
    (tmp_path / "key.pem").write_text("secret")
    (tmp_path / "key.pem").chmod(0o644)
    config = ConsoleConfig.model_validate(
        {"listen": "127.0.0.1:0", "tls": {"cert_file": "cert.pem", "key_file": "key.pem"}}
    )
    with pytest.raises(SecretError, match="chmod 600"):
        ConsoleServer(console.console, config, folder=tmp_path, data=tmp_path)


async def test_health_needs_no_sign_in_and_is_503_when_something_is_not(console):
    healthy = await console.client().get("/healthz")
    assert healthy.status_code == 200
    assert healthy.json()["status"] == "ok"
    assert healthy.json()["checks"]["journal"] == {"ok": True, "detail": "commits"}
    console.site.checks["journal"] = Check(ok=False, detail="disk full")
    sick = await console.client().get("/healthz")
    assert (sick.status_code, sick.json()["status"]) == (503, "degraded")
    assert sick.json()["checks"]["journal"]["detail"] == "disk full"


async def test_metrics_are_for_this_machine_or_a_token(console):
    answer = await console.client().get("/metrics")
    assert answer.status_code == 200
    assert 'maplebridge_gateway_disk_used_pct{site="village-hall",device="gateway"} 23.0' in answer.text
    assert 'maplebridge_bus_load_pct{site="village-hall",device="bus-lan-1"}' in answer.text
    assert "maplebridge_console_viewers" in answer.text
    rebound = await console.client(Host="evil.example").get("/metrics")
    assert rebound.status_code == 401
    allowed = console.as_role("viewer")
    allowed.headers["Host"] = "gateway.example"
    assert (await allowed.get("/metrics")).status_code == 200


async def test_csp_reports_are_counted(console):
    from gateway.console.health_routes import CSP_REPORTS

    before = CSP_REPORTS._value.get()
    answer = await console.client().post(
        "/api/v1/csp-reports", content=b"{}", headers={"Content-Type": "application/csp-report"}
    )
    assert answer.status_code == 204
    assert CSP_REPORTS._value.get() == before + 1


async def test_the_api_describes_itself(console):
    document = (await console.client().get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    assert "/api/v1/sites/{site}/devices/{device}/series" in document["paths"]
