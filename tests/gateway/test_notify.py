"""systemd hears of us by datagrams, and silence without it is no fault."""

import socket

from gateway.notify import ServiceManager


def test_messages_reach_the_notify_socket(tmp_path, monkeypatch):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        manager = ServiceManager()
        manager.ready("polling 3 devices")
        manager.alive()
        assert systemd.recv(200) == b"READY=1\nSTATUS=polling 3 devices"
        assert systemd.recv(200) == b"WATCHDOG=1"


def test_nothing_is_sent_without_systemd(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    manager = ServiceManager()
    manager.ready("x")
    assert manager.unsent == 0


def test_a_vanished_socket_is_counted_and_harms_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    manager = ServiceManager()
    manager.alive()
    assert manager.unsent == 1


def test_the_watchdog_period_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert ServiceManager().watchdog_s == 30
    monkeypatch.delenv("WATCHDOG_USEC")
    assert ServiceManager().watchdog_s is None
