// Supervisor: the root of a running server. Owns the data root's lock, the directory, every
// listening socket and every child; parses nothing from the network.
#pragma once

#include "server/directory/writer.h"
#include "server/supervisor/frontend_listeners.h"
#include "server/supervisor/jobs.h"
#include "server/supervisor/ownership.h"
#include "server/supervisor/store_workers.h"
#include "server/supervisor/tls_files.h"

namespace hauspost::supervisor {

class AcmeOrders;
class HealthWatch;
class Requests;

struct Options {
  std::string data_root;
  std::string program_dir;  // where the children's programs are
  std::string settings_file = {};  // empty: default_settings_file(); set once prepared
};

// REQUIRES: the main thread; stop() before destruction.
class Supervisor {
 public:
  // Checks the data root, takes its lock, reads the settings, opens the directory and the
  // listeners. Blocks. Errors are one line for the operator.
  static Result<std::unique_ptr<Supervisor>> prepare(asio::io_context& io, Options options);
  ~Supervisor();

  // Starts every child and returns when each has answered, or is known to be in trouble; then
  // writes run/ready and the line "ready" on standard output. kUnavailable: a role that every
  // server needs does not come up. Returns early when the end is asked for.
  Task<Result<>> start();
  // Front-end first, then transport, stores, auth. At most ten seconds.
  Task<void> stop();

  // Somebody asked for the end: a signal, or the CLI.
  void ask_to_stop();
  Task<void> wait_for_stop();

  // What the admin service works with.
  const Options& options() const { return options_; }
  const ServerSettings& settings() const { return settings_; }
  directory::DirectoryWriter& directory() { return *directory_; }
  const Ownership& ownership() const { return ownership_; }
  const FrontendListeners& listeners() const { return listeners_; }
  StoreWorkers& stores() { return stores_; }
  Jobs& jobs() { return jobs_; }
  Requests& requests() { return *requests_; }
  ChildProcess& auth() { return auth_; }
  ChildProcess& frontend() { return frontend_; }
  ChildProcess& transport() { return transport_; }
  ChildProcess& web() { return web_; }
  AcmeOrders& acme() { return *acme_; }
  ChildProcess& health() { return health_; }  // runs while somebody wants probes
  HealthWatch& health_watch() { return *health_watch_; }
  // Every child that there is, running or not.
  std::vector<ChildProcess*> children();
  std::int64_t started_s() const { return started_s_; }
  std::string run_dir() const { return options_.data_root + "/run"; }

  // Mounts with a new epoch and waits for the worker. kUnavailable: it does not come up; it stays
  // mounted, and the supervisor goes on trying; or a job other than `by` holds the database.
  Task<Result<>> mount(std::string name, std::uint64_t by = 0);
  Task<Result<>> dismount(std::string name);
  // Switches services; the front-end opens and closes their listeners while it runs, and ends the
  // sessions of what is closed. Nothing has changed when a listener cannot be opened. kInvalid: no
  // such service, or not offered.
  Task<Result<>> switch_services(std::vector<std::string> names, bool enabled);
  // Makes what is listened at what the settings and the directory want: after a change of either.
  // Nothing has changed when a listener cannot be opened.
  Task<Result<>> apply_listeners();
  // The front-end gets certificates and keys as their files are now; its CertificatesReply.
  // kUnavailable: it does not run.
  Task<Result<std::string>> reload_certificates(Duration timeout);
  // Changes to databases and services go one at a time: hold this while making one.
  class Turn;
  Task<Result<Turn>> take_turn();  // kCancelled

 private:
  struct Prepared;
  Supervisor(asio::io_context& io, Options options, Prepared prepared);

  child::Settings common_settings() const;
  ChildSpec role(child::Role role, std::string name, std::string_view program);
  void store_ready(const std::string& database);
  Task<void> kick_queue();
  Task<Result<>> mount_at_startup();
  bool is_on(std::string_view service) const;
  // hauspost-web runs while the service is on or its metrics are listened for.
  Task<void> follow_web();
  // Every listener that there may be, open or not.
  std::vector<ListenerSettings> wanted_listeners() const;
  // Closes what is off and has the front-end follow. One that does not answer is started again,
  // and then gets the whole list.
  Task<void> close_and_hand_over();
  Task<void> greet_frontend();
  Task<void> watch_certificates();
  Task<Result<>> hand_listeners();
  std::vector<child::NamedDescriptor> open_channel();
  Result<> write_ready_file() const;

  Executor executor_;
  Options options_;
  ServerSettings settings_;
  std::int64_t started_s_ = 0;
  Ownership ownership_;
  UniqueFd lock_;
  std::unique_ptr<directory::DirectoryWriter> directory_;
  FrontendListeners listeners_;
  TlsFiles tls_files_;
  UniqueFd listener_channel_;        // our end: see descriptor_channel.h
  UniqueFd listener_channel_child_;  // the present front-end's
  UniqueFd auth_calls_;
  UniqueFd transport_session_;
  UniqueFd web_session_;
  std::vector<UniqueFd> metrics_listeners_;
  ChildProcess auth_;
  ChildProcess transport_;
  ChildProcess frontend_;
  ChildProcess web_;
  ChildProcess health_;
  StoreWorkers stores_;
  Jobs jobs_;
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<HealthWatch> health_watch_;
  std::unique_ptr<AcmeOrders> acme_;
  TaskGroup tasks_;
  Condition told_;
  bool stop_asked_ = false;
  Condition turn_free_;
  bool turn_taken_ = false;
};

class Supervisor::Turn {
 public:
  Turn(Turn&& other) noexcept : supervisor_(std::exchange(other.supervisor_, nullptr)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (supervisor_ == nullptr) return;
    supervisor_->turn_taken_ = false;
    supervisor_->turn_free_.notify_all();
  }

 private:
  friend class Supervisor;
  explicit Turn(Supervisor* supervisor) : supervisor_(supervisor) {}
  Supervisor* supervisor_;
};

}  // namespace hauspost::supervisor
