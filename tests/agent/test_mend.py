"""What is left of a document without its faulty values."""

from pydantic import BaseModel, ConfigDict, Field

from agent.mend import mended


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    size: int = Field(default=1, ge=1)


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int
    items: list[Item]


def stand_in(place, value):
    return {"version": 1, "name": f"was {value}"}.get(place[-1])


def test_what_is_right_stays_as_it_is():
    data = {"version": 2, "items": [{"name": "a"}]}
    assert mended(Whole, data, stand_in) == (Whole(version=2, items=[Item(name="a")]), frozenset())


def test_faulty_values_go_required_ones_are_stood_in_for_and_the_data_stay():
    data = {"colour": 3, "items": [{"name": "a", "size": 0}, {"name": []}]}
    model, places = mended(Whole, data, stand_in)
    assert model == Whole(version=1, items=[Item(name="a"), Item(name="was None")])
    assert places == {("version",), ("colour",), ("items", 0, "size"), ("items", 1, "name")}
    assert data == {"colour": 3, "items": [{"name": "a", "size": 0}, {"name": []}]}


def test_an_entry_that_nothing_stands_in_for_ends_it():
    assert mended(Whole, {"version": 1, "items": ["a"]}, stand_in) is None
    assert mended(Whole, [], stand_in) is None


def test_what_went_with_its_surroundings_needs_no_mending_of_its_own():
    class Several(BaseModel):
        items: Item | tuple[Item, ...] | None = None

    data = {"items": [{"name": "a"}, {"name": "b", "colour": 1}]}
    model, places = mended(Several, data, stand_in)
    assert model == Several()
    assert places == {("items",), ("items", 1, "colour")}
