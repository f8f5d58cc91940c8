"""The demo's village can be shown by its devices at every hour of its day."""

from agent.simulator.village import Village
from gateway.demo import DemoWorld


def test_every_device_can_show_a_whole_day_and_every_scene():
    world = DemoWorld(speed=60, tell=lambda _text: None)
    for hour in range(24):
        for minute in range(60):
            world.village.advance(60.0)
            world.show(6.0 * minute if hour in (3, 12) else 0.0)


async def test_the_script_warms_a_module_and_stops_an_inverter_until_it_is_repaired():
    world = DemoWorld(speed=60, tell=lambda _text: None)
    calm_c = world.devices["bat-1"].value("cell_temperature_max_c")
    calm_kw = world.village.pv_kw
    world.show(100.0)
    world.village.advance(1.0)
    assert world.devices["bat-1"].value("cell_temperature_max_c") > calm_c + 30
    assert world.devices["inv-2"].value("state") == "fault"
    assert world.village.pv_kw < 0.6 * calm_kw
    world.show(400.0)
    world.village.advance(1.0)
    world.show(400.0)
    assert world.devices["bat-1"].value("cell_temperature_max_c") < calm_c + 2
    assert world.devices["inv-2"].value("state") == "running"


def test_nothing_that_the_village_reads_is_lost_but_what_a_charger_of_this_make_has_not():
    world = DemoWorld(speed=60, tell=lambda _text: None)
    missing = {
        (name, point)
        for name, values in Village().readings().items()
        for point in values
        if point not in world.devices[name].names
    }
    assert {point for _, point in missing} <= {"session_energy_kwh"}
