from agent.clock import ManualClock
from agent.modbus.address import Span, Table
from agent.modbus.lessons import Lesson, Lessons
from agent.modbus.plan import NO_HOLES, Holes
from agent.quantity import MINUTE_MS
from agent.unit_lessons import UnitLessons

FIRST = Holes(refused=frozenset({Span(Table.HOLDING, 3, 1)}))
SECOND = Holes(refused=frozenset({Span(Table.HOLDING, 9, 1)}))


def teach(unit, holes, **how):
    """Refused in two polls in a row, or silent."""
    return [unit.weigh(holes, **how) for _ in range(2)]


def a_unit(lessons=None, device="m"):
    clock = ManualClock()
    unit = UnitLessons(device, lessons or Lessons(), clock)
    unit.turn_to("p|M|1")
    return unit, clock


def test_lessons_add_up_and_are_kept_for_the_model():
    lessons = Lessons()
    unit, _ = a_unit(lessons)
    teach(unit, FIRST)
    teach(unit, SECOND)
    assert unit.holes == FIRST | SECOND == lessons.recall("p|M|1").holes
    other, _ = a_unit(lessons, "n")
    assert other.holes == FIRST | SECOND


def test_what_is_found_again_after_a_doubt_is_doubted_twice_as_late():
    unit, clock = a_unit()
    teach(unit, FIRST)
    waits = []
    for _ in range(4):
        waits.append(0)
        while not unit.doubt():
            clock.advance(MINUTE_MS)
            waits[-1] += 1
        assert unit.holes == NO_HOLES
        teach(unit, FIRST)
    assert waits == [2, 4, 8, 16]


def test_what_is_not_found_again_is_forgotten_for_the_model_too():
    lessons = Lessons()
    unit, clock = a_unit(lessons)
    teach(unit, FIRST)
    clock.advance(2 * MINUTE_MS)
    assert unit.doubt()
    assert lessons.recall("p|M|1") is None
    assert not unit.doubt()


def test_what_another_device_taught_is_doubted_soon_and_stays_for_the_others():
    lessons = Lessons()
    clock = ManualClock()
    lessons.keep("p|M|1", Lesson(FIRST, "other", clock.utc_ms(), hold_ms=60 * MINUTE_MS))
    unit = UnitLessons("m", lessons, clock)
    assert unit.turn_to("p|M|1")
    clock.advance(10 * MINUTE_MS)
    assert unit.doubt()
    assert lessons.recall("p|M|1").holes == FIRST


def test_another_model_or_firmware_begins_anew():
    unit, _ = a_unit()
    teach(unit, FIRST)
    assert unit.turn_to("p|M|2")
    assert unit.holes == NO_HOLES
    assert unit.turn_to("p|M|1")
    assert unit.holes == FIRST
    assert not unit.turn_to("p|M|1")


def test_silence_is_doubted_later_than_words():
    unit, clock = a_unit()
    teach(unit, FIRST, by_silence=True)
    clock.advance(4 * MINUTE_MS)
    assert not unit.doubt()
    clock.advance(MINUTE_MS)
    assert unit.doubt()


def test_a_refusal_is_believed_when_the_next_poll_meets_it_again():
    unit, _ = a_unit()
    assert teach(unit, FIRST) == [NO_HOLES, FIRST]
    assert teach(unit, FIRST | SECOND) == [FIRST, FIRST | SECOND]
    assert unit.holes == FIRST | SECOND


def test_what_another_poll_gives_is_not_believed_nor_anything_else_of_a_fickle_unit_for_a_while():
    unit, clock = a_unit()
    assert unit.weigh(FIRST) == NO_HOLES
    unit.note_given([Span(Table.HOLDING, 9, 1)])
    unit.note_given([Span(Table.HOLDING, 0, 20)])
    assert teach(unit, FIRST) == [NO_HOLES, NO_HOLES]
    clock.advance(MINUTE_MS)
    assert teach(unit, FIRST) == [NO_HOLES, FIRST]


def test_what_is_given_when_it_is_asked_once_more_makes_a_unit_fickle():
    unit, _ = a_unit()
    unit.weigh(FIRST)
    assert unit.weigh(FIRST, gives_it=True) == NO_HOLES
    assert teach(unit, SECOND) == [NO_HOLES, NO_HOLES]
    assert not unit.holes


def test_silence_is_believed_at_once_for_it_has_been_insisted_on():
    unit, _ = a_unit()
    assert unit.weigh(FIRST, by_silence=True) == FIRST


def test_what_was_believed_before_it_was_doubted_is_believed_again_at_once():
    unit, clock = a_unit()
    teach(unit, FIRST)
    clock.advance(2 * MINUTE_MS)
    assert unit.doubt()
    assert unit.weigh(FIRST | SECOND) == FIRST
