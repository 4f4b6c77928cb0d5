"""tools/quickstart behind its packages: build, data root, accounts, first mail, live status."""

import argparse
import json
import os
import pathlib
import secrets
import signal
import sys
import time

import accounts
import first_mail
from build import ROOT, build
from console import StepFailed, run_steps, say
from instance import CliError, Instance, busy_ports, ports_of_base

PORT_BASE = 10000
STATUS_SECONDS_TERMINAL = 2
STATUS_SECONDS_OTHERWISE = 60


class Quickstart:
    def __init__(self, options):
        self.options = options
        self.data = pathlib.Path(options.data).absolute()
        self.record_path = self.data / "quickstart.json"
        self.record = {}
        self.instance = None
        self.started_here = False

    # Steps

    def build(self):
        self.instance = Instance(build("release", testing=False), self.data)

    def data_root(self):
        if (self.data / "hauspost-root").exists():
            self.load_record()
            say(f"data root: {self.data} is there and stays as it is")
            return
        base = self.options.port_base or PORT_BASE
        busy = busy_ports(base)
        if busy:
            raise StepFailed(f"ports in use: {', '.join(busy)}",
                             "choose others with --port-base N (N+25, N+587, N+465, ...)")
        try:
            self.instance.cli("init", "--hostname", accounts.HOSTNAME, "--port-base", str(base))
        except CliError as error:
            raise StepFailed(error.text, "name an empty or new folder with --data DIR") from error
        self.record = {"port_base": base, "users": {}}
        self.save_record()
        say(f"data root: {self.data} made, with a self-signed certificate")

    def load_record(self):
        try:
            self.record = json.loads(self.record_path.read_text())
        except FileNotFoundError:
            # Stopped between init and the first record: the ports stand in the settings.
            self.record = {"port_base": self.options.port_base or PORT_BASE, "users": {}}
        except ValueError as error:
            raise StepFailed(f"{self.record_path} does not parse: {error}",
                             "move that file away; new passwords are then made") from error
        asked = self.options.port_base
        if asked and asked != self.record["port_base"]:
            raise StepFailed(f"{self.data} was made for port base {self.record['port_base']}",
                             f"leave --port-base away, name another --data, or edit "
                             f"{self.data / 'hauspost.toml'}")

    def start(self):
        if self.instance.is_running():
            say("server: runs already")
        else:
            try:
                self.instance.start()
            except RuntimeError as error:
                raise StepFailed(str(error), "correct the cause and run this again") from error
            self.started_here = True
        status = self.instance.ask("status")
        self.note_facts(status)
        say(f"server: {len(status['processes'])} processes run, log in {self.data / 'hauspostd.log'}")

    def accounts(self):
        accounts.ensure_organisation(self.instance)
        for name in accounts.USERS:
            accounts.ensure_mailbox(self.instance, name, self.record["users"], self.save_record)
        self.note_facts(self.instance.ask("status"))
        say(f"accounts: {', '.join(self.record['users'])} in {accounts.DATABASE}")

    def mail(self):
        first_mail.deliver_and_read(self.record, self.save_record)

    # The record

    def note_facts(self, status):
        ports = ports_of_base(self.record["port_base"])
        ports.update({entry["service"]: entry["port"] for entry in status["listeners"]})
        self.record.update({
            "host": "127.0.0.1",
            "hostname": status["hostname"],
            "ports": ports,
            "domain": accounts.DOMAIN,
            "database": accounts.DATABASE,
            "data": str(self.data),
            "ca_file": str(self.data / "tls" / "certificate.pem"),
            "admin_socket": str(self.data / "run" / "admin.sock"),
            "pids": {"supervisor": status["pid"],
                     **{entry["name"]: entry["pid"] for entry in status["processes"]}},
        })
        self.save_record()

    def save_record(self):
        """Whole or not at all, readable by the owner alone: it holds passwords."""
        draft = self.record_path.with_suffix(f".{secrets.token_hex(4)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(self.record, out, indent=2)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, self.record_path)

    # The end

    def stop(self):
        try:
            self.instance.cli("server", "stop", timeout=40)
        except CliError as error:
            if error.status != 3:
                raise StepFailed(error.text, f"see {self.data / 'hauspostd.log'}") from error
            say(f"server: none runs for {self.data}")
            return
        if self.instance.process is not None:
            self.instance.process.wait(10)
        say("server: stopped; mail and accounts stay in " + str(self.data))

    def follow(self):
        """A short status until Ctrl-C or SIGTERM; then stops what this run started."""
        terminal = sys.stdout.isatty()
        seconds = STATUS_SECONDS_TERMINAL if terminal else STATUS_SECONDS_OTHERWISE
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        say("running; Ctrl-C stops" + ("" if self.started_here else " watching, the server stays"))
        try:
            while True:
                line = status_line(self.instance)
                print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n",
                      flush=True)
                time.sleep(seconds)
        except KeyboardInterrupt:
            print(flush=True)
        except CliError as error:
            print(flush=True)
            raise StepFailed(error.text, f"see {self.data / 'hauspostd.log'}") from error
        if self.started_here:
            self.stop()


def status_line(instance):
    status = instance.ask("status")
    messages = sum(database["messages"] for database in status["databases"])
    states = ", ".join(f"{database['name']} {database['state']}" for database in status["databases"])
    crashes = sum(process["crashes"] for process in status["processes"])
    waiting = len(instance.ask("queue", "list"))
    up = int(time.time()) - status["started_s"]
    return (f"{time.strftime('%H:%M:%S')} up {up // 60}m {up % 60}s | {states} | {messages} messages"
            f" | {waiting} queued | {crashes} crashes")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/quickstart",
        description="Builds Hauspost and runs a complete mail server on loopback ports: database DB1, "
                    "domain example.test, mailboxes alice and bob. Run it again at any time: data, "
                    "mail, accounts and passwords stay.")
    parser.add_argument("--data", default=str(ROOT / "data"), metavar="DIR",
                        help="data root (default: data in this checkout)")
    parser.add_argument("--port-base", type=int, metavar="N",
                        help=f"listen on N+25, N+587, N+465, N+143, N+993, N+110, N+995 "
                             f"(default: {PORT_BASE}, or as the data root was made)")
    parser.add_argument("--detach", action="store_true", help="return once everything runs")
    parser.add_argument("--stop", action="store_true", help="stop a server left running by --detach")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse_arguments(arguments)
    quickstart = Quickstart(options)
    if options.stop:
        quickstart.instance = Instance(ROOT / "build" / "release" / "bin", quickstart.data)
        run_steps("quickstart", [("stop", quickstart.stop)])
        return
    run_steps("quickstart", [
        ("build", quickstart.build),
        ("data root", quickstart.data_root),
        ("server", quickstart.start),
    ])
    try:
        run_steps("quickstart", [
            ("accounts", quickstart.accounts),
            ("first mail", quickstart.mail),
        ])
    except (SystemExit, KeyboardInterrupt):
        if quickstart.started_here:
            quickstart.instance.stop()
        raise
    print(accounts.client_settings(quickstart.record))
    say(f"facts for programs: {quickstart.record_path}")
    if options.detach:
        say(f"detached; stop with: tools/quickstart --stop --data {quickstart.data}")
        return
    run_steps("quickstart", [("status", quickstart.follow)])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
