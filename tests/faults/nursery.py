"""A warm process that forks a child per job, lets it live as long as it may, and tells how it ended.

The program is imported once, so that a thousand lives and deaths take seconds. A job is a line of JSON
on stdin, its end a line on stdout: `{"killed": bool, "code": n, "ms": ..}`.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from types import ModuleType

LONGEST_S = 20.0


class Nursery:
    """The other end, in the test's process."""

    def __init__(self, log: str, preload: str | None = None, child: str = "tests.faults.kernel") -> None:
        surroundings = dict(os.environ) | ({"LD_PRELOAD": preload} if preload else {})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", log, child],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=surroundings,
        )

    def live(self, **job: object) -> dict:
        """Run a job to its end."""
        self._process.stdin.write(json.dumps(job) + "\n")
        said = self._process.stdout.readline()
        assert said, "the nursery is gone"
        return json.loads(said)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def main() -> None:
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    importlib.import_module("tests.faults.doctored")
    child_of_ours = importlib.import_module(sys.argv[2])
    for line in sys.stdin:
        job = json.loads(line)
        began = time.perf_counter()
        said = _size(job["ledger"])
        child = os.fork()
        if child == 0:
            _live(job, log, child_of_ours)
        if "kill_after_ms" in job:
            while job.get("once_open") and _size(job["ledger"]) == said and not _gone(child):
                time.sleep(0.001)
            time.sleep(job["kill_after_ms"] / 1_000)
            os.kill(child, signal.SIGKILL)
        code = _end_of(child)
        answer = {"code": code, "ms": round((time.perf_counter() - began) * 1_000, 1)}
        sys.stdout.write(json.dumps({"killed": code == -signal.SIGKILL, **answer}) + "\n")
        sys.stdout.flush()


def _size(path: str) -> int:
    return os.stat(path).st_size if os.path.exists(path) else 0  # noqa: PTH110, PTH116  # asked a thousand times a second


def _gone(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _live(job: dict, log: int, module: ModuleType) -> None:
    code = 70
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        from tests.faults import doctored

        doctored.apply(job)
        module.run(job)
        code = 0
    except BaseException as error:  # noqa: BLE001  # told by the code and in the log, whatever it is
        import traceback

        traceback.print_exception(error)
    finally:
        os._exit(code)


def _end_of(child: int) -> int:
    """Its exit code, or minus the signal; one that hangs is ended and told as 71."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 71


if __name__ == "__main__":
    main()
