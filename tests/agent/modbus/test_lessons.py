from agent.modbus.address import Span, Table
from agent.modbus.lessons import Lesson, Lessons
from agent.modbus.plan import Holes
from agent.quantity import DAY_MS, HOUR_MS, MINUTE_MS

HOLES = Holes(
    refused=frozenset({Span(Table.HOLDING, 3, 2), Span(Table.INPUT, 9, 1)}),
    apart=frozenset({Span(Table.HOLDING, 7, 12)}),
)
NOW_MS = 1_800_000_000_000


def test_what_was_kept_is_there_again_after_a_restart():
    stored = {}
    lesson = Lesson(HOLES, "m", NOW_MS)
    Lessons({}, NOW_MS, stored.__setitem__).keep("odd|M1|1.0", lesson)
    assert Lessons(stored, NOW_MS).recall("odd|M1|1.0") == lesson
    assert Lessons(stored, NOW_MS).recall("odd|M1|2.0") is None


def test_forgotten_is_forgotten_for_good():
    stored = {}
    lessons = Lessons({}, NOW_MS, stored.__setitem__)
    lessons.keep("k", Lesson(HOLES, "m", NOW_MS))
    lessons.forget("k")
    assert (lessons.recall("k"), stored) == (None, {"k": None})


def test_what_is_very_old_or_not_ours_is_deleted():
    stored = {}
    Lessons({}, NOW_MS, stored.__setitem__).keep("old", Lesson(HOLES, "m", NOW_MS - 91 * DAY_MS))
    deleted = []
    lessons = Lessons(
        {**stored, "odd": b"{}", "odder": b"\0"}, NOW_MS, lambda *change: deleted.append(change)
    )
    assert sorted(deleted) == [("odd", None), ("odder", None), ("old", None)]
    assert lessons.recall("old") is None


def test_there_is_an_end_to_it():
    stored = {}

    def change(key, text):
        stored.pop(key, None) if text is None else stored.__setitem__(key, text)

    lessons = Lessons({}, NOW_MS, change)
    for number in range(510):
        lessons.keep(f"k{number}", Lesson(HOLES, "m", NOW_MS + number))
    assert len(stored) == 500
    assert "k9" not in stored
    assert "k10" in stored


def test_a_lesson_holds_for_its_time_and_of_another_device_not_for_long():
    lesson = Lesson(HOLES, "m", NOW_MS, hold_ms=HOUR_MS)
    assert lesson.left_ms("m", NOW_MS + MINUTE_MS) == HOUR_MS - MINUTE_MS
    assert lesson.left_ms("m", NOW_MS - DAY_MS) == HOUR_MS  # a clock that is behind
    assert lesson.left_ms("n", NOW_MS) == 10 * MINUTE_MS
    assert lesson.left_ms("n", NOW_MS + 2 * HOUR_MS) < 0


def test_what_is_confirmed_holds_for_twice_as_long_but_no_longer_than_a_day():
    lesson = Lesson(HOLES, "m", NOW_MS)
    assert lesson.confirmed().hold_ms == 2 * lesson.hold_ms == 4 * MINUTE_MS
    for _ in range(20):
        lesson = lesson.confirmed()
    assert lesson.hold_ms == DAY_MS
