#!/usr/bin/env python3
"""tidy_test.py: the rules of the house that a machine can check.

Usage: tidy_test.py [--build DIR] [--fast] [--only CHECK]

Reads the sources of the checkout it lies in. DIR is a configured build folder (default: the newest below
build/ that has compile_commands.json); without one the checks that need a compiler or programs are skipped,
and said so. Prints one line a finding, then "N passed, M failed"; status 1 when a check failed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ["base", "store", "protocols", "transport", "server", "tools"]  # may include only leftwards
SOURCES = ROOMS + ["tests"]
SUFFIXES = (".h", ".cc")
LINES_MAX = 800
COLUMNS_MAX = 110
COMPILER = "clang++-19"
COMPILER_JOBS = 2

# Third-party headers that only named files may include.
OWNED_HEADERS = [
    (r"lmdb\.h", r"store/environment\.(h|cc)"),
    (r"(openssl|android/openssl)/.*", r"base/(tls/|crypto).*|transport/authentication/.*|tests/.*"),
    (r"sodium\.h|sodium/.*", r"server/auth/.*|base/crypto.*|store/[^/]*\.cc|tests/.*"),
    (r"toml(\+\+)?(/|\.).*", r"server/supervisor/.*|tools/cli/setup_answers\.cc|tests/.*"),
    (r"CLI/.*", r"tools/.*|server/mains/.*"),
    (r"unicode/.*", r"store/mime/.*|protocols/.*|transport/authentication/domains\.cc|server/directory/.*|tests/.*"),
    (r"libpsl\.h", r"transport/authentication/domains\.cc"),
    (r"spdlog/.*", r"base/log\.cc"),
    (r"ldap\.h", r"server/auth_helpers/ask_ldap\.cc"),
    (r"security/.*", r"server/auth_helpers/ask_pam\.cc"),
    (r"curl/.*", r"server/auth_helpers/fetch_(keys|acme)\.cc"),
]

# Programs that are apart because a library of theirs brings OpenSSL's libcrypto.
WITHOUT_BORINGSSL = ["hauspost-auth-fetch", "hauspost-acme-fetch"]

# Headers whose very subject is a generated message; everything else converts in the .cc.
PROTOBUF_DOORS = r"server/supervisor/admin_(\w+_)?api\.h"

# Calls that have a better way; the text says which.
BANNED = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\(", "unbounded C string call: use std::string or fmt", SOURCES),
    (r"(?<![\w.>:])(std::)?system\s*\(", "a shell: use posix_spawn with an argument list", ROOMS),
    (r"(?<![\w.>:])(std::|::)?(rand|srand)\s*\(", "weak randomness: use base/random.h", SOURCES),
    (r"\bstd::regex\b|#include <regex>", "std::regex recurses on its input: write the parser", ROOMS),
    (r"\bdetached\b", "a bare spawn: use TaskGroup", [r for r in SOURCES if r != "base"]),
    (r"\b(usleep|sleep)\s*\(", "blocks the thread: co_await sleep_for", ROOMS),
    (r"#include <iostream>", "static constructors and locale: use fmt or base/log.h", ROOMS[:-1]),
    (r"\b(TODO|FIXME|XXX)\b", "a promise nobody keeps: do it or write it into the documentation", SOURCES),
]


def files(folders, suffixes=SUFFIXES):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.name.endswith(suffixes) and ".pb." not in path.name:
                yield path


def name(path):
    return path.relative_to(ROOT).as_posix()


def text_of(path):
    return path.read_text(encoding="utf-8", errors="replace")


def without_comments_and_strings(code):
    """Same lines, with comments and the insides of literals blanked."""
    pattern = re.compile(
        r'R"(?P<d>[^(\s]{0,16})\(.*?\)(?P=d)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        found = match.group(0)
        kept = re.sub(r"[^\n]", " ", found)
        return '"' + kept[1:-1] + '"' if found.startswith('"') and len(found) > 1 else kept
    includes = {}
    lines = code.split("\n")
    for number, line in enumerate(lines):
        if line.lstrip().startswith("#include"):
            includes[number] = line
            lines[number] = ""
    lines = pattern.sub(blank, "\n".join(lines)).split("\n")
    for number, line in includes.items():
        lines[number] = line
    return "\n".join(lines)


def includes_of(path):
    for number, line in enumerate(text_of(path).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def check_layering():
    for path in files(ROOMS):
        mine = ROOMS.index(name(path).split("/")[0])
        for number, quoted, target in includes_of(path):
            room = target.split("/")[0]
            if room not in SOURCES or "/" not in target:
                continue
            if room == "tests" or ROOMS.index(room) > mine:
                yield f"{name(path)}:{number}: {ROOMS[mine]} may not include {target}"
            if not quoted:
                yield f"{name(path)}:{number}: our own header in angle brackets: {target}"


def check_includes_exist():
    for path in files(ROOMS):
        for number, quoted, target in includes_of(path):
            if not quoted or ".pb.h" in target:
                continue
            if not (ROOT / target).is_file():
                yield f"{name(path)}:{number}: no such header, from the root of the repository: {target}"


def check_cycles():
    graph = {}
    for path in files(ROOMS, (".h",)):
        graph[name(path)] = [target for _, quoted, target in includes_of(path) if quoted]
    state = {}

    def visit(node, trail):
        state[node] = "open"
        for target in graph.get(node, []):
            if state.get(target) == "open":
                yield " -> ".join(trail[trail.index(target):] + [target] if target in trail else [node, target])
            elif target not in state:
                yield from visit(target, trail + [target])
        state[node] = "done"
    for node in graph:
        if node not in state:
            for cycle in visit(node, [node]):
                yield f"include cycle: {cycle}"


def check_owned_headers():
    for path in files(SOURCES):
        for number, _, target in includes_of(path):
            for header, owners in OWNED_HEADERS:
                if re.fullmatch(header, target) and not re.fullmatch(owners, name(path)):
                    yield f"{name(path)}:{number}: {target} belongs to {owners}"
            if target.endswith(".pb.h") and path.suffix == ".h" and not re.fullmatch(PROTOBUF_DOORS, name(path)):
                yield f"{name(path)}:{number}: generated protobuf in a header: convert in the .cc"


def check_sizes():
    for path in files(SOURCES):
        lines = text_of(path).split("\n")
        if len(lines) - 1 > LINES_MAX:
            yield f"{name(path)}: {len(lines) - 1} lines, at most {LINES_MAX}: split it"
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                yield f"{name(path)}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"


def check_banned():
    for path in files(SOURCES):
        room = name(path).split("/")[0]
        full = text_of(path)
        code = without_comments_and_strings(full)
        for pattern, reason, rooms in BANNED:
            if room not in rooms:
                continue
            searched = full if "TODO" in pattern else code
            for match in re.finditer(pattern, searched):
                number = searched.count("\n", 0, match.start()) + 1
                yield f"{name(path)}:{number}: {match.group(0).strip()}: {reason}"


def check_pragma_once():
    for path in files(SOURCES, (".h",)):
        if "#pragma once" not in text_of(path):
            yield f"{name(path)}: no #pragma once"


def check_folders_have_readme():
    """The folder itself or one above it, below the root."""
    folders = {path.parent for path in files(ROOMS)}
    for folder in sorted(folders):
        above = [folder] + [p for p in folder.parents if ROOT in p.parents]
        if not any((p / "README.md").is_file() for p in above):
            yield f"{name(folder)}/: no README.md here or above"


def check_main_size():
    for path in files(["server", "tools"], ("main.cc",)):
        if path.name != "main.cc" and not path.name.endswith("_main.cc"):
            continue
        count = text_of(path).count("\n")
        if count > 80:
            yield f"{name(path)}: {count} lines, a main has at most 80"


def find_build(wanted):
    if wanted:
        return pathlib.Path(wanted)
    found = sorted(ROOT.glob("build/*/compile_commands.json"), key=lambda p: p.stat().st_mtime)
    return found[-1].parent if found else None


def flags_for_headers(build):
    """The compile flags of one file a room, without its own source, output and precompiled header."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        try:
            room = path.relative_to(ROOT).parts[0]
        except ValueError:
            continue
        if room not in ROOMS or room in flags or path.name.endswith(".pb.cc"):
            continue
        words = shlex.split(entry["command"]) if "command" in entry else entry["arguments"]
        kept = []
        skip = 0
        for word, following in zip(words, words[1:] + [""]):
            if skip:
                skip -= 1
            elif word == "-Xclang" and following in ("-include-pch", "-include"):
                skip = 3
            elif word in ("-o", "-c"):
                skip = 1
            elif word in ("-fPIC", "-fPIE"):
                pass  # differs between libraries and programs, which one precompiled header cannot
            elif word.startswith(("-I", "-D", "-std", "-W", "-f")) and "pch" not in word:
                kept.append(word)
            elif word == "-isystem":
                kept += [word, following]
                skip = 1
        flags[room] = (kept, entry["directory"])
    return flags


def precompile_common(flags, directory, folder):
    """base/pch.h, which the build puts before every file; None when it does not compile."""
    compiled = pathlib.Path(folder) / "common.pch"
    command = [COMPILER, "-x", "c++-header", *flags, "-Wno-pragma-once-outside-header",
               str(ROOT / "base/pch.h"), "-o", str(compiled)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return compiled if done.returncode == 0 else None


def compile_header(path, common, flags, directory):
    command = [COMPILER, "-fsyntax-only", "-include-pch", str(common), "-x", "c++", *flags,
               "-Wno-pragma-once-outside-header",
               "-Wno-unused-const-variable", "-Wno-unused-function", str(path)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    first = next((line for line in done.stderr.split("\n") if "error:" in line), done.stderr[:200])
    return f"{name(path)}: does not compile alone: {first.strip()}"


def check_headers_alone(build):
    flags = flags_for_headers(build)
    with (tempfile.TemporaryDirectory() as folder,
          concurrent.futures.ThreadPoolExecutor(COMPILER_JOBS) as pool):
        common = precompile_common(*flags["base"], folder)
        if not common:
            yield "base/pch.h: does not compile alone"
            return
        tasks = []
        for path in files(ROOMS, (".h",)):
            room = name(path).split("/")[0]
            if room in flags:
                tasks.append(pool.submit(compile_header, path, common, *flags[room]))
        ungenerated = 0
        for task in tasks:
            finding = task.result()
            if finding and re.search(r"\.pb\.h' file not found", finding):
                ungenerated += 1
            elif finding:
                yield finding
        if ungenerated:
            print(f"skipped: {ungenerated} headers that need protobuf headers {build.name} has not generated yet")


def check_one_libcrypto(build):
    """BoringSSL and OpenSSL share symbol names: a process that loads both breaks in silence."""
    for program in sorted((build / "bin").glob("hauspost*")):
        if not os.access(program, os.X_OK) or program.is_dir():
            continue
        done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
        found = {line.split()[0]: line.split()[2] for line in done.stdout.split("\n")
                 if re.match(r"\s*lib(crypto|ssl)[.-]", line) and len(line.split()) > 2}
        for library in ("libcrypto", "libssl"):
            paths = sorted({p for n, p in found.items() if n.startswith(library)})
            if len(paths) > 1:
                yield f"{program.name}: loads two {library}: {', '.join(paths)}"
            for path in paths:
                if "/android/" not in path and program.name not in WITHOUT_BORINGSSL:
                    yield f"{program.name}: {library} is not BoringSSL's: {path}"
        if "not found" in done.stdout:
            yield f"{program.name}: a library is missing"


def run_check(title, findings):
    found = list(findings)
    for finding in found:
        print(f"  {finding}")
    print(f"{'FAILED' if found else 'ok'}: {title}")
    return not found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build")
    parser.add_argument("--fast", action="store_true", help="without the compiler")
    parser.add_argument("--only", help="a part of a check's title")
    options = parser.parse_args()
    build = find_build(options.build)
    checks = [
        ("rooms include only leftwards", check_layering),
        ("includes are rooted at the repository", check_includes_exist),
        ("no include cycles", check_cycles),
        ("third-party headers stay in their rooms", check_owned_headers),
        ("files and lines are short enough", check_sizes),
        ("no banned calls", check_banned),
        ("headers are included once", check_pragma_once),
        ("rooms say what they are for", check_folders_have_readme),
        ("mains are short", check_main_size),
    ]
    if build and not options.fast:
        checks.append(("every header compiles after base/pch.h alone", lambda: check_headers_alone(build)))
    if build and any((build / "bin").glob("hauspost*")):
        checks.append(("one libcrypto a process", lambda: check_one_libcrypto(build)))
    if not build:
        print("skipped: headers alone, one libcrypto: no configured build folder below build/")
    elif options.fast:
        print("skipped: headers alone (--fast)")
    outcomes = [run_check(title, check()) for title, check in checks
                if not options.only or options.only in title]
    print(f"{sum(outcomes)} passed, {len(outcomes) - sum(outcomes)} failed")
    return 0 if all(outcomes) and outcomes else 1


if __name__ == "__main__":
    sys.exit(main())
