#include "base/link/rpc.h"

#include "base/bytes.h"
#include "base/log.h"

namespace hauspost::link {

namespace {

constexpr std::size_t kCallHeaderBytes = 14;

struct CallHeader {
  std::uint64_t call = 0;
  std::uint16_t word = 0;  // method of a request, status of a reply
};

std::string call_header(CallHeader header) {
  std::string out;
  put_le(out, header.call);
  put_le(out, header.word);
  put_le(out, std::uint32_t{0});
  return out;
}

Result<CallHeader> take_call_header(std::string& payload) {
  if (payload.size() < kCallHeaderBytes) return fail(ErrorCode::kCorrupt, "rpc: frame too short");
  ByteReader reader(payload);
  CallHeader header;
  header.call = reader.le<std::uint64_t>();
  header.word = reader.le<std::uint16_t>();
  payload.erase(0, kCallHeaderBytes);
  return header;
}

Result<std::string> reply_result(std::uint16_t status, std::string body) {
  if (status == 0) return body;
  if (status > static_cast<std::uint16_t>(ErrorCode::kInternal) + 1) {
    return fail(ErrorCode::kInternal, std::move(body));
  }
  return fail(static_cast<ErrorCode>(status - 1), std::move(body));
}

}  // namespace

struct RpcClient::Pending {
  Pending(Executor executor, std::chrono::steady_clock::time_point until)
      : done(executor), due(until) {}
  std::optional<Result<std::string>> reply;
  Condition done;  // the reply is here
  std::chrono::steady_clock::time_point due;
};

struct RpcClient::Connection {
  Connection(UnixSocket socket, std::size_t payload_max, Executor executor)
      : frames(std::move(socket), payload_max),
        outgoing_changed(executor),
        deadline(std::in_place, executor, [this] { give_up_late(); }) {}

  // One deadline for all calls, as a timer for each would cost it a system call.
  void watch(std::chrono::steady_clock::time_point due) {
    if (due >= next_due || !deadline) return;
    next_due = due;
    deadline->start(due - std::chrono::steady_clock::now());
  }
  void give_up_late() {
    const auto now = std::chrono::steady_clock::now();
    next_due = std::chrono::steady_clock::time_point::max();
    auto next = next_due;
    std::erase_if(calls, [&](const auto& call) {
      const std::shared_ptr<Pending>& pending = call.second;
      if (pending->due > now) {
        next = std::min(next, pending->due);
        return false;
      }
      pending->reply = fail(ErrorCode::kTimeout, "rpc: no answer in time");
      pending->done.notify_all();
      return true;
    });
    if (next != next_due) watch(next);
  }

  void lose() {
    lost = true;
    deadline.reset();
    frames.close();
    outgoing_changed.notify_all();
    for (auto& [call, pending] : calls) {
      pending->reply = fail(ErrorCode::kUnavailable, "rpc: connection lost");
      pending->done.notify_all();
    }
    calls.clear();
  }

  FrameSocket frames;
  std::unordered_map<std::uint64_t, std::shared_ptr<Pending>> calls;
  std::deque<std::pair<std::uint64_t, std::string>> outgoing;  // call and payload
  Condition outgoing_changed;
  std::optional<Deadline> deadline;  // gone when lost, so that no timer outlives the calls
  std::chrono::steady_clock::time_point next_due = std::chrono::steady_clock::time_point::max();
  bool lost = false;
};

RpcClient::RpcClient(Executor executor, std::string path, std::size_t payload_max)
    : executor_(executor), path_(std::move(path)), payload_max_(payload_max), tasks_(executor) {}

RpcClient::RpcClient(UnixSocket socket, std::size_t payload_max)
    : executor_(socket.get_executor()), payload_max_(payload_max), tasks_(executor_) {
  start(std::make_shared<Connection>(std::move(socket), payload_max_, executor_));
}

RpcClient::~RpcClient() = default;

void RpcClient::start(std::shared_ptr<Connection> connection) {
  connection_ = connection;
  tasks_.spawn("rpc.receive", receive(connection));
  tasks_.spawn("rpc.send", send(connection));
}

Task<Result<std::shared_ptr<RpcClient::Connection>>> RpcClient::connection() {
  if (connection_ && !connection_->lost) co_return connection_;
  if (path_.empty() || tasks_.stopping())
    co_return fail(ErrorCode::kUnavailable, "rpc: connection lost");
  CO_TRY_ASSIGN(UnixSocket socket, co_await connect_unix(path_));
  if (tasks_.stopping()) co_return fail(ErrorCode::kUnavailable, "rpc: connection lost");
  if (!connection_ || connection_->lost) {  // another call may have connected meanwhile
    start(std::make_shared<Connection>(std::move(socket), payload_max_, executor_));
  }
  co_return connection_;
}

Task<void> RpcClient::receive(std::shared_ptr<Connection> connection) {
  for (;;) {
    auto frame = co_await connection->frames.read();
    if (!frame || frame->type != FrameType::kReply) break;
    auto header = take_call_header(frame->payload);
    if (!header) break;
    const auto found = connection->calls.find(header->call);
    if (found == connection->calls.end()) continue;  // its caller stopped waiting
    found->second->reply = reply_result(header->word, std::move(frame->payload));
    found->second->done.notify_all();
    connection->calls.erase(found);
  }
  connection->lose();
}

Task<void> RpcClient::send(std::shared_ptr<Connection> connection) {
  while (!connection->lost) {
    if (connection->outgoing.empty()) {
      if (!co_await connection->outgoing_changed.wait()) break;
      continue;
    }
    // All that waits goes out together.
    std::vector<std::string> payloads;
    while (!connection->outgoing.empty()) {
      auto& [call, payload] = connection->outgoing.front();
      if (connection->calls.contains(call)) payloads.push_back(std::move(payload));
      connection->outgoing.pop_front();  // without a call: its caller stopped waiting
    }
    if (!co_await connection->frames.write_each(FrameType::kRequest, payloads)) break;
  }
  connection->lose();
}

Task<Result<std::string>> RpcClient::call(std::uint16_t method,
                                          std::span<const std::string_view> parts,
                                          Duration timeout) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "rpc: cancelled");
  CO_TRY_ASSIGN(const std::shared_ptr<Connection> to, co_await connection());
  const std::uint64_t call = next_call_++;
  std::string payload = call_header({call, method});
  std::size_t total = payload.size();
  for (const std::string_view part : parts) total += part.size();
  if (total > payload_max_) co_return fail(ErrorCode::kInvalid, "rpc: request too large");
  payload.reserve(total);
  for (const std::string_view part : parts) payload += part;

  const auto due = std::chrono::steady_clock::now() + timeout;
  auto pending = std::make_shared<Pending>(executor_, due);
  to->calls.emplace(call, pending);
  to->outgoing.emplace_back(call, std::move(payload));
  to->outgoing_changed.notify_all();
  to->watch(due);
  while (!pending->reply) {
    if (!co_await pending->done.wait()) break;
  }
  to->calls.erase(call);
  if (pending->reply) co_return std::move(*pending->reply);
  co_return fail(ErrorCode::kCancelled, "rpc: cancelled");
}

Task<Result<std::string>> RpcClient::call(std::uint16_t method, std::string_view body,
                                          Duration timeout) {
  const std::string_view parts[] = {body};
  co_return co_await call(method, std::span<const std::string_view>(parts), timeout);
}

void RpcClient::stop() {
  tasks_.stop();
  if (connection_) connection_->lose();
}

Task<void> RpcClient::join() { return tasks_.join(); }

namespace {

// One served connection: the reader spawns a task a request, and a finished task queues its reply.
// A call counts against calls_max until its reply is written, so a peer that does not read its
// replies is not read either.
class RpcServer {
 public:
  RpcServer(Executor executor, UnixSocket socket, const RpcHandler& handler, RpcLimits limits)
      : frames_(std::move(socket), limits.payload_max),
        handler_(handler),
        limits_(limits),
        changed_(executor),
        tasks_(executor) {}

  Task<Result<>> run() {
    tasks_.spawn("rpc.reply", send_replies());
    auto ended = co_await read_requests();
    lost_ = true;
    frames_.close();
    changed_.notify_all();
    tasks_.stop();
    co_await tasks_.join();
    co_return ended;
  }

 private:
  Task<Result<>> read_requests() {
    for (;;) {
      while (under_way_ >= limits_.calls_max && !lost_) {
        CO_TRY(co_await changed_.wait());
      }
      if (lost_) co_return Result<>{};
      auto frame = co_await frames_.read();
      if (!frame) {
        if (lost_ || frame.error().code == ErrorCode::kUnavailable) co_return Result<>{};
        co_return fail(std::move(frame).error());
      }
      if (frame->type != FrameType::kRequest)
        co_return fail(ErrorCode::kCorrupt, "rpc: not a request");
      CO_TRY_ASSIGN(const CallHeader header, take_call_header(frame->payload));
      ++under_way_;
      tasks_.spawn("rpc.call", answer(header, std::move(frame->payload)));
    }
  }

  Task<void> answer(CallHeader header, std::string body) {
    auto result = co_await handle(header.word, std::move(body));
    if (result && result->size() + kCallHeaderBytes > limits_.payload_max)
      result = fail(ErrorCode::kExhausted, "rpc: reply too large");
    const auto status = result ? 0 : static_cast<int>(result.error().code) + 1;
    std::string payload = call_header({header.call, static_cast<std::uint16_t>(status)});
    payload += result ? *result : result.error().text;
    replies_.push_back(std::move(payload));
    changed_.notify_all();
  }

  // An exception ends its call, not the connection, and the caller is told at once.
  Task<Result<std::string>> handle(std::uint16_t method, std::string body) {
    std::string cause = "unknown exception";
    try {
      co_return co_await handler_(method, std::move(body));
    } catch (const std::exception& exception) {
      cause = exception.what();
    } catch (...) {
    }
    log::error("rpc.handler.failed", {{"method", method}, {"cause", cause}});
    co_return fail(ErrorCode::kInternal, "rpc: the call failed inside the callee");
  }

  Task<void> send_replies() {
    while (!lost_) {
      if (replies_.empty()) {
        if (!co_await changed_.wait()) co_return;
        continue;
      }
      const std::vector<std::string> payloads = std::exchange(replies_, {});
      if (!co_await frames_.write_each(FrameType::kReply, payloads)) {
        lost_ = true;
        frames_.close();
      }
      under_way_ -= payloads.size();
      changed_.notify_all();
    }
  }

  FrameSocket frames_;
  const RpcHandler& handler_;
  RpcLimits limits_;
  Condition changed_;
  TaskGroup tasks_;
  std::vector<std::string> replies_;
  std::size_t under_way_ = 0;
  bool lost_ = false;
};

}  // namespace

Task<Result<>> serve_rpc(UnixSocket socket, const RpcHandler& handler, RpcLimits limits) {
  const Executor executor = co_await asio::this_coro::executor;
  RpcServer server(executor, std::move(socket), handler, limits);
  co_return co_await server.run();
}

}  // namespace hauspost::link
