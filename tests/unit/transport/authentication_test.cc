// What is made of all checks together, and what signs and seals.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "mailauth_rig.h"

namespace hauspost::mailauth::test {

namespace {

constexpr std::string_view kClient = "192.0.2.7";

struct World {
  World() {
    zone.txt_records["example.org"] = {"v=spf1 ip4:192.0.2.7 -all"};
    zone.txt_records["_dmarc.example.org"] = {"v=DMARC1; p=reject; rua=mailto:d@example.org"};
  }
  Finding check(std::string sender, const std::string& message,
                std::string client = std::string(kClient)) {
    return run(authentication.check({.client = std::move(client),
                                     .helo = "mx.example.org",
                                     .sender = std::move(sender),
                                     .message = message}));
  }
  void set(auto change) {
    Settings settings = authentication.settings();
    change(settings);
    authentication.set(std::move(settings));
  }

  dns::test::MapResolver zone;
  StillClock clock;
  Authentication authentication{clock, &zone, "mx.example.net"};
};

// Whose answers about slow.example nobody lives to see.
class SlowResolver final : public dns::Resolver {
 public:
  explicit SlowResolver(dns::Resolver& inner) : inner_(inner) {}
  Task<dns::Answer<dns::Mx>> mx(std::string name) override { return inner_.mx(std::move(name)); }
  Task<dns::Answer<std::string>> a(std::string name) override { return inner_.a(std::move(name)); }
  Task<dns::Answer<std::string>> aaaa(std::string name) override {
    return inner_.aaaa(std::move(name));
  }
  Task<dns::Answer<std::string>> txt(std::string name) override {
    if (!name.ends_with("slow.example")) co_return co_await inner_.txt(std::move(name));
    (void)co_await sleep_for(std::chrono::hours(1));
    co_return dns::Answer<std::string>{};
  }
  Task<dns::Answer<dns::Tlsa>> tlsa(std::string name) override {
    return inner_.tlsa(std::move(name));
  }
  Task<dns::Answer<std::string>> ptr(std::string address) override {
    return inner_.ptr(std::move(address));
  }

 private:
  dns::Resolver& inner_;
};

SigningKeys keys_of(const std::vector<SigningKey>& keys, const std::string& folder) {
  for (const SigningKey& key : keys) REQUIRE(write_key(folder, key));
  return SigningKeys::load(folder);
}

// A folder of its own, gone at the end.
struct Folder {
  Folder() : path("/tmp/hauspost-keys-" + Guid::random().to_string()) {}
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("authentication: clients of private networks are not looked at", "[mailauth]") {
  World world;
  CHECK(world.authentication.checks("192.0.2.7"));
  CHECK(world.authentication.checks("2001:db8::1"));
  for (const std::string_view client :
       {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "::1", "fd00::1", "fe80::1",
        "::ffff:10.0.0.1", "", "no address"}) {
    INFO(client);
    CHECK_FALSE(world.authentication.checks(client));
  }
  world.set([](Settings& s) { s.skip.clear(); });
  CHECK(world.authentication.checks("127.0.0.1"));
  world.set([](Settings& s) { s.spf = s.dkim = s.arc = s.dmarc = false; });
  CHECK_FALSE(world.authentication.checks("192.0.2.7"));
  const Authentication deaf(world.clock, nullptr, "mx.example.net");
  CHECK_FALSE(deaf.checks("192.0.2.7"));
}

TEST_CASE("authentication: what SPF or DKIM vouch for is accepted", "[mailauth]") {
  World world;
  const Finding by_spf = world.check("anna@example.org", sample_message());
  CHECK(by_spf.action == Action::kAccept);
  CHECK(results_summary(by_spf.verdicts) ==
        "spf=pass (example.org) dkim=none arc=none dmarc=pass (example.org)");
  const SigningKey key = make_key("example.org", "s1", true);
  publish(world.zone, key);
  const Finding by_dkim = world.check(
      "list@example.net", signature_of(sample_message(), key) + sample_message(), "192.0.2.99");
  CHECK(by_dkim.action == Action::kAccept);
  CHECK(by_dkim.verdicts.dmarc->dkim_aligned);
  CHECK_FALSE(by_dkim.verdicts.dmarc->spf_aligned);
}

TEST_CASE("authentication: a forgery is refused, put into Junk or written down", "[mailauth]") {
  World world;
  const auto action = [&](Enforcement enforcement) {
    world.set([&](Settings& s) { s.enforcement = enforcement; });
    return world.check("evil@example.com", sample_message(), "192.0.2.99").action;
  };
  CHECK(action(Enforcement::kMonitor) == Action::kAccept);
  CHECK(action(Enforcement::kQuarantine) == Action::kJunk);
  CHECK(action(Enforcement::kReject) == Action::kReject);
  world.zone.txt_records["_dmarc.example.org"] = {"v=DMARC1; p=quarantine"};
  CHECK(action(Enforcement::kReject) == Action::kJunk);
  world.zone.txt_records["_dmarc.example.org"] = {"v=DMARC1; p=none"};
  CHECK(action(Enforcement::kReject) == Action::kAccept);
  world.zone.txt_records.erase("_dmarc.example.org");
  CHECK(action(Enforcement::kReject) == Action::kAccept);
}

TEST_CASE("authentication: a second From does not cover the first", "[mailauth]") {
  World world;
  world.set([](Settings& s) { s.enforcement = Enforcement::kReject; });
  world.zone.txt_records["example.com"] = {"v=spf1 ip4:192.0.2.99 -all"};
  world.zone.txt_records["_dmarc.example.com"] = {"v=DMARC1; p=reject"};
  const std::string message = "From: a@example.com, anna@example.org\r\n\r\nx\r\n";
  CHECK(world.check("a@example.com", message, "192.0.2.99").action == Action::kReject);
}

TEST_CASE("authentication: many authors do not hide one", "[mailauth]") {
  World world;
  std::string from = "From: ";
  for (const char* other : {"a", "b", "c", "d"}) from += fmt::format("x@{0}.example, ", other);
  const std::string message = from + "anna@example.org\r\n\r\nx\r\n";
  const Finding finding = world.check("e@example.com", message, "192.0.2.99");
  CHECK(finding.action == Action::kJunk);
  CHECK(finding.verdicts.dmarc->status == DmarcStatus::kPermError);
  world.set([](Settings& s) { s.enforcement = Enforcement::kMonitor; });
  CHECK(world.check("e@example.com", message, "192.0.2.99").action == Action::kAccept);
}

TEST_CASE("authentication: a signer whose DNS is slow does not cover a forgery", "[mailauth]") {
  World world;
  SlowResolver slow(world.zone);
  Authentication authentication(world.clock, &slow, "mx.example.net");
  Settings settings = authentication.settings();
  settings.enforcement = Enforcement::kReject;
  settings.time_limit = Milliseconds(300);
  authentication.set(std::move(settings));
  const std::string message =
      signature_of(sample_message(), make_key("slow.example", "s", true)) + sample_message();
  const auto check = [&](const std::string& text) {
    return run(authentication.check({.client = "192.0.2.99",
                                     .helo = "mx.example.com",
                                     .sender = "e@example.com",
                                     .message = text}));
  };
  const Finding finding = check(message);
  CHECK(finding.verdicts.dkim->front().status == DkimStatus::kTempError);
  CHECK(finding.verdicts.dkim->front().domain == "slow.example");
  CHECK(finding.action == Action::kReject);
  // Nor does it keep a good signature from being seen.
  const SigningKey key = make_key("example.org", "s1", true);
  publish(world.zone, key);
  CHECK(check(signature_of(sample_message(), key) + message).action == Action::kAccept);
  CHECK(check(message.substr(0, message.find("From: ")) + signature_of(sample_message(), key) +
              sample_message())
            .action == Action::kAccept);
}

TEST_CASE("authentication: a DNS that does not answer refuses nobody", "[mailauth]") {
  World world;
  world.set([](Settings& s) { s.enforcement = Enforcement::kReject; });
  for (const std::string name : {"example.org", "_dmarc.example.org"}) {
    world.zone.broken = {name};
    INFO(name);
    const Finding finding = world.check("anna@example.org", sample_message(), "192.0.2.99");
    CHECK(finding.action == Action::kAccept);
    CHECK(finding.verdicts.dmarc->status == DmarcStatus::kTempError);
  }
}

TEST_CASE("authentication: a client that is not named leaves SPF out", "[mailauth]") {
  World world;
  const Finding finding = world.check("anna@example.org", sample_message(), "");
  CHECK_FALSE(finding.verdicts.spf);
  CHECK(finding.verdicts.dkim);
}

TEST_CASE("authentication: DMARC fails nothing that was not looked at whole", "[mailauth]") {
  World world;
  world.set([](Settings& s) { s.enforcement = Enforcement::kReject; });
  REQUIRE(world.check("e@example.com", sample_message(), "192.0.2.99").action == Action::kReject);
  for (const auto part : {&Settings::spf, &Settings::dkim}) {
    world.set([&](Settings& s) { s.*part = false; });
    const Finding finding = world.check("e@example.com", sample_message(), "192.0.2.99");
    CHECK(finding.action == Action::kAccept);
    CHECK(finding.verdicts.dmarc->status == DmarcStatus::kNone);
    world.set([&](Settings& s) { s.*part = true; });
  }
}

TEST_CASE("authentication: keys sign for their domain and those below it", "[mailauth]") {
  World world;
  const Folder folder;
  const SigningKey rsa = make_key("example.org", "r", false);
  const SigningKey ed = make_key("example.org", "e", true);
  SigningKey staged = make_key("example.org", "next", false);
  staged.state = KeyState::kStaged;
  publish(world.zone, rsa);
  publish(world.zone, ed);
  world.authentication.set_keys(keys_of({rsa, ed, staged}, folder.path));
  const auto sign = [&](const std::string& message, std::string sender) {
    return run(world.authentication.sign({.message = message, .sender = std::move(sender)}));
  };
  for (const std::string from : {"anna@example.org", "anna@mail.example.org"}) {
    std::string message = "From: " + from + "\r\nSubject: x\r\n\r\nText\r\n";
    message.insert(0, sign(message, from));
    const auto results = verify(world.zone, message);
    REQUIRE(results.size() == 2);
    for (const DkimResult& one : results) {
      INFO(one.reason);
      CHECK(one.status == DkimStatus::kPass);
      CHECK(one.domain == "example.org");
      CHECK(one.selector != "next");
    }
  }
  CHECK(sign("From: a@example.net\r\n\r\n", "anna@example.org").empty());
  CHECK_FALSE(sign("Subject: no author\r\n\r\n", "anna@example.org").empty());
  world.set([](Settings& s) { s.sign = false; });
  CHECK(sign("From: anna@example.org\r\n\r\n", "anna@example.org").empty());
}

TEST_CASE("authentication: nothing can be added to what was signed", "[mailauth]") {
  World world;
  const Folder folder;
  const SigningKey key = make_key("example.org", "s1", false);
  publish(world.zone, key);
  world.authentication.set_keys(keys_of({key}, folder.path));
  std::string message = sample_message();
  message.insert(0, run(world.authentication.sign({.message = message, .sender = ""})));
  REQUIRE(verify(world.zone, message).front().status == DkimStatus::kPass);
  for (const std::string field : {"From: b@example.com", "Subject: other", "To: x@example.com"})
    CHECK(verify(world.zone, field + "\r\n" + message).front().status == DkimStatus::kFail);
  CHECK(verify(world.zone, "X-New: y\r\n" + message).front().status == DkimStatus::kPass);
}

TEST_CASE("authentication: a trusted sealer's word outweighs a failure", "[mailauth]") {
  World world;
  world.set([](Settings& s) { s.enforcement = Enforcement::kReject; });
  const SigningKey key = make_key("lists.example.com", "arc", false);
  publish(world.zone, key);
  // The list saw it pass, changed it and sealed what it sent.
  World list;
  const Folder folder;
  list.authentication.set_keys(keys_of({key}, folder.path));
  const Finding seen = list.check("anna@example.org", sample_message());
  REQUIRE(seen.verdicts.dmarc->status == DmarcStatus::kPass);
  std::string message = sample_message();
  message.insert(message.find("Subject: ") + 9, "[list] ");
  const std::string fields = run(list.authentication.sign({.message = message,
                                                           .ours = false,
                                                           .sender = "",
                                                           .via = "lists.example.com",
                                                           .verdicts = &seen.verdicts}));
  REQUIRE_FALSE(fields.empty());
  message.insert(0, fields);
  const Finding mistrusted = world.check("bounce@example.com", message, "192.0.2.99");
  CHECK(mistrusted.verdicts.arc->status == ArcStatus::kPass);
  CHECK(mistrusted.action == Action::kReject);
  world.set([](Settings& s) { s.trusted_sealers = {"lists.example.com"}; });
  const Finding trusted = world.check("bounce@example.com", message, "192.0.2.99");
  CHECK(trusted.action == Action::kAccept);
  CHECK(trusted.verdicts.override_reason == "ARC chain of lists.example.com is trusted");
  const std::string forged = "Injected. ";
  std::string injected = message;
  injected.insert(injected.find("\r\n\r\n") + 4, forged);
  CHECK(world.check("bounce@example.com", injected, "192.0.2.99").action == Action::kReject);
  // A trusted sealer behind one that nobody trusts: what it saw itself counts, and that was not a
  // pass.
  world.set([](Settings& s) { s.trusted_sealers = {"second.example.com"}; });
  const SigningKey other = make_key("second.example.com", "arc", false);
  publish(world.zone, other);
  World second;
  publish(second.zone, key);
  const Folder others;
  second.authentication.set_keys(keys_of({other}, others.path));
  const Finding failed = second.check("bounce@example.com", message, "192.0.2.99");
  REQUIRE(failed.verdicts.dmarc->status == DmarcStatus::kFail);
  REQUIRE(failed.verdicts.arc->status == ArcStatus::kPass);
  message.insert(0, run(second.authentication.sign({.message = message,
                                                    .ours = false,
                                                    .sender = "",
                                                    .via = "second.example.com",
                                                    .verdicts = &failed.verdicts})));
  const Finding behind = world.check("bounce@example.com", message, "192.0.2.99");
  CHECK(behind.verdicts.arc->status == ArcStatus::kPass);
  CHECK(behind.verdicts.arc->sets == 2);
  CHECK(behind.action == Action::kReject);
  world.set([](Settings& s) { s.trusted_sealers = {"lists.example.com", "second.example.com"}; });
  CHECK(world.check("bounce@example.com", message, "192.0.2.99").action == Action::kAccept);
}

TEST_CASE("signing keys: files come back, broken ones are named, and go", "[mailauth]") {
  const Folder folder;
  SigningKey key = make_key("example.org", "s1", false);
  key.state = KeyState::kRetired;
  key.created_s = 100;
  key.changed_s = 200;
  REQUIRE(write_key(folder.path, key));
  CHECK((std::filesystem::status(folder.path + "/example.org/s1.key").permissions() &
         std::filesystem::perms::all) == std::filesystem::perms(0600));
  std::ofstream(folder.path + "/example.org/bad.key") << "hauspost-dkim-key 1\nkey AAAA\n";
  const SigningKeys keys = SigningKeys::load(folder.path);
  REQUIRE(keys.all().size() == 1);
  CHECK(keys.all().front().state == KeyState::kRetired);
  CHECK(keys.all().front().created_s == 100);
  CHECK(keys.all().front().changed_s == 200);
  CHECK(keys.all().front().record() == key.record());
  CHECK(keys.active("example.org") == nullptr);
  REQUIRE(keys.faults().size() == 1);
  CHECK(keys.faults().front().find("bad.key") != std::string::npos);
  REQUIRE(remove_key(folder.path, "example.org", "s1"));
  CHECK(remove_key(folder.path, "example.org", "s1").error().code == ErrorCode::kNotFound);
  CHECK(SigningKeys::load(folder.path).all().empty());
  CHECK(SigningKeys::load(folder.path + "/nowhere").all().empty());
}

}  // namespace hauspost::mailauth::test
