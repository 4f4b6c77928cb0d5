#include "server/supervisor/supervisor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "server/child/control.h"
#include "server/child/descriptor_channel.h"
#include "server/child/frontend.pb.h"
#include "server/child/transport_secrets.h"
#include "server/directory/client_settings.h"
#include "server/supervisor/acme_orders.h"
#include "server/supervisor/data_lock.h"
#include "server/supervisor/health_watch.h"
#include "server/supervisor/receive_listeners.h"
#include "server/supervisor/requests.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kMountTime = std::chrono::seconds(60);
constexpr Duration kStartTime = std::chrono::minutes(10);
constexpr Duration kKickTime = std::chrono::seconds(5);
constexpr Duration kCertificateInterval = std::chrono::seconds(30);
constexpr Duration kListenersTime = std::chrono::seconds(5);
constexpr Duration kRestartPatience = std::chrono::seconds(5);
constexpr Duration kDismountPatience = std::chrono::seconds(10);
// The whole stop stays below ten seconds also when every role has to be killed.
constexpr Duration kStopPatience = std::chrono::milliseconds(2300);
constexpr Duration kWebStopPatience = std::chrono::milliseconds(500);  // it keeps nothing
constexpr Duration kHealthStopPatience = std::chrono::milliseconds(300);

std::vector<ListenerSettings> settings_of(const FrontendListeners& listeners) {
  std::vector<ListenerSettings> settings;
  for (const FrontendListeners::Listener& one : listeners.all()) settings.push_back(one.settings);
  return settings;
}

Result<> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(errno_error("making folder " + path));
}

// Made once; it must not change, or reports on mail that was forwarded would find nobody.
Result<> ensure_srs_secret(const std::string& data_root) {
  const auto there = child::read_transport_secret(data_root, child::kSrsSecretName);
  if (there || there.error().code != ErrorCode::kNotFound)
    return there ? Result<>{} : fail(there.error());
  constexpr std::size_t kLetters = 40;
  return child::write_transport_secret(data_root, child::kSrsSecretName,
                                       Secret(random_password(kLetters) + "\n"));
}

// Programs of server/auth_helpers, which live behind the fence of auth.
bool starts_helpers(const auth::SourceSettings& sources) {
  return sources.uses(auth::Source::kLdap) || sources.uses(auth::Source::kPam) ||
         (sources.bearer.enabled() && sources.bearer.jwks_file.empty());
}

// Files that hauspost.toml names and auth or a helper of it opens. We can read them; that it cannot
// would show only when somebody logs in.
void tell_unreadable(const Ownership& ownership, const auth::SourceSettings& sources) {
  if (!ownership.users().auth_groups.empty()) return;  // by one of those it may well
  for (const std::string* file : {&sources.ldap.ca_file, &sources.ldap.search_password_file,
                                  &sources.bearer.jwks_file, &sources.bearer.jwks_ca_file}) {
    if (file->empty()) continue;
    const auto lent = ownership.lend(*file, child::Role::kAuth, Ownership::Need::kRead);
    if (!lent) log::error("auth.unreadable", {{"cause", lent.error()}});
  }
}

// What other roles have to know of hauspost.toml.
Result<> note_bindings(directory::DirectoryWriter& writer, const ServerSettings& settings) {
  std::vector<directory::ClientBinding> bindings;
  for (const ListenerSettings& one : settings.listeners) {
    if (one.service != "smtp" && one.service != "http")
      bindings.push_back({one.service, one.port});
  }
  return directory::note_client_bindings(writer, bindings);
}

}  // namespace

struct Supervisor::Prepared {
  ServerSettings settings;
  Ownership ownership{{}, {}};
  UniqueFd lock;
  std::unique_ptr<directory::DirectoryWriter> directory;
  UniqueFd auth_calls;
  UniqueFd transport_session;
  UniqueFd web_session;
  std::vector<UniqueFd> metrics_listeners;
};

Result<std::unique_ptr<Supervisor>> Supervisor::prepare(asio::io_context& io, Options options) {
  TRY(check_data_root(options.data_root));
  const std::string run_dir = options.data_root + "/run";
  Prepared prepared;
  if (options.settings_file.empty())
    options.settings_file = default_settings_file(options.data_root);
  TRY_ASSIGN(prepared.settings, load_settings(options.data_root, options.settings_file));
  TRY_ASSIGN(prepared.lock, lock_data_root(options.data_root));
  TRY(make_folder(run_dir));
  if (::chmod(run_dir.c_str(), 0700) != 0) return fail(errno_error(run_dir));
  ::unlink((run_dir + "/ready").c_str());
  TRY_ASSIGN(auto users, find_users(prepared.settings.users));
  prepared.ownership = Ownership(std::move(users), options.data_root);
  const std::optional<gid_t> group = prepared.ownership.group();
  TRY(ensure_srs_secret(options.data_root));
  TRY(prepared.ownership.give_data_root());
  TRY_ASSIGN(prepared.directory,
             directory::DirectoryWriter::open(options.data_root + "/directory.mdb"));
  TRY(prepared.ownership.share_directory());
  tell_unreadable(prepared.ownership, prepared.settings.sources);
  TRY_ASSIGN(prepared.auth_calls, listen_unix(child::auth_socket(run_dir), group));
  TRY_ASSIGN(prepared.transport_session, listen_unix(child::transport_session_socket(run_dir), group));
  TRY_ASSIGN(prepared.web_session, listen_unix(child::web_session_socket(run_dir), group));
  for (const ListenerSettings& one : prepared.settings.metrics) {
    TRY_ASSIGN(UniqueFd listener, listen_tcp(one, AbsentAddress::kAwaited));
    prepared.metrics_listeners.push_back(std::move(listener));
  }
  std::unique_ptr<Supervisor> supervisor(
      new Supervisor(io, std::move(options), std::move(prepared)));
  Supervisor& self = *supervisor;
  TRY(ensure_receive_connectors(*self.directory_, self.settings_));
  TRY(self.requests_->load());
  TRY(note_bindings(*self.directory_, self.settings_));
  self.listeners_.change(self.wanted_listeners());
  TRY(self.listeners_.open([&self](std::string_view service) { return self.is_on(service); },
                           AbsentAddress::kAwaited));
  return supervisor;
}

Supervisor::Supervisor(asio::io_context& io, Options options, Prepared prepared)
    : executor_(io.get_executor()),
      options_(std::move(options)),
      settings_(std::move(prepared.settings)),
      started_s_(
          std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count()),
      ownership_(std::move(prepared.ownership)),
      lock_(std::move(prepared.lock)),
      directory_(std::move(prepared.directory)),
      listeners_(settings_.listeners),
      tls_files_(settings_, directory_->reader()),
      auth_calls_(std::move(prepared.auth_calls)),
      transport_session_(std::move(prepared.transport_session)),
      web_session_(std::move(prepared.web_session)),
      metrics_listeners_(std::move(prepared.metrics_listeners)),
      auth_(executor_, role(child::Role::kAuth, "auth", "hauspost-auth")),
      transport_(executor_, role(child::Role::kTransport, "transport", "hauspost-transport")),
      frontend_(executor_, role(child::Role::kFrontend, "frontend", "hauspost-frontend")),
      web_(executor_, role(child::Role::kWeb, "web", "hauspost-web")),
      health_(executor_, role(child::Role::kHealth, "health", "hauspost-health")),
      stores_(
          executor_,
          WorkerPlan{.program = options_.program_dir + "/hauspost-store",
                     .common = common_settings(),
                     .inherited = {lock_.get()},
                     .restart = {.quarantine_deaths = settings_.quarantine_deaths},
                     .on_ready = [this](const std::string& database) { store_ready(database); }}),
      jobs_(executor_, *directory_, stores_),
      requests_(std::make_unique<Requests>(executor_, options_.data_root + "/requests", *directory_,
                                           stores_, jobs_)),
      health_watch_(std::make_unique<HealthWatch>(*this, executor_)),
      acme_(std::make_unique<AcmeOrders>(
          executor_, *this, role(child::Role::kAcme, "acme", "hauspost-acme"))),
      tasks_(executor_),
      told_(executor_),
      turn_free_(executor_) {}

Supervisor::~Supervisor() = default;

child::Settings Supervisor::common_settings() const {
  child::Settings settings;
  settings.data_root = options_.data_root;
  settings.run_dir = run_dir();
  settings.directory_path = options_.data_root + "/directory.mdb";
  settings.hostname = settings_.hostname;
  settings.message_bytes_max = settings_.message_bytes_max;
  settings.log_level = settings_.log.level;
  settings.users = ownership_.users();
  settings.confined = settings_.confinement;
  return settings;
}

ChildSpec Supervisor::role(child::Role role, std::string name, std::string_view program) {
  ChildSpec spec;
  spec.name = std::move(name);
  spec.program = options_.program_dir + "/" + std::string(program);
  spec.inherited = {lock_.get()};
  spec.settings = [this, role] {
    child::Settings settings = common_settings();
    settings.role = role;
    if (role == child::Role::kFrontend) {
      settings.certificate_file = settings_.certificate_file;
      settings.key_file = settings_.key_file;
      settings.client_ca_file = settings_.client_ca_file;
      if (settings_.sources.bearer.enabled())
        settings.bearer_error = auth::bearer_error_json(settings_.sources.bearer);
    }
    if (role == child::Role::kAuth) {
      settings.auth_sources = auth::source_settings_to_wire(settings_.sources);
      settings.auth_helpers = starts_helpers(settings_.sources);
      if (!settings_.sources.bearer.jwks_file.empty())
        settings.further_reads.push_back(settings_.sources.bearer.jwks_file);
    }
    if (role == child::Role::kAcme) {
      settings.auth_helpers = true;  // hauspost-acme-fetch
      settings.further_reads = acme_->authority_files();
    }
    return settings;
  };
  spec.listeners = [this, role]() -> std::vector<child::NamedDescriptor> {
    switch (role) {
      case child::Role::kAuth: return {{"calls", auth_calls_.get()}};
      case child::Role::kTransport: return {{"session", transport_session_.get()}};
      case child::Role::kFrontend: return open_channel();
      case child::Role::kWeb: {
        std::vector<child::NamedDescriptor> sockets{{"session", web_session_.get()}};
        for (const UniqueFd& one : metrics_listeners_) sockets.push_back({"metrics", one.get()});
        return sockets;
      }
      default: break;
    }
    return {};
  };
  if (role == child::Role::kFrontend)
    spec.on_ready = [this] { tasks_.spawn("frontend.listeners", greet_frontend()); };
  if (role == child::Role::kWeb)
    spec.on_ready = [this] { tasks_.spawn("web.proofs", acme_->place_again()); };
  return spec;
}

Task<Result<>> Supervisor::start() {
  auth_.start();
  CO_TRY(co_await mount_at_startup());
  transport_.start();
  co_await follow_web();
  frontend_.start();
  tasks_.spawn("frontend.watch", watch_certificates());
  for (ChildProcess* child : {&auth_, &transport_, &frontend_}) {
    if (co_await child->wait_running(kStartTime)) continue;
    if (stop_asked_) co_return Result<>{};
    co_return fail(ErrorCode::kUnavailable,
                   fmt::format("{} does not start ({}); its last log lines say why", child->name(),
                               child->facts().last_death));
  }
  for (ChildProcess* store : stores_.all()) {
    if (stop_asked_) break;
    if (co_await store->wait_running(kStartTime)) continue;
    log::warning("database.not_ready", {{"child", store->name()}});
  }
  if (stop_asked_) co_return Result<>{};
  CO_TRY(write_ready_file());
  health_watch_->start();
  requests_->start();
  acme_->start();
  std::puts("ready");
  std::fflush(stdout);
  co_return Result<>{};
}

Task<Result<>> Supervisor::mount_at_startup() {
  CO_TRY_ASSIGN(const auto databases, directory_->reader().databases());
  for (const directory::DatabaseEntry& database : databases) {
    if (!database.mounted) continue;
    if (!database.mount_at_startup) {
      CO_TRY(directory_->dismount_database(database.name));
      continue;
    }
    CO_TRY_ASSIGN(const auto entry, directory_->mount_database(database.name));
    auto mounted = ownership_.give_tree(entry.path, child::Role::kStore);
    if (mounted) mounted = stores_.mount(entry);
    if (!mounted)
      log::error("database.mount", {{"database", entry.name}, {"cause", mounted.error()}});
  }
  co_return Result<>{};
}

Result<> Supervisor::write_ready_file() const {
  const std::string path = run_dir() + "/ready";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::string text = fmt::format("{}\n", ::getpid());
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error(path));
  return {};
}

Task<void> Supervisor::stop() {
  ::unlink((run_dir() + "/ready").c_str());
  co_await health_watch_->stop();
  co_await acme_->stop();
  co_await health_.stop(kHealthStopPatience);
  co_await frontend_.stop(kStopPatience);
  co_await web_.stop(kWebStopPatience);
  co_await transport_.stop(kStopPatience);
  co_await requests_->stop();
  co_await jobs_.stop();
  co_await stores_.stop_all(kStopPatience);
  co_await auth_.stop(kStopPatience);
  tasks_.stop();
  co_await tasks_.join();
}

std::vector<ChildProcess*> Supervisor::children() {
  std::vector<ChildProcess*> children = {&auth_, &frontend_, &transport_, &web_, &health_};
  std::ranges::copy(stores_.all(), std::back_inserter(children));
  return children;
}

void Supervisor::ask_to_stop() {
  stop_asked_ = true;
  told_.notify_all();
}

Task<void> Supervisor::wait_for_stop() {
  while (!stop_asked_) {
    [[maybe_unused]] auto woken = co_await told_.wait();
  }
}

Task<Result<Supervisor::Turn>> Supervisor::take_turn() {
  while (turn_taken_) CO_TRY(co_await turn_free_.wait());
  turn_taken_ = true;
  co_return Turn(this);
}

Task<Result<>> Supervisor::mount(std::string name, std::uint64_t by) {
  CO_TRY(jobs_.check_free(name, by));
  ChildProcess* running = stores_.find(name);
  if (running != nullptr && running->facts().state != ChildProcess::State::kQuarantined) {
    co_return fail(ErrorCode::kExists, fmt::format("database {} is mounted already", name));
  }
  CO_TRY_ASSIGN(const auto known, directory_->reader().database(name));
  if (known && known->recovery) {
    co_return fail(ErrorCode::kDenied,
                   fmt::format("database {} is a recovery database and never mounted; bring mail "
                               "out of it with: hauspost mailbox restore",
                               known->name));
  }
  CO_TRY_ASSIGN(const auto entry, directory_->mount_database(name));
  CO_TRY(ownership_.give_tree(entry.path, child::Role::kStore));
  CO_TRY(stores_.mount(entry));
  ChildProcess* worker = stores_.find(name);
  if (co_await worker->wait_running(kMountTime)) co_return Result<>{};
  co_return fail(ErrorCode::kUnavailable,
                 fmt::format("database {} does not answer yet: {}; it is tried again, see: hauspost "
                             "database show {}",
                             entry.name,
                             worker->facts().last_death.empty() ? "still recovering"
                                                                : worker->facts().last_death,
                             entry.name));
}

Task<Result<>> Supervisor::dismount(std::string name) {
  CO_TRY(jobs_.check_free(name));
  CO_TRY_ASSIGN(const auto found, directory_->reader().database(name));
  if (found && !found->mounted && stores_.find(name) == nullptr) {
    co_return fail(ErrorCode::kExists,
                   fmt::format("database {} is dismounted already", found->name));
  }
  CO_TRY(directory_->dismount_database(name));
  co_await stores_.dismount(name, kDismountPatience);
  co_return Result<>{};
}

bool Supervisor::is_on(std::string_view service) const {
  return directory_->reader().service_enabled(service).value_or(false);
}

Task<void> Supervisor::follow_web() {
  if (is_on("web") || !metrics_listeners_.empty()) {
    web_.start();
  } else {
    co_await web_.stop(kWebStopPatience);
  }
}

std::vector<ListenerSettings> Supervisor::wanted_listeners() const {
  const auto connectors = directory::receive_connectors(directory_->reader());
  if (!connectors || !*connectors) return settings_.listeners;
  return with_connectors(settings_.listeners, **connectors);
}

Task<Result<>> Supervisor::switch_services(std::vector<std::string> names, bool enabled) {
  const auto as_wanted = [&](std::string_view service) {
    return std::ranges::find(names, service) != names.end() ? enabled : is_on(service);
  };
  CO_TRY(listeners_.open(as_wanted));
  const auto written = directory_->set_services(names, enabled);
  co_await follow_web();
  co_await close_and_hand_over();  // after a failure: what was opened for nothing
  co_return written;
}

Task<Result<>> Supervisor::apply_listeners() {
  const auto as_set = [this](std::string_view service) { return is_on(service); };
  auto before = settings_of(listeners_);
  listeners_.change(wanted_listeners());
  auto opened = listeners_.open(as_set);
  if (!opened && opened.error().code == ErrorCode::kExists) {
    // What is in the way may be ours and about to close: 0.0.0.0 gives way to 127.0.0.1.
    co_await close_and_hand_over();
    opened = listeners_.open(as_set);
  }
  if (!opened) {
    listeners_.change(std::move(before));
    const auto restored = listeners_.open(as_set);
    if (!restored) log::error("listener.restore", {{"cause", restored.error()}});
  }
  co_await close_and_hand_over();
  if (!opened) co_return fail(opened.error());
  co_return Result<>{};
}

Task<void> Supervisor::close_and_hand_over() {
  listeners_.close([this](std::string_view service) { return is_on(service); });
  const auto asked = frontend_.control();
  const auto followed = co_await hand_listeners();
  if (!followed && asked && frontend_.control() == asked) frontend_.restart(kRestartPatience);
}

// Asked at each start of the front-end.
std::vector<child::NamedDescriptor> Supervisor::open_channel() {
  listeners_.forget_given();
  const auto ends = child::make_descriptor_channel();
  if (!ends) {
    log::error("frontend.channel", {{"cause", ends.error()}});
    return {};
  }
  listener_channel_ = UniqueFd(ends->first);
  listener_channel_child_ = UniqueFd(ends->second);
  return {{"listeners", listener_channel_child_.get()}};
}

Task<Result<std::string>> Supervisor::reload_certificates(Duration timeout) {
  const auto control = frontend_.control();
  if (!control)
    co_return fail(ErrorCode::kUnavailable, "the front-end does not run; see: hauspost status");
  std::string files = tls_files_.read();
  auto answer =
      co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kCertificateReload),
                             files, timeout);
  ::explicit_bzero(files.data(), files.size());
  co_return answer;
}

// A renewed certificate is taken without anybody's word.
Task<void> Supervisor::watch_certificates() {
  while (co_await sleep_for(kCertificateInterval)) {
    if (!tls_files_.changed()) continue;
    const auto given = co_await reload_certificates(kListenersTime);
    if (!given) log::warning("frontend.certificates", {{"cause", given.error()}});
  }
}

Task<void> Supervisor::greet_frontend() {
  // Before the first client comes.
  const auto given = co_await reload_certificates(kListenersTime);
  if (!given) log::error("frontend.certificates", {{"cause", given.error()}});
  [[maybe_unused]] const auto followed = co_await hand_listeners();  // logged
  co_await acme_->place_again();
}

Task<Result<>> Supervisor::hand_listeners() {
  const auto control = frontend_.control();
  if (!control) co_return Result<>{};  // it gets the list when it is ready
  child::wire::ListenersRequest request;
  for (const FrontendListeners::Listener& one : listeners_.all()) {
    if (!one.fd) continue;
    child::wire::FrontendListener* out = request.add_listeners();
    out->set_name(one.name);
    out->set_service(one.settings.service);
    out->set_connector(one.settings.connector);
  }
  const auto sent = child::send_descriptors(listener_channel_.get(), listeners_.give());
  const std::string body = request.SerializeAsString();
  const auto taken =
      co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kListeners), body,
                             kListenersTime);
  if (sent && taken) co_return Result<>{};
  const Error& cause = sent ? taken.error() : sent.error();
  log::error("frontend.listeners", {{"cause", cause}});
  co_return fail(cause);
}

void Supervisor::store_ready(const std::string& database) {
  const auto noted = directory_->note_initialised(database);
  if (!noted) log::error("directory.write", {{"cause", noted.error()}});
  tasks_.spawn("queue.kick", kick_queue());
}

Task<void> Supervisor::kick_queue() {
  const auto control = transport_.control();
  if (!control) co_return;  // it looks at its whole queue when it starts
  [[maybe_unused]] auto kicked = co_await control->call(
      static_cast<std::uint16_t>(child::ControlMethod::kQueueKick), std::string_view(), kKickTime);
}

}  // namespace hauspost::supervisor
