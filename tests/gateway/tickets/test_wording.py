"""Who wants to close too early reads what is still wrong and what it takes, in their own language."""

import pytest

from gateway.rules import load_rules
from gateway.tickets.wording import alert_words

RULES = load_rules()


@pytest.mark.parametrize(
    ("rule", "values", "params", "en"),
    [
        (
            "BAT-02",
            {"cell_temperature_max_c": 46.2},
            {},
            "still 46.2 °C, needs <= 45 for 10 min, then a reset on site",
        ),
        (
            "BAT-02",
            {"cell_temperature_max_c": 46.2},
            {"hi": 50.0},
            "still 46.2 °C, needs <= 40 for 10 min, then a reset on site",
        ),
        ("BAT-01", {"cell_temperature_max_c": 43.0}, {}, "still 43 °C, needs <= 42 for 10 min"),
        ("BAT-01", {"cell_temperature_max_c": None}, {}, "still unknown, needs <= 42 for 10 min"),
    ],
)
def test_the_words_say_the_value_and_the_limit(rule, values, params, en):
    assert alert_words({"values": values}, RULES.get(rule), params).en == en


def test_chinese_words_say_the_same():
    words = alert_words({"values": {"cell_temperature_max_c": 46.2}}, RULES.get("BAT-02"), {})
    assert words.zh == "当前 46.2 °C,需要 <= 45 并持续 10 分钟,并须现场复归"


def test_without_its_rule_only_the_value_is_known():
    assert alert_words({"values": {"soc_pct": 3.0}}, None, {}).en == "still 3 %"
