"""Every verb has a manual page, whole and without faults of its own."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import PROGRAMS, ROOT
import man_pages


class ManPages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-man-"))
        program = str(PROGRAMS / "hauspost")
        man_pages.write_pages(program, cls.folder)
        cls.tree = json.loads(subprocess.run([program, "help", "--json"], capture_output=True, check=True).stdout)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_each_verb_has_a_page_that_names_all_it_takes(self):
        seen = 0
        for path, command in man_pages.leaves(self.tree):
            text = (self.folder / f"{man_pages.page_name(path)}.1").read_text().replace("\\-", "-")
            self.assertIn(f".SH NAME\n{man_pages.page_name(path)} - ", text)
            for option in man_pages.own_options(command):
                for name in option["names"]:
                    self.assertIn(f"--{name}" if len(name) > 1 else f"-{name}", text, path)
            for argument in command["arguments"]:
                self.assertIn(argument["name"], text, path)
            seen += 1
        self.assertGreater(seen, 150)

    def test_each_verb_has_words_of_its_own_in_the_general_page(self):
        texts = man_pages.paragraphs()
        missing = [" ".join(path) for path, _ in man_pages.leaves(self.tree) if not texts.get(" ".join(path))]
        self.assertEqual(missing, [])

    def test_examples_are_taken_from_the_manual(self):
        text = (self.folder / "hauspost-database-remove.1").read_text()
        self.assertIn(".SH EXAMPLES", text)
        self.assertIn("$ hauspost database remove Sales", text)

    def test_the_formatter_has_nothing_to_complain_of(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        pages = sorted(self.folder.glob("*.1")) + [ROOT / "docs/man/hauspost.1", ROOT / "docs/man/hauspostd.8"]
        for page in pages:
            done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-rLL=100n", "-z", str(page)],
                                  capture_output=True, text=True)
            faults = [line for line in done.stderr.splitlines() if not re.search(r"can't break line|cannot adjust", line)]
            self.assertEqual(faults, [], page.name)


if __name__ == "__main__":
    unittest.main()
