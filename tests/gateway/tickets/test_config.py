"""Where tickets may be stored, and that no password is repeated."""

import pytest
from pydantic import ValidationError

from gateway.tickets.config import TicketsConfig


@pytest.mark.parametrize(
    "store",
    [
        "postgresql://me:s3cret@host/db",
        "postgres://me:s3cret@host/db",
        "mysql://s3cret@host/db",
        "postgresql://host/db?user=me&password=s3cret",
    ],
)
def test_a_password_is_refused_and_not_repeated(store):
    with pytest.raises(ValidationError) as caught:
        TicketsConfig(store=store)
    assert "s3cret" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "store", ["sqlite:///tickets.db", "postgresql://me@host:5432/db", "postgresql://host:5432/db"]
)
def test_good_stores_pass(store):
    assert TicketsConfig(store=store).store == store
