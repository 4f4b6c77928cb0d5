// What tests of authentication share: a zone, keys, messages, and the coroutine run to its end.
#pragma once

#include "map_resolver.h"
#include "transport/authentication/authentication.h"

namespace hauspost::mailauth::test {

template <class T>
T run(Task<T> task) {
  asio::io_context io;
  std::optional<T> out;
  std::exception_ptr failure;
  asio::co_spawn(
      io.get_executor(),
      [](Task<T> inner, std::optional<T>& to) -> Task<void> { to = co_await std::move(inner); }(
                                                  std::move(task), out),
      [&](const std::exception_ptr& error) { failure = error; });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(out).value();
}

inline const WallTime kNow{std::chrono::seconds(1'795'288'500)};

class StillClock final : public Clock {
 public:
  WallTime now() const override { return wall; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  WallTime wall = kNow;
};

inline SigningKey make_key(std::string domain, std::string selector, bool ed25519) {
  static const auto rsa = crypto::PrivateKey::make_rsa(2048).value();
  return {std::move(domain),
          std::move(selector),
          KeyState::kActive,
          0,
          0,
          ed25519 ? crypto::PrivateKey::make_ed25519().value() : rsa};
}

inline void publish(dns::test::MapResolver& zone, const SigningKey& key) {
  zone.txt_records[key.record_name()] = {key.record()};
}

inline std::string sample_message() {
  return "From: Anna Beispiel <anna@example.org>\r\n"
         "To: bert@example.net\r\n"
         "Subject: A  subject with\r\n\t folds \r\n"
         "Date: Sat, 21 Nov 2026 19:15:00 +0000\r\n"
         "Message-ID: <1@example.org>\r\n"
         "\r\n"
         "First  line \t with  spaces \r\n"
         "\r\n"
         " second line\r\n"
         "\r\n"
         "\r\n";
}

// The DKIM results of a message.
inline std::vector<DkimResult> verify(dns::Resolver& zone, const std::string& message,
                                      WallTime now = kNow) {
  const MessageParts parts = split_message(message);
  BodyHashes hashes(parts.body);
  return run(verify_dkim(zone, parts, hashes, now));
}

inline ArcChain chain_of(dns::Resolver& zone, const std::string& message, WallTime now = kNow) {
  const MessageParts parts = split_message(message);
  BodyHashes hashes(parts.body);
  return run(verify_arc(zone, parts, hashes, now));
}

inline std::string signature_of(const std::string& message, const SigningKey& key) {
  const MessageParts parts = split_message(message);
  BodyHash hash(Canonical::kRelaxed);
  hash.feed(parts.body);
  return dkim_field(parts, key, hash.finish(),
                    std::chrono::floor<Seconds>(kNow).time_since_epoch().count());
}

}  // namespace hauspost::mailauth::test
