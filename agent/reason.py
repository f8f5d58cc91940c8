"""What people are told of a reading: why it is not good, which of its bits are set, the words it came from.

The reasons are made in English where they are found; here is the one list of their Chinese words. Pure.
"""

import re
from collections.abc import Mapping, Sequence

from agent.modbus.address import Span
from agent.profile import Point
from agent.reading import Text, Value

_WORDS = {
    "timeout": "无应答",
    "refused": "连接被拒绝",
    "bad_reply": "应答无法采信",
    "bus_down": "总线中断",
    "not read yet": "尚未读取",
    "older than three poll periods": "超过三个轮询周期未更新",
    "not trusted": "不可信",
    "not asked any more": "本次轮询未再读取",
    "the gateway that lent the line has ended": "借出线路的网关已停止",
    "no reply in time": "未在时限内应答",
    "a reply without content": "应答没有内容",
    "the line is never silent": "线路上一直有数据,无法静默",
    "the link is closed": "连接已关闭",
    "the link was closed": "连接已关闭",
    "not opened yet": "尚未连接",
    "the device closed the connection": "设备关闭了连接",
    "the device ends every connection": "设备总是断开连接",
    "the device answers only now and then": "设备时断时续地应答",
    "the device has not said what it is": "设备尚未说明自己的型号",
    "the device has no SunSpec marker where the profile looks for it": "档案所指之处没有 SunSpec 标识",
    "the device has none of the SunSpec models that the profile reads": "设备没有档案要读的 SunSpec 模型",
    "a device identification whose objects do not fill it": "设备标识的对象与其长度不符",
    "what came is not Modbus TCP": "收到的不是 Modbus TCP",
    "more than one reply to one request": "一次请求收到多个应答",
    "the gateway has let go of this line": "网关已释放该线路",
    "the gateway's own polls leave no time on this line": "网关自身的轮询已占满该线路",
    "illegal function": "不支持该功能",
    "illegal data address": "没有该寄存器",
    "illegal data value": "数值不允许",
    "device failure": "设备故障",
    "acknowledge": "已收到,处理中",
    "device busy": "设备忙",
    "memory parity error": "存储校验错误",
    "gateway path unavailable": "网关路径不可用",
    "gateway target failed to respond": "网关后的设备无应答",
    "unknown code": "未知异常码",
    "another process holds it": "被其他进程占用",
    "its scale register holds 0x8000": "其比例寄存器为 0x8000",
}
_NUMBER = r"-?[\d.]+(?:e[+-]?\d+)?"
_FORMS = tuple(
    (re.compile(form), zh)
    for form, zh in {
        r"the device refused: exception (\d+) \((.+)\)": "设备拒绝:异常码 {0}({1})",
        r"exception_(\d+)": "设备拒绝:异常码 {0}",
        r"no good reply \((.+)\)": "没有可信应答:{0}",
        r"the device says:? not available": "设备表示没有该量",
        r"the device says:? not available \((.+)\)": "设备表示没有该量({0})",
        rf"({_NUMBER}) is outside ({_NUMBER})\.\.({_NUMBER})": "{0} 超出 {1} 至 {2}",
        r"(.+) is not among the known states": "{0} 不是已知状态",
        r"the device sent infinity \((.+)\)": "设备送来无穷大({0})",
        r"these are no decimal digits \((.+)\)": "不是十进制数字({0})",
        r"the device's clock shows no date \((.+)\)": "设备时钟没有有效日期({0})",
        r"the scale register holds (.+), which the profile does not know": "比例寄存器为 {0},档案中没有",
        r"the scale register holds (.+), outside (.+)\.\.(.+)": "比例寄存器为 {0},超出 {1} 至 {2}",
        rf"({_NUMBER}) after ({_NUMBER}) ({_NUMBER}) s before: faster than ({_NUMBER}) per second; "
        r"believed once it stays": "{2} 秒内由 {1} 变为 {0},快于每秒 {3};持续后采信",
        rf"the counter stood at ({_NUMBER}) and now shows ({_NUMBER}); believed once it stays": (
            "累计值原为 {0},现为 {1};持续后采信"
        ),
        r"no value of the device has changed for (\d+) min; it may repeat old content": (
            "设备所有数值 {0} 分钟未变,可能在重复旧内容"
        ),
        r"the device's models do not fit its profile: (.+)": "设备的模型与档案不符:{0}",
        r"identification (.+)": "设备标识有误({0})",
        r"(.+): within (.+) ms, all that the gateway's polls leave": "{0}(网关轮询只留出 {1} 毫秒)",
        r"(.+) is no name of a host \((.+)\)": "{0} 不是主机名({1})",
        r"unit (\d+) answered instead of (\d+)": "应答的是单元 {0},不是 {1}",
        r"function (\d+) in answer to (\d+)": "以功能码 {0} 回答 {1}",
        r"(\d+) data bytes \(it says (\d+)\), not (\d+)": "数据为 {0} 字节(自称 {1}),应为 {2}",
        r"(\d+) bytes came that are no whole reply": "收到 {0} 字节,不成完整应答",
        r"the link broke \((.+)\)": "连接中断({0})",
        r"(.+) does not answer": "{0} 无应答",
        r"(.+) refuses the connection": "{0} 拒绝连接",
        r"(.+) cannot be reached \((.+)\)": "{0} 无法到达({1})",
        r"(.+) cannot be opened \((.+)\)": "{0} 无法打开({1})",
        r"(.+) is gone \((.+)\)": "{0} 已不在({1})",
    }.items()
)

_SHOWN_WORDS = 8


def reason(why: str) -> Text:
    """A reason in both languages; one of an unknown form stays English in both."""
    return Text(why, _chinese(why))


def _chinese(why: str) -> str:
    if why in _WORDS:
        return _WORDS[why]
    for form, zh in _FORMS:
        found = form.fullmatch(why)
        if found is not None:
            return zh.format(*map(_chinese, found.groups()))
    return why


def set_bits(known: Mapping[int, Text], value: Value | None) -> tuple[tuple[int, Text], ...]:
    """The set bits of a value like `"0,3"`, with what each means; a bit without text is its number."""
    if not isinstance(value, str):
        return ()
    numbers = [int(part) for part in value.split(",") if part.strip().isdigit()]
    return tuple((number, known.get(number) or Text(str(number), str(number))) for number in numbers)


def shown_span(point: Point) -> Span:
    """The registers that tell people where a value comes from: its own, and all that are added or multiplied.

    A scale factor is not among them: it may stand far away, and a reason that concerns it says what it holds.
    """
    form = point.format
    made = form.high_at is not None or form.sign_at is not None or form.plus or form.times_at
    return point.span if made else Span(point.table, point.address, form.registers)


def in_hex(words: Sequence[int]) -> str:
    """Registers as people compare them with a manual: `0x8000 0x0001`."""
    shown = " ".join(f"0x{word:04X}" for word in words[:_SHOWN_WORDS])
    return shown if len(words) <= _SHOWN_WORDS else f"{shown} …"
