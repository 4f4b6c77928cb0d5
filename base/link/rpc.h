// Calls between our processes: many at a time over one connection, answers in any order.
// Request payload: u64 call id, u16 method, u32 zero, body. Reply payload: u64 call id, u16 status
// (0 = ok, else ErrorCode + 1), u32 zero, body or the error's text.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/link/frame.h"
#include "base/task_group.h"

namespace hauspost::link {

// The calling side. REQUIRES: one thread. Reconnects at the next call after a loss.
class RpcClient {
 public:
  RpcClient(Executor executor, std::string path, std::size_t payload_max = kRpcPayloadMax);
  // Over a connection that exists already (a socket pair); it is not renewed when lost.
  RpcClient(UnixSocket socket, std::size_t payload_max = kRpcPayloadMax);
  ~RpcClient();
  RpcClient(const RpcClient&) = delete;
  RpcClient& operator=(const RpcClient&) = delete;

  // Sends one request and waits for its reply. Errors: the callee's own; kUnavailable when the
  // connection cannot be had or is lost before the reply (the callee may or may not have acted);
  // kTimeout. The parts must live until the call returns.
  Task<Result<std::string>> call(std::uint16_t method, std::span<const std::string_view> parts,
                                 Duration timeout);
  Task<Result<std::string>> call(std::uint16_t method, std::string_view body, Duration timeout);

  // Ends the connection; calls under way fail with kUnavailable. join() before destruction.
  void stop();
  Task<void> join();

 private:
  struct Pending;
  struct Connection;

  Task<Result<std::shared_ptr<Connection>>> connection();
  static Task<void> receive(std::shared_ptr<Connection> connection);
  static Task<void> send(std::shared_ptr<Connection> connection);
  void start(std::shared_ptr<Connection> connection);

  Executor executor_;
  std::string path_;
  std::size_t payload_max_;
  std::shared_ptr<Connection> connection_;  // shared with its two tasks
  TaskGroup tasks_;
  std::uint64_t next_call_ = 1;
};

// What the serving side runs for each request; it may suspend, others go on meanwhile. `body` is
// its own. An exception that leaves it is logged and reaches the caller as kInternal.
using RpcHandler = std::function<Task<Result<std::string>>(std::uint16_t method, std::string body)>;

struct RpcLimits {
  std::size_t payload_max = kRpcPayloadMax;
  // Under way at once on one connection, replies not yet taken included; further requests wait
  // unread.
  std::size_t calls_max = 256;
};

// Serves one connection until the peer closes it or the task is cancelled; calls under way are
// cancelled then. A reply over payload_max reaches the caller as kExhausted. `handler` must outlive
// it.
Task<Result<>> serve_rpc(UnixSocket socket, const RpcHandler& handler, RpcLimits limits = {});

}  // namespace hauspost::link
