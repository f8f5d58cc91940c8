"""The InfluxDB sink: real servers for what is stored, a scripted one for every way to refuse."""

import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from gateway.sinks.influx_answer import Answer, Verdict
from gateway.sinks.influx_courier import WritePace
from gateway.sinks.line_protocol import LineEncoder
from tests.gateway.sinks.conftest import KINDS, QUICK_WRITES

pytestmark = pytest.mark.database


async def test_a_database_that_is_down_at_first_misses_no_row_and_gets_none_twice(
    victoria, influx_for, running, feed, journal, done, until
):
    database = victoria()
    database.stop()
    sink = influx_for(database.url)
    running(sink)
    for _ in range(50):
        feed.frame("inv-1")
        feed.frame("bat-1")
    await journal.commit()
    await until(lambda: sink.errors_pct == 100.0)
    assert not sink.connected
    database.start()
    await done()
    feed.frame("inv-1")
    await journal.commit()
    await done()
    assert sink.connected
    rows = database.rows("inverter_ac_power_kw")
    assert sorted(value for _, _, value in rows) == [float(n) for n in range(1, 52)]
    assert {(labels["site"], labels["device"]) for labels, _, _ in rows} == {("hall", "inv-1")}
    assert len({ts for _, ts, _ in rows}) == 51
    assert sorted(v for _, _, v in database.rows("battery_seq")) == [float(n) for n in range(1, 51)]


def test_the_lines_are_read_back_with_their_types_by_a_real_influxdb(influxd):
    from agent.reading import Frame, Quality

    database = influxd()
    points = ("ac_power_kw", "state", "insulation_ok", "temperature_c")
    values = (12.0, 'a "b", c=d\\', True, None)
    frame = Frame("inv-1", "b1", 7, 5, 1_780_000_000_000, False, 3, points, values, {3: Quality.BAD})
    line = LineEncoder("hall", KINDS).frame(frame).encode()
    for _ in range(2):
        database.ask("/write", line, db="microgrid", precision="ms")
    assert database.rows("SELECT * FROM inverter") == [
        {
            "time": 1_780_000_000_000,
            "ac_power_kw": 12.0,
            "bad": 1,
            "device": "inv-1",
            "insulation_ok": True,
            "seq": 7,
            "site": "hall",
            "state": 'a "b", c=d\\',
        }
    ]
    types = database.rows("SHOW FIELD KEYS FROM inverter")
    assert {t["fieldKey"]: t["fieldType"] for t in types} == {
        "ac_power_kw": "float",
        "bad": "integer",
        "insulation_ok": "boolean",
        "seq": "integer",
        "state": "string",
    }


async def test_a_write_is_one_gzipped_post_with_token_bucket_and_precision(
    scripted, influx_for, running, feed, done
):
    running(influx_for(scripted.url))
    feed.frame("inv-1")
    feed.frame("bat-1")
    await done()
    _, lines, headers, path = scripted.requests[0]
    assert len(lines) == 2
    assert headers["Authorization"] == "Token t0ken"
    assert headers["Content-Encoding"] == "gzip"
    assert path == "/api/v2/write?org=village&bucket=microgrid&precision=ms"


def refuses(word: bytes, status: int = 400, said: bytes = b'{"code":"invalid","message":"unable to parse"}'):
    """Refuses whatever holds the word, as a server does that stores the rest or nothing."""

    def answer(lines):
        return (status, {}, said) if any(word in line for line in lines) else (204, {}, b"")

    return answer


async def test_one_bad_line_of_many_is_set_aside_alone_with_few_requests(
    scripted, influx_for, running, feed, journal, done
):
    scripted.otherwise = refuses(b"666")
    for n in range(200):
        feed.frame("inv-1", value=666.0 if n == 77 else 1.0)
    await journal.commit()
    sink = influx_for(scripted.url)
    running(sink)
    await done()
    assert len(set(scripted.stored)) == 199
    assert len(scripted.requests) <= 2 * 8 + 8
    assert (sink.rejected, sink.written) == (1, 199)
    await journal.commit()
    assert (await journal.statistics())["dead_letters"] == 1


async def test_a_batch_too_large_is_halved_until_it_fits_and_stays_smaller(
    scripted, influx_for, running, feed, journal, done
):
    scripted.otherwise = lambda lines: (413, {}, b"") if len(lines) > 30 else (204, {}, b"")
    for _ in range(200):
        feed.frame("inv-1")
    await journal.commit()
    sink = influx_for(scripted.url)
    running(sink)
    await done()
    assert len(scripted.stored) == 200
    assert sink.rejected == 0
    assert sink._courier.batch_lines <= 50


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_that_a_person_must_mend_holds_everything(
    status, scripted, influx_for, running, feed, journal, done, until
):
    scripted.otherwise = (status, {}, b'{"code":"unauthorized","message":"unauthorized access"}')
    sink = influx_for(scripted.url)
    running(sink)
    feed.frame("inv-1")
    await until(lambda: len(scripted.requests) >= 3)
    times = [at for at, *_ in scripted.requests]
    assert all(b - a >= QUICK_WRITES.hold_ms / 1_000 for a, b in pairwise(times))
    assert journal.cursor("influxdb") == 0
    assert (sink.rejected, sink.errors_pct, sink.connected) == (0, 100.0, False)
    scripted.otherwise = (204, {}, b"")
    await done()


async def test_a_400_about_the_request_and_not_the_lines_rejects_nothing(
    scripted, influx_for, running, feed, journal, until, done
):
    scripted.otherwise = (400, {}, b'{"code":"invalid","message":"org is required"}')
    sink = influx_for(scripted.url)
    running(sink)
    for _ in range(4):
        feed.frame("inv-1")
    await until(lambda: len(scripted.requests) > 5)
    assert sink.rejected == 0
    scripted.otherwise = (204, {}, b"")
    await done()
    assert len(set(scripted.stored)) == 4


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_given_the_time_it_asks_for(status, scripted, influx_for, running, feed, done):
    scripted.answers = [(status, {"Retry-After": "1"}, b"busy")]
    running(influx_for(scripted.url))
    feed.frame("inv-1")
    await done()
    first, second = (at for at, *_ in scripted.requests)
    assert second - first >= 1.0


NOW = datetime(2026, 5, 30, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "wait_ms"),
    [
        ("3", 3_000),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90_000),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("soon", 0),
        ("", 0),
        ("-5", 0),
        ("²", 0),
        ("315360000", 3_600_000),
        ("9" * 400, 3_600_000),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", 0),
    ],
    ids=[
        "seconds",
        "a date",
        "a past date",
        "nonsense",
        "nothing",
        "negative",
        "no digit",
        "ten years",
        "absurd",
        "a year beyond all calendars",
    ],
)
def test_retry_after(asked, wait_ms):
    assert Answer(429, {"retry-after": asked}, b"").retry_after_ms(NOW) == wait_ms


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (204, b"", Verdict.STORED),
        (200, b"", Verdict.STORED),
        (200, b"<html>please sign in</html>", Verdict.LATER),
        (302, b"", Verdict.LATER),
        (400, b"{}", Verdict.BAD_LINES),
        (400, b"\r\n<!DOCTYPE html><title>400 Bad Request</title>", Verdict.LATER),
        (422, b"{}", Verdict.BAD_LINES),
        (401, b"", Verdict.HOLD),
        (403, b"", Verdict.HOLD),
        (404, b"", Verdict.HOLD),
        (413, b"", Verdict.TOO_LARGE),
        (429, b"", Verdict.LATER),
        (500, b"", Verdict.LATER),
        (503, b"", Verdict.LATER),
    ],
)
def test_what_an_answer_means(status, body, verdict):
    assert Answer(status, {}, body).verdict is verdict


def raw(do):
    do.raw = True
    return do


@raw
def hangs(handler):
    handler.server.closing.wait(30)


@raw
def drips(handler):
    for byte in b"HTTP/1.1 204 No Content\r\nX: " + b"y" * 2_000:
        if handler.server.closing.wait(0.05):
            return
        handler.wfile.write(bytes([byte]))


@raw
def never_ends(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while not handler.server.closing.is_set():
        handler.wfile.write(b"<p>" * 10_000)


@raw
def bombs(handler):
    bomb = gzip.compress(bytes(50_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    handler.wfile.write(head.encode() + bomb)


@raw
def resets(handler):
    handler.connection.close()


HTML = (200, {"Content-Type": "text/html"}, b"<html>Welcome to the airport</html>")


@pytest.mark.parametrize(
    "trouble",
    [hangs, drips, never_ends, bombs, resets, HTML],
    ids=["hangs", "drips", "endless", "bomb", "resets", "portal"],
)
async def test_an_answer_that_is_none_is_bounded_and_the_line_comes_again(
    trouble, scripted, influx_for, running, feed, done
):
    scripted.answers = [trouble]
    sink = influx_for(scripted.url)
    running(sink)
    feed.frame("inv-1")
    begun = time.monotonic()
    await done()
    assert time.monotonic() - begun < 2 * QUICK_WRITES.timeout_s + 2
    assert len(scripted.stored) == 1
    assert sink.errors_pct == 50.0


async def test_after_trouble_the_newest_frames_are_stored_before_the_backlog_is_done(
    scripted, influx_for, running, feed, journal, done, until
):
    scripted.otherwise = (503, {}, b"")
    running(influx_for(scripted.url, pace=WritePace(batch_lines=10, retry_first_ms=50, retry_cap_ms=50)))
    for _ in range(500):
        feed.frame("inv-1", value=1.0)
    await journal.commit()
    await until(lambda: len(scripted.requests) > 1)

    def slowly(lines):
        time.sleep(0.02)
        return 204, {}, b""

    scripted.otherwise = slowly
    await until(lambda: len(scripted.stored) > 20)
    feed.frame("bat-1")
    await journal.commit()
    await until(lambda: any(line.startswith(b"battery") for line in scripted.stored))
    assert len(scripted.stored) < 300
    await done()
    assert len(set(scripted.stored)) == 501


async def test_alerts_are_written_and_tickets_only_settled(scripted, influx_for, running, feed, done):
    document = {
        "id": "a1",
        "rule": "PV-01",
        "device": "inv-1",
        "channel": None,
        "state": "active",
        "severity": "high",
    }
    running(influx_for(scripted.url))
    feed.change({"alert": document})
    feed.change({"ticket": "t1", "event": {"event": "accept"}})
    await done()
    assert [line.split(b" ")[0] for line in scripted.stored] == [b"alert,site=hall,device=inv-1,rule=PV-01"]


async def test_a_missing_token_is_said_and_waited_for(
    scripted, influx_for, running, feed, until, done, tmp_path
):
    sink = influx_for(scripted.url)
    (tmp_path / "influx.token").unlink()
    running(sink)
    feed.frame("inv-1")
    await until(lambda: sink.trouble and "influx.token" in sink.trouble)
    assert scripted.requests == []
    (tmp_path / "influx.token").write_text("t0ken")
    (tmp_path / "influx.token").chmod(0o600)
    await done()


async def test_stopping_does_not_wait_for_a_database_that_hangs(scripted, influx_for, running, feed, until):
    scripted.otherwise = hangs
    run = running(influx_for(scripted.url, pace=WritePace(timeout_s=20)))
    feed.frame("inv-1")
    await until(lambda: scripted.requests)
    begun = time.monotonic()
    await run.stop()
    assert time.monotonic() - begun < 1
