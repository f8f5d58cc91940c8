"""What 20 devices of 50 points say, second by second: floats that drift with noise, and words that a device scales.

As `modbus_farm.py` serves it, decoded, without the wire: for benchmarks of what comes after it.
"""

import math
import random

from agent.reading import Frame

POINTS = (
    "ac_power_kw",
    "ac_reactive_power_kvar",
    "ac_apparent_power_kva",
    "frequency_hz",
    "ac_voltage_l1_v",
    "ac_voltage_l2_v",
    "ac_voltage_l3_v",
    "ac_current_l1_a",
    "ac_current_l2_a",
    "ac_current_l3_a",
    *(f"dc_voltage_{n}_v" for n in range(1, 21)),
    *(f"dc_current_{n}_a" for n in range(1, 21)),
)


def values(device: int, second: int, noisy: float = 1.0) -> tuple[float, ...]:
    """One poll's values; `noisy` scales the noise, 0 leaves slow changes only."""
    noise = random.Random(device * 1_000_003 + second)  # noise, no secret
    floats = [
        500 + 400 * math.sin((second + 7 * device + 11 * n) / 60) + noisy * noise.uniform(-5, 5)
        for n in range(10)
    ]
    words = [second & 0xFFFF, *(4_000 + 100 * n + int(noisy * noise.random() * 200) for n in range(39))]
    return (*(_float32(f) for f in floats), *(word / 10 for word in words))


def _float32(number: float) -> float:
    """A number as a device's float32 says it: seven digits."""
    return float(f"{number:.7g}")


def frame(  # as a poll has it
    name: str, device: int, boot: str, seq: int, second: int, ts_ms: int, noisy: float = 1.0
) -> Frame:
    """A poll of a device."""
    return Frame(name, boot, seq, second * 1_000, ts_ms, False, 8, POINTS, values(device, second, noisy))
