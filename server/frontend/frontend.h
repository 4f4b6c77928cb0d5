// Frontend: listeners, accept loops and the sessions they start.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <span>

#include "base/signal.h"
#include "base/task_group.h"
#include "server/directory/frontend_settings.h"
#include "server/frontend/certificates.h"
#include "server/frontend/services.h"
#include "server/frontend/smtp_connectors.h"

namespace hauspost::frontend {

struct FrontendSettings {
  std::string hostname;
  std::uint64_t message_bytes_max = 50ULL << 20;
  std::string certificate_file;  // empty: no TLS, hence no logins
  std::string key_file;
  Limits limits;
  // A limit that the administrator has set, by name; asked at each connection. May be empty.
  std::function<std::optional<std::uint64_t>(std::string_view name)> limit_setting;
  // Any other setting of the directory; asked at each connection. May be empty.
  directory::AskSetting setting;
  // Grows with each change of what the two above say, which is then asked anew. May be empty: it is
  // asked anew each time.
  std::function<std::optional<std::uint64_t>()> setting_version = {};
  // What the administrator has set for logins; see Services. May be empty.
  std::function<directory::AuthSettings()> auth_settings;
  std::string client_ca_file;  // see Certificates
  const CertificateSource* certificate_source = nullptr;  // null: the files themselves
  // The receive connectors; asked at each SMTP connection. May be empty: listeners alone decide.
  AskConnectors connectors;
  std::string bearer_error;    // see Services
};

// What goes on at one listening service.
struct ListenerCount {
  std::string listener;
  std::uint64_t sessions = 0;
  std::uint64_t logged_in = 0;  // of them
};

// One listening socket.
struct OpenListener {
  std::string service;         // "smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"
  std::string name = {};       // by which keep_listeners() knows it
  std::string connector = {};  // the receive connector whose binding it is; empty: none
};

// One session, as long as nobody suspends.
struct SessionFacts {
  std::uint64_t serial = 0;  // grows from one session to the next
  const Guid& id;
  const ClientFacts& client;
  const std::optional<Login>& login;
  const Traffic& traffic;
};

// REQUIRES: one thread; authenticator and backends outlive it; stop() before destruction.
class Frontend {
 public:
  Frontend(Executor executor, FrontendSettings settings, auth::Authenticator& authenticator,
           Backends& backends);
  ~Frontend();

  // Reads every certificate; also again, while sessions go on. Errors as Certificates::load(). An
  // expired certificate is used, with a warning: mail goes on.
  Result<> load_certificate();
  const std::vector<Certificates::Entry>& certificates() const { return certificates_.entries(); }
  // What certificate authorities are shown for tls-alpn-01; see base/tls/acme_challenge.h.
  tls::AcmeChallenges& acme_challenges() { return certificates_.challenges(); }
  // Takes a listening TCP descriptor; after an error it is the caller's still. kNotFound: there is
  // no such service here.
  Result<> listen(OpenListener listener, int fd);
  bool listens(std::string_view name) const;
  // Closes every listener whose name is not among `wanted`, and tells the clients that came by it
  // goodbye; all others go on, with what `wanted` says of them.
  void keep_listeners(std::span<const OpenListener> wanted);
  // Closes the listeners, tells every client, waits a few seconds for them and ends the rest.
  Task<void> stop();

  // Ends sessions, and logins that are on their way; how many sessions.
  std::size_t end_logins(LoginEnd end);
  // Ends the sessions of services that are inactive (directory::component_state).
  void end_inactive();

  // By serial, those behind `after`, until `visit` returns false.
  void for_each_session(std::uint64_t after,
                        const std::function<bool(const SessionFacts&)>& visit) const;
  // Tells goodbye to those of which `chosen` is true, as stop() does.
  void end_sessions(const std::function<bool(const SessionFacts&)>& chosen);
  std::size_t sessions() const { return sessions_.size(); }
  std::vector<ListenerCount> counts() const;
  std::uint64_t accepted() const { return accepted_; }  // ever
  std::uint64_t refused() const { return refused_; }
  std::uint64_t evicted() const { return connections_.evicted(); }

 private:
  struct Session;  // one client's objects; lives in its task's frame
  struct Listener;
  struct Known;
  class Registered;

  // Shared: a listener that is closed lives on until its accept loop and the last session that came
  // by it have ended.
  using SharedListener = std::shared_ptr<Listener>;

  Task<void> accept_loop(SharedListener listener);
  bool accept_one(const SharedListener& listener, std::error_code& code);
  void greet(const SharedListener& listener, TcpSocket socket,
             const asio::ip::tcp::endpoint& peer);
  // Reads what the proxy in front of us says of its client.
  Task<void> receive_proxied(SharedListener listener, TcpSocket socket, std::string proxy);
  void admit(const SharedListener& listener, TcpSocket socket, std::string address,
             std::uint16_t port);
  void refuse(Listener& listener, TcpSocket& socket, const std::string& address,
              std::string_view limit);
  Task<void> serve(std::unique_ptr<Session> session);
  std::vector<CertificateFiles> certificate_list() const;
  Task<void> watch_certificate();
  Limits limits_now(const directory::ListenerRules& rules) const;
  const Known& known(Listener& listener) const;
  directory::ComponentState state_of(const Listener& listener) const;

  Executor executor_;
  FrontendSettings settings_;
  Certificates certificates_;
  bool watching_ = false;  // watch_certificate() runs
  Slowdown slowdown_;
  EndedLogins ended_logins_;
  std::size_t proxied_ = 0;  // connections whose header is awaited
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t serials_ = 0;  // given to sessions
  BufferPool buffers_;
  Services services_;
  ConnectionLimits connections_;
  ConnectorCounts connectors_;
  std::list<SharedListener> listeners_;  // the open ones
  std::list<Session*> sessions_;
  Condition session_ended_;
  TaskGroup accepting_;
  TaskGroup tasks_;
};

}  // namespace hauspost::frontend
