// UnixService: an accept loop on one Unix socket, a bound on its connections, and a task for each.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/task_group.h"

namespace hauspost::child {

// REQUIRES: one thread; stop() before destruction.
class UnixService {
 public:
  using Serve = std::function<Task<void>(UnixSocket socket)>;

  // Runs `serve` for each connection, at most `connections_max` at once; further ones wait in the
  // backlog. `name` stands in log events.
  UnixService(Executor executor, std::string name, std::size_t connections_max, Serve serve);

  // Only processes of these users are served (users.h); others are hung up on. REQUIRES: before
  // listen(); without it everybody is served who gets through to the socket.
  void only_from(std::vector<uid_t> users) { users_ = std::move(users); }

  // Takes the listening descriptor.
  Result<> listen(int fd);
  // Takes no more connections; those there are go on.
  void close();
  // Ends every connection and waits until nobody is inside.
  Task<void> stop();

  std::size_t connections() const { return connections_; }

 private:
  Task<void> accept_loop();
  Task<void> run(UnixSocket socket);

  std::string name_;
  std::size_t connections_max_;
  Serve serve_;
  std::optional<std::vector<uid_t>> users_;
  UnixAcceptor acceptor_;
  Condition left_;
  std::size_t connections_ = 0;
  TaskGroup accepting_;
  TaskGroup tasks_;
};

}  // namespace hauspost::child
