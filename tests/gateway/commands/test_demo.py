"""The demo's command ends well whenever it is told to."""

from gateway.commands.demo import _Demo


async def test_a_stop_before_the_village_is_up_has_nothing_to_sum_up(tmp_path, capsys):
    demo = _Demo(tmp_path, port=0, minutes=None, speed=60.0, speaks="en")
    demo._stop.set()
    await demo._end()
    assert capsys.readouterr().out == ""
