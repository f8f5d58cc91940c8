"""A time server on a real UDP socket, whose answers a test spoils at will."""

import socket
import struct
import threading
import time

TO_1970_S = 2_208_988_800


def stamp(unix_s):
    seconds = unix_s + TO_1970_S
    return struct.pack("!II", int(seconds) % (1 << 32), int(seconds % 1 * (1 << 32)))


def packet(origin, unix_s, *, head=0x24, stratum=2, name=b"GPS\0", root_delay=0, dispersion=66, left_s=None):
    return (
        struct.pack("!BBbbII", head, stratum, 6, -20, root_delay, dispersion)
        + name
        + stamp(unix_s)
        + origin
        + stamp(unix_s)
        + stamp(unix_s if left_s is None else left_s)
    )


class TimeServerDouble:
    """Serves `ahead_s` seconds ahead of this machine's wall clock; `answer` may be replaced."""

    def __init__(self, ahead_s=0.0):
        self.ahead_s = ahead_s
        self.asked = 0
        self.answer = lambda question: packet(question[40:48], time.time() + self.ahead_s)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _serve(self):
        try:
            while True:
                question, address = self._socket.recvfrom(1_000)
                self.asked += 1
                answers = self.answer(question)
                for answer in answers if isinstance(answers, list) else [answers]:
                    if answer is not None:
                        self._socket.sendto(answer, address)
        except OSError:  # the test has closed the socket
            return
