"""Prints the public RFC 7208 test suite, as Debian's python3-spf ships it, one fact a line for
spf_suite_test.cc: fields separated by tabs, text in hexadecimal. Exit status 77: not installed."""
import gzip
import ipaddress
import os
import sys

SUITE = "/usr/share/doc/python3-spf/rfc7208-tests.yml"

try:
    import yaml
except ImportError:
    sys.exit(77)


def load():
    for name, opened in ((SUITE, open), (SUITE + ".gz", gzip.open)):
        if os.path.exists(name):
            with opened(name, "rb") as file:
                return list(yaml.safe_load_all(file))
    sys.exit(77)


def hexed(text):
    return text.encode("utf-8").hex() or "-"


def address_of(name):
    """The address that a name below in-addr.arpa or ip6.arpa stands for; None: it is none."""
    labels = name.lower().split(".")
    if labels[-2:] == ["in-addr", "arpa"]:
        return str(ipaddress.ip_address(".".join(reversed(labels[:-2]))))
    if labels[-2:] == ["ip6", "arpa"]:
        digits = "".join(reversed(labels[:-2]))
        return str(ipaddress.ip_address(bytes.fromhex(digits)))
    return None


def records_of(name, entries):
    """(type, value) of a name; records of type SPF stand for TXT ones unless there are such."""
    typed, all_broken = [], False
    for entry in entries:
        if entry == "TIMEOUT":
            all_broken = True
            continue
        typed.extend(entry.items())
    has_txt = any(kind == "TXT" for kind, _ in typed)
    for kind, value in typed:
        if kind == "SPF" and has_txt:
            continue
        kind = "TXT" if kind == "SPF" else kind
        if kind == "TXT" and value == "NONE":
            continue
        yield kind, value
    if all_broken:
        there = {kind for kind, value in typed if value != "NONE" and kind != "SPF"}
        if not has_txt and any(kind == "SPF" for kind, _ in typed):
            there.add("TXT")
        for kind in sorted({"TXT", "A", "AAAA", "MX", "PTR"} - there):
            yield kind, "TIMEOUT"


def print_zone(zone):
    for name, entries in zone.items():
        print("name", hexed(name.lower()), sep="\t")
        for kind, value in records_of(name, entries):
            key = address_of(name) if kind == "PTR" else name.lower()
            if value == "TIMEOUT":
                print("broken", kind, hexed(key or name), sep="\t")
            elif kind == "MX":
                print("MX", hexed(key), value[0], hexed(value[1]), sep="\t")
            elif kind == "AAAA":
                print("AAAA", hexed(key), hexed(str(ipaddress.ip_address(value))), sep="\t")
            else:
                text = "".join(value) if isinstance(value, list) else str(value)
                print(kind, hexed(key), hexed(text), sep="\t")


def main():
    for scenario in load():
        print("scenario", hexed(scenario["description"]), sep="\t")
        print_zone(scenario["zonedata"])
        for name, test in scenario["tests"].items():
            results = test["result"] if isinstance(test["result"], list) else [test["result"]]
            print("test", name, hexed(test["host"]), hexed(test["helo"]), hexed(test["mailfrom"]),
                  ",".join(results), hexed(test.get("explanation", "?")), sep="\t")


main()
