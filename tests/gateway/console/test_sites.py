"""Sites, devices and trends as the pages get them."""

import pytest

SITE = "/api/v1/sites/village-hall"


@pytest.fixture
def viewer(console):
    return console.as_role("viewer")


async def get(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_fleet_has_its_one_site_with_balance_counts_and_age(console, viewer):
    console.clock.advance(1_500)
    document = await get(viewer, "/api/v1/sites")
    assert document["next"] is None
    (site,) = document["items"]
    assert site["id"] == "village-hall"
    assert site["name"] == {"en": "Village hall", "zh": "村部光储充站"}
    assert (site["state"], site["age_ms"]) == ("online", 1_500)
    assert site["devices"] == {"total": 10, "answering": 10}
    assert site["alerts"]["critical"] == 0
    balance = site["balance"]
    assert balance["load_kw"]["quality"] == "substituted"
    total = sum(balance[k]["value"] for k in ("grid_kw", "pv_kw")) - sum(
        balance[k]["value"] for k in ("battery_kw", "charging_kw")
    )
    assert balance["load_kw"]["value"] == pytest.approx(total, abs=0.01)
    assert site["soc_pct"]["quality"] == "good"


async def test_a_silent_device_is_offline_a_hole_and_degrades_the_site(console, viewer):
    village = console.site.village
    village.silent.add("inv-2")
    since = console.clock.utc_ms()
    for _ in range(8):
        console.clock.advance(1_000)
        village.poll(11.0)
    site = await get(viewer, SITE)
    assert site["state"] == "degraded"
    assert site["balance"]["pv_kw"] == {"value": None, "quality": "bad"}
    device = await get(viewer, f"{SITE}/devices/inv-2")
    assert (device["state"], device["since"]) == ("offline", since)
    assert device["poll"]["failed"] is True
    assert device["frame"]["quality"] == {"*": "bad"}
    power = device["points"]["ac_power_kw"]
    assert (power["value"], power["quality"]) == (None, "bad")
    assert power["why"] == "no good reply (timeout)"
    assert power["last"]["value"] > 0


async def test_nothing_is_made_up_before_the_first_poll(tmp_path, start_console):
    async with start_console(tmp_path) as console:
        client = console.as_role("viewer")
        site = await get(client, SITE)
        assert (site["state"], site["ts"], site["age_ms"]) == ("unknown", None, None)
        assert site["balance"]["grid_kw"] == {"value": None, "quality": "stale"}
        device = await get(client, f"{SITE}/devices/inv-1")
        assert (device["state"], device["frame"], device["poll"]) == ("unknown", None, None)
        assert device["points"]["ac_power_kw"]["why"] == "not read yet"


async def test_old_readings_go_stale_and_keep_their_last_value(console, viewer):
    before = (await get(viewer, f"{SITE}/devices/bat-1"))["points"]["soc_pct"]
    console.clock.advance(60_000)
    after = await get(viewer, f"{SITE}/devices/bat-1")
    soc = after["points"]["soc_pct"]
    assert (after["state"], soc["value"], soc["quality"]) == ("offline", None, "stale")
    assert soc["last"] == {"value": before["value"], "ts": before["ts"]}
    assert soc["age_ms"] == 60_000


async def test_a_point_that_is_not_good_says_why_with_its_raw_words(console, viewer):
    device = await get(viewer, f"{SITE}/devices/inv-1")
    point = device["points"]["insulation_kohm"]
    assert (point["value"], point["quality"]) == (None, "absent")
    assert point["why"] == point["why_text"]["en"] == "the device says not available (0x8000)"
    assert point["why_text"]["zh"] == "设备表示没有该量(0x8000)"
    assert point["words"] == [0x8000]
    assert point["where"]["table"] == "holding"
    assert device["points"]["ac_power_kw"]["words"] is None
    assert device["points_good"] == device["points_total"] - 1
    raw = await get(viewer, f"{SITE}/devices/inv-1?raw=true")
    assert raw["points"]["ac_power_kw"]["words"] == [561]
    assert raw["raw"]["blocks"][0] | {"words": []} == {
        "table": "holding",
        "start": 40_069,
        "count": 10,
        "words": [],
        "ts": console.clock.utc_ms(),
    }


async def test_points_carry_what_is_needed_to_show_them(console, viewer):
    points = (await get(viewer, f"{SITE}/devices/inv-1"))["points"]
    assert next(iter(points)) == "ac_power_kw"
    power = points["ac_power_kw"]
    assert power | {"value": 0, "ts": 0} == {
        "value": 0,
        "quality": "good",
        "unit": "kW",
        "type": "number",
        "label": {"en": "AC power", "zh": "交流功率"},
        "meaning": None,
        "ts": 0,
        "age_ms": 0,
        "period_ms": 1_000,
        "range": [-5.0, 60.0],
        "counter": False,
        "why": None,
        "why_text": None,
        "where": None,
        "words": None,
        "last": None,
    }
    assert points["fault_code"]["bits"] == []


async def test_the_list_has_headlines_only_and_the_gateways_own_devices_last(console, viewer):
    items = (await get(viewer, f"{SITE}/devices"))["items"]
    assert [device["id"] for device in items][-3:] == ["gateway", "bus-lan-1", "bus-rs485-1"]
    inverter = items[0]
    assert inverter["headline"] == ["ac_power_kw", "state", "energy_today_kwh", "temperature_c"]
    assert list(inverter["points"]) == inverter["headline"]


async def test_lists_come_in_pages(console, viewer):
    seen, cursor = [], ""
    while cursor is not None:
        query = f"?limit=4{f'&cursor={cursor}' if cursor else ''}"
        page = await get(viewer, f"{SITE}/devices{query}")
        assert len(page["items"]) <= 4
        seen += [device["id"] for device in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 13


async def test_the_flow_is_a_tree_from_the_grid_to_the_sub_meters(console, viewer):
    site = await get(viewer, SITE)
    nodes = {node["id"]: node for node in site["flow"]["nodes"]}
    parents = {id_: node["parent"] for id_, node in nodes.items()}
    assert parents == {
        "grid": None,
        "meter-main": "grid",
        "bus": "meter-main",
        "pv": "bus",
        "battery": "bus",
        "charging": "bus",
        "load": "bus",
        "meter-hall": "load",
        "meter-clinic": "load",
    }
    assert nodes["pv"]["direction"] == "to_bus"
    assert nodes["load"]["direction"] == "from_bus"
    assert nodes["charging"] | {"power": 0} == {
        "id": "charging",
        "type": "charging",
        "parent": "bus",
        "device": None,
        "devices": ["chg-1", "chg-2", "chg-3"],
        "answering": 3,
        "connectors": 3,
        "busy": nodes["charging"]["busy"],
        "rated_kw": 74.0,
        "power": 0,
        "direction": "from_bus",
    }
    assert [bus["id"] for bus in site["buses"]] == ["lan-1", "rs485-1"]


async def test_who_works_where_is_not_for_viewers(console, viewer):
    team = (await get(viewer, SITE))["teams"][0]
    assert "members" not in team
    team = (await get(console.as_role("inspector"), SITE))["teams"][0]
    assert [member["id"] for member in team["members"]] == ["zhang", "li"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/sites/elsewhere",
        f"{SITE}/devices/nothing",
        f"{SITE}/devices/inv-1/series?points=nothing",
        f"{SITE}/ledger",
        f"{SITE}/kpi",
        "/api/v1/requests",
    ],
)
async def test_what_is_not_there_is_a_404(viewer, path):
    answer = await viewer.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:maplebridge:problem:not-found"


class TestSeries:
    PATH = f"{SITE}/devices/inv-1/series"

    async def test_it_has_mean_min_max_and_gaps_with_a_reason(self, console, viewer):
        to = console.clock.utc_ms()
        query = f"?points=ac_power_kw,temperature_c&from={to - 600_000}&to={to}&step=10s"
        document = await get(viewer, self.PATH + query)
        assert document["step_ms"] == 10_000
        assert len(document["ts"]) == len(document["points"]["ac_power_kw"]) == 60
        assert None in document["points"]["ac_power_kw"]
        assert document["gaps"][0]["reason"] == "timeout"
        assert document["units"] == {"ac_power_kw": "kW", "temperature_c": "°C"}
        assert document["max"]["ac_power_kw"][0] >= document["points"]["ac_power_kw"][0]

    @pytest.mark.parametrize("query", ["", "&step=1", "&step=1s", "&from=0"])
    async def test_never_more_than_two_thousand_steps(self, console, viewer, query):
        document = await get(viewer, f"{self.PATH}?points=ac_power_kw{query}")
        assert 0 < len(document["ts"]) <= 2_001

    @pytest.mark.parametrize(
        ("query", "where"),
        [
            ("", "query.points"),
            ("?points=", "query.points"),
            ("?points=" + ",".join(f"p{n}" for n in range(21)), "query.points"),
            ("?points=ac_power_kw&from=5&to=5", "query.from"),
            ("?points=ac_power_kw&from=yesterday", "query.from"),
            ("?points=ac_power_kw&step=soon", "query.step"),
            ("?points=ac_power_kw&to=99999999999999999999", "query.to"),
        ],
    )
    async def test_what_does_not_fit_names_its_place(self, viewer, query, where):
        answer = await viewer.get(self.PATH + query)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["where"] == where


async def test_hostile_names_stay_text(console, viewer):
    name = "<img src=x onerror=alert(1)>\u202e\r\n'\"&"
    facts = console.site.ports.devices()["meter-hall"]
    facts.labels["floor"] = name
    try:
        answer = await viewer.get(f"{SITE}/devices/meter-hall")
    finally:
        facts.labels["floor"] = "1"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["labels"]["floor"] == name
    odd = await viewer.get(f"{SITE}/devices/%3Cscript%3E%0d%0aX-Injected:%201")
    assert odd.status_code == 404
    assert "x-injected" not in odd.headers


class TestEnergy:
    PATH = f"{SITE}/devices/meter-main/energy"

    async def test_it_has_quarter_hours_and_gaps_that_make_its_total(self, console, viewer):
        to = console.clock.utc_ms()
        document = await get(viewer, f"{self.PATH}?point=energy_import_kwh&from={to - 86_400_000}&to={to}")
        assert (document["point"], document["unit"]) == ("energy_import_kwh", "kWh")
        sums = [part["counted"] for part in (*document["quarters"], *document["gaps"])]
        assert sum(sums) == pytest.approx(document["total"])
        assert {quarter["ts"] % 900_000 for quarter in document["quarters"]} == {0}

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("?point=active_power_kw", 404),
            ("?point=nothing", 404),
            ("", 422),
            ("?point=energy_import_kwh&from=5&to=5", 422),
            ("?point=energy_import_kwh&from=0", 422),
        ],
    )
    async def test_what_is_no_counter_or_no_time_is_refused(self, viewer, query, status):
        assert (await viewer.get(self.PATH + query)).status_code == status
