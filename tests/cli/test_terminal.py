import os
import signal
import subprocess
import sys
import threading

import pytest

from nst.cli.terminal import Ended, Interrupts, tell, tolerant_streams


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_ends_and_the_next_does_not(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        with pytest.raises(Ended):
            signal.raise_signal(number)
        signal.raise_signal(number)
        assert interrupts.number == number
    assert signal.getsignal(number) == before


def test_a_signal_waits_while_something_is_saved() -> None:
    with Interrupts() as interrupts:
        with interrupts.held():
            signal.raise_signal(signal.SIGTERM)
        assert interrupts.number == signal.SIGTERM


def test_what_is_ignored_stays_ignored_and_threads_have_no_signals() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
        assert interrupts.number == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    seen: list[int] = []

    def work() -> None:
        with Interrupts() as interrupts:
            seen.append(interrupts.number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0]


def test_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell("one\n two")
    assert capsys.readouterr().err == "nst: one two\n"


TALK = """
import os, sys
from nst.cli.terminal import tell, tolerant_streams
with tolerant_streams():
    assert os.open("/dev/null", os.O_RDONLY) > 2
    for _ in range(1000):
        tell("x" * 100)
        print("y" * 100)
"""


@pytest.mark.parametrize(
    "shell", ["{} 2>&-", "{} >&-", "{} >&- 2>&- <&-", "{} 2>/dev/full >/dev/full", "({}) | true"]
)
def test_output_that_nobody_takes_stops_nothing(shell: str) -> None:
    command = shell.format('"$PYTHON" -c "$TALK"') + "; exit ${PIPESTATUS[0]}"
    env = os.environ | {"PYTHON": sys.executable, "TALK": TALK}
    assert (
        subprocess.run(["bash", "-c", command], env=env, stderr=subprocess.DEVNULL).returncode == 0
    )


def test_streams_are_given_back() -> None:
    before = sys.stdout, sys.stderr
    with tolerant_streams():
        assert sys.stderr is not before[1]
    assert (sys.stdout, sys.stderr) == before
