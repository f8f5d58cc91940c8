"""Every route of the API, fed with what its own schema allows and with what it does not: never an answer of 5xx.

Seeded, so that what fails once fails again; the seed and the request stand in the message.
"""

import random
from typing import Any

import pytest

ROUNDS = 25
HOSTILE = [
    "", " ", "\x00", "\u202e", "é", "枫桥", "a" * 5_000, "../../etc/passwd", "%00", "<script>alert(1)</script>", "' OR 1=1 --",
    "{{7*7}}", "null", "-1", "1e309", "9" * 40, "NaN", "true", "[]", "0x10", "\U0001f343", "a\r\nX-Injected: 1", "${jndi:x}",
]  # fmt: skip
NUMBERS = [0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 10**30, 1.5, -0.0]
SKIPPED = {("get", "/api/v1/events"), ("delete", "/api/v1/session"), ("post", "/api/v1/session")}
"""A stream that does not end; signing out and in, whose throttle has tests of its own."""


class Dice:
    """Values by a JSON schema, mostly; now and then something else."""

    def __init__(self, schemas: dict[str, Any], seed: int) -> None:
        self._schemas = schemas
        self._dice = random.Random(seed)  # noqa: S311  # no secret

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        if "$ref" in schema:
            return self.value(self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        if self._dice.random() < 0.12 or depth > 4:
            return self._dice.choice([*HOSTILE, *NUMBERS, None, [], {}, [[]], True])
        for choices in ("anyOf", "oneOf"):
            if choices in schema:
                return self.value(self._dice.choice(schema[choices]), depth)
        if "enum" in schema or "const" in schema:
            return self._dice.choice(schema.get("enum", [schema.get("const")]))
        match schema.get("type"):
            case "object":
                known = schema.get("properties", {})
                chosen = {n: self.value(s, depth + 1) for n, s in known.items() if self._dice.random() < 0.85}
                return chosen if self._dice.random() < 0.95 else {**chosen, self.text(): self.text()}
            case "array":
                return [
                    self.value(schema.get("items", {}), depth + 1) for _ in range(self._dice.randrange(4))
                ]
            case "integer" | "number":
                return self._dice.choice([*NUMBERS, self._dice.randrange(10**14)])
            case "boolean":
                return self._dice.random() < 0.5
            case _:
                return self.text()

    def text(self) -> str:
        return self._dice.choice(
            [*HOSTILE, "village-hall", "inv-1", "rs485-1", "open", "accept", "1780000000000"]
        )

    def filled(self, path: str, real: dict[str, str]) -> str:
        """The path with its names filled in: real ones, mostly."""
        for name, known in real.items():
            safe = (
                known
                if self._dice.random() < 0.7
                else str(self._dice.choice(["nobody", "%00", "%2e%2e", "a%20b", "枫"]))
            )
            path = path.replace(f"{{{name}}}", safe)
        return path


@pytest.mark.parametrize("seed", range(3))
async def test_no_request_that_the_schema_suggests_breaks_the_gateway(console, seed):
    desk = console.site.desk
    from agent.reading import Text

    alert = desk.raise_alert("BAT-02", "bat-1", "high", Text("Warm", "热"), {"cell_temperature_max_c": 46.0})
    desk.add_ticket("inspection", "P2", Text("Warm", "热"), ["bat-1"], by="desk", alert=alert["id"])
    document = (await console.client().get("/api/openapi.json")).json()
    dice = Dice(document["components"]["schemas"], seed)
    real = {
        "site": "village-hall", "device": "inv-1", "alert": alert["id"], "ticket": next(iter(desk.ticket_documents)),
        "name": "points.csv", "pause": "none", "user": "nobody",
    }  # fmt: skip
    client, asked = console.as_role("admin"), 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if (method, path) in SKIPPED:
                continue
            body = (
                operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            )
            for _ in range(ROUNDS):
                query = {
                    p["name"]: dice.value(p.get("schema", {}))
                    for p in operation.get("parameters", [])
                    if p["in"] == "query" and dice.value({"type": "boolean"}) is not False
                }
                sent = {
                    k: v if isinstance(v, str | int | float) else str(v)
                    for k, v in query.items()
                    if v is not None
                }
                url, payload = dice.filled(path, real), None if body is None else dice.value(body)
                answer = await client.request(method.upper(), url, params=sent, json=payload)
                asked += 1
                assert answer.status_code < 500, (
                    f"seed {seed}: {method} {url} {sent} {payload} → {answer.text[:300]}"
                )
    assert asked > 25 * ROUNDS
