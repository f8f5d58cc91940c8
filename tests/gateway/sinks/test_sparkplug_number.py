"""The number of a birth goes on over restarts."""

import pytest

from gateway.sinks.sparkplug_number import BirthNumbers


@pytest.mark.tck("tck-id-topics-nbirth-bdseq-increment")
def test_numbers_begin_at_zero_and_go_round_over_restarts(tmp_path):
    file = tmp_path / "sparkplug-mqtt.json"
    taken = [BirthNumbers(file).next() for _ in range(258)]
    assert taken == [*range(256), 0, 1]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b"{}", b'{"bdSeq":"x"}', b"\xff\xfe", b"null"])
def test_a_damaged_file_begins_again(tmp_path, left):
    file = tmp_path / "n.json"
    file.write_bytes(left)
    assert BirthNumbers(file).next() == 0


def test_a_storage_that_refuses_is_counted_and_the_numbers_go_on(tmp_path):
    numbers = BirthNumbers(tmp_path / "missing" / "n.json")
    assert [numbers.next(), numbers.next()] == [0, 1]
    assert numbers.not_kept == 2
