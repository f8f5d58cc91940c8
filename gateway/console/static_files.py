"""The built pages: hashed files for ever, `index.html` fresh each time, and for every other page too.

Only names found by walking the folder are served, so no request can leave it.
"""

import hashlib
import html
import mimetypes
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.console.problem import Problem

PAGES = Path(__file__).parent / "static"

_INDEX = "index.html"
_IMMUTABLE = "public, max-age=31536000, immutable"
_HASHED_FOLDER = "assets"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".ico": "image/x-icon",
}
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Maplebridge: the pages are not built</title>
<h1>The console's pages are not built</h1>
<p>The gateway runs; its API answers under <code>/api/v1</code>. The pages are missing in
<code>{folder}</code>. Build them with <code>make console</code> in a checkout, or install the wheel,
which carries them; then load this page again.</p>
<p lang="zh">网关正在运行,接口在 <code>/api/v1</code>。页面尚未构建:请在源码目录运行
<code>make console</code>,或安装已包含页面的发行包,然后刷新本页。</p></html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    media_type: str
    packed: Path | None


class StaticFiles:
    """ASGI app for everything that is not the API."""

    def __init__(self, folder: Path = PAGES) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._stamp: int | None = None
        self._look()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return Problem(
                "method-not-allowed", "pages are read only", headers={"Allow": "GET, HEAD"}
            ).response()
        self._look()
        if _INDEX not in self._files:
            return HTMLResponse(_NOT_BUILT.format(folder=html.escape(str(self._folder))), status_code=503)
        name = scope["path"].lstrip("/") or _INDEX
        file = self._files.get(name)
        if file is None:
            if PurePosixPath(name).suffix or name.startswith(f"{_HASHED_FOLDER}/") or not name.isprintable():
                return Problem("not-found", "there is no such file").response()
            name, file = _INDEX, self._files[_INDEX]
        return _response(name, file, scope)

    def _look(self) -> None:
        """Walk the folder again when the index was built anew."""
        index = self._folder / _INDEX
        stamp = index.stat().st_mtime_ns if index.is_file() else None
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._files = {}
        if stamp is None:
            return
        for path in self._folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.suffix != ".gz":
                packed = path.with_name(f"{path.name}.gz")
                kind = (
                    _TYPES.get(path.suffix)
                    or mimetypes.guess_type(path.name)[0]
                    or "application/octet-stream"
                )
                name = path.relative_to(self._folder).as_posix()
                self._files[name] = _File(path, kind, packed if packed.is_file() else None)


def _response(name: str, file: _File, scope: Scope) -> Response:
    request = {key.lower(): value for key, value in scope["headers"]}
    packs = b"gzip" in request.get(b"accept-encoding", b"")
    path = file.packed if packs and file.packed is not None else file.path
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Problem("not-found", "this file has just gone; load the page again").response()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": _IMMUTABLE if name.startswith(f"{_HASHED_FOLDER}/") else "no-cache",
        "ETag": tag,
    }
    if file.packed is not None:
        headers["Vary"] = "Accept-Encoding"
    if request.get(b"if-none-match", b"").decode("latin-1") == tag:
        return Response(status_code=304, headers=headers)
    if path is file.packed:
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=file.media_type, headers=headers)
