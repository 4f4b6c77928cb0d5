"""tools/test behind its packages: unit tests and fuzz seeds under sanitizers, system, crash, stress
and tidy tests. The last line is "N passed, M failed"; the status is 1 when M > 0."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

from build import ROOT, build
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
    folder = build("asan", testing=True, targets=("tests/all",)).parent
    report = folder / "ctest.xml"
    report.unlink(missing_ok=True)
    say("unit tests and fuzz seeds under AddressSanitizer and UndefinedBehaviorSanitizer")
    subprocess.run(["ctest", "--test-dir", str(folder), "--output-on-failure", "--progress",
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


def run_script(tally, name, command):
    """A test program that closes with "N passed, M failed" on a line of its own."""
    say(f"{name} tests: {' '.join(command)}")
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace")
    text = ""
    for line in process.stdout:
        text += line
        print(line, end="", flush=True)
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
    programs = build("release", testing=False)
    run_script(tally, "system", [sys.executable, "tests/system/run.py", "--programs", str(programs)])
    killer = pathlib.Path("tests/crash/kill_nine.py")
    if (ROOT / killer).exists():
        run_script(tally, "crash", [sys.executable, str(killer), "--programs", str(programs)])
    run_script(tally, "stress", [sys.executable, "tests/stress/imap_stress.py", "--programs",
                                 str(programs), "--seconds", str(STRESS_SECONDS)])


def run_tidy(tally):
    run_script(tally, "tidy", [sys.executable, "tests/tidy/tidy_test.py"])


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/test",
        description="Builds and runs every test. The last line is: N passed, M failed")
    parser.add_argument("--only", choices=("unit", "system", "tidy"), help="run one part alone")
    options = parser.parse_args(arguments)
    parts = {"unit": run_unit, "system": run_system, "tidy": run_tidy}
    tally = Tally()
    for name in [options.only] if options.only else parts:
        run_steps("test", [(name, lambda part=parts[name]: part(tally))])
    print("\n".join(tally.lines))
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
