"""Why a value is not good is told in both languages, whatever the reason is."""

import ast
import re
from pathlib import Path

import pytest

from agent.modbus.address import Span, Table
from agent.modbus.meaning import judge
from agent.modbus.pdu import BadReply, BusDown, UnitRefused, UnitSilent
from agent.profile import Format, Point
from agent.reading import Text
from agent.reason import in_hex, reason, set_bits, shown_span
from gateway.profiles import ProfileShelf, shipped_configs

PROFILES = sorted(path.stem for path in (shipped_configs() / "profiles").glob("*.yaml"))
WORDS = (0x8000, 0xFFFF, 0x7FFF, 0x7FC0, 0x7F80, 0xABCD, 0x0063, 0)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("why", "zh"),
    [
        ("the device says not available (0x8000)", "设备表示没有该量(0x8000)"),
        ("6554 is outside 0..100", "6554 超出 0 至 100"),
        ("-1.5e+07 is outside -200..200", "-1.5e+07 超出 -200 至 200"),
        ("no good reply (timeout)", "没有可信应答:无应答"),
        ("no good reply (exception_2)", "没有可信应答:设备拒绝:异常码 2"),
        ("17 is not among the known states", "17 不是已知状态"),
        (str(UnitRefused(2)), "设备拒绝:异常码 2(没有该寄存器)"),
        (str(BusDown("192.0.2.1:502 does not answer")), "192.0.2.1:502 无应答"),
        (str(UnitSilent("no reply in time")), "未在时限内应答"),
        (str(BadReply("unit 3 answered instead of 1")), "应答的是单元 3,不是 1"),
    ],
)
def test_a_reason_has_its_chinese_words(why, zh):
    assert reason(why) == Text(why, zh)


def test_what_nobody_has_translated_is_told_as_it_is():
    assert reason("the moon is full") == Text("the moon is full", "the moon is full")


@pytest.mark.parametrize("name", PROFILES)
def test_every_reason_that_words_of_a_shipped_profile_can_give_has_chinese_words(name):
    for point in ProfileShelf().find(name).points:
        for word in WORDS:
            _, _, why = judge(point, [word & 1 if point.table.is_bits else word] * point.span.count)
            assert why is None or CHINESE.search(reason(why).zh), (point.name, why)


def errors_of_buses():
    """Every text with which the agent says that a read brought nothing; what it fills in is a 7."""
    agent = Path(__file__).parents[2] / "agent"
    for path in sorted(agent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("UnitSilent", "BadReply", "BusDown"):
                if node.args and isinstance(node.args[0], ast.Constant):
                    yield node.args[0].value
                elif node.args and isinstance(node.args[0], ast.JoinedStr):
                    yield "".join(
                        part.value if isinstance(part, ast.Constant) else "7" for part in node.args[0].values
                    )


@pytest.mark.parametrize("why", sorted(set(errors_of_buses())))
def test_every_error_of_a_bus_has_chinese_words(why):
    assert CHINESE.search(reason(why).zh)


def test_set_bits_come_with_their_texts_and_unknown_ones_with_their_number():
    known = {0: Text("Over temperature", "过温"), 3: Text("Fan", "风扇")}
    assert set_bits(known, "0,3,9") == ((0, known[0]), (3, known[3]), (9, Text("9", "9")))
    assert set_bits(known, "") == set_bits(known, None) == ()


def a_point(**form):
    return Point("active_power_kw", Table.INPUT, 100, Format("i16", 1, **form))


def test_a_value_is_traced_to_its_own_registers_and_to_all_that_make_it_up():
    assert shown_span(a_point(scale_at=9)) == Span(Table.INPUT, 100, 1)
    assert shown_span(a_point(plus=((2, 10.0),))) == Span(Table.INPUT, 100, 3)


def test_words_are_shown_as_manuals_print_them():
    assert in_hex([0x8000, 1]) == "0x8000 0x0001"
    assert in_hex([0] * 9).endswith("0x0000 …")
