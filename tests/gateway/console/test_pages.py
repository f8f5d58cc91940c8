"""Static files: what is cached, what is packed, and that nothing outside the folder is ever served."""

import pytest

from gateway.console.headers import CSP


async def get(console, path, **headers):
    return await console.client().get(path, headers=headers)


async def test_the_index_is_always_fresh_and_stands_for_every_page(console):
    for path in ("/", "/sites/village-hall", "/trend", "/alerts/abc", "/index.html"):
        answer = await get(console, path)
        assert answer.status_code == 200, path
        assert "Maplebridge" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_hashed_files_are_for_ever_and_come_packed_to_who_takes_that(console):
    packed = await get(console, "/assets/app-1a2b3c.js", **{"accept-encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.text == "packed"
    plain = await get(console, "/assets/app-1a2b3c.js", **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == "export const x = 1;"
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_what_has_not_changed_is_not_sent_again(console):
    first = await get(console, "/favicon.svg")
    again = await get(console, "/favicon.svg", **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_missing_file_is_missing_and_no_page(console):
    for path in ("/assets/app-gone.js", "/robots.txt", "/assets/"):
        answer = await get(console, path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_without_pages_the_server_says_how_to_build_them(console, tmp_path):
    (tmp_path / "static" / "index.html").unlink()
    answer = await get(console, "/")
    assert answer.status_code == 503
    assert "make console" in answer.text
    (tmp_path / "static" / "index.html").write_text("built")
    assert (await get(console, "/")).text == "built"


def _hostile_paths():
    dots = [
        "..",
        "%2e%2e",
        "..%2f",
        "%2e%2e%2f",
        "..%5c",
        "%252e%252e",
        "..%00",
        "....//",
        "..;",
        "%c0%ae%c0%ae",
    ]
    slashes = ["/", "%2f", "%5c", "//", "/./", "%252f"]
    targets = ["etc/passwd", "data/users.json", "users.json"]
    for dot in dots:
        for slash in slashes:
            for target in targets:
                yield f"/{dot}{slash}{dot}{slash}{target}"
                yield f"/assets/{dot}{slash}{dot}{slash}{target}"


async def test_no_path_leads_out_of_the_folder(console, tmp_path):
    (tmp_path / "users.json").write_text("root:secret")
    paths = list(_hostile_paths())
    assert len(paths) >= 300
    host, port = console.url.removeprefix("http://").split(":")
    for path in paths:
        status, body = await raw_get(host, int(port), path)
        assert b"root:" not in body, path
        assert status in (200, 400, 404), path
        if status == 200:
            assert b"Maplebridge" in body, path


async def raw_get(host, port, path):
    """A client that does not tidy the path up."""
    import asyncio

    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]


async def test_a_link_in_the_folder_is_not_followed(console, tmp_path):
    (tmp_path / "static" / "leak.txt").symlink_to("/etc/hostname")
    (tmp_path / "static" / "index.html").write_text("again")
    assert (await get(console, "/leak.txt")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/assets/app-1a2b3c.js"),
        ("GET", "/gone.js"),
        ("POST", "/"),
        ("GET", "/healthz"),
        ("GET", "/api/v1/sites"),
        ("GET", "/api/v1/nothing"),
        ("PUT", "/api/v1/sites"),
        ("GET", "/api/openapi.json"),
    ],
)
async def test_every_answer_carries_the_security_headers(console, method, path):
    answer = await console.client().request(method, path)
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail"} <= answer.json().keys()
        assert answer.json()["status"] == answer.status_code
