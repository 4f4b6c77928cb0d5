"""The first two messages: one over port 25's connector, one over submission, both read back."""

import email.message
import email.utils
import smtplib
import time

import accounts
from console import StepFailed, say

ARRIVAL_SECONDS_MAX = 15
SENDER = f"alice@{accounts.DOMAIN}"
RECIPIENT = f"bob@{accounts.DOMAIN}"


def deliver_and_read(record, save):
    first = record.setdefault("first_messages", {})
    for way, send in (("smtp", send_over_smtp), ("submission", send_over_submission)):
        if way in first:
            continue
        message = compose(way)
        try:
            send(record, message)
        except (OSError, smtplib.SMTPException) as error:
            raise StepFailed(f"sending over {way} port {record['ports'][way]}: {error}",
                             f"see {record['data']}/hauspostd.log") from error
        first[way] = message["Message-ID"]
        save()
        wait_for(record, message["Message-ID"])
        say(f"first mail: from {SENDER} to {RECIPIENT} over {way}, read back over IMAPS")
    say(f"first mail: bob's INBOX holds {count_inbox(record)} messages")


def compose(way):
    message = email.message.EmailMessage()
    message["From"] = f"Alice <{SENDER}>"
    message["To"] = f"Bob <{RECIPIENT}>"
    message["Subject"] = f"A first message over {way}"
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(domain=accounts.DOMAIN)
    message.set_content(f"Hello Bob,\n\nthis came over {way}.\n\nAlice\n")
    return message


def send_over_smtp(record, message):
    with smtplib.SMTP(record["host"], record["ports"]["smtp"], timeout=20) as connection:
        connection.send_message(message, SENDER, [RECIPIENT])


def send_over_submission(record, message):
    with smtplib.SMTP(record["host"], record["ports"]["submission"], timeout=20) as connection:
        connection.starttls(context=accounts.tls_context(record))
        connection.login(SENDER, record["users"][SENDER])
        connection.send_message(message, SENDER, [RECIPIENT])


def wait_for(record, message_id):
    end = time.monotonic() + ARRIVAL_SECONDS_MAX
    connection = accounts.login(record, RECIPIENT)
    try:
        while True:
            connection.select("INBOX", readonly=True)
            _, found = connection.search(None, "HEADER", "Message-ID", f'"{message_id}"')
            if found[0]:
                _, parts = connection.fetch(found[0].split()[0], "(BODY.PEEK[])")
                if message_id.encode() in parts[0][1]:
                    return
            if time.monotonic() > end:
                raise StepFailed(f"{message_id} was accepted but is not in {RECIPIENT}'s INBOX",
                                 "see: hauspost queue list")
            time.sleep(0.2)
    finally:
        connection.logout()


def count_inbox(record):
    connection = accounts.login(record, RECIPIENT)
    try:
        return int(connection.select("INBOX", readonly=True)[1][0])
    finally:
        connection.logout()
