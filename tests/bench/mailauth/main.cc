// bench_mailauth [MESSAGES [BODY_BYTES]]: CPU time that authentication takes of one message. The
// DNS is a map in memory: what is measured is our work, as with a warm cache.
#include <sys/resource.h>

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <span>

#include "base/ids.h"
#include "transport/authentication/authentication.h"
#include "transport/authentication/dkim_sign.h"

using namespace hauspost;
using namespace hauspost::mailauth;

namespace {

class MapOfTexts final : public dns::Resolver {
 public:
  using Texts = dns::Answer<std::string>;
  Task<dns::Answer<dns::Mx>> mx(std::string) override {
    co_return dns::Answer<dns::Mx>{.outcome = dns::Outcome::kNoName};
  }
  Task<Texts> a(std::string) override { co_return Texts{.outcome = dns::Outcome::kNoName}; }
  Task<Texts> aaaa(std::string) override { co_return Texts{.outcome = dns::Outcome::kNoName}; }
  Task<Texts> txt(std::string name) override {
    const auto found = texts.find(name);
    if (found == texts.end()) co_return Texts{.outcome = dns::Outcome::kNoName};
    co_return Texts{.outcome = dns::Outcome::kFound, .records = {found->second}};
  }
  Task<dns::Answer<dns::Tlsa>> tlsa(std::string) override {
    co_return dns::Answer<dns::Tlsa>{.outcome = dns::Outcome::kNoName};
  }
  Task<Texts> ptr(std::string) override { co_return Texts{.outcome = dns::Outcome::kNoName}; }

  std::map<std::string, std::string> texts;
};

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

std::string plain_message(std::size_t body_bytes) {
  std::string out =
      "Received: from a.example.org (a.example.org [192.0.2.7])\r\n\tby b.example.org with ESMTPS "
      "id 1234;\r\n\tSat, 21 Nov 2026 19:15:00 +0000\r\n"
      "From: Anna Beispiel <anna@example.org>\r\nTo: bert@example.net\r\nSubject: A subject\r\n"
      "Date: Sat, 21 Nov 2026 19:15:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
  const std::string line = "Ordinary words of an ordinary message, a line of seventy octets.  \r\n";
  for (std::size_t have = 0; have < body_bytes; have += line.size()) out += line;
  return out;
}

// One message after the other, each waited for.
Task<void> check_all(Authentication& authentication, std::string_view message, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Finding finding = co_await authentication.check({.client = "192.0.2.7",
                                                           .helo = "a.example.org",
                                                           .sender = "anna@example.org",
                                                           .message = message});
    results_value(authentication.authserv_id(), finding.verdicts);
  }
}

Task<void> sign_all(Authentication& authentication, std::string_view message, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    co_await authentication.sign({.message = message, .sender = "anna@example.org"});
}

void measure(std::string_view what, std::size_t count, Task<void> work) {
  asio::io_context io;
  const double before = cpu_us();
  asio::co_spawn(io, std::move(work), [](const std::exception_ptr& failed) {
    if (failed) std::rethrow_exception(failed);
  });
  io.run();
  fmt::print("{:<46} {:8.1f} us\n", what, (cpu_us() - before) / static_cast<double>(count));
}

std::size_t number(std::span<char*> words, std::size_t at, std::size_t otherwise) {
  if (words.size() <= at) return otherwise;
  const std::string_view text = words[at];
  std::size_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<std::size_t>(argc));
  const std::size_t count = number(words, 1, 20'000);
  const std::string message = plain_message(number(words, 2, 4'000));
  MapOfTexts zone;
  zone.texts["example.org"] = "v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all";
  zone.texts["_dmarc.example.org"] = "v=DMARC1; p=reject; rua=mailto:d@example.org";
  Authentication authentication(system_clock(), &zone, "mx.example.net");
  fmt::print("{} messages of {} octets, CPU time of one:\n", count, message.size());
  measure("SPF and DMARC, no signature", count, check_all(authentication, message, count));
  for (const bool ed25519 : {false, true}) {
    SigningKey key{"example.org",
                   "s1",
                   KeyState::kActive,
                   0,
                   0,
                   ed25519 ? crypto::PrivateKey::make_ed25519().value()
                           : crypto::PrivateKey::make_rsa(2048).value()};
    zone.texts[key.record_name()] = key.record();
    const std::string folder =
        (std::filesystem::temp_directory_path() / ("bench-" + Guid::random().to_string())).string();
    if (!write_key(folder, key)) return 1;
    authentication.set_keys(SigningKeys::load(folder));
    std::filesystem::remove_all(folder);
    const std::string name = ed25519 ? "Ed25519" : "RSA-2048";
    measure(name + ": sign", count, sign_all(authentication, message, count));
    const MessageParts parts = split_message(message);
    BodyHash hash(Canonical::kRelaxed);
    hash.feed(parts.body);
    const auto now = std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
    const std::string sealed = dkim_field(parts, key, hash.finish(), now) + message;
    measure(name + ": SPF, DKIM and DMARC", count, check_all(authentication, sealed, count));
  }
  return 0;
}
