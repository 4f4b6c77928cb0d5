"""One data root and its server, driven from outside: through the hauspost CLI, signals and files.

Used by tools/quickstart and by tests/system. Standard library only.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

# Offsets from --port-base: the standard port numbers themselves (hauspost init --help).
STANDARD_PORTS = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
    "http": 80,
    "https": 443,
}
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 15


class CliError(Exception):
    """The CLI ended with another status than 0; `status` and `text` say how."""

    def __init__(self, arguments, status, text):
        super().__init__(f"hauspost {' '.join(arguments)}: {text.strip() or f'status {status}'}")
        self.status = status
        self.text = text.strip()


def ports_of_base(base):
    return {name: base + offset for name, offset in STANDARD_PORTS.items()}


def port_is_free(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def busy_ports(base):
    return [f"{name} {port}" for name, port in ports_of_base(base).items() if not port_is_free(port)]


class Instance:
    """REQUIRES: `programs` is the folder that holds hauspost and hauspostd."""

    def __init__(self, programs, data):
        self.programs = pathlib.Path(programs)
        self.data = pathlib.Path(data)
        self.process = None

    # The CLI

    def run(self, *arguments, stdin=None, timeout=60, env=None):
        """The finished process of one CLI call, whatever its status."""
        command = [str(self.programs / "hauspost"), "--data", str(self.data), *arguments]
        return subprocess.run(command, input=stdin, text=True, capture_output=True,
                              timeout=timeout, env=env)

    def cli(self, *arguments, stdin=None, timeout=60):
        """What one CLI call prints, as text; CliError when it does not end with 0."""
        done = self.run(*arguments, stdin=stdin, timeout=timeout)
        if done.returncode != 0:
            raise CliError(arguments, done.returncode, done.stderr)
        return done.stdout

    def ask(self, *arguments, stdin=None, timeout=60):
        """What one CLI call answers with --json."""
        return json.loads(self.cli("--json", *arguments, stdin=stdin, timeout=timeout))

    # The server

    def is_running(self):
        return self.run("status").returncode == 0

    def start(self, log_path=None, environment=None):
        """Starts hauspostd in its own session and waits until every role answers."""
        ready = self.data / "run" / "ready"
        ready.unlink(missing_ok=True)
        log_path = pathlib.Path(log_path or self.data / "hauspostd.log")
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / "hauspostd"), "--data", str(self.data)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **(environment or {})})
        end = time.monotonic() + START_SECONDS_MAX
        while not ready.exists():
            if self.process.poll() is not None:
                raise RuntimeError(f"hauspostd ended with status {self.process.returncode}: "
                                   f"{last_line(log_path)} (log: {log_path})")
            if time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"hauspostd was not ready after {START_SECONDS_MAX} s "
                                   f"(log: {log_path})")
            time.sleep(0.05)
        return self.process

    def stop(self):
        """Ends the server this object started; returns its exit status (None: was not running)."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode


def last_line(path):
    try:
        lines = pathlib.Path(path).read_text(errors="replace").strip().splitlines()
    except OSError:
        return "no log"
    return lines[-1] if lines else "empty log"
