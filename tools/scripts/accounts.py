"""The organisation that quickstart makes, step by step, each of which may have been done before."""

import imaplib
import secrets
import ssl

from console import StepFailed, say
from instance import CliError

HOSTNAME = "mail.example.test"
DOMAIN = "example.test"
DATABASE = "DB1"
USERS = ("alice", "bob")
SERVICES = ("imap", "imap-backend")


def names(instance, noun):
    return {entry["name"].lower() for entry in instance.ask(noun, "list")}


def ensure_organisation(instance):
    if DATABASE.lower() not in names(instance, "database"):
        instance.cli("database", "create", DATABASE)
        say(f"database: {DATABASE} created")
    if instance.ask("database", "show", DATABASE)["state"] in ("dismounted", "quarantined"):
        instance.cli("database", "mount", DATABASE)
        say(f"database: {DATABASE} mounted")
    if DOMAIN not in names(instance, "domain"):
        instance.cli("domain", "add", DOMAIN)
    instance.cli("service", "enable", *SERVICES)


def ensure_mailbox(instance, name, users, save):
    """`users` maps address to password; a password is recorded before it is used."""
    address = f"{name}@{DOMAIN}"
    exists = instance.run("mailbox", "show", address).returncode == 0
    if exists and address in users:
        return
    if address not in users:
        users[address] = new_password()
        save()
    verb = "set-password" if exists else "create"
    extra = [] if exists else ["--database", DATABASE, "--display-name", name.capitalize()]
    instance.cli("mailbox", verb, address, *extra, "--password-stdin", stdin=users[address] + "\n")


def new_password():
    alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "".join(secrets.choice(alphabet) for _ in range(16))


def tls_context(record):
    return ssl.create_default_context(cafile=record["ca_file"])


def login(record, address):
    """A logged-in IMAPS connection."""
    connection = imaplib.IMAP4_SSL(record["host"], record["ports"]["imaps"],
                                   ssl_context=tls_context(record), timeout=20)
    try:
        connection.login(address, record["users"][address])
    except imaplib.IMAP4.error as error:
        raise StepFailed(f"IMAPS login as {address}: {error}",
                         f"when its password was changed by hand, write the new one into "
                         f"{record['data']}/quickstart.json") from error
    return connection


def client_settings(record):
    ports = record["ports"]
    lines = ["", "Accounts", *(f"  {address}   password {password}"
                               for address, password in record["users"].items())]
    incoming = f"IMAP, server {record['host']}, port {ports['imaps']}, SSL/TLS"
    outgoing = f"SMTP, server {record['host']}, port {ports['submission']}, STARTTLS"
    implicit = f"SMTP, server {record['host']}, port {ports['submissions']}, SSL/TLS"
    lines += [
        "", "Thunderbird: Account Setup, Configure manually",
        f"  Incoming  {incoming}, Normal password",
        f"  Outgoing  {outgoing}, Normal password",
        "  User name: the whole address. Confirm the exception for the self-signed certificate.",
        "", "Outlook: File, Add Account, Advanced options, set up manually, IMAP",
        f"  Incoming  {incoming}",
        f"  Outgoing  {outgoing}   (or {implicit})",
        "  User name: the whole address; tick \"My outgoing server requires authentication\".",
        f"  Outlook wants a certificate it trusts: import {record['ca_file']} first.",
        "",
    ]
    return "\n".join(lines)
