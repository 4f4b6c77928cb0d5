// Against independent implementations: Debian's python3-dkim and python3-authres.
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "mailauth_rig.h"

namespace hauspost::mailauth::test {

namespace {

namespace fs = std::filesystem;

// Runs dkim_peer.py on a folder of its own.
class Peer {
 public:
  Peer() : folder_(fs::temp_directory_path() / ("hauspost-dkim-" + Guid::random().to_string())) {
    fs::create_directories(folder_);
  }
  ~Peer() { fs::remove_all(folder_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void put(std::string_view name, std::string_view bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  void put_zone(const dns::test::MapResolver& zone) {
    std::string text;
    for (const auto& [name, records] : zone.txt_records)
      text += name + "\t" + records.front() + "\n";
    put("zone", text);
  }
  // nullopt: the packages are not there.
  std::optional<std::string> run(std::string_view mode, std::string_view arguments) {
    const std::string command = fmt::format("/usr/bin/python3 {} {} {} {}", HAUSPOST_DKIM_PEER,
                                            mode, folder_.string(), arguments);
    std::FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    char piece[4096];
    for (std::size_t got; (got = std::fread(piece, 1, sizeof piece, pipe)) > 0;)
      text.append(piece, got);
    const int status = ::pclose(pipe);
    if (WEXITSTATUS(status) == 77) {
      WARN("skipped: python3-dkim, python3-nacl and python3-authres are not installed");
      return std::nullopt;
    }
    REQUIRE(status == 0);
    return text;
  }

 private:
  fs::path folder_;
};

// As dkimpy takes them: PEM, and for Ed25519 the seed in base64.
std::string peer_key(const SigningKey& key) {
  const std::string der = key.key.to_pkcs8();
  if (key.algorithm() == Algorithm::kEd25519Sha256)
    return base64_encode(der.substr(der.size() - 32));
  return "-----BEGIN PRIVATE KEY-----\n" + base64_encode(der) + "\n-----END PRIVATE KEY-----\n";
}

}  // namespace

TEST_CASE("dkim: others verify what we sign", "[dkim][peer]") {
  for (const bool ed25519 : {false, true}) {
    for (const std::string& body :
         {std::string(sample_message()), std::string("From: a@example.org\r\n\r\n"),
          std::string("From: a@example.org\r\nTo: b@example.net\r\n\r\n\r\n\r\n x")}) {
      const SigningKey key = make_key("example.org", "s1", ed25519);
      dns::test::MapResolver zone;
      publish(zone, key);
      const std::string message = signature_of(body, key) + body;
      CHECK(verify(zone, message).front().status == DkimStatus::kPass);
      Peer peer;
      peer.put("message", message);
      peer.put_zone(zone);
      const auto answer = peer.run("verify", "0");
      if (!answer) return;
      CHECK(*answer == "pass\n");
    }
  }
}

TEST_CASE("dkim: we verify what others sign, in every form", "[dkim][peer]") {
  for (const bool ed25519 : {false, true}) {
    const SigningKey key = make_key("example.org", "s1", ed25519);
    dns::test::MapResolver zone;
    publish(zone, key);
    for (const std::string_view forms :
         {"simple simple", "simple relaxed", "relaxed simple", "relaxed relaxed"}) {
      Peer peer;
      peer.put("message", sample_message());
      peer.put("key", peer_key(key));
      const auto signed_message =
          peer.run("sign", fmt::format("{} {} example.org s1", to_string(key.algorithm()), forms));
      if (!signed_message) return;
      INFO(*signed_message);
      // It signs at the time of the machine, which may be ahead of the test's.
      const auto results = verify(zone, *signed_message, system_clock().now());
      REQUIRE(results.size() == 1);
      CHECK(results.front().reason.empty());
      CHECK(results.front().status == DkimStatus::kPass);
      std::string changed = *signed_message;
      changed.replace(changed.find("second"), 6, "sEcond");
      CHECK(verify(zone, changed, system_clock().now()).front().reason == "body hash does not fit");
    }
  }
}

TEST_CASE("dkim: l= that leaves a part unsigned is not a pass", "[dkim][peer]") {
  const SigningKey key = make_key("example.org", "s1", false);
  dns::test::MapResolver zone;
  publish(zone, key);
  Peer peer;
  peer.put("message", sample_message());
  peer.put("key", peer_key(key));
  const auto whole = peer.run("sign", "rsa-sha256 relaxed simple example.org s1 length");
  if (!whole) return;
  CHECK(verify(zone, *whole, system_clock().now()).front().reason.empty());
  CHECK(verify(zone, *whole, system_clock().now()).front().status == DkimStatus::kPass);
  const auto more = verify(zone, *whole + "more\r\n", system_clock().now());
  CHECK(more.front().status == DkimStatus::kPolicy);
}

TEST_CASE("arc: others verify our seals and we theirs, alternating", "[arc][peer]") {
  const SigningKey key = make_key("example.org", "s1", false);
  const SigningKey theirs = make_key("example.net", "s2", false);
  dns::test::MapResolver zone;
  publish(zone, key);
  publish(zone, theirs);
  Peer peer;
  peer.put_zone(zone);
  peer.put("key", peer_key(theirs));
  const WallTime now = system_clock().now();
  std::string message = sample_message();
  message.insert(0, signature_of(message, key));
  for (unsigned round = 1; round <= 4; ++round) {
    const ArcChain chain = chain_of(zone, message, now);
    CHECK(chain.status == (round == 1 ? ArcStatus::kNone : ArcStatus::kPass));
    CHECK(chain.sets == round - 1);
    INFO(chain.reason << "\n" << message);
    if (round % 2 == 1) {
      const MessageParts parts = split_message(message);
      BodyHash hash(Canonical::kRelaxed);
      hash.feed(parts.body);
      message.insert(0, seal(parts, chain, "example.org; spf=pass smtp.mailfrom=a@example.org", key,
                             hash.finish(), now));
    } else {
      const std::string results = "Authentication-Results: lists.example.net; arc=pass\r\n";
      if (round == 2) message.insert(0, results);  // the peer wants exactly one
      peer.put("message", message);
      const auto fields = peer.run("arc_sign", "example.net s2 lists.example.net");
      if (!fields) return;
      REQUIRE(!fields->empty());
      message.insert(0, *fields);
    }
    peer.put("message", message);
    const auto answer = peer.run("arc_verify", "");
    if (!answer) return;
    CHECK(*answer == fmt::format("pass {}\n", round));
  }
}

TEST_CASE("authentication-results: others read our field", "[results][peer]") {
  Verdicts verdicts;
  verdicts.spf = SpfVerdict{.result = SpfResult::kPass, .domain = "example.org"};
  verdicts.sender = "anna@example.org";
  verdicts.dkim = {
      {.status = DkimStatus::kPass,
       .domain = "example.org",
       .selector = "s1",
       .algorithm = "rsa-sha256",
       .signature_start = "Abc+/d12"},
      {.status = DkimStatus::kFail, .domain = "x.example", .reason = "body \"hash\" (bad)"}};
  verdicts.arc = ArcChain{.status = ArcStatus::kPass, .sets = 2};
  verdicts.dmarc = DmarcVerdict{.status = DmarcStatus::kPass, .domain = "example.org"};
  Peer peer;
  peer.put("message", "Authentication-Results: " + results_value("mx.example.net", verdicts));
  const auto answer = peer.run("results", "");
  if (!answer) return;
  CHECK(*answer ==
        "mx.example.net\n"
        "spf pass smtp.mailfrom=anna@example.org\n"
        "dkim pass header.d=example.org header.s=s1 header.a=rsa-sha256 header.b=Abc+/d12\n"
        "dkim fail header.d=x.example\n"
        "arc pass \n"
        "dmarc pass header.from=example.org\n");
}

}  // namespace hauspost::mailauth::test
