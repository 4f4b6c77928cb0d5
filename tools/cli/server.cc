#include "tools/cli/server.h"

#include <fmt/format.h>

#include <cerrno>
#include <optional>

#include "base/link/frame.h"

namespace hauspost::cli {

struct Server::Connection {
  explicit Connection(std::string root)
      : data_root(std::move(root)),
        client(io.get_executor(), admin::admin_socket(data_root), link::kAdminPayloadMax),
        tasks(io.get_executor()) {}

  std::string data_root;
  asio::io_context io{1};
  link::RpcClient client;
  TaskGroup tasks;
};

namespace {

// A reason to believe that no server runs here, found before the first call: the socket's own
// errno tells more than a lost call.
std::optional<std::string> why_unreachable(const std::string& data_root) {
  asio::io_context io;
  UnixSocket probe(io.get_executor());
  std::error_code code;
  probe.connect(asio::local::stream_protocol::endpoint(admin::admin_socket(data_root)), code);
  if (!code) return std::nullopt;
  // By number: Asio's category does not compare with std::errc.
  if (code.value() == EACCES) {
    return fmt::format(
        "{}: permission denied on the admin socket; run this as root or as the user who runs "
        "hauspostd",
        data_root);
  }
  if (code.value() == ENOENT || code.value() == ECONNREFUSED) {
    return fmt::format("{}: no server is running here; start it with: hauspostd --data {}",
                       data_root, data_root);
  }
  return fmt::format("{}: admin socket: {}; is hauspostd running?", data_root, code.message());
}

std::unexpected<Failure> unreachable(std::string text) {
  return std::unexpected(Failure{Exit::kUnreachable, "unreachable", std::move(text)});
}

Task<void> call_once(link::RpcClient& client, std::uint16_t method, std::string_view body,
                     std::optional<Result<std::string>>& answer) {
  answer = co_await client.call(method, body, admin::kCallTimeout);
}

Task<void> hang_up(link::RpcClient& client) {
  client.stop();
  co_await client.join();
}

}  // namespace

Server::Server(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

Server::~Server() {
  connection_->tasks.spawn("admin.hang_up", hang_up(connection_->client));
  connection_->io.restart();
  connection_->io.run();
}

Outcome<std::unique_ptr<Server>> Server::connect(const std::string& data_root) {
  // sun_path holds 107 characters; a longer path would only show as "name too long".
  if (admin::admin_socket(data_root).size() > 107) {
    return usage(
        fmt::format("{}: the path is too long for a Unix socket; use a shorter --data", data_root));
  }
  if (auto reason = why_unreachable(data_root)) return unreachable(std::move(*reason));
  return std::unique_ptr<Server>(new Server(std::make_unique<Connection>(data_root)));
}

Outcome<std::string> Server::call(admin::Method method, const std::string& body) {
  std::optional<Result<std::string>> answer;
  connection_->tasks.spawn(
      "admin.call",
      call_once(connection_->client, static_cast<std::uint16_t>(method), body, answer));
  connection_->io.restart();
  while (!answer && connection_->io.run_one() > 0) {
  }
  if (!answer) return unreachable("the call ended without an answer");
  if (*answer) return std::move(**answer);
  Error error = std::move(*answer).error();
  if (error.text.starts_with("rpc:")) {  // the channel's own words, not the supervisor's
    return unreachable(
        fmt::format("{}: the server did not answer ({}); see its log and try: "
                    "hauspost status",
                    connection_->data_root, error.text));
  }
  return refused(std::move(error));
}

}  // namespace hauspost::cli
