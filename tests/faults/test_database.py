"""A database that answers in each bad way: every row is there in the end, only poison is set aside, memory does not grow."""

import json
import re
import socket
import sqlite3
import time

import pytest

from tests.conftest import until_sync
from tests.faults.scale import rounds
from tests.faults.uplink import MOST_GROWTH_KB, memory_kb

pytestmark = pytest.mark.database

LASTS_S = rounds(fast=0.6, long=10)
PAGE = b"<html><body>the proxy says no</body></html>"
ROW = re.compile(rb"inverter,site=hall,device=(inv-\d+) .*seq=(\d+)i")
POISON = 40
"""During a partial write each so-manieth number of a device is refused for good."""


def raw(do):
    do.raw = True
    return do


@raw
def hangs(handler):
    handler.server.closing.wait(3.0)
    handler.close_connection = True


@raw
def resets(handler):
    handler.wfile.write(b"HTTP/1.1 20")
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


@raw
def drips(handler):
    try:
        for byte in b"HTTP/1.1 204 No Content\r\n\r\n":
            handler.wfile.write(bytes([byte]))
            time.sleep(0.1)
    except OSError:  # the writer has given up, as it should
        handler.close_connection = True


def is_poison(line):
    row = ROW.search(line)
    return row is not None and int(row[2]) % POISON == 0


def partly(script):
    """Some lines are refused for good, the others stored: what InfluxDB calls a partial write."""

    def answer(lines):
        poison = [line for line in lines if is_poison(line)]
        script.stored.extend(line for line in lines if line not in poison)
        said = b'{"code":"invalid","message":"partial write: field type conflict: input field dropped=1"}'
        return (400, {}, said) if poison else (204, {}, b"")

    return answer


WAYS = {
    "400 about the request": (400, {}, b'{"code":"invalid","message":"org is required"}'),
    "400 of a proxy": (400, {"Content-Type": "text/html"}, PAGE),
    "401": (401, {}, b'{"code":"unauthorized"}'),
    "403": (403, {}, b'{"code":"forbidden"}'),
    "404": (404, {}, b'{"code":"not found","message":"bucket not found"}'),
    "413": lambda lines: (413, {}, b"") if len(lines) > 5 else (204, {}, b""),
    "429 in a second": (429, {"Retry-After": "1"}, b""),
    "429 without a word": (429, {}, b""),
    "500": (500, {}, b'{"code":"internal error"}'),
    "502 of a proxy": (502, {}, PAGE),
    "503 until some day": (503, {"Retry-After": "soon"}, b""),
    "504": (504, {}, b""),
    "200 with a page": (200, {"Content-Type": "text/html"}, PAGE),
    "302 to a sign-in": (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "hangs": hangs,
    "resets": resets,
    "drips": drips,
}


def keys(lines):
    return {(match[1].decode(), int(match[2])) for line in lines if (match := ROW.search(line))}


def aside(journal):
    """Device and number of each dead letter."""
    with sqlite3.connect(journal) as connection:
        found = [json.loads(record) for (record,) in connection.execute("SELECT record FROM dead_letter")]
    connection.close()
    rows = [(one["device"], one["seq"]) for one in found]
    assert len(rows) == len(set(rows))
    return rows


def test_every_bad_way_loses_nothing_and_costs_no_memory(scripted, uplink, figures, tmp_path):
    site = uplink(scripted.url)
    until_sync(lambda: len(scripted.stored) > 200, "the first rows", 30)
    before_kb = memory_kb(site)
    for name, answer in WAYS.items():
        scripted.otherwise = answer
        time.sleep(LASTS_S)
        scripted.otherwise = (204, {}, b"")
        count = len(keys(scripted.stored))
        until_sync(lambda count=count: len(keys(scripted.stored)) > count + 50, f"rows after: {name}", 30)
    scripted.otherwise = partly(scripted)
    time.sleep(LASTS_S + 2)
    scripted.otherwise = (204, {}, b"")
    grown_kb = memory_kb(site) - before_kb
    site.communicate(b"end\n", timeout=60)
    sent = {
        (key[0], key[2])
        for key in json.loads((tmp_path / "data/sent.json").read_text())
        if key[0] != "changes"
    }
    stored = keys(scripted.stored)
    missing = sent - stored
    letters = set(aside(tmp_path / "data/journal/journal.db"))
    figures(
        f"a database that answers in {len(WAYS)} bad ways",
        f"{len(sent)} rows, lost 0, {len(missing)} poisoned ones set aside alone, memory {grown_kb:+} KiB",
    )
    assert not stored - sent
    assert missing, "the poison was met"
    assert all(seq % POISON == 0 for _, seq in missing)
    assert missing <= letters, "each is kept as a dead letter, once"
    assert grown_kb <= MOST_GROWTH_KB
