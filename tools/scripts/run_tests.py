"""tools/test behind its packages: unit tests and fuzz seeds under sanitizers, system, crash, stress,
tidy and package tests. The last line is "N passed, M failed"; the status is 1 when M > 0."""

import argparse
import io
import os
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree

from build import POLITELY, ROOT, build
from console import run_steps, say

SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
STRESS_SECONDS = 30
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed", re.MULTILINE)


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.lines = []

    def add(self, name, passed, failed):
        self.passed += passed
        self.failed += failed
        self.lines.append(f"{name}: {passed} passed, {failed} failed")


def environment():
    return {**os.environ, **SANITIZER_ENVIRONMENT}


def run_unit(tally):
    folder = build("asan", testing=True, targets=("tests/all",), politely=True).parent
    report = folder / "ctest.xml"
    report.unlink(missing_ok=True)
    say("unit tests and fuzz seeds under AddressSanitizer and UndefinedBehaviorSanitizer")
    subprocess.run([*POLITELY, "ctest", "--test-dir", str(folder), "--output-on-failure", "--progress",
                    "--output-junit", str(report), "-j", "2"], env=environment())
    if not report.exists():
        tally.add("unit", 0, 1)
        return
    suite = xml.etree.ElementTree.parse(report).getroot()
    total = int(suite.get("tests"))
    failed = int(suite.get("failures")) + int(suite.get("errors") or 0)
    skipped = int(suite.get("skipped") or 0) + int(suite.get("disabled") or 0)
    # A run that found no test has not passed.
    tally.add("unit", total - failed - skipped, failed if total else 1)


def run_script(tally, name, command, out=sys.stdout):
    """A test program that closes with "N passed, M failed" on a line of its own."""
    print(f"==> {name} tests: {' '.join(command)}", file=out, flush=True)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace")
    text = ""
    for line in process.stdout:
        text += line
        print(line, end="", file=out, flush=True)
    process.wait()
    counts = SUMMARY.findall(text)
    if not counts:
        tally.add(name, 0, 1)
        return
    passed, failed = map(int, counts[-1])
    if process.returncode != 0 and failed == 0:
        failed = 1  # it says all is well and yet ends badly
    tally.add(name, passed, failed)


def run_system(tally):
    run_system_tests(tally, build("release", testing=False), sys.stdout)


def run_system_tests(tally, programs, out):
    run_script(tally, "system", [sys.executable, "tests/system/run.py", "--programs", str(programs)], out)
    run_script(tally, "crash", [sys.executable, "tests/crash/kill_nine.py", "--programs", str(programs)], out)
    run_script(tally, "stress", [sys.executable, "tests/stress/imap_stress.py", "--programs",
                                 str(programs), "--seconds", str(STRESS_SECONDS)], out)


def run_tidy(tally):
    release = ROOT / "build" / "release"  # has every program
    built = ["--build", str(release)] if (release / "compile_commands.json").exists() else []
    run_script(tally, "tidy", [sys.executable, "tests/tidy/tidy_test.py", *built])


def run_package(tally):
    run_script(tally, "package", [sys.executable, "tests/package/run.py"])


def run_all(tally):
    """The system tests wait more than they work: the sanitizers' build goes on beside them, politely."""
    programs = build("release", testing=False)
    say("system, crash and stress tests begin; what they print comes after the unit tests")
    output = io.StringIO()

    def work():
        try:
            run_system_tests(tally, programs, output)
        except Exception as failure:  # a thread's end tells nobody
            print(f"{type(failure).__name__}: {failure}", file=output)
            tally.add("system", 0, 1)
    beside = threading.Thread(target=work)
    beside.start()
    try:
        run_unit(tally)
    finally:
        beside.join()
        print(output.getvalue(), end="", flush=True)
    run_tidy(tally)
    run_package(tally)


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/test",
        description="Builds and runs every test. The last line is: N passed, M failed")
    parser.add_argument("--only", choices=("unit", "system", "tidy", "package"), help="run one part alone")
    options = parser.parse_args(arguments)
    parts = {"unit": run_unit, "system": run_system, "tidy": run_tidy, "package": run_package, None: run_all}
    tally = Tally()
    run_steps("test", [(options.only or "all", lambda: parts[options.only](tally))])
    print("\n".join(tally.lines))
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
