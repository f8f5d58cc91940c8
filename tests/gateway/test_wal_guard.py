"""A write-ahead log that could not be read is not thrown away."""

import sqlite3

import pytest

from gateway.wal_guard import WalGuard


def a_log(tmp_path):
    """A database whose only row stands in its log, as a kill leaves it."""
    path = tmp_path / "x.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO t VALUES (1)")
        log = path.with_name("x.db-wal").read_bytes()
    connection.close()
    before = sqlite3.connect(path)
    before.execute("DELETE FROM t")
    before.commit()
    before.close()
    path.with_name("x.db-wal").write_bytes(log)
    return path


@pytest.mark.parametrize("guarded", [True, False])
def test_no_connection_is_the_last_one_while_it_is_held(tmp_path, guarded):
    path = a_log(tmp_path)
    guard = WalGuard(path)
    if guarded:
        guard.hold()
    connection = sqlite3.connect(path)
    connection.execute("SELECT count(*) FROM t").fetchone()
    connection.close()
    assert path.with_name("x.db-wal").exists() is guarded
    guard.release()


def test_others_read_and_write_beside_it_and_checkpoint(tmp_path):
    path = a_log(tmp_path)
    guard = WalGuard(path)
    guard.hold()
    for n in (2, 3):
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("INSERT INTO t VALUES (?)", (n,))
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        connection.close()
    assert sqlite3.connect(path).execute("SELECT n FROM t ORDER BY n").fetchall()[-2:] == [(2,), (3,)]
    guard.release()


def test_where_there_is_no_file_there_is_nothing_to_hold_and_a_new_file_is_held_instead(tmp_path):
    path = tmp_path / "x.db"
    guard = WalGuard(path)
    guard.hold()
    a_log(tmp_path)
    guard.hold()
    guard.hold()
    connection = sqlite3.connect(path)
    connection.execute("SELECT count(*) FROM t").fetchone()
    connection.close()
    assert path.with_name("x.db-wal").exists()
    guard.release()
