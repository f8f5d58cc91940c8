"""Several devices that answer at one unit id, such as an inverter and its battery."""

from collections.abc import Sequence

from agent.modbus.address import Table
from agent.simulator.device import SimulatedDevice
from agent.simulator.refusal import ILLEGAL_ADDRESS
from agent.simulator.unit import Answer, Unit


class SharedUnit(Unit):
    """Serves the registers of all of them; where two have the same address, the first one's."""

    def __init__(self, devices: Sequence[SimulatedDevice]) -> None:
        super().__init__()
        self.identity = devices[0].identity
        self._parts = {table: [device.registers(table) for device in devices] for table in Table}

    def read(self, table: Table, start: int, count: int) -> Answer:
        words: list[int] = []
        for address in range(start, start + count):
            part = next((part for part in self._parts[table] if address in part), None)
            if part is None:
                return ILLEGAL_ADDRESS
            words.append(part[address])
        return words
