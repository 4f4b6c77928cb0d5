#!/usr/bin/env python3
"""Points a fresh Thunderbird profile at a running quickstart server and uses it like a person would:
folders are listed, the inbox is opened, a message is shown, flagged and moved, and one is sent.

    tests/clients/thunderbird.py DATA/quickstart.json [--screenshot FILE]

Needs Debian's packages thunderbird, xvfb and imagemagick. Not part of tools/test: Thunderbird is 300 MB.
Driven through Marionette, so that what runs is Thunderbird's own IMAP and SMTP code.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

MARIONETTE_PORT = 2829
DISPLAY = ":97"
PROGRAM = "/usr/lib/thunderbird/thunderbird"  # not the wrapper, which may ask questions


class Marionette:
    """The few commands of Mozilla's remote protocol that are needed here."""

    def __init__(self, port, deadline_s=60):
        end = time.monotonic() + deadline_s
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)
        self.buffer = b""
        self.sequence = 0
        self.receive()

    def receive(self):
        while b":" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        length, _, rest = self.buffer.partition(b":")
        while len(rest) < int(length):
            rest += self.socket.recv(65536)
        self.buffer = rest[int(length):]
        return json.loads(rest[:int(length)])

    def command(self, name, parameters):
        self.sequence += 1
        message = json.dumps([0, self.sequence, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self.receive()
        if error:
            raise RuntimeError(f"{name}: {error.get('message', error)}")
        return result

    def run(self, script, *arguments):
        """Runs the body of an async function in Thunderbird's own context."""
        wrapped = """
          const done = arguments[arguments.length - 1];
          const given = Array.from(arguments).slice(0, -1);
          (async () => { %s })().then(value => done({ value }), e => done({ failed: String(e) + e.stack }));
        """ % script
        answer = self.command("WebDriver:ExecuteAsyncScript",
                              {"script": wrapped, "args": list(arguments), "newSandbox": True})["value"]
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer.get("value")


PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const server = MailServices.accounts.allServers.find(s => s.type == "imap");
const sleep = ms => new Promise(r => setTimeout(r, ms));
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
async function until(what, test) {
  for (let i = 0; i < 200; i++) { const v = await test(); if (v) return v; await sleep(100); }
  throw new Error("timed out: " + what);
}
const inbox = () => server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const headers = folder => Array.from(folder.messages);
"""


def write_profile(profile, facts, user):
    ports = facts["ports"]
    values = {
        "mail.accountmanager.accounts": "account1",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.account.account1.server": "server1",
        "mail.account.account1.identities": "id1",
        "mail.server.server1.type": "imap",
        "mail.server.server1.hostname": "127.0.0.1",
        "mail.server.server1.port": ports["imaps"],
        "mail.server.server1.socketType": 3,
        "mail.server.server1.authMethod": 3,
        "mail.server.server1.userName": user["address"],
        "mail.server.server1.name": user["address"],
        "mail.server.server1.login_at_startup": False,
        "mail.identity.id1.useremail": user["address"],
        "mail.identity.id1.fullName": "Somebody",
        "mail.identity.id1.smtpServer": "smtp1",
        "mail.identity.id1.valid": True,
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
        "mail.smtpserver.smtp1.hostname": "127.0.0.1",
        "mail.smtpserver.smtp1.port": ports["submission"],
        "mail.smtpserver.smtp1.try_ssl": 2,
        "mail.smtpserver.smtp1.authMethod": 3,
        "mail.smtpserver.smtp1.username": user["address"],
        "marionette.port": MARIONETTE_PORT,
        "app.donation.eoy.version.viewed": 999,
        "datareporting.policy.dataSubmissionEnabled": False,
        "mail.rights.version": 1,
        "mail.shell.checkDefaultClient": False,
        "mailnews.start_page.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.captive-portal-service.enabled": False,
        "app.update.enabled": False,
        "network.manage-offline-status": False,
        "offline.autoDetect": False,
        "services.settings.server": "data:,#none/v1",  # nothing here may leave the machine
        "extensions.blocklist.enabled": False,
        "extensions.update.enabled": False,
        "browser.safebrowsing.downloads.remote.enabled": False,
        "mail.spotlight.firstRunDone": True,
    }
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in values.items()]
    (profile / "user.js").write_text("".join(lines))


def accept_certificate(fox, facts):
    """What a person does who confirms the security exception for a self-signed certificate."""
    pem = pathlib.Path(facts["ca_file"]).read_text()
    base64 = "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)
    for name in ("imaps", "submission"):
        fox.run("""
          const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
          const overrides = Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
          const certificate = database.constructX509FromBase64(given[0]);
          overrides.rememberValidityOverride("127.0.0.1", given[1], {}, certificate, false);
        """, base64, facts["ports"][name])


def use_it(fox, user, other):
    """Each step prints what it saw; an exception is a failure."""
    fox.run("""
      for (const [scheme, host] of [["imap", "imap://127.0.0.1"], ["smtp", "smtp://127.0.0.1"]]) {
        const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
        login.init(host, null, host, given[0], given[1], "", "");
        await Services.logins.addLoginAsync(login);
      }""", user["address"], user["password"])
    folders = fox.run(PRELUDE + """
      const { msgWindow } = await until("main window", () => Services.wm.getMostRecentWindow("mail:3pane"));
      server.getNewMessages(server.rootFolder, msgWindow, null);
      server.performExpand(msgWindow);
      await until("folders", () => server.rootFolder.descendants.length >= 5);
      return server.rootFolder.descendants.map(f => f.name);""")
    print("folders:", ", ".join(folders))
    subjects = fox.run(PRELUDE + """
      inbox().updateFolder(null);
      await until("messages", () => headers(inbox()).length > 0);
      return headers(inbox()).map(h => h.mime2DecodedSubject);""")
    print("inbox:", "; ".join(subjects))
    body = fox.run(PRELUDE + """
      const about3Pane = await until("window", () => {
        const w = Services.wm.getMostRecentWindow("mail:3pane");
        return w && w.document.getElementById("tabmail")?.currentAbout3Pane;
      });
      about3Pane.displayFolder(inbox().URI);
      const view = await until("list", () => about3Pane.gDBView && about3Pane.gDBView.rowCount && about3Pane.gDBView);
      about3Pane.threadTree.selectedIndex = 0;
      const text = await until("body", () => {
        const pane = about3Pane.messageBrowser?.contentWindow?.getMessagePaneBrowser?.();
        const shown = pane?.contentDocument?.body?.innerText;
        return shown && shown.trim() && shown;
      });
      return text;""")
    print("shown:", body.strip().splitlines()[0])
    fox.run(PRELUDE + """
      const header = headers(inbox())[0];
      inbox().markMessagesFlagged([header], true);
      await until("flag", () => header.isFlagged);""")
    moved = fox.run(PRELUDE + """
      const archive = server.rootFolder.descendants.find(f => f.name == "Archive");
      const header = headers(inbox())[0];
      MailServices.copy.copyMessages(inbox(), [header], archive, true, null, null, false);
      await sleep(500);
      archive.updateFolder(null);
      await until("moved", () => headers(archive).length > 0);
      return headers(archive).length;""")
    print("moved into Archive:", moved)
    sent = fox.run(PRELUDE + """
      const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
      const identity = MailServices.accounts.allIdentities[0];
      fields.from = identity.email; fields.to = given[0];
      fields.subject = "Sent by Thunderbird: Grüße"; fields.body = "Hello from Thunderbird.\\r\\n";
      const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
      params.composeFields = fields; params.identity = identity;
      params.type = Ci.nsIMsgCompType.New; params.format = Ci.nsIMsgCompFormat.PlainText;
      const compose = Cc["@mozilla.org/messengercompose/compose;1"].createInstance(Ci.nsIMsgCompose);
      compose.initialize(params);
      await compose.sendMsg(Ci.nsIMsgSend.nsMsgDeliverNow, identity, "account1", null, null);
      const box = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.SentMail);
      await sleep(1000);
      box?.updateFolder(null);
      await until("sent copy", () => headers(box).length > 0);
      return headers(box).map(h => h.mime2DecodedSubject);""", other["address"])
    print("sent folder:", "; ".join(sent))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("facts", type=pathlib.Path, help="quickstart.json of a running server")
    parser.add_argument("--screenshot", type=pathlib.Path)
    options = parser.parse_args()
    facts = json.loads(options.facts.read_text())
    users = [{"address": address, "password": password} for address, password in facts["users"].items()]
    user, other = users[1], users[0]
    profile = pathlib.Path(tempfile.mkdtemp(prefix="thunderbird-"))
    write_profile(profile, facts, user)
    environment = dict(os.environ, DISPLAY=DISPLAY, MOZ_DISABLE_CONTENT_SANDBOX="1", HOME=str(profile))
    screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "1280x900x24"], stderr=subprocess.DEVNULL)
    time.sleep(1)
    bird = subprocess.Popen([PROGRAM, "--profile", str(profile), "--no-remote", "-marionette",
                             "-remote-allow-system-access"],
                            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        fox = Marionette(MARIONETTE_PORT)
        fox.command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})
        fox.command("Marionette:SetContext", {"value": "chrome"})
        fox.command("WebDriver:SetTimeouts", {"script": 60000})
        try:
            accept_certificate(fox, facts)
            use_it(fox, user, other)
        finally:
            if options.screenshot:
                subprocess.run(["import", "-window", "root", str(options.screenshot)], env=environment,
                               check=True)
        print("thunderbird: all steps passed")
    finally:
        bird.terminate()
        try:
            bird.wait(20)
        except subprocess.TimeoutExpired:
            bird.kill()
        screen.terminate()
        screen.wait(10)
        shutil.rmtree(profile, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
