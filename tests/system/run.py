#!/usr/bin/env python3
"""Runs the system tests; closes with "N passed, M failed".

    tests/system/run.py [--programs DIR] [PATTERN...]     PATTERN: part of a test's name
"""

import argparse
import os
import pathlib
import signal
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Result(unittest.TextTestResult):
    """One line a test, with its time."""

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok ({time.monotonic() - self.began:.1f} s)")


def tests_in(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_in(item)
        else:
            yield item


def main():
    # A runner that is told to stop still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", help="folder with hauspost and hauspostd")
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    if options.programs:
        os.environ["HAUSPOST_PROGRAMS"] = options.programs
    sys.path.insert(0, str(HERE))
    found = tests_in(unittest.TestLoader().discover(str(HERE), pattern="test_*.py"))
    chosen = unittest.TestSuite(test for test in found if not options.patterns or
                                any(pattern in test.id() for pattern in options.patterns))
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    result = runner.run(chosen)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed - len(result.skipped)
    if result.testsRun == 0:
        failed = 1
    print(f"{max(passed, 0)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
