"""JSON answers by orjson."""

from typing import Any

import orjson
from starlette.responses import JSONResponse


class Json200(JSONResponse):
    """Finite numbers only: NaN and infinity become null."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
