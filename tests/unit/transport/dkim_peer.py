"""What others make of our signatures, and signatures of others for us: python3-dkim and
python3-authres, asked by dkim_peer_test.cc. FOLDER holds `message`, `zone` (lines of name, tab,
text) and `key`. Exit status 77: not installed."""
import sys

try:
    import authres
    import dkim
    import nacl  # noqa: F401, for Ed25519
except ImportError:
    sys.exit(77)


def read(folder, name):
    with open(f"{folder}/{name}", "rb") as file:
        return file.read()


def zone_of(folder):
    lines = read(folder, "zone").decode().splitlines()
    zone = dict(line.split("\t", 1) for line in lines)

    def ask(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return zone.get(name.rstrip("."), "").encode() or None

    return ask


def sign(folder, algorithm, header, body, domain, selector, *options):
    message = read(folder, "message")
    field = dkim.sign(
        message, selector.encode(), domain.encode(), read(folder, "key"),
        canonicalize=(header.encode(), body.encode()), signature_algorithm=algorithm.encode(),
        length="length" in options)
    sys.stdout.buffer.write(field + message)


def verify(folder, index):
    checker = dkim.DKIM(read(folder, "message"), minkey=1024)
    print("pass" if checker.verify(idx=int(index), dnsfunc=zone_of(folder)) else "fail")


def arc_verify(folder):
    status, results, reason = dkim.arc_verify(read(folder, "message"), dnsfunc=zone_of(folder))
    print((status or b"none").decode(), len(results))


def arc_sign(folder, domain, selector, server):
    fields = dkim.arc_sign(read(folder, "message"), selector.encode(), domain.encode(),
                           read(folder, "key"), server.encode())
    sys.stdout.buffer.write(b"".join(fields))


def results(folder):
    field = authres.AuthenticationResultsHeader.parse(
        read(folder, "message").decode().replace("\r\n", "").strip())
    print(field.authserv_id)
    for one in field.results:
        values = " ".join(f"{p.type}.{p.name}={p.value}" for p in one.properties)
        print(one.method, one.result, values)


def main():
    mode, arguments = sys.argv[1], sys.argv[2:]
    {"sign": sign, "verify": verify, "arc_verify": arc_verify, "arc_sign": arc_sign,
     "results": results}[mode](*arguments)


main()
