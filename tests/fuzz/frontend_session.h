// One front-end session over memory, fed with bytes from anywhere. Shared by the fuzz targets of
// the protocols before login.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "base/memory_stream.h"
#include "base/signal.h"
#include "base/task_group.h"
#include "server/frontend/session.h"

namespace hauspost::frontend::fuzz {

class Authenticator final : public auth::Authenticator {
 public:
  Task<Result<auth::Identity>> verify(auth::LoginAttempt attempt) override {
    if (attempt.name != "a") co_return fail(ErrorCode::kDenied, std::string(auth::kDeniedText));
    co_return auth::Identity{Guid{}, "a@example.org", "DB1"};
  }
};

class NoBackends final : public Backends {
 public:
  Task<Result<std::unique_ptr<link::FrameSocket>>> open(link::SessionStart start) override {
    // Nothing but what the front-end itself vouches for may cross the link.
    const bool clean = start.client_tag.find_first_of(" \r\n") == std::string::npos &&
                       start.hello.find_first_of("\r\n") == std::string::npos &&
                       start.device_id.size() <= 128;
    if (!clean) std::abort();
    co_return fail(ErrorCode::kUnavailable, "no back-end");
  }
};

class FuzzClient final : public Client {
 public:
  FuzzClient(std::unique_ptr<Stream> stream, ClientFacts facts)
      : Client(std::move(facts)), stream_(std::move(stream)) {}
  Stream& stream() override { return *stream_; }
  bool can_start_tls() const override { return !facts_.tls; }
  Task<Result<>> start_tls() override {
    facts_.tls = true;
    co_return Result<>{};
  }

 private:
  std::unique_ptr<Stream> stream_;
};

inline Task<void> feed_and_drain(Stream& peer, std::string_view bytes) {
  [[maybe_unused]] auto sent = co_await peer.write(bytes);
  Signal never;
  std::array<char, 4096> chunk;
  // Whatever was said before the session fell silent for a moment is all there is.
  while (co_await peer.wait_input(never, std::chrono::milliseconds(2)) == Wake::kInput) {
    const auto got = co_await peer.read_some(chunk);
    if (!got || *got == 0) break;
  }
  peer.close();
}

inline void run(std::string_view bytes, ClientFacts facts) {
  static const bool quiet = (log::start("fuzz", log::Level::kError), true);
  static_cast<void>(quiet);
  asio::io_context io(1);
  Authenticator authenticator;
  NoBackends backends;
  BufferPool buffers;
  Services services{"mail.example.org", 1024, authenticator, backends, buffers, {}};
  services.limits.bad_password_delay = std::chrono::milliseconds(0);
  services.limits.error_delay = std::chrono::milliseconds(0);
  ConnectionLimits limits(system_clock());
  std::string_view refusal;
  const auto admission = limits.admit("192.0.2.1", facts.protocol, services.limits, refusal);
  auto [near, far] = MemoryStream::pair(io.get_executor());
  FuzzClient client(std::move(near), std::move(facts));
  Signal stop;
  TaskGroup group(io.get_executor());
  group.spawn("session", run_session(services, {Guid{}, client, *admission, stop}));
  group.spawn("peer", feed_and_drain(*far, bytes));
  io.run();
}

}  // namespace hauspost::frontend::fuzz
