"""A device made from its profile: points are set by name, registers answer as the maker's would."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from agent.fingerprint import example
from agent.fingerprint import image as marks
from agent.modbus.address import Table
from agent.modbus.meaning import is_made
from agent.modbus.sunspec import assumed, image
from agent.profile import TEXT_TYPES, Fingerprint, Point, Profile
from agent.reading import Value
from agent.simulator.encode import exponent_for, words_of
from agent.simulator.identity import PRODUCT, REVISION, VENDOR
from agent.simulator.refusal import ILLEGAL_ADDRESS
from agent.simulator.unit import Answer, Unit

_ALL_BITS = 0xFFFF
_FILLED = 100  # makers keep reserved registers between the named ones; wider gaps are refused


class SimulatedDevice(Unit):
    """Registers of one device model.

    Args:
        serial: what it says that its serial number is, where its profile or SunSpec has a place for one;
            cut to what that holds.

    Numbers start at 0, states at their first name, flags at false, texts empty; on a
    SunSpec device all points start as not available. A scale register holds the smallest
    power of ten that fits its points, and only ever grows.
    """

    def __init__(self, profile: Profile, serial: str = "") -> None:
        super().__init__()
        self.profile = assumed(profile)
        known = profile.identify or Fingerprint()
        self.identity = {
            VENDOR: example(known.vendor) or profile.vendor,
            PRODUCT: example(known.product) or profile.model,
            REVISION: "simulated",
        }
        self._points = {point.name: point for point in self.profile.points}
        self._values: dict[str, Value | None] = {}
        self._sharing = _sharing(self.profile.points)
        self._exponents = dict.fromkeys(self._sharing, -3)
        self._words: dict[Table, dict[int, int]] = {table: {} for table in Table}
        not_implemented = image(profile, serial) if serial else image(profile)
        self._words[Table.HOLDING].update(not_implemented)
        self._fill()
        if not not_implemented:
            self.set(**{point.name: _first(point) for point in self.profile.points})
        self._serial = serial
        self._put_serial()
        self._marks = marks(profile)
        for (table, address), word in self._marks.items():
            self._words[table][address] = word

    @property
    def names(self) -> tuple[str, ...]:
        """The points that can be set."""
        return tuple(self._points)

    @property
    def free_points(self) -> tuple[Point, ...]:
        """Points that may move: by the others a device is still to be known, and a register says one thing.

        Of points that share a register, such as a current and the power that is worked out from it,
        the plainest and else the first one is free.
        """
        taken = dict.fromkeys(self._marks, _ALL_BITS)
        free = set()
        for point in sorted(self.profile.points, key=lambda point: is_made(point.format)):
            if point.name == "serial" and self._serial:
                continue
            mask = point.format.mask if point.format.registers == 1 else None
            own = [(point.table, point.address + n) for n in range(point.format.registers)]
            if any(taken.get(at, 0) & (mask or _ALL_BITS) for at in own):
                continue
            free.add(point.name)
            taken |= {at: taken.get(at, 0) | (mask or _ALL_BITS) for at in own}
        return tuple(point for point in self.profile.points if point.name in free)

    def value(self, name: str) -> Value | None:
        """What was set last."""
        return self._values.get(name)

    def set(self, **values: Value | None) -> None:
        """Put values into the registers by point name; None says "not available".

        Raises:
            ValueError: an unknown point, or a value that its registers cannot hold.
        """
        for name, value in values.items():
            point = self._points.get(name)
            if point is None:
                raise ValueError(f"{self.profile.name} has no point {name!r}")
            scale_register = _scale_register(point)
            if scale_register is None:
                self._put(point, value)
                self._values[name] = value
                continue
            self._values[name] = value
            if isinstance(value, int | float) and not isinstance(value, bool):
                needed = exponent_for(point, value)
                self._exponents[scale_register] = max(self._exponents[scale_register], needed)
            self._put_all(scale_register)

    def registers(self, table: Table) -> Mapping[int, int]:
        """Address → word of all that is served."""
        return self._words[table]

    def read(self, table: Table, start: int, count: int) -> Answer:
        words = self._words[table]
        if any(address not in words for address in range(start, start + count)):
            return ILLEGAL_ADDRESS
        return [words[address] for address in range(start, start + count)]

    def _put(self, point: Point, value: Value | None, exponent: int = 0) -> None:
        words = self._words[point.table]
        words.update(words_of(point, value, exponent, words if is_made(point.format) else None))

    def _put_all(self, scale_register: tuple[Table, int]) -> None:
        exponent = self._exponents[scale_register]
        table, address = scale_register
        self._words[table][address] = exponent & 0xFFFF
        for point in self._sharing[scale_register]:
            if point.name in self._values:
                self._put(point, self._values[point.name], exponent)

    def _put_serial(self) -> None:
        point = self._points.get("serial")
        if self._serial and point is not None and point.format.type == "string":
            size = 2 * point.format.registers
            self.set(serial=self._serial.encode()[:size].decode(errors="ignore"))

    def _fill(self) -> None:
        """Zeros wherever a point or a small gap between points lies."""
        for table, words in self._words.items():
            spans = sorted(point.span for point in self.profile.points if point.table is table)
            for span in spans:
                for address in range(span.start, span.end):
                    words.setdefault(address, 0)
            for first, second in pairwise(sorted(words)):
                if second - first <= _FILLED:
                    for address in range(first + 1, second):
                        words[address] = 0


def _scale_register(point: Point) -> tuple[Table, int] | None:
    at = point.format.scale_at
    return None if at is None or point.format.scales is not None else (point.table, point.address + at)


def _sharing(points: Iterable[Point]) -> dict[tuple[Table, int], list[Point]]:
    sharing: dict[tuple[Table, int], list[Point]] = {}
    for point in points:
        register = _scale_register(point)
        if register is not None:
            sharing.setdefault(register, []).append(point)
    return sharing


def _first(point: Point) -> Value | None:
    form = point.format
    if 0 in form.absent:
        return None
    if form.states:
        return next(iter(form.states.values()))
    if form.type in TEXT_TYPES or form.bits is not None:
        return ""
    if form.type == "bool":
        return False
    if form.range is not None:
        return min(max(0.0, form.range[0]), form.range[1])
    return form.raw_offset * form.scale if form.raw_offset > 0 and form.type[0] == "u" else 0.0
