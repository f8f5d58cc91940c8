"""A day's sky over the simulated village: sun, clouds, temperatures. Pure; time is handed in.

The sun follows the usual declination and hour-angle formulas; clear-sky irradiance is a
simple air-mass law (Meinel: 1353 x 0.7^(AM^0.678) W/m2). Good enough to look and add up
like a real day; it is no yield forecast.
"""

import math
from dataclasses import dataclass

_SOLAR_CONSTANT_W_M2 = 1353.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Sky:
    """The weather at one instant."""

    sun_elevation_deg: float
    irradiance_w_m2: float
    ambient_c: float
    module_c: float


def sun_elevation_deg(day_of_year: int, solar_time_s: float, latitude_deg: float) -> float:
    """Elevation of the sun over the horizon at a local solar time."""
    declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + day_of_year) / 365)
    hour_angle = 2 * math.pi * (solar_time_s - _DAY_S / 2) / _DAY_S
    latitude = math.radians(latitude_deg)
    return math.degrees(
        math.asin(
            math.sin(latitude) * math.sin(declination)
            + math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
        )
    )


def clear_sky_w_m2(elevation_deg: float) -> float:
    """Irradiance on a gently tilted module under a clear sky."""
    if elevation_deg <= 0:
        return 0.0
    height = math.sin(math.radians(elevation_deg))
    air_mass = 1 / (height + 0.50572 * (elevation_deg + 6.07995) ** -1.6364)  # Kasten and Young 1989
    return float(_SOLAR_CONSTANT_W_M2 * 0.7 ** (air_mass**0.678) * height**0.75)


def noise(seed: int, at: float) -> float:
    """Smooth noise in 0..1: hashed values at whole numbers, a cosine between them."""
    left = math.floor(at)
    blend = (1 - math.cos((at - left) * math.pi)) / 2
    return _hashed(seed, left) * (1 - blend) + _hashed(seed, left + 1) * blend


def sky(day: int, time_s: float, *, latitude_deg: float = 29.8, seed: int = 9) -> Sky:
    """The weather `time_s` seconds after local solar midnight of the day of the year `day`."""
    elevation = sun_elevation_deg(day % 365 + 1, time_s, latitude_deg)
    at = day * _DAY_S + time_s
    cover = 0.65 * noise(seed, at / 5_400) + 0.35 * noise(seed + 1, at / 420)
    passing = min(1.0, max(0.0, (cover - 0.52) / 0.2))
    irradiance = clear_sky_w_m2(elevation) * (1 - 0.72 * passing)
    warmth = math.sin(2 * math.pi * (time_s - 9 * 3600) / _DAY_S)
    ambient = 24.0 + 6.0 * warmth + noise(seed + 2, at / 3_600)
    return Sky(elevation, irradiance, ambient, ambient + irradiance * 0.028)


def _hashed(seed: int, number: int) -> float:
    mixed = (number * 0x9E3779B1 ^ seed * 0x85EBCA77) & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 15) * 0x2C1B3C6D & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 12) * 0x297A2D39 & 0xFFFFFFFF
    return float((mixed ^ mixed >> 15) / 0xFFFFFFFF)
