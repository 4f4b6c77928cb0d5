"""man_pages.py HAUSPOST DIR: writes a manual page for each verb of the command line, for example
DIR/hauspost-mailbox-create.1, and for each noun one that lists its verbs.

What a verb takes comes from the program itself (`hauspost help --json`), what it does from its paragraph in
docs/man/hauspost.1, and examples from the transcripts of the manual."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERAL_PAGE = ROOT / "docs/man/hauspost.1"
EXAMPLES_MAX = 3
EXAMPLE_LINES_MAX = 14
EXIT_STATUS = (
    ("0", "Done."),
    ("1", "Refused: understood, and not done."),
    ("2", "The command line is wrong."),
    ("3", "No server answers for this data root."),
    ("4", "Done in part; what was not is listed."),
)


def leaves(node, path=()):
    """Every verb with its path: ("mailbox", "create")."""
    for command in node["commands"]:
        here = (*path, command["name"])
        if command["commands"]:
            yield from leaves(command, here)
        elif command["name"] != "help":
            yield here, command


def nouns(node, path=()):
    for command in node["commands"]:
        if command["commands"]:
            yield (*path, command["name"]), command
            yield from nouns(command, (*path, command["name"]))


def escape(text):
    """Text for groff: a backslash, a dash, and a point or quote that begins a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def page_name(path):
    return "-".join(("hauspost", *path))


def paragraphs():
    """The text that hauspost.1 has for each verb, in groff, by "noun verb"."""
    commands = GENERAL_PAGE.read_text().split(".SH COMMANDS", 1)[1].split("\n.SH ", 1)[0]
    found = {}
    for entry in commands.split("\n.TP\n")[1:]:
        tag, _, text = entry.partition("\n")
        # ".B noun verb" and "\fBnoun verb\fR ..., \fBnoun other\fR": several verbs share a text.
        for bold in re.findall(r"\\fB([^\\]*(?:\\-[^\\]*)*)\\f", tag) + re.findall(r"^\.B (.+)$", tag):
            words = bold.replace("\\-", "-").strip()
            if not words.startswith("-"):
                found.setdefault(words, text.strip())
    return found


def examples():
    """Transcripts of the manual by the words behind "hauspost": [(words, lines)]."""
    found = []
    for page in [ROOT / "docs/cli.md", *sorted((ROOT / "docs/manual").glob("*.md"))]:
        block = []
        for line in [*page.read_text().splitlines(), ""]:
            if line.startswith("    $ hauspost "):
                block = [line[4:]]
                words = line[4:].split()[2:]
                while words and words[0].startswith("-"):
                    words = words[2:] if words[0] == "--data" else words[1:]
                found.append((words, block))
            elif line.startswith("    ") and block:
                block.append(line[4:])
            else:
                block = []
    return found


def examples_of(path, transcripts):
    count = len(path)
    fitting = [lines for words, lines in transcripts if tuple(words[:count]) == path]
    # Those that succeeded are told first; an example is not the place for a thousand lines.
    fitting.sort(key=lambda lines: any(line.startswith("(status") for line in lines))
    return [lines[:EXAMPLE_LINES_MAX] + (["..."] if len(lines) > EXAMPLE_LINES_MAX else [])
            for lines in fitting[:EXAMPLES_MAX]]


def kind_of(option):
    """What a value is called: "CHECK" of "CHECK:{disk,clock}"; "WORD" of a bare list."""
    return option["value"].split(":{")[0].split("{")[0] or "WORD"


def choices_of(option):
    _, _, choices = option["value"].partition("{")
    return choices.rstrip("}").split(",") if choices else []


def spelling(option):
    names = [f"\\-\\-{escape(name)}" if len(name) > 1 else f"\\-{escape(name)}" for name in option["names"]]
    value = f" \\fI{escape(kind_of(option))}\\fR" if option["value"] else ""
    return ", ".join(f"\\fB{name}\\fR" for name in names) + value


def synopsis(path, command):
    words = [f"\\fBhauspost {escape(' '.join(path))}\\fR"]
    for argument in command["arguments"]:
        word = f"\\fI{escape(argument['name'])}\\fR" + ("..." if argument["repeatable"] else "")
        words.append(word if argument["required"] else f"[{word}]")
    for option in own_options(command):
        word = spelling({**option, "names": option["names"][:1]})
        many = "..." if option["repeatable"] else ""
        words.append(word + many if option["required"] else f"[{word}]{many}")
    return "\n".join(words)


def own_options(command):
    return [option for option in command["options"] if option["names"][:1] != ["help"]]


def sentence(text):
    text = text.strip()
    return escape(text if text.endswith((".", ":", ")")) else text + ".")


def options_section(title, options):
    if not options:
        return ""
    out = [f".SH {title}"]
    for option in options:
        text = sentence(option["description"])
        if choices := choices_of(option):
            text += f" One of: {escape(', '.join(choices))}."
        if option["default"]:
            text += f" Default: {escape(option['default'])}."
        out += [".TP", spelling(option), text]
    return "\n".join(out) + "\n"


def head(path, title):
    name = page_name(path)
    return (f'.TH {escape(name.upper())} 1 "" "Hauspost {(ROOT / "VERSION").read_text().strip()}" "Hauspost"\n'
            f".SH NAME\n{escape(name)} \\- {escape(title[:1].lower() + title[1:])}\n")


def verb_page(path, command, global_options, text, transcripts):
    out = head(path, command["description"].split("\n")[0].rstrip("."))
    out += f".SH SYNOPSIS\n.nh\n{synopsis(path, command)}\n.hy\n.SH DESCRIPTION\n"
    out += (text or sentence(command["description"])) + "\n"
    if command["arguments"]:
        out += ".SH ARGUMENTS\n"
        for argument in command["arguments"]:
            out += f".TP\n\\fI{escape(argument['name'])}\\fR\n{sentence(argument['description'])}\n"
    out += options_section("OPTIONS", own_options(command))
    out += options_section("GLOBAL OPTIONS", global_options)
    out += ".SH EXIT STATUS\n" + "".join(f".TP\n{code}\n{words}\n" for code, words in EXIT_STATUS)
    shown = examples_of(path, transcripts)
    if shown:
        out += ".SH EXAMPLES\n"
        for lines in shown:
            out += ".PP\n.nf\n.RS\n" + "\n".join(escape(line) for line in lines) + "\n.RE\n.fi\n"
    out += ".SH SEE ALSO\n"
    if len(path) > 1:
        out += f".BR {escape(page_name(path[:-1]))} (1),\n"
    return out + ".BR hauspost (1),\n.BR hauspostd (8)\n"


def noun_page(path, command):
    out = head(path, command["description"].split("\n")[0].rstrip("."))
    out += f".SH SYNOPSIS\n\\fBhauspost {escape(' '.join(path))}\\fR \\fIVERB\\fR [\\fIOPTION\\fR...]\n"
    out += f".SH DESCRIPTION\n{sentence(command['description'])}\n.SH VERBS\n"
    for below in command["commands"]:
        name = page_name((*path, below["name"]))
        out += f".TP\n.BR {escape(name)} (1)\n{sentence(below['description'])}\n"
    return out + ".SH SEE ALSO\n.BR hauspost (1)\n"


def write_pages(program, folder):
    tree = json.loads(subprocess.run([program, "help", "--json"], capture_output=True, check=True).stdout)
    global_options = [option for option in own_options(tree) if option["names"][:1] != ["version"]]
    texts = paragraphs()
    transcripts = examples()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("hauspost-*.1"):
        old.unlink()
    for path, command in leaves(tree):
        text = texts.get(" ".join(path)) or texts.get(path[0] if len(path) == 1 else "")
        (folder / f"{page_name(path)}.1").write_text(
            verb_page(path, command, global_options, text, transcripts))
    for path, command in nouns(tree):
        (folder / f"{page_name(path)}.1").write_text(noun_page(path, command))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write_pages(sys.argv[1], pathlib.Path(sys.argv[2]))
