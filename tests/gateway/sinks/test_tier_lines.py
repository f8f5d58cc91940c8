"""A span as a line."""

from gateway.sinks.tier_lines import TierRow, tier_line

ROW = TierRow(
    7,
    "inv 1",
    1_780_000_020_000,
    60,
    2,
    {
        "ac_power_kw": (1.5, 1.0, 2.0),
        "state": ("running", None, None),
        "closed": (True, None, None),
        "energy_total_kwh": (10.5, 10.0, 11.0),
    },
    {"energy_total_kwh": (10.0, 11.0)},
)


def test_numbers_have_mean_and_extremes_counters_both_ends_and_text_its_last_value():
    assert tier_line(ROW, site="hall", kind="inverter", tier="1m") == (
        "inverter_1m,site=hall,device=inv\\ 1 polls=60i,failed=2i,"
        "ac_power_kw=1.5,ac_power_kw_min=1.0,ac_power_kw_max=2.0,"
        'state="running",closed=true,energy_total_kwh=11.0,energy_total_kwh_first=10.0 1780000020000'
    )


def test_a_span_without_a_good_reading_says_how_many_polls_there_were():
    line = tier_line(TierRow(7, "m", 60_000, 3, 3), site="hall", kind="meter", tier="15m")
    assert line == "meter_15m,site=hall,device=m polls=3i,failed=3i 60000"
