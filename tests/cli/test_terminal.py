import os
import signal
import subprocess
import sys
import threading

import pytest

from nst.cli.terminal import Interrupted, Interrupts, end_at_once, print_message, restore_signals, tolerant_streams


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_only_the_first_signal_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        with pytest.raises(Interrupted):
            signal.raise_signal(number)
        signal.raise_signal(number)
        assert interrupts.number == number
    assert signal.getsignal(number) == before


def test_a_signal_does_not_interrupt_saving() -> None:
    with Interrupts() as interrupts:
        with interrupts.deferred():
            signal.raise_signal(signal.SIGTERM)
        assert interrupts.number == signal.SIGTERM


def test_ignored_signals_stay_ignored_and_threads_set_no_handlers() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
        assert interrupts.number == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    numbers: list[int] = []

    def work() -> None:
        with Interrupts() as interrupts:
            numbers.append(interrupts.number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert numbers == [0]


def test_early_handlers_are_restored() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    end_at_once()
    assert signal.getsignal(signal.SIGINT) is signal.getsignal(signal.SIGTERM)
    restore_signals()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_message("one\n two")
    assert capsys.readouterr().err == "nst: one two\n"


PROGRAM = """
import os, sys
from nst.cli.terminal import print_message, tolerant_streams
with tolerant_streams():
    assert os.open("/dev/null", os.O_RDONLY) > 2
    for _ in range(1000):
        print_message("x" * 100)
        print("y" * 100)
"""


@pytest.mark.parametrize("shell", ["{} 2>&-", "{} >&-", "{} >&- 2>&- <&-", "{} 2>/dev/full >/dev/full", "({}) | true"])
def test_output_errors_stop_nothing(shell: str) -> None:
    command = shell.format('"$PYTHON" -c "$PROGRAM"') + "; exit ${PIPESTATUS[0]}"
    env = os.environ | {"PYTHON": sys.executable, "PROGRAM": PROGRAM}
    assert subprocess.run(["bash", "-c", command], env=env, stderr=subprocess.DEVNULL).returncode == 0


def test_streams_are_restored() -> None:
    before = sys.stdout, sys.stderr
    with tolerant_streams():
        assert sys.stderr is not before[1]
    assert (sys.stdout, sys.stderr) == before
