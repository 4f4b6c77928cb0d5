"""One client of the stress test: does random things to the mailbox and believes nothing."""

import asyncio
import random
import re

from model import View
from wire import Connection, Violation, expand, uid_set

MAILBOX = "Busy"
OTHER = "Other"
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$one", "$two")
KINDS = ("plain", "condstore", "qresync", "plain", "uidonly", "qresync", "plain", "uidonly-qresync")
COMPRESSED_EACH = 5  # one session in so many speaks COMPRESS=DEFLATE
SIZE_MAX = 300  # of the mailbox: above it more is expunged than appended
COPYUID = re.compile(r"\[COPYUID \d+ (\S+) (\S+)\]")
APPENDUID = re.compile(r"\[APPENDUID \d+ (\S+)\]")


def one_message(token):
    return (f"From: {token}@example.org\r\nSubject: {token}\r\nMessage-ID: <{token}@example.org>\r\n\r\n"
            f"{token}\r\n").encode()


class Session:
    def __init__(self, number, seed, server, address, truth):
        self.number = number
        self.kind = KINDS[number % len(KINDS)]
        self.random = random.Random(f"{seed}/{number}")
        self.server = server
        self.address = address
        self.truth = truth
        self.made = 0
        self.reconnects = 0
        self.wire = Connection(f"s{number}", self.untagged)
        self.view = None
        self.standing = 0   # MODSEQ up to which the cache is whole
        self.validity = None
        self.earlier = None  # during a QRESYNC SELECT: what it tells
        self.moves = []      # [COPYUID] of an untagged OK

    modseqs = property(lambda self: self.kind != "plain")
    vanishes = property(lambda self: "qresync" in self.kind or "uidonly" in self.kind)
    uid_only = property(lambda self: "uidonly" in self.kind)
    qresync = property(lambda self: "qresync" in self.kind)

    # Responses

    def untagged(self, text, command):
        if text.startswith("OK [COPYUID"):
            self.moves.append(text)
        elif text.startswith("OK [UIDVALIDITY "):
            validity = text.split("]")[0]
            if self.validity not in (None, validity):
                raise Violation(f"{text}, but it was {self.validity}")
            self.validity = validity
        elif self.earlier is not None and self.resync(text):
            pass
        else:
            self.view.handle(text, command)

    def resync(self, text):
        """What SELECT with QRESYNC tells is kept until the whole of it has come."""
        number, _, rest = text.partition(" ")
        if text.startswith("VANISHED (EARLIER) "):
            self.earlier["gone"].update(expand(text.split(" ")[2]))
        elif rest == "EXISTS":
            self.earlier["exists"] = int(number)
        elif rest.startswith(("FETCH ", "UIDFETCH ")):
            self.earlier["fetches"].append(text)
        else:
            return False
        return True

    async def command(self, line, expect="OK"):
        self.view.begin_command()
        answer = await self.wire.command(line, expect)
        self.end_of_command(answer)
        return answer

    def end_of_command(self, answer):
        if found := re.search(r"\[HIGHESTMODSEQ (\d+)\]", answer):
            self.view.highest = int(found[1])
        # The cache is whole only when everything was fetched that had arrived.
        if self.view.complete():
            self.standing = self.view.highest

    # Connecting

    async def log_in(self):
        await self.wire.log_in(self.server, self.address)
        if self.number % COMPRESSED_EACH == 1:
            await self.wire.compress()

    async def connect(self):
        self.view = View(self.truth, self.vanishes, self.uid_only)
        await self.log_in()
        if self.modseqs:
            wanted = [name for name, on in (("CONDSTORE", True), ("QRESYNC", self.qresync),
                                            ("UIDONLY", self.uid_only)) if on]
            await self.wire.command("ENABLE " + " ".join(wanted))
        await self.command(f"SELECT {MAILBOX}")
        await self.fill()

    async def reconnect(self):
        """With what was cached, as a client that was away (RFC 7162 section 3.2.5)."""
        cache = self.view
        if not self.qresync or self.standing == 0:
            return await self.connect()
        self.reconnects += 1
        known = {uid: cache.flags[uid] for uid in cache.known() if uid in cache.flags}
        await self.log_in()
        await self.wire.command("ENABLE QRESYNC" + (" UIDONLY" if self.uid_only else ""))
        self.view = View(self.truth, self.vanishes, self.uid_only)
        self.earlier = {"gone": set(), "exists": None, "fetches": []}
        validity = re.search(r"(\d+)", self.validity)[1]
        uids = " " + uid_set(known) if known and self.random.random() < 0.5 else ""
        line = f"SELECT {MAILBOX} (QRESYNC ({validity} {self.standing}{uids}))"
        tag = self.wire.send(line)
        answer = await self.wire.finish(tag, line)
        if not answer.startswith("OK "):
            raise Violation(f"{line}: {answer}")
        self.adopt(known, bool(uids), line)
        self.end_of_command(answer)
        await self.fill()

    def adopt(self, known, named, line):
        """The cache with the answer of SELECT is the whole mailbox, or it is not what it should be."""
        earlier, self.earlier = self.earlier, None
        for uid in earlier["gone"] & known.keys():
            self.truth.gone(uid)
            del known[uid]
        changed = {}
        for text in earlier["fetches"]:
            told = int(re.search(r"UID (\d+)", text)[1] if " FETCH " in text else text.split(" ")[0])
            changed[told] = text
        uids = sorted(known.keys() | changed.keys())
        exists = earlier["exists"]
        # A client that names what it knows is told of that alone: what is new stands behind it.
        if len(uids) != exists and (not named or len(uids) > exists):
            raise Violation(f"{line}: {exists} EXISTS, but the cache and the changes make {len(uids)}: "
                            f"VANISHED {sorted(earlier['gone'])[-20:]} changed {sorted(changed)[-20:]}")
        self.view.uids = uids
        self.view.asked = max(uids, default=0)
        self.view.flags = {uid: known[uid] for uid in uids if uid in known}
        self.view.exists(exists)
        for text in earlier["fetches"]:
            self.view.handle(text, line)

    async def fill(self):
        """Fetches what is not known of the messages."""
        items = "(UID FLAGS MODSEQ)" if self.modseqs else "(UID FLAGS)"
        unknown = [uid for uid in self.view.known() if uid not in self.view.flags]
        if unknown:
            await self.command(f"UID FETCH {uid_set(unknown)} {items}")
        if None in self.view.uids:
            # With UIDONLY flags may have been told of one that is not the next.
            first = self.view.uids.index(None)
            before = self.view.uids[first - 1] if first > 0 and not self.uid_only else self.view.asked
            await self.command(f"UID FETCH {before + 1}:* {items}")
        self.view.asked = max(self.view.known(), default=0)

    # Doing things

    async def act(self):
        size = len(self.view.uids)
        crowded = size > SIZE_MAX
        weights = {
            self.append: 2 if crowded else 10, self.append_many: 1 if crowded else 4,
            self.store: 22, self.mark_deleted: 8 if crowded else 3, self.expunge: 5 if crowded else 2,
            self.uid_expunge: 4, self.move: 5 if crowded else 2, self.copy: 3, self.copy_here: 0 if crowded else 2,
            self.fetch: 12, self.search: 4, self.idle: 6, self.noop: 5, self.look_again: 2,
            self.leave: 3, self.pipeline: 4}
        action = self.random.choices(list(weights), list(weights.values()))[0]
        if self.view.known() or action in (self.append, self.append_many, self.idle, self.noop):
            await action()
            await self.fill()

    def some(self, most=6):
        known = self.view.known()
        if self.random.random() < 0.3:
            begin = self.random.randrange(len(known))
            return known[begin:begin + self.random.randint(1, most * 3)]
        return sorted(self.random.sample(known, min(len(known), self.random.randint(1, most))))

    def named(self, uids, command):
        """The command with the messages by UID or by number, and what it names."""
        if self.uid_only or self.random.random() < 0.5:
            return f"UID {command}", uid_set(uids)
        return command, uid_set([self.view.uids.index(uid) + 1 for uid in uids])

    def token(self):
        self.made += 1
        return f"m{self.number}-{self.made}"

    async def append(self):
        await self.append_tokens([self.token()])

    async def append_many(self):
        await self.append_tokens([self.token() for _ in range(self.random.randint(2, 8))])

    async def append_tokens(self, tokens):
        self.view.begin_command()
        pieces = [(one_message(token), "" if at == len(tokens) - 1 else " ") for at, token in enumerate(tokens)]
        answer = await self.wire.command_with_literal(f"APPEND {MAILBOX}", pieces)
        uids = list(expand(APPENDUID.search(answer)[1]))
        if len(uids) != len(tokens):
            raise Violation(f"APPEND of {len(tokens)}: {answer}")
        for uid, token in zip(uids, tokens):
            if self.truth.tokens.setdefault(uid, token) != token:
                raise Violation(f"UID {uid} was given twice")
        self.end_of_command(answer)

    async def store(self):
        chosen = self.random.sample(FLAGS, self.random.randint(1, 2))
        await self.change(self.some(), self.random.choice(("+", "-", "")), chosen)

    async def mark_deleted(self):
        await self.change(self.some(4), "+", ["\\Deleted"])

    async def change(self, uids, sign, flags):
        silent = self.random.random() < 0.5
        command, numbers = self.named(uids, "STORE")
        condition = ""
        if self.modseqs and self.random.random() < 0.3:
            condition = f" (UNCHANGEDSINCE {max(self.view.modseq.get(uid, 1) for uid in uids)})"
        if "\\Deleted" in flags:
            self.truth.may_go.update(uids)
        line = f"{command} {numbers}{condition} {sign}FLAGS{'.SILENT' if silent else ''} ({' '.join(flags)})"
        numbering = None if command.startswith("UID") else list(self.view.uids)
        answer = await self.command(line, expect=None)
        if not answer.startswith("OK "):
            # RFC 2180 section 4.2: the numbers of messages that another session has expunged.
            if "[EXPUNGEISSUED]" not in answer:
                raise Violation(f"{line}: {answer}")
        failed = set()
        if found := re.search(r"\[MODIFIED (\S+)\]", answer):
            failed = set(expand(found[1]))
            if numbering:
                failed = {numbering[number - 1] for number in failed}
        if silent:
            new = frozenset(flags)
            change = {"+": lambda old: old | new, "-": lambda old: old - new, "": lambda old: new}[sign]
            self.view.apply_silent([uid for uid in uids if uid not in failed], change)

    async def expunge(self):
        if self.uid_only:  # EXPUNGE has no numbers and stays allowed (RFC 9586 section 3)
            return await self.uid_expunge()
        await self.command("EXPUNGE")

    async def uid_expunge(self):
        await self.command(f"UID EXPUNGE {uid_set(self.some(30))}")

    async def copy_to(self, command, mailbox):
        uids = self.some()
        if command == "MOVE":
            self.truth.may_go.update(uids)
        word, numbers = self.named(uids, command)
        line = f"{word} {numbers} {mailbox}"
        self.moves = []
        answer = await self.command(line, expect=None)
        if not answer.startswith("OK ") and "EXPUNGEISSUED" not in answer and "NONEXISTENT" not in answer:
            raise Violation(f"{line}: {answer}")
        pairs = []
        for text in [answer] + self.moves:
            if found := COPYUID.search(text):
                pairs += list(zip(expand(found[1]), expand(found[2]), strict=True))
        if not {source for source, _ in pairs} <= set(uids):
            raise Violation(f"{line}: copied {pairs}, asked for {uids}")
        return pairs

    async def move(self):
        pairs = await self.copy_to("MOVE", OTHER)
        self.truth.note_moved(source for source, _ in pairs)
        self.truth.other.update((target, source) for source, target in pairs)

    async def copy(self):
        pairs = await self.copy_to("COPY", OTHER)
        self.truth.other.update((target, source) for source, target in pairs)

    async def copy_here(self):
        pairs = await self.copy_to("COPY", MAILBOX)
        self.truth.copies.update((target, source) for source, target in pairs)

    async def fetch(self):
        command, numbers = self.named(self.some(20), "FETCH")
        items = "(UID FLAGS MODSEQ)" if self.modseqs else "(FLAGS UID)"
        since = ""
        if self.modseqs and command.startswith("UID") and self.random.random() < 0.5:
            vanished = " VANISHED" if self.qresync else ""
            since = f" (CHANGEDSINCE {max(1, self.standing)}{vanished})"
        await self.command(f"{command} {numbers} {items}{since}")

    async def search(self):
        self.view.saved = None
        uid = "UID " if self.uid_only or self.random.random() < 0.5 else ""
        line = f"{uid}SEARCH {self.random.choice(('DELETED', 'SEEN', 'FLAGGED'))}"
        before = len(self.view.uids)
        await self.command(line)
        found = [int(number) for number in re.sub(r"\(.*?\)", "", self.view.saved or "").split()[1:]]
        if not uid and max(found, default=0) > before:
            raise Violation(f"{line}: {self.view.saved} in a view of {before}")

    async def noop(self):
        await self.command(self.random.choice(("NOOP", "CHECK")))

    async def begin_idle(self):
        self.view.begin_command()
        self.wire.send("IDLE")
        line = await self.wire.response()
        while not line.startswith("+"):
            self.untagged(line[2:], "IDLE")
            line = await self.wire.response()

    async def hear(self, seconds):
        """Listens to IDLE; True when something came."""
        try:
            line = await self.wire.response(seconds)
        except asyncio.TimeoutError:
            return False
        self.untagged(line[2:], "IDLE")
        return True

    async def end_idle(self):
        self.wire.writer.write(b"DONE\r\n")
        self.end_of_command(await self.wire.finish(f"{self.wire.name}.{self.wire.tags}", "IDLE"))

    async def idle(self):
        await self.begin_idle()
        end = asyncio.get_running_loop().time() + self.random.uniform(0.02, 0.4)
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await self.hear(left)
        await self.end_idle()

    async def look_again(self):
        """UNSELECT, or CLOSE with its silent expunge, and SELECT."""
        await self.command(self.random.choice(("UNSELECT", "CLOSE")))
        self.view = View(self.truth, self.vanishes, self.uid_only)
        await self.command(f"SELECT {MAILBOX}")

    async def leave(self):
        """The connection breaks, perhaps with a command under way."""
        if self.random.random() < 0.5:
            uids = self.some(2)
            self.truth.may_go.update(uids)
            self.wire.send(f"UID STORE {uid_set(uids)} +FLAGS (\\Deleted)")
            self.wire.send(f"UID EXPUNGE {uid_set(uids)}")
            await asyncio.sleep(self.random.uniform(0, 0.01))
        self.wire.abort()
        await asyncio.sleep(self.random.uniform(0, 0.2))
        await self.reconnect()

    async def pipeline(self):
        """Several commands in one packet (RFC 3501 section 5.5: of those that do not depend on each other)."""
        uids = self.some()
        self.view.begin_command()
        lines = [f"UID FETCH {uid_set(uids)} (FLAGS)", f"UID STORE {uid_set(uids)} +FLAGS (\\Seen)",
                 f"UID FETCH {uid_set(uids)} (UID FLAGS)", "NOOP"]
        tags = [self.wire.send(line) for line in lines]
        for tag, line in zip(tags, lines):
            answer = await self.wire.finish(tag, line)
            if not answer.startswith("OK "):
                raise Violation(f"{line}: {answer}")
            self.end_of_command(answer)
