"""What goes into a blob comes out of it, to the last bit; what was damaged says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Frame, Quality
from gateway.journal.packing import DamagedBlobError, pack, unpack
from gateway.journal.record import Change, Record

VALUES = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.booleans()
)
WITHOUT = st.sampled_from([Quality.BAD, Quality.STALE, Quality.ABSENT])
DOUBTFUL = st.sampled_from([Quality.UNCERTAIN, Quality.SUBSTITUTED])


@st.composite
def frames(draw):
    points = tuple(f"p{n}" for n in range(draw(st.integers(1, 6))))
    values, faults = [], {}
    reason = draw(st.none() | st.sampled_from(["timeout", "exception_4"]))
    for index in range(len(points)):
        quality = Quality.BAD if reason else draw(st.just(Quality.GOOD) | WITHOUT | DOUBTFUL)
        if quality is not Quality.GOOD:
            faults[index] = quality
        values.append(draw(VALUES) if quality.has_value else None)
    return Frame(
        draw(st.sampled_from(["a", "b"])),
        draw(st.sampled_from(["boot-1", "boot-2"])),
        draw(st.integers(1, 2**40)),
        draw(st.integers(0, 2**42)),
        draw(st.integers(0, 2**42)),
        draw(st.booleans()),
        draw(st.integers(0, 9_999)),
        points,
        tuple(values),
        faults,
        reason,
    )


CHANGES = st.builds(
    Change,
    st.sampled_from(["boot-1", "boot-2"]),
    st.integers(1, 2**40),
    st.integers(0, 2**42),
    st.integers(0, 2**42),
    st.booleans(),
    st.dictionaries(st.sampled_from(["alert", "ticket"]), st.text(st.characters(codec="utf-8"), max_size=9)),
)


class Layouts(dict):
    def id_of(self, layout):
        for known, there in self.items():
            if there == layout:
                return known
        self[len(self) + 1] = layout
        return len(self)


@given(st.lists(frames() | CHANGES, min_size=1, max_size=8), st.integers(1, 2**40))
def test_a_blob_gives_back_what_it_got(entries, first):
    records = [Record(first + index, entry) for index, entry in enumerate(entries)]
    layouts = Layouts()
    blob = pack(records, layouts.id_of)
    assert unpack(blob, first, layouts) == records
    only = unpack(blob, first, layouts, device="a")
    assert only == [r for r in records if isinstance(r.entry, Frame) and r.entry.device == "a"]


@given(frames(), st.data())
def test_a_damaged_blob_is_never_taken_for_another(frame, data):
    layouts = Layouts()
    records = [Record(1, frame)]
    blob = bytearray(pack(records, layouts.id_of))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = unpack(bytes(blob), 1, layouts)
    except DamagedBlobError:
        return
    assert found == records, "a bit of the header may change nothing"


def test_a_layout_that_is_unknown_is_damage():
    layouts = Layouts()
    frame = Frame("a", "b", 1, 0, 0, False, 0, ("p",), (1.0,))
    blob = pack([Record(1, frame)], layouts.id_of)
    with pytest.raises(DamagedBlobError, match="position 1"):
        unpack(blob, 1, {})
