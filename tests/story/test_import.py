"""Last month's readings come by hand: in the history and at the broker as what they are, and no alert of today."""

from agent.simulator.unit import Unit
from tests.story.test_backup import PROFILE, RULE, SITE

TABLE = "ts,device,point,value\n" + "".join(
    f"2026-05-20T{hour:02}:00:00+08:00,one,served,{hour + 1}\n" for hour in range(24)
)


async def test_a_table_comes_beside_the_running_gateway(
    tmp_path, serve, mosquitto, subscriber, gateway, maplebridge, until
):
    for folder, name, text in (("profiles", "sequence", PROFILE), ("rules", "x", RULE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yaml").write_text(text)
    (tmp_path / "mqtt.pass").write_text("hush")
    (tmp_path / "mqtt.pass").chmod(0o600)
    (tmp_path / "old.csv").write_text(TABLE)
    broker, site, data = mosquitto(), tmp_path / "site.yaml", tmp_path / "data"
    heard = subscriber(broker.port)
    site.write_text(SITE.format(lan=await serve({1: Unit()}), mqtt=broker.port))
    process = await (await gateway("run", site, "--data", data)).until_ready()

    said = await maplebridge("journal", "import", site, tmp_path / "old.csv", "--data", data, "--json")
    assert said.code == 0, said.err
    assert (said.json["frames"], said.json["known"]) == (24, 0)
    again = await maplebridge("journal", "import", site, tmp_path / "old.csv", "--data", data, "--json")
    assert (again.json["frames"], again.json["known"]) == (0, 24)

    def told():
        frames = heard.on("microgrid/swap-hall/one/readings")
        return [frame for frame in frames if frame["boot"].startswith("import-")]

    await until(lambda: len(told()) == 24, "the broker has them all")
    assert [frame["seq"] for frame in told()] == list(range(1, 25))
    assert all(frame["late"] for frame in told())
    tickets = await maplebridge("tickets", "list", site, "--data", data, "--json")
    assert tickets.json["items"] == [], "the rule would be true of every row"
    assert process.alive
