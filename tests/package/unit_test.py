"""The unit file: what systemd thinks of its confinement, and that it fits the rest of the package."""

import pathlib
import re
import shutil
import subprocess
import unittest

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "debian"
UNIT = PACKAGING / "hauspost.service"
EXPOSURE_MAX = 3.2  # of 10; docs/manual/install.md names it


class Unit(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_exposure_stays_low(self):
        shown = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNIT)],
                               text=True, capture_output=True)
        found = re.search(r"Overall exposure level for hauspost.service: ([0-9.]+)", shown.stdout)
        self.assertIsNotNone(found, shown.stdout + shown.stderr)
        self.assertLessEqual(float(found.group(1)), EXPOSURE_MAX, shown.stdout)
        # A word that systemd does not know would be no protection at all.
        self.assertNotIn("nknown", shown.stderr)

    def test_users_are_those_that_the_server_wants(self):
        made = set(re.findall(r"^u (\S+)", (PACKAGING / "hauspost.sysusers").read_text(), re.MULTILINE))
        roles = {"auth", "frontend", "transport", "store", "web", "health", "acme"}
        self.assertEqual(made, {f"hauspost-{role}" for role in roles})

    def test_what_the_unit_waits_for_is_what_it_starts_with(self):
        unit = UNIT.read_text()
        settings = re.search(r"^ConditionPathExists=(.*)$", unit, re.MULTILINE).group(1)
        self.assertIn(f"--config {settings}\n", unit)
        data = re.search(r"--data (\S+)", unit).group(1)
        self.assertIn(f"d {data} ", (PACKAGING / "hauspost.tmpfiles").read_text())
        for script in ("postinst", "postrm"):
            text = (PACKAGING / f"hauspost.{script}").read_text()
            self.assertIn(f"DATA={data}\n", text)
            self.assertIn(f"SETTINGS={settings}\n", text)


if __name__ == "__main__":
    unittest.main()
