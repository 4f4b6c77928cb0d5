#!/usr/bin/env python3
"""From an address and a password to an open inbox: a fresh Thunderbird finds this server by its own
account set-up, as a person would see it, and shows the message that waits.

    sudo tests/clients/thunderbird_autoconfig.py [--programs build/release/bin] [--screenshot FILE]

Makes a server of its own on the standard ports, in a network and a mount namespace of its own, with a
certificate authority of its own; nothing leaves the machine. Needs root for that, and Debian's packages
thunderbird, xvfb, imagemagick, openssl and iproute2. Not part of tools/test: Thunderbird is 300 MB.
"""

import argparse
import json
import os
import pathlib
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "scripts"))
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from instance import Instance  # noqa: E402
from thunderbird import DISPLAY, MARIONETTE_PORT, PROGRAM, Marionette  # noqa: E402

INSIDE = "HAUSPOST_AUTOCONFIG_INSIDE"
DOMAIN = "example.test"
SERVER = "mail.example.test"
NAMES = [SERVER, DOMAIN, f"autoconfig.{DOMAIN}", f"autodiscover.{DOMAIN}", f"mta-sts.{DOMAIN}"]
ADDRESS = f"anna@{DOMAIN}"
PASSWORD = "correct horse battery"
SUBJECT = "Welcome to your inbox"

# Looks through shadow trees, as a person's eye does.
PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
const sleep = ms => new Promise(r => setTimeout(r, ms));
async function until(what, test) {
  for (let i = 0; i < 300; i++) { const v = await test(); if (v) return v; await sleep(100); }
  throw new Error("timed out: " + what + "; " + (hub()?.innerText ?? "no window"));
}
const main = () => Services.wm.getMostRecentWindow("mail:3pane");
const hub = () => main().document.querySelector("account-hub-container")?.shadowRoot
  .querySelector("account-hub-email");
const shown = id => { const e = hub()?.querySelector("#" + id); return e && !e.hidden ? e : null; };
function type(field, text) {
  field.value = text;
  field.dispatchEvent(new (main().Event)("input", { bubbles: true }));
}
async function forward() {
  const button = await until("button", () => {
    const one = hub().querySelector("account-hub-footer #forward");
    return !one.disabled && !one.hidden && one;
  });
  button.click();
}
"""


def make_certificates(folder):
    """An authority of our own, and a certificate of it for every name; (authority, certificate, key)."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
            "-out", "server.csr", "-subj", f"/CN={SERVER}")
    (folder / "names").write_text("subjectAltName=" + ",".join("DNS:" + name for name in NAMES) +
                                  "\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "20", "-extfile", "names", "-out", "certificate.pem")
    return folder / "ca.pem", folder / "certificate.pem", folder / "key.pem"


def start_server(folder, programs, certificate, key):
    server = Instance(programs, folder / "data")
    server.cli("init", "--hostname", SERVER, "--standard-ports", "--bind", "127.0.0.1",
               "--certificate", str(certificate), "--key", str(key))
    server.start(folder / "hauspostd.log")
    server.cli("database", "create", "DB1")
    server.cli("domain", "add", DOMAIN)
    server.cli("service", "enable", "imap", "imap-backend", "web")
    server.cli("imap", "set", "--external", f"{SERVER}:993:SSL")
    server.cli("connector", "receive", "set", "Client Frontend mail", "--fqdn", SERVER,
               "--advertise-client-settings", "on")
    server.cli("mailbox", "create", ADDRESS, "--password-stdin", stdin=PASSWORD + "\n")
    with smtplib.SMTP("127.0.0.1", 25, timeout=20) as connection:
        connection.sendmail("bert@example.org", [ADDRESS],
                            f"From: bert@example.org\r\nTo: {ADDRESS}\r\nSubject: {SUBJECT}\r\n"
                            "Message-ID: <1@example.org>\r\n\r\nIt works.\r\n")
    return server


def write_profile(profile):
    values = {
        "marionette.port": MARIONETTE_PORT,
        "app.donation.eoy.version.viewed": 999,
        "app.update.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "mail.rights.version": 1,
        "mail.shell.checkDefaultClient": False,
        "mail.spotlight.firstRunDone": True,
        "mailnews.start_page.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.manage-offline-status": False,
        "offline.autoDetect": False,
        "services.settings.server": "data:,#none/v1",
        "extensions.blocklist.enabled": False,
        "extensions.update.enabled": False,
    }
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in values.items()]
    (profile / "user.js").write_text("".join(lines))


def set_up(fox, authority):
    """Each step prints what it saw; an exception is a failure."""
    base64 = "".join(line for line in authority.read_text().splitlines() if "CERTIFICATE" not in line)
    fox.run("""
      const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
      database.addCertFromBase64(given[0], "CTu,CTu,CTu");""", base64)
    begun = time.monotonic()
    found = fox.run(PRELUDE + """
      await until("main window", () => main()?.openAccountHub);
      await main().openAccountHub("MAIL");
      const form = await until("form", () => shown("emailAutoConfigSubview")?.querySelector("#email") &&
                                             shown("emailAutoConfigSubview"));
      type(form.querySelector("#realName"), "Anna Example");
      type(form.querySelector("#email"), given[0]);
      await forward();
      const view = await until("what was found", () => shown("emailConfigFoundSubview"));
      await until("host", () => view.querySelector("#incomingHost")?.textContent);
      const text = id => view.querySelector("#" + id).textContent;
      return ["incomingType", "incomingHost", "incomingPort", "incomingSocketType", "incomingUsername",
              "outgoingHost", "outgoingPort", "outgoingSocketType"].map(text);""", ADDRESS)
    print(f"found in {time.monotonic() - begun:.1f} s:", ", ".join(found))
    assert found[1] == SERVER and found[2] == "993", found
    assert found[5] == SERVER and found[6] == "587", found
    print("account:", fox.run(PRELUDE + """
      await forward();
      const view = await until("password", () => shown("emailPasswordSubview")?.querySelector("#password") &&
                                                 shown("emailPasswordSubview"));
      type(view.querySelector("#password"), given[0]);
      await forward();
      // It logs in before it makes the account, and then looks for calendars and address books.
      await until("account", () => shown("emailSyncAccountsSubview") || shown("emailAddedSuccessSubview"));
      if (shown("emailSyncAccountsSubview")) await forward();
      await until("success", () => shown("emailAddedSuccessSubview"));
      await forward();
      const server = await until("server", () =>
        MailServices.accounts.allServers.find(s => s.type == "imap"));
      return [server.username, server.hostName, server.port].join(" ");""", PASSWORD))
    print("inbox:", fox.run(PRELUDE + """
      const server = MailServices.accounts.allServers.find(s => s.type == "imap");
      const inbox = await until("inbox", () =>
        server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
      inbox.updateFolder(null);
      const about3Pane = await until("window", () => main().document.getElementById("tabmail")
        ?.currentAbout3Pane);
      about3Pane.displayFolder(inbox.URI);
      await until("messages", () => Array.from(inbox.messages).length > 0);
      const subjects = Array.from(inbox.messages).map(h => h.mime2DecodedSubject);
      if (!subjects.includes(given[0])) throw new Error("not there: " + subjects);
      return subjects.join("; ");""", SUBJECT))
    print(f"from address and password to the open inbox: {time.monotonic() - begun:.1f} s")


def run_thunderbird(folder, authority, screenshot):
    profile = folder / "profile"
    profile.mkdir()
    write_profile(profile)
    environment = dict(os.environ, DISPLAY=DISPLAY, MOZ_DISABLE_CONTENT_SANDBOX="1", HOME=str(profile))
    screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "1280x900x24"], stderr=subprocess.DEVNULL)
    time.sleep(1)
    bird = subprocess.Popen([PROGRAM, "--profile", str(profile), "--no-remote", "-marionette",
                             "-remote-allow-system-access"],
                            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        fox = Marionette(MARIONETTE_PORT)
        # Certificates must be good: nobody is asked to accept one.
        fox.command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": False}}})
        fox.command("Marionette:SetContext", {"value": "chrome"})
        fox.command("WebDriver:SetTimeouts", {"script": 90000})
        try:
            set_up(fox, authority)
        finally:
            if screenshot:
                subprocess.run(["import", "-window", "root", str(screenshot)], env=environment, check=False)
    finally:
        bird.terminate()
        try:
            bird.wait(20)
        except subprocess.TimeoutExpired:
            bird.kill()
        screen.terminate()
        screen.wait(10)


def inside(options):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-autoconfig-"))
    server = None
    try:
        hosts = folder / "hosts"
        hosts.write_text("127.0.0.1 localhost " + " ".join(NAMES) + "\n")
        subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
        authority, certificate, key = make_certificates(folder)
        server = start_server(folder, options.programs, certificate, key)
        run_thunderbird(folder, authority, options.screenshot)
        print("thunderbird: from address and password to open inbox by autoconfig")
    finally:
        if server:
            if options.log:
                shutil.copy(folder / "hauspostd.log", options.log)
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build" / "release" / "bin")
    parser.add_argument("--screenshot", type=pathlib.Path)
    parser.add_argument("--log", type=pathlib.Path, help="where to leave the server's log")
    options = parser.parse_args()
    options.programs = options.programs.resolve()
    if os.environ.get(INSIDE):
        inside(options)
        return
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable,
                          *sys.argv])


if __name__ == "__main__":
    main()
