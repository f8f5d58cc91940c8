"""Errors of the API as RFC 9457 problem documents."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.failure import Failure

log = structlog.get_logger(__name__)

TITLES: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "not-signed-in": (401, "Sign in first"),
    "wrong-credentials": (401, "These credentials do not fit"),
    "forbidden": (403, "Your role may not do this"),
    "cross-site": (403, "The request came from another site"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This address does not take that method"),
    "refused": (409, "Refused as things stand"),
    "too-large": (413, "The request is too large"),
    "json-only": (415, "Write JSON, and say so in Content-Type"),
    "invalid": (422, "The request does not fit"),
    "too-many-tries": (429, "Too many tries"),
    "internal": (500, "Something broke in the gateway"),
    "unavailable": (503, "Not available now"),
}
RETRY_AFTER_S = "3"
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 403: "forbidden", 401: "not-signed-in"}


class Problem(Exception):  # noqa: N818  # RFC 9457's own word
    """Ends a request with the problem `slug` of `TITLES`; `members` go into the document.

    A member `type` or `title` that says more (which guard refused) stands in place of the slug's.
    """

    def __init__(
        self, slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> Response:
        status, title = TITLES[self.slug]
        document = {
            "type": f"urn:maplebridge:problem:{self.slug}",
            "title": title,
            **self.members,
            "status": status,
            "detail": self.detail,
        }
        return Response(
            orjson.dumps(document), status, headers=self.headers, media_type="application/problem+json"
        )


def invalid(faults: Iterable[tuple[str, str]]) -> Problem:
    """The problem of arguments that do not fit: one (where, message) each."""
    errors = [{"where": where, "message": message} for where, message in faults]
    return Problem("invalid", "; ".join(f"{e['where']}: {e['message']}" for e in errors), errors=errors)


async def on_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  # it is registered for Problem alone
    return error.response()


async def on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for HTTPException alone
    slug = _BY_STATUS.get(error.status_code, "bad-request")
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase:
        detail = TITLES[slug][1]
    return Problem(slug, detail, headers=error.headers).response()


async def on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # it is registered for that alone
    faults = [(".".join(str(part) for part in fault["loc"]), str(fault["msg"])) for fault in error.errors()]
    problem = invalid(faults)
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        problem = Problem("bad-request", "the body is not JSON", **problem.members)
    return problem.response()


async def on_failure(request: Request, error: Exception) -> Response:
    """A room that cannot answer now, such as a store whose disk refuses: nothing is lost, ask again."""
    log.warning("console.room_refused", path=request.url.path, why=str(error))
    detail = f"{error}; nothing is lost, try again in a moment"
    return Problem("unavailable", detail, headers={"Retry-After": RETRY_AFTER_S}).response()


async def on_crash(_request: Request, _error: Exception) -> Response:
    """The answer to the caller; the error itself goes on to the log."""
    return Problem("internal", "it was logged; try again, and report it if it stays").response()


HANDLERS: Mapping[int | type[Exception], Any] = {
    Problem: on_problem,
    HTTPException: on_http_error,
    RequestValidationError: on_invalid,
    Failure: on_failure,
    Exception: on_crash,
}
