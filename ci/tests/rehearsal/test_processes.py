"""What a container started ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING
from unittest.mock import Mock

import psutil
import pytest

from ci.rehearsal.processes import Processes, children_end_on_interrupt

if TYPE_CHECKING:
    from pathlib import Path


def environment(build: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "CODEBUILD_BUILD_ID": build}


def start(processes: Processes, build: str, folder: Path, command: str) -> subprocess.Popen[str]:
    shell = processes.start("sh", folder, environment(build))
    assert shell.stdin
    shell.stdin.write(f"{command}\necho begun\n")
    shell.stdin.flush()
    assert shell.stdout
    assert shell.stdout.readline() == "begun\n"
    return shell


@pytest.mark.parametrize("daemon", ["setsid sleep 60 &", "env -i sleep 60 &"])
def test_a_container_s_end_is_the_end_of_its_daemons_and_of_no_other_container(
    tmp_path: Path, daemon: str
) -> None:
    processes = Processes()
    one = start(processes, f"{tmp_path}-1", tmp_path, daemon)
    two = start(processes, f"{tmp_path}-2", tmp_path, ":")
    processes.end(environment(f"{tmp_path}-1"))
    one.communicate(timeout=10)  # the daemon has its output, too
    assert two.poll() is None
    processes.end(environment(f"{tmp_path}-2"))
    two.communicate()


def test_a_process_of_another_user_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    class OfRoot:
        def kill(self) -> None:
            tried.append(self)
            raise psutil.AccessDenied

    monkeypatch.setattr("ci.rehearsal.processes._running", lambda *_: [OfRoot()])
    Processes().end(environment(str(tmp_path)))
    assert len(tried) == 1


def test_what_a_process_has_just_started_is_killed_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Mock(), Mock()
    found = iter([[first], [second], []])
    monkeypatch.setattr("ci.rehearsal.processes._running", lambda *_: next(found))
    Processes().end(environment(str(tmp_path)))
    first.kill.assert_called_once_with()
    second.kill.assert_called_once_with()


def test_once_all_have_ended_none_starts_any_more(tmp_path: Path) -> None:
    processes = Processes()
    shell = start(processes, str(tmp_path), tmp_path, ":")
    processes.end_all()
    shell.communicate()
    with pytest.raises(SystemExit):
        processes.start("sh", tmp_path, environment("later"))


def test_a_parent_s_end_is_the_end(tmp_path: Path) -> None:
    child = (
        "import sys, time; from ci.rehearsal.processes import ending_with_parent\n"
        "with ending_with_parent(): print('begun', flush=True); time.sleep(600)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with fifo.open("w") as writer:
        running = subprocess.Popen([sys.executable, "-c", parent], stdout=writer)
    os.set_blocking(reader, True)
    with os.fdopen(reader) as held:
        assert held.readline() == "begun\n"
        running.kill()
        assert held.read() == ""  # the child's end
    running.wait()


def test_an_interrupt_ends_what_was_started_meanwhile_and_threads_wait_for() -> None:
    sleeping = ["sh", "-c", "sleep 60 & echo begun; wait"]
    waits: list[threading.Thread] = []

    def interrupted() -> None:
        with children_end_on_interrupt():
            child = subprocess.Popen(sleeping, stdout=subprocess.PIPE)
            assert child.stdout
            child.stdout.readline()
            # It ends with the child's own child, too.
            waits.append(threading.Thread(target=child.communicate))
            waits[0].start()
            raise KeyboardInterrupt

    before = subprocess.Popen(["sleep", "60"])
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        waits[0].join(10)
        assert not waits[0].is_alive()
        assert before.poll() is None
    finally:
        before.kill()
        before.wait()
