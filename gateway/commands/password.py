"""The password of a backup: from stdin, never from the command line, where everybody could read it."""

import getpass
import sys

from gateway.commands.failing import fail
from gateway.commands.language import Language

_SHORTEST = 12
_ASKED = {"en": "password of the backup: ", "zh": "备份密码:"}
_SHORT = {
    "en": f"a backup's password has at least {_SHORTEST} characters; give it on stdin",
    "zh": f"备份密码至少 {_SHORTEST} 个字符;请从标准输入给出",
}


def asked(speaks: Language) -> str:
    """One line of stdin, or typed unseen. Ends the command with 2 where it is too short."""
    typed = sys.stdin.isatty()
    password = getpass.getpass(_ASKED[speaks]) if typed else sys.stdin.readline().rstrip("\r\n")
    if len(password) < _SHORTEST:
        fail(2, _SHORT[speaks])
    return password
