// A front-end session in memory: the client's end in the test's hand, fake logins, fake back-ends.
#pragma once

#include <catch2/catch.hpp>

#include <deque>

#include "base/memory_stream.h"
#include "base/signal.h"
#include "base/text.h"
#include "server/frontend/session.h"
#include "tests/unit/base/run.h"

namespace hauspost::frontend::test_support {

class FakeAuthenticator final : public auth::Authenticator {
 public:
  Task<Result<auth::Identity>> verify(auth::LoginAttempt attempt) override {
    attempts.push_back(attempt);
    if (unavailable) co_return fail(ErrorCode::kUnavailable, "auth: away");
    if (attempt.name != "a@example.org" || attempt.password.reveal() != "secret")
      co_return fail(ErrorCode::kDenied, std::string(auth::kDeniedText));
    co_return auth::Identity{mailbox, "a@example.org", "DB1"};
  }
  Task<Result<auth::SaslAnswer>> sasl(auth::SaslMessage message) override {
    messages.push_back(message);
    if (answers.empty()) co_return fail(ErrorCode::kDenied, std::string(auth::kDeniedText));
    auto answer = std::move(answers.front());
    answers.pop_front();
    co_return answer;
  }
  std::deque<Result<auth::SaslAnswer>> answers;  // then it is denied
  std::vector<auth::SaslMessage> messages;
  Guid mailbox = Guid::random();
  bool unavailable = false;
  std::vector<auth::LoginAttempt> attempts;
};

// What a back-end does with a session that it has accepted.
using Behaviour = Task<void> (*)(std::unique_ptr<link::FrameSocket> link, link::SessionStart start);

class FakeBackends final : public Backends {
 public:
  explicit FakeBackends(asio::io_context& io) : io_(io), tasks_(io.get_executor()) {}

  Task<Result<std::unique_ptr<link::FrameSocket>>> open(link::SessionStart start) override {
    starts.push_back(start);
    if (refusal) co_return fail(*refusal, "refused by the test");
    auto [front, back] = test::socket_pair(io_);
    tasks_.spawn("backend", behaviour(frames(std::move(back)), start));
    co_return frames(std::move(front));
  }
  Task<void> join() { return tasks_.join(); }

  std::vector<link::SessionStart> starts;
  std::optional<ErrorCode> refusal;
  Behaviour behaviour = nullptr;

 private:
  static std::unique_ptr<link::FrameSocket> frames(UnixSocket socket) {
    return std::make_unique<link::FrameSocket>(std::move(socket), link::kSessionPayloadMax);
  }
  asio::io_context& io_;
  TaskGroup tasks_;
};

// "TLS" is a flag here: what is tested is who may say what before and after.
class MemoryClient final : public Client {
 public:
  MemoryClient(std::unique_ptr<Stream> stream, ClientFacts facts)
      : Client(std::move(facts)), stream_(std::move(stream)) {}
  Stream& stream() override { return *stream_; }
  bool can_start_tls() const override { return !facts_.tls && has_certificate; }
  bool can_bind_channel() const override { return facts_.tls && binds; }
  auth::ChannelBindings channel_bindings() const override { return {"EXPORTED", "CERTIFICATE"}; }
  Task<Result<>> start_tls() override {
    facts_.tls = true;
    facts_.tls_version = "TLSv1.3";
    co_return Result<>{};
  }
  bool has_certificate = true;
  bool binds = true;

 private:
  std::unique_ptr<Stream> stream_;
};

inline ClientFacts imap_facts() {
  ClientFacts facts;
  facts.address = "192.0.2.7";
  facts.port = 40000;
  facts.listener = "imap";
  return facts;
}
inline ClientFacts smtp_facts(bool submission) {
  ClientFacts facts = imap_facts();
  facts.listener = submission ? "submission" : "smtp";
  facts.protocol = link::Protocol::kSmtp;
  facts.submission = submission;
  return facts;
}

class Harness {
 public:
  explicit Harness(ClientFacts facts) {
    auto [near, far] = MemoryStream::pair(io.get_executor());
    peer = std::move(far);
    client = std::make_unique<MemoryClient>(std::move(near), std::move(facts));
    services.limits.bad_password_delay = std::chrono::milliseconds(1);
    services.limits.error_delay = std::chrono::milliseconds(1);
    std::string_view refusal;
    admission =
        limits.admit(client->facts().address, client->facts().protocol, services.limits, refusal);
  }

  // Lines "C: " are sent ("|" is CRLF inside one write, "~" ends a line that has no CRLF), lines
  // "S: " are awaited ("..." at the end: any rest), "END" awaits the end of the connection.
  void dialogue(std::string_view script) { test::run(io, play(script)); }

  asio::io_context io{1};
  FakeAuthenticator authenticator;
  FakeBackends backends{io};
  BufferPool buffers;
  ConnectionLimits limits{system_clock()};
  Services services{"mail.example.org", 50ULL << 20, authenticator, backends, buffers, {}};
  std::unique_ptr<Admission> admission;
  std::unique_ptr<MemoryClient> client;
  std::unique_ptr<Stream> peer;
  Signal stop;

 private:
  Task<void> play(std::string_view script) {
    TaskGroup session(io.get_executor());
    session.spawn("session", run_session(services, {id_, *client, *admission, stop}));
    std::exception_ptr failure;
    try {
      for (std::string_view line : split(script, '\n')) co_await step(trim(line));
    } catch (...) {
      failure = std::current_exception();
    }
    peer->close();
    co_await session.join();
    co_await backends.join();
    if (failure) std::rethrow_exception(failure);
  }

  Task<void> step(std::string_view line) {
    if (line.empty()) co_return;
    INFO(line);
    if (line == "END") {
      const auto last = co_await read_line();
      INFO("instead of the end: " << last.value_or(""));
      REQUIRE_FALSE(last);
    } else if (line == "STOP") {
      stop.notify();
    } else if (line.starts_with("C: ")) {
      REQUIRE(co_await peer->write(client_bytes(line.substr(3))));
    } else {
      REQUIRE(line.starts_with("S: "));
      const auto got = co_await read_line();
      REQUIRE(got);
      const std::string_view want = line.substr(3);
      if (want.ends_with("..."))
        CHECK(got->substr(0, want.size() - 3) == want.substr(0, want.size() - 3));
      else
        CHECK(*got == want);
    }
  }

  static std::string client_bytes(std::string_view text) {
    const bool open = text.ends_with('~');
    if (open) text.remove_suffix(1);
    std::string bytes;
    for (const char c : text) bytes += c == '|' ? "\r\n" : std::string(1, c);
    return open ? bytes : bytes + "\r\n";
  }

  Task<std::optional<std::string>> read_line() {
    std::size_t end = 0;
    while ((end = received_.find("\r\n")) == std::string::npos) {
      std::array<char, 4096> chunk;
      const auto got = co_await peer->read_some(chunk);
      if (!got || *got == 0) co_return std::nullopt;
      received_.append(chunk.data(), *got);
    }
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 2);
    co_return line;
  }

  Guid id_ = Guid::random();
  std::string received_;
};

// Back-ends. Each line of the client is answered "* echo LINE"; "LOGOUT" ends in order, "DIE"
// without a word, "DIE-MIDLINE" in the middle of a line.
inline Task<void> echo(std::unique_ptr<link::FrameSocket> link, std::string first) {
  std::string pending;
  if (!first.empty()) REQUIRE(co_await link->write(link::FrameType::kData, first));
  std::array<char, 4096> chunk;
  for (;;) {
    const auto piece = co_await link->read_data(chunk);
    if (!piece || piece->control) co_return;
    pending.append(chunk.data(), piece->count);
    for (std::size_t end; (end = pending.find("\r\n")) != std::string::npos;) {
      const std::string line = pending.substr(0, end);
      pending.erase(0, end + 2);
      if (line == "DIE") co_return;
      const bool midline = line == "DIE-MIDLINE";
      const std::string answer = midline ? "half a li" : "* echo " + line + "\r\n";
      REQUIRE(co_await link->write(link::FrameType::kData, answer));
      if (midline) co_return;
      if (line != "LOGOUT") continue;
      REQUIRE(co_await link->write(link::FrameType::kClose, std::string_view{}));
      co_return;
    }
  }
}
inline Task<void> imap_backend(std::unique_ptr<link::FrameSocket> link, link::SessionStart start) {
  co_await echo(std::move(link), start.client_tag + " OK Logged in\r\n");
}
inline Task<void> smtp_backend(std::unique_ptr<link::FrameSocket> link, link::SessionStart) {
  co_await echo(std::move(link), "");
}

}  // namespace hauspost::frontend::test_support
