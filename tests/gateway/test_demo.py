"""The demo's village can be shown by its devices at every hour of its day."""

from agent.simulator.village import Village
from gateway.demo import SCRIPT, DemoWorld


def test_every_device_can_show_a_whole_day_and_every_scene():
    world = DemoWorld(speed=60, tell=lambda _scene: None)
    for hour in range(24):
        for scene in SCRIPT if hour in (3, 12) else ():
            scene.play(world)
        for _ in range(60):
            world.village.advance(60.0)
            world.show()


def test_nothing_that_the_village_reads_is_lost_but_what_a_charger_of_this_make_has_not():
    world = DemoWorld(speed=60, tell=lambda _scene: None)
    missing = {
        (name, point)
        for name, values in Village().readings().items()
        for point in values
        if point not in world.devices[name].names
    }
    assert {point for _, point in missing} <= {"session_energy_kwh"}
