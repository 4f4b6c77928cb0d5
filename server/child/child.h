// The contract between the supervisor and the processes it starts, from the child's side. A child
// is executed with its sockets open as descriptors 3, 4, ...; their names stand in HAUSPOST_FDS,
// separated by commas, and the first is always "control". The first on control are a u32 length and
// the protobuf ChildSettings (child.proto); after it control carries calls (base/link/rpc.h,
// methods in control.h): the child serves, the supervisor asks. When control ends the supervisor is
// gone and the child exits at once. Behind the named descriptors stands the data root's lock, kept
// open unused: it is free again when the last child has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/ids.h"
#include "base/result.h"
#include "server/child/users.h"

namespace hauspost::metrics {
class Snapshot;  // base/metrics.h
}

namespace hauspost::child {

struct Settings {
  Role role = Role::kStore;
  std::string data_root;
  std::string run_dir;         // Unix sockets: see the paths below
  std::string directory_path;  // LMDB environment of server/directory
  std::string hostname;        // shown in greetings and trace fields
  Users users;                 // who runs as whom
  bool confined = true;        // system calls and files are fenced in: confine.h
  std::vector<std::string> further_reads = {};  // files beside the role's own that it may read
  // Front-end
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;  // empty: clients are not asked for a certificate
  std::string bearer_error;    // told to clients whose token is refused; empty: no bearer tokens
  // Auth
  std::string auth_sources;  // auth::source_settings_from_wire(); empty: the defaults
  bool auth_helpers = false;  // it has programs of server/auth_helpers to start
  // Store
  std::string database;
  Guid database_guid;
  std::string database_path;
  std::uint64_t epoch = 0;
  bool create_database = false;  // its files may have to be made
  bool maintenance = false;      // the database stays closed: jobs on its files only
  // Limits
  std::uint64_t message_bytes_max = 50ULL << 20;
  std::string log_level = {};  // a word of base/log.h; empty: info
};

struct NamedDescriptor {
  std::string name;
  int fd = -1;
};

struct Context {
  Settings settings;
  int control_fd = -1;
  // Listening sockets. Store: "session", "delivery". Transport: "session". Auth: "calls". Web:
  // "session" and any number of "metrics". The
  // front-end's come and go while it runs: by "listeners", a descriptor_channel.h, and the call
  // kListeners.
  std::vector<NamedDescriptor> listeners;
};

// Reads HAUSPOST_FDS and ChildSettings, becomes the role's user, starts the log under the role's
// name, asks the kernel to end us with our parent, sets umask, no-new-privileges and no core files,
// and fences us in (confine.h). Blocks; call first in main(), before there is a second thread.
// kInvalid with one clear line when the program was started by hand.
Result<Context> receive_context();

// Paths of the sockets of roles, in run_dir.
std::string store_session_socket(const std::string& run_dir, std::string_view database);
std::string store_delivery_socket(const std::string& run_dir, std::string_view database);
std::string transport_session_socket(const std::string& run_dir);
std::string web_session_socket(const std::string& run_dir);
std::string auth_socket(const std::string& run_dir);

// Runs a child's life: serves calls on control (`handler` may be empty), runs until control ends,
// SIGTERM or stop call, then runs `stop` (bounded by ten seconds) and returns the exit status.
struct Life {
  std::function<Task<Result<std::string>>(std::uint16_t method, std::string body)> handler;
  std::function<Task<void>()> stop;
  // Adds what is measured when somebody asks to what is counted anyway (base/metrics.h); may be
  // empty.
  std::function<void(metrics::Snapshot&)> measure = {};
};
int run_until_told(asio::io_context& io, Context& context, Life life);
// What a child does that cannot start: logs `cause`, tells it to the supervisor's first call and
// returns the exit status. Takes two seconds at most.
int report_failure(asio::io_context& io, Context& context, const Error& cause);

}  // namespace hauspost::child
