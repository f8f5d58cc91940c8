"""Whatever fits the API's own description, or nearly does, gets an answer; never one that something broke."""

import asyncio
import contextlib
import json
import random
import uuid
from urllib.parse import quote, urlencode

import pytest

from agent.reading import Text
from agent.simulator.device import SimulatedDevice
from agent.simulator.server import TcpServer
from gateway.config import load_site
from gateway.console.users import Users
from gateway.profiles import ProfileShelf
from gateway.site import Site

SEED = 20_260_530
TRIES = 40
"""Of each route: enough to meet each odd value, few enough for a few seconds."""
SLOW = {("post", "/api/v1/users"), ("post", "/api/v1/users/{user}/password"), ("post", "/api/v1/setup")}
"""Each password takes its time."""
RICH = {
    ("post", "/api/v1/tickets/{ticket}/events"),
    ("get", "/api/v1/sites/{site}/devices/{device}/series"),
    ("get", "/api/v1/sites/{site}/devices/{device}/energy"),
}
"""Much can be said there, and little of it fits."""
BROKEN_BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"0",
    b'{"until": NaN}',
    b"\xff\xfe",
    b'{"a": 1e999}',
    b'"\\ud800"',
    b'{"user": "\\ud800", "password": "\\udfff"}',
    b'{"event": "comment", "text": "\\ud800"}',
    b"[" * 2_000,
    b'{"until": ' + b"9" * 5_000 + b"}",
)
ODD_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "null",
    "\x00",
    "\u202e村部",
    "😀" * 70,
    "../../etc/passwd",
    "' OR 1=1 --",
    "%00",
    "{}",
    "1m",
    "1-247",
    "0-999999",
    "٣",
    "²",
    "MQ",
    "a" * 5_000,
)
ODD_NUMBERS = (0, -1, 1, 0.5, 2**31, 2**53, 2**63, 2**64, 10**400)
ARGUMENTS = {
    "text": "seen",
    "person": "zhang",
    "team": "station",
    "reason": "weather",
    "until": 1,
    "resume_by": 2**62,
    "at": -(2**70),
    "code": "x",
    "cause": [],
    "action": {},
    "checklist": {"a": None},
    "safety": {"isolated": "yes"},
    "measurements": [{"name": 1, "value": 1e308, "unit": None}],
    "content": "no base64",
    "media_type": "text/html",
    "purpose": "photo",
    "name": "../x",
    "into": "T-1",
    "level": "county",
    "score": 99,
    "note": "\x00",
}
"""What events take, and what they do not."""

SITE = """\
version: 1
site: {{id: village-hall, name: {{en: Hall, zh: 村部}}}}
buses: [{{id: lan-1, url: "tcp://127.0.0.1:{port}"}}]
devices: [{{id: inv-1, profile: eastron-sdm630, bus: lan-1, unit: 1, every: 500ms, role: main_meter}}]
console: {{listen: "127.0.0.1:0"}}
"""


class Maker:
    """Makes requests from the API's own description; the same seed makes the same ones."""

    def __init__(self, document, names):
        self._schemas = document["components"]["schemas"]
        self._names = names
        self.dice = random.Random(SEED)  # noqa: S311  # it has to be the same each time

    def request(self, path, operation):
        """The address and the body's bytes, None for no body."""
        query = []
        for parameter in operation.get("parameters", ()):
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(self._name(name), safe="", errors="surrogatepass"))
            elif place == "query" and (parameter.get("required") or self.dice.random() < 0.35):
                value = self._value(parameter["schema"], name)
                query.append((name, value if isinstance(value, str) else json.dumps(value)))
        body = None
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            broken = self.dice.random() < 0.2
            body = self.dice.choice(BROKEN_BODIES) if broken else json.dumps(self._value(schema)).encode()
        return path + ("?" + urlencode(query, errors="surrogatepass") if query else ""), body

    def _name(self, name):
        known = self._names.get(name, ())
        text = (
            self.dice.choice(known)
            if known and self.dice.random() < 0.8
            else self.dice.choice((*ODD_TEXTS, "\ud800"))
        )
        return text or "-"

    def _value(self, schema, name=""):
        dice = self.dice
        if dice.random() < 0.1:
            return dice.choice((None, True, [], {}, [[]], *ODD_NUMBERS, *ODD_TEXTS))
        if "$ref" in schema:
            return self._value(self._schemas[schema["$ref"].rpartition("/")[2]], name)
        if "anyOf" in schema:
            return self._value(dice.choice(schema["anyOf"]), name)
        if "enum" in schema:
            return dice.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema)
            case "array":
                return [
                    self._value(schema.get("items", {}), name) for _ in range(dice.choice((0, 1, 3, 101)))
                ]
            case "boolean":
                return dice.random() < 0.5
            case "integer" | "number":
                ends = [schema[end] for end in ("minimum", "maximum") if end in schema]
                odd = (*ODD_NUMBERS, *ends, *(end + 1 for end in ends))
            case _:
                odd = ODD_TEXTS
        known = self._names.get(name, ())
        return dice.choice(known) if known and dice.random() < 0.8 else dice.choice(odd)

    def _object(self, schema):
        made = {
            name: self._value(part, name)
            for name, part in schema.get("properties", {}).items()
            if self.dice.random() < (0.95 if name in schema.get("required", ()) else 0.5)
        }
        if schema.get("additionalProperties", True) or self.dice.random() < 0.05:
            some = self.dice.choice((("text",), (), self.dice.sample(sorted(ARGUMENTS), 3)))
            made |= {name: ARGUMENTS[name] for name in some}
        return made


@contextlib.asynccontextmanager
async def make_believe(tmp_path, start_console):
    """The village of these tests: its address, and its users."""
    async with start_console(tmp_path) as console:
        console.site.village.poll(11.0)
        words = Text("Cell warm", "电芯偏热")
        alert = console.site.desk.raise_alert("BAT-02", "bat-1", "high", words, {})
        console.site.desk.add_ticket("inspection", "P2", words, ["bat-1"], by="desk", alert=alert["id"])
        yield console.url, console.users


@contextlib.asynccontextmanager
async def real_site(tmp_path, _start_console):
    """A gateway that polls a meter, with its own desk, history and scan."""
    meter = SimulatedDevice(ProfileShelf().find("eastron-sdm630"))
    server = TcpServer({1: meter})
    (tmp_path / "site.yaml").write_text(SITE.format(port=await server.start()))
    site, stop = Site(load_site(tmp_path / "site.yaml"), tmp_path / "data"), asyncio.Event()
    ready = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(site.run(stop, ready.set_result))
        try:
            async with asyncio.timeout(10):
                address = (await ready).console
            yield address, Users(tmp_path / "data")
        finally:
            stop.set()
    await server.close()


async def names_of(client):
    """What is there to ask for."""
    ticket = {"site": "village-hall", "kind": "defect", "title": {"en": "Gate"}, "devices": ["inv-1"]}
    assert (await client.post("/api/v1/tickets", json=ticket)).status_code == 201
    ids = {}
    for kind in ("alerts", "tickets"):
        items = (await client.get(f"/api/v1/{kind}?state=all")).json()["items"]
        ids[kind] = [one["id"] for one in items]
    now = (await client.get("/api/v1/sites/village-hall")).json()["ts"]
    fan = {"reason": "fan", "until": now + 3_600_000}
    paused = await client.post("/api/v1/sites/village-hall/pauses", json=fan)
    assert paused.status_code == 200
    return {
        "pause": [paused.json()["id"]],
        "from": [now - 3_600_000, now - 86_400_000],
        "to": [now],
        "until": [now + 3_600_000],
        "site": ["village-hall"],
        "device": ["inv-1", "meter-main", "gateway"],
        "bus": ["lan-1", "nowhere"],
        "points": ["ac_power_kw", "active_power_kw,frequency_hz", ","],
        "point": ["energy_import_kwh", "active_power_kw"],
        "user": ["guest", "admin-2", "nobody"],
        "alert": ids["alerts"],
        "ticket": ids["tickets"],
        "name": ["points.csv", "rule.yaml"],
        "key": [str(uuid.UUID(int=n)) for n in range(20)],
        "event": [
            "comment",
            "chase",
            "accept",
            "hold",
            "report",
            "add_evidence",
            "archive",
            "merge",
            "start",
        ],
        "password": ["seven geese cross the weir", "short"],
    }


@pytest.mark.parametrize("serving", [make_believe, real_site])
async def test_nothing_that_is_asked_breaks_the_gateway(tmp_path, start_console, serving):
    import httpx2

    async with serving(tmp_path, start_console) as (url, users):
        for user in ("root", "admin-2", "guest"):
            users.add(user, "admin" if user != "guest" else "viewer", None)
        headers = {"Authorization": f"Bearer {users.add_token('root')}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=10, trust_env=False) as client:
            document = (await client.get("/api/openapi.json")).json()
            made = Maker(document, await names_of(client))
            answers, broken = {}, []
            for path, item in document["paths"].items():
                for method, operation in item.items():
                    made.dice.seed(f"{SEED} {method} {path}")  # a new route changes nothing for the others
                    for _ in range(tries(method, path)):
                        address, body = made.request(path, operation)
                        status, kind = await ask(client, method, address, body)
                        answers.setdefault((method, path), set()).add(status)
                        if status >= 500 or (status >= 400 and kind != "application/problem+json"):
                            broken.append((status, method, address[:200], (body or b"")[:200]))
    assert broken == []
    # The requests are no mere noise: where something can be had, it was.
    never = {route for route, statuses in answers.items() if not any(status < 300 for status in statuses)}
    assert never <= {
        ("post", "/api/v1/session"),  # nobody guesses a password
        ("post", "/api/v1/setup"),  # there are users
        ("post", "/api/v1/alerts/{alert}/reset"),  # nothing is latched
        *(
            route
            for route in answers
            if serving is real_site and ("{alert}" in route[1] or "{name}" in route[1])
        ),  # it has neither
    }


def tries(method, path):
    if (method, path) in RICH:
        return 4 * TRIES
    return TRIES // 3 if (method, path) in SLOW else TRIES


async def ask(client, method, address, body):
    """Status and kind of the answer; a stream tells both before its end, which never comes."""
    headers = {} if body is None else {"Content-Type": "application/json"}
    async with client.stream(method.upper(), address, content=body, headers=headers) as answer:
        return answer.status_code, answer.headers.get("content-type", "")
