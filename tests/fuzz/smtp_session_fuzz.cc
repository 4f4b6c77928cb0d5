// A whole session behind the front-end: whatever a client sends, every reply is well formed, the
// session ends, and no message is handed over that holds a bare CR or LF.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/stream.h"
#include "base/task_group.h"
#include "base/text.h"
#include "transport/receive/serve_smtp.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

const std::string& folder() {
  static const std::string path = (std::filesystem::temp_directory_path() /
                                   ("hp-fuzz-" + to_hex(Guid::random().as_bytes()).substr(0, 12)))
                                      .string();
  return path;
}

class FuzzDirectory final : public Directory {
 public:
  Resolved resolve(std::string_view address) const override {
    if (address.starts_with("a")) {
      return {Resolved::Kind::kMailbox, guid_, "a", "DB", folder() + "/sock"};
    }
    return {address.ends_with("org") ? Resolved::Kind::kUnknown : Resolved::Kind::kForeign};
  }
  Result<bool> is_accepted_domain(std::string_view domain) const override {
    return domain.ends_with("org");
  }
  Result<bool> owns_address(const Guid&, std::string_view address) const override {
    return address.starts_with("a");
  }

 private:
  Guid guid_ = Guid::random();
};

// Takes every message and keeps none.
Task<Result<std::string>> swallow(std::uint16_t method, std::string body) {
  HP_CHECK(method == kMethodDeliver);
  const auto request = take_trailer(body);
  HP_CHECK(request.has_value());
  for (std::size_t i = 0; i < body.size(); ++i) {
    HP_CHECK(body[i] != '\r' || body.substr(i, 2) == "\r\n");
    HP_CHECK(body[i] != '\n' || (i > 0 && body[i - 1] == '\r'));
  }
  const std::vector<DeliverResult> results(request->targets.size(),
                                           {DeliverResult::Outcome::kDelivered, {}});
  co_return to_wire(results);
}

Task<void> serve_one(UnixSocket socket) {
  const link::RpcHandler handler = swallow;
  [[maybe_unused]] auto ended = co_await link::serve_rpc(std::move(socket), handler);
}

Task<void> accept_all(UnixAcceptor& acceptor, TaskGroup& tasks) {
  for (;;) {
    UnixSocket socket(co_await asio::this_coro::executor);
    std::error_code code;
    co_await acceptor.async_accept(socket, asio::redirect_error(kUseTask, code));
    if (code) co_return;
    tasks.spawn("serve", serve_one(std::move(socket)));
  }
}

struct World {
  World() {
    std::filesystem::create_directories(folder());
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(folder(), ignored);
    });
    acceptor = std::make_unique<UnixAcceptor>(
        io.get_executor(), asio::local::stream_protocol::endpoint(folder() + "/sock"));
    tasks.spawn("accept", accept_all(*acceptor, tasks));
    QueueOptions options;
    options.path = folder() + "/queue";
    auto opened = Queue::open(io.get_executor(), options, system_clock());
    HP_CHECK(opened.has_value());
    queue = std::move(*opened);
    ReceiveLimits limits;
    limits.message_bytes_max = 4096;
    limits.error_delay = limits.tarpit = Milliseconds(0);
    services = std::make_unique<Services>(
        Services{directory, clients, *queue, system_clock(), "mail.example.org", limits});
  }

  asio::io_context io;
  FuzzDirectory directory;
  DeliveryClients clients{io.get_executor()};
  TaskGroup tasks{io.get_executor()};
  std::unique_ptr<UnixAcceptor> acceptor;
  std::unique_ptr<Queue> queue;
  std::unique_ptr<Services> services;
};

class LmtpConnector final : public Connectors {
 public:
  std::shared_ptr<const ReceiveConnector> find(std::string_view) const override {
    static const auto one = [] {
      auto connector = std::make_shared<ReceiveConnector>();
      connector->name = connector->listener = "lmtp";
      connector->permitted = bit(PermissionGroup::kAnonymous);
      connector->limits.message_bytes = 4096;
      connector->limits.tarpit_ms = 0;
      return connector;
    }();
    return one;
  }
};

// Never destroyed: the process ends while its loops still wait.
World& world() {
  static World* const one = new World;
  return *one;
}

// A client that sends all it has, hears everything, and then hangs up.
class ScriptStream final : public Stream {
 public:
  explicit ScriptStream(std::string input) : input_(std::move(input)) {}

  Task<Result<std::size_t>> read_some(std::span<char> into) override {
    const std::size_t count = std::min(into.size(), input_.size() - at_);
    std::copy_n(input_.data() + at_, count, into.data());
    at_ += count;
    co_return count;
  }
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override {
    for (const std::string_view part : parts) output += part;
    co_return Result<>{};
  }
  Task<Result<Wake>> wait_input(Signal&, Duration) override { co_return Wake::kInput; }
  void set_timeout(Duration) override {}
  void close() noexcept override {}

  std::string output;

 private:
  std::string input_;
  std::size_t at_ = 0;
};

Task<void> serve(Stream& stream, const link::SessionStart& start, Services& services) {
  [[maybe_unused]] auto end = co_await serve_smtp(stream, start, services);
}

void check_replies(std::string_view output) {
  while (!output.empty()) {
    const std::size_t end = output.find("\r\n");
    HP_CHECK(end != std::string_view::npos && end >= 4);
    HP_CHECK(output[0] >= '2' && output[0] <= '5' && is_digit(output[1]) && is_digit(output[2]));
    HP_CHECK(output[3] == ' ' || output[3] == '-');
    HP_CHECK(output.substr(0, end).find_first_of("\r\n") == std::string_view::npos);
    output.remove_prefix(end + 2);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 64 * 1024) return 0;
  World& w = world();
  link::SessionStart start;
  start.hello = "client.example";
  start.client_address = "192.0.2.1";
  start.extended = true;
  // Bits of the first octet: a user, TLS, LMTP.
  start.listener = (data[0] & 1) != 0 ? "submission" : "smtp";
  start.tls = (data[0] & 2) != 0;
  const LmtpConnector lmtp;
  w.services->connectors = (data[0] & 4) != 0 ? &lmtp : nullptr;
  if (start.listener == "submission") {
    start.user = "a@example.org";
    start.mailbox = Guid::random();
  }
  std::string input(reinterpret_cast<const char*>(data + 1), size - 1);
  input += "\r\n.\r\nQUIT\r\n";  // whatever is open gets an end, as far as it can have one
  ScriptStream stream(std::move(input));
  {
    TaskGroup tasks(w.io.get_executor());
    tasks.spawn("server", serve(stream, start, *w.services));
    while (tasks.size() > 0) {
      w.io.restart();
      w.io.run_one();
    }
  }
  check_replies(stream.output);
  return 0;
}
