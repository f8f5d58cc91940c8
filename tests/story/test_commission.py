"""A new site, as a technician brings it up: scan, paste what it proposes, check, run, and see good values."""

import re

import pytest

from agent.simulator.motion import Motion

BEGIN = """\
version: 1
site: {id: new-hall, name: {en: New hall, zh: 新站}}
journal: {commit_every: 100ms}
console: {listen: "127.0.0.1:0"}
"""


@pytest.fixture
def devices(simulated):
    """Unit id → device of one serial-to-network gateway: two inverters of a model, a meter, a battery."""
    names = {1: "sunspec-inverter", 2: "sunspec-inverter", 3: "eastron-sdm630", 4: "byd-battery-box-premium"}
    made = {unit: simulated(name, f"SN-{unit:04}") for unit, name in names.items()}
    for unit, device in made.items():
        device.set(**Motion(f"seed-{unit}", device.free_points).values(0.0))
    return made


async def test_what_scan_prints_is_pasted_checked_and_run(
    tmp_path, devices, serve, mosquitto, subscriber, maplebridge, gateway, api, eventually, until
):
    url = await serve(devices)
    broker = mosquitto()
    scan = await maplebridge("scan", url, "--units", "1-6")
    assert scan.code == 0, scan.err
    assert "a gateway says of 2 unit ids that nobody is there" in scan.err
    _, _, pasted = scan.out.partition("for the site file:")
    site = tmp_path / "site.yaml"
    site.write_text(f'{BEGIN}mqtt: {{url: "mqtt://127.0.0.1:{broker.port}"}}\n{pasted}')

    check = await maplebridge("check", site)
    assert (check.code, check.err) == (0, "")
    data = tmp_path / "data"
    await maplebridge("user", "add", "op", "--role", "viewer", "--data", data, "--json")
    token = (await maplebridge("user", "token", "op", "--data", data, "--json")).json["token"]
    heard = subscriber(broker.port)
    process = await (await gateway("run", site, "--data", data)).until_ready()
    console = api(process.ready["console"], token)
    entries = re.findall(r"- {id: ([^,]+), profile: ([^,]+), .*unit: (\d+)", pasted)
    assert [(profile, int(unit)) for _, profile, unit in entries] == [
        (device.profile.name, unit) for unit, device in devices.items()
    ]

    for name, _, unit in entries:

        async def good_values(name=name):
            status, answer = await console.get(f"/api/v1/sites/new-hall/devices/{name}")
            assert status == 200, answer
            return answer["points_good"] and answer

        answer = await eventually(good_values, f"{name} on the console")
        assert {point["quality"] for point in answer["points"].values()} <= {"good", "absent", "stale"}
        topic = f"microgrid/new-hall/{name}/readings"
        frame = await until(lambda topic=topic: heard.last(topic), f"a frame of {name}")
        assert "bad" not in frame["quality"].values()
        for point in devices[int(unit)].free_points:
            shown = devices[int(unit)].value(point.name)
            if isinstance(shown, float) and point.name in frame["values"]:
                assert frame["values"][point.name] == pytest.approx(shown, rel=0.02, abs=1.0)
    serials = {
        name: (await console.get(f"/api/v1/sites/new-hall/devices/{name}"))[1]["serial"]
        for name in ("inv-1", "inv-2")
    }
    assert serials == {"inv-1": "SN-0001", "inv-2": "SN-0002"}
