// Frontend: listeners, accept loops and the sessions they start.
#pragma once

#include <functional>
#include <list>

#include "base/signal.h"
#include "base/task_group.h"
#include "server/frontend/services.h"

namespace hauspost::frontend {

struct FrontendSettings {
  std::string hostname;
  std::uint64_t message_bytes_max = 50ULL << 20;
  std::string certificate_file;  // empty: no TLS, hence no logins
  std::string key_file;
  Limits limits;
  // A limit that the administrator has set, by name; asked at each connection. May be empty.
  std::function<std::optional<std::uint64_t>(std::string_view name)> limit_setting;
};

// REQUIRES: one thread; authenticator and backends outlive it; stop() before destruction.
class Frontend {
 public:
  Frontend(Executor executor, FrontendSettings settings, auth::Authenticator& authenticator,
           Backends& backends);
  ~Frontend();

  // kInvalid, kNotFound, kDenied: the certificate or key. An expired certificate is used, with a
  // warning: mail goes on.
  Result<> load_certificate();
  // Takes a listening TCP descriptor. kNotFound: no service of that name here.
  Result<> listen(const std::string& name, int fd);
  // Closes the listeners, tells every client, waits a few seconds for them and ends the rest.
  Task<void> stop();

  std::size_t sessions() const { return sessions_.size(); }

 private:
  struct Session;  // one client's objects; lives in its task's frame
  struct Listener;
  class Registered;

  Task<void> accept_loop(Listener& listener);
  void admit(Listener& listener, TcpSocket socket);
  Task<void> serve(std::unique_ptr<Session> session);
  Task<void> watch_certificate();
  Limits limits_now() const;

  Executor executor_;
  FrontendSettings settings_;
  std::shared_ptr<const tls::TlsContext> tls_;  // shared with handshakes under way
  std::int64_t certificate_time_ = 0;           // of the files' last change, for watch_certificate
  BufferPool buffers_;
  Services services_;
  ConnectionLimits connections_;
  std::list<Listener> listeners_;
  std::list<Signal*> sessions_;
  Condition session_ended_;
  TaskGroup accepting_;
  TaskGroup tasks_;
};

}  // namespace hauspost::frontend
