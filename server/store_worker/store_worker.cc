#include "server/store_worker/store_worker.h"

#include "base/log.h"
#include "base/text.h"
#include "server/child/control.h"
#include "server/child/control.pb.h"
#include "server/child/jobs.pb.h"
#include "server/directory/imap_settings.h"
#include "server/directory/pop3_settings.h"
#include "server/store_worker/accepting_stream.h"
#include "server/store_worker/job_kinds.h"
#include "server/store_worker/withdrawn_calls.h"
#include "server/store_worker/worker_metrics.h"
#include "server/store_worker/worker_statistics.h"
#include "store/backup/restore.h"
#include "store/mime/message.h"
#include "store/mime/search_text.h"
#include "transport/delivery/serve_delivery.h"

namespace hauspost::store_worker {

namespace {

constexpr Duration kCompactInterval = std::chrono::minutes(5);
constexpr Duration kSessionStartTime = std::chrono::seconds(10);

// One of a user's sessions, counted for as long as it lives.
class Place {
 public:
  Place(std::unordered_map<Guid, std::size_t>& counts, const Guid& user)
      : counts_(counts), user_(user) {
    ++counts_[user_];
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    const auto found = counts_.find(user_);
    if (--found->second == 0) counts_.erase(found);
  }

 private:
  std::unordered_map<Guid, std::size_t>& counts_;
  Guid user_;
};

// One session's place in the table of what each is at, for as long as it lives. The front-end gives
// the ids: a second session of one that is there already stands in no table.
class Seen {
 public:
  using Table = std::unordered_map<Guid, SessionActivity>;
  Seen(Table& table, const Guid& session) : table_(table), session_(session) {
    const auto [place, added] = table_.try_emplace(session_);
    if (added) shown_ = &place->second;
  }
  Seen(const Seen&) = delete;
  Seen& operator=(const Seen&) = delete;
  ~Seen() {
    if (shown_ != nullptr) table_.erase(session_);
  }
  // Stays where it is while others come and go.
  SessionActivity* activity() { return shown_ != nullptr ? shown_ : &unseen_; }

 private:
  Table& table_;
  Guid session_;
  SessionActivity* shown_ = nullptr;
  SessionActivity unseen_;
};

directory::MaintenanceSettings maintenance_of(const LimitsCache& cache) {
  const auto entry = cache.directory().database(cache.database());
  return entry && *entry ? (*entry)->maintenance : directory::MaintenanceSettings();
}

imap::MailboxRules rules_of(LimitsCache& cache, const Guid& mailbox) {
  const directory::EffectiveLimits limits = cache.of(mailbox);
  const auto entry = cache.directory().mailbox(mailbox);
  const auto imap =
      directory::imap_settings(cache.directory()).value_or(directory::ImapSettings());
  imap::Extensions without;
  if (entry && *entry) {
    for (const std::string& name : (*entry)->imap_without) {
      if (const auto extension = imap::extension_named(name)) without.add(*extension);
    }
  }
  return {.storage_bytes_max = limits.prohibit_receive_bytes,
          .message_bytes_max = limits.message_bytes_max,
          .gone = entry && !*entry,
          .without = without,
          .command_messages_max = imap.command_messages_max};
}

}  // namespace

StoreWorker::StoreWorker(Executor executor, child::Settings settings,
                         std::unique_ptr<directory::DirectoryReader> directory,
                         std::unique_ptr<LimitsCache> limits,
                         std::unique_ptr<store::Database> database)
    : settings_(std::move(settings)),
      directory_(std::move(directory)),
      limits_(std::move(limits)),
      database_(std::move(database)),
      people_(*directory_, settings_.database),
      imap_{.database = *database_,
            .clock = system_clock(),
            .limits = {},
            .server_name = settings_.hostname,
            .people = &people_,
            .withdrawals = &withdrawals_},
      sessions_(executor, "session", kSessionsMax,
                [this](UnixSocket socket) { return serve_session(std::move(socket)); }),
      deliveries_(executor, "delivery", kDeliveryConnectionsMax,
                  [this](UnixSocket socket) { return serve_delivery(std::move(socket)); }),
      jobs_(executor, settings_, database_.get(), job_kinds()),
      scan_(*database_, [this] { return maintenance_of(*limits_).scan_period_s; }),
      mailbox_calls_{.database = *database_,
                     .limits = *limits_,
                     .sessions = [this](const Guid& user) { return sessions_of(user); }},
      care_(executor, *database_, *limits_, system_clock(), settings_.hostname) {
  sessions_.only_from(child::callers(settings_.users, {child::Role::kFrontend}));
  deliveries_.only_from(child::callers(settings_.users, {child::Role::kTransport}));
  imap_.limits.message_bytes_max = settings_.message_bytes_max;
  imap_.rules = [this](const Guid& mailbox) { return rules_of(*limits_, mailbox); };
  scan_.start();
}

Result<std::unique_ptr<StoreWorker>> StoreWorker::open(Executor executor,
                                                       const child::Settings& settings) {
  store::OpenOptions options;
  options.path = settings.database_path;
  options.guid = settings.database_guid;
  options.create = settings.create_database;
  options.epoch = settings.epoch;
  options.summarize = mime::make_summary;
  auto reader = directory::DirectoryReader::open(settings.directory_path);
  if (!reader) return fail(std::move(reader).error().within("database " + settings.database));
  auto limits = std::make_unique<LimitsCache>(**reader, settings.database);
  const directory::MaintenanceSettings upkeep = maintenance_of(*limits);
  if (upkeep.compact_below_percent != 0) {
    options.compact_below_percent = upkeep.compact_below_percent;
    options.compact_interval = kCompactInterval;
  }
  options.keep_log = Seconds(upkeep.keep_log_s);
  options.limits = [&cache = *limits](const Guid& mailbox) { return cache.for_store(mailbox); };
  options.search_text = mime::extract_search_text;
  store::remove_scratch(options.path);  // of a worker that died while it read a backup
  auto database = store::Database::open(std::move(options));
  if (!database) return fail(std::move(database).error().within("database " + settings.database));
  return std::unique_ptr<StoreWorker>(new StoreWorker(executor, settings, std::move(*reader),
                                                      std::move(limits), std::move(*database)));
}

Result<> StoreWorker::listen(const child::NamedDescriptor& listener) {
  if (listener.name == "session") {
    TRY(sessions_.listen(listener.fd));
    care_.start();
    return {};
  }
  if (listener.name == "delivery") return deliveries_.listen(listener.fd);
  return fail(ErrorCode::kNotFound, "no service is named " + listener.name);
}

Task<void> StoreWorker::stop() {
  deliveries_.close();
  co_await sessions_.stop();
  co_await deliveries_.stop();
  co_await jobs_.stop();
  scan_.stop();
  co_await care_.stop();
  database_->close();
}

std::optional<link::SessionRefused> StoreWorker::check(const link::SessionStart& start) const {
  using link::SessionRefused;
  if (start.protocol != link::Protocol::kImap && start.protocol != link::Protocol::kPop3)
    return SessionRefused{ErrorCode::kNotFound, "no such service here"};
  if (!start.mailbox || start.user.empty())
    return SessionRefused{ErrorCode::kDenied, "the session is not authenticated"};
  if (!iequals(start.database, settings_.database))
    return SessionRefused{ErrorCode::kNotFound, "another database is served here"};
  if (start.epoch != 0 && start.epoch != settings_.epoch)
    return SessionRefused{ErrorCode::kUnavailable, "the database has been mounted anew"};
  const bool pop3 = start.protocol == link::Protocol::kPop3;
  const auto& counts = pop3 ? pop3_sessions_ : imap_sessions_;
  const auto sessions = counts.find(*start.mailbox);
  if (sessions != counts.end() && sessions->second >= limits_->of(*start.mailbox).sessions_max)
    return SessionRefused{ErrorCode::kExhausted, "the user has too many sessions"};
  return std::nullopt;
}

std::size_t StoreWorker::sessions_of(const Guid& user) const {
  std::size_t sessions = 0;
  for (const auto* counts : {&imap_sessions_, &pop3_sessions_}) {
    const auto found = counts->find(user);
    if (found != counts->end()) sessions += found->second;
  }
  return sessions;
}

Task<void> StoreWorker::serve_session(UnixSocket socket) {
  auto frames = std::make_unique<link::FrameSocket>(std::move(socket), link::kSessionPayloadMax);
  frames->set_timeout(kSessionStartTime);
  const auto start = co_await link::accept_session(*frames);
  if (!start) {
    log::warning("session.refused", {{"cause", start.error()}});
    co_return;
  }
  if (auto refusal = check(*start)) {
    log::warning(
        "session.refused",
        {{"session", start->session.to_string()}, {"user", start->user}, {"cause", refusal->text}});
    [[maybe_unused]] auto told = co_await link::refuse(*frames, std::move(*refusal));
    co_return;
  }
  const bool pop3 = start->protocol == link::Protocol::kPop3;
  const Place place(pop3 ? pop3_sessions_ : imap_sessions_, *start->mailbox);
  frames->set_timeout(Duration::zero());
  co_await serve_accepted(std::move(frames), *start);
}

Task<void> StoreWorker::serve_accepted(std::unique_ptr<link::FrameSocket> frames,
                                       const link::SessionStart& start) {
  const bool pop3 = start.protocol == link::Protocol::kPop3;
  log::info("session.started", {{"session", start.session.to_string()},
                                {"protocol", pop3 ? "pop3" : "imap"},
                                {"user", start.user},
                                {"client", start.client_address}});
  Seen seen(activities_, start.session);
  AcceptingStream stream(std::move(frames));
  SessionEnd end = SessionEnd::kBroken;
  if (pop3) {
    const pop3::Services services = pop3_services();
    end = co_await pop3::serve(stream, start, services, seen.activity());
  } else {
    end = co_await imap::serve(stream, start, imap_, seen.activity());
  }
  if (end == SessionEnd::kInOrder) co_await stream.end_in_order();
  log::info("session.ended",
            {{"session", start.session.to_string()}, {"in_order", end == SessionEnd::kInOrder}});
}

// As the administrator has set them by now.
pop3::Services StoreWorker::pop3_services() const {
  const auto settings =
      directory::pop3_settings(limits_->directory()).value_or(directory::Pop3Settings());
  pop3::Services services{.database = *database_, .limits = {}};
  if (settings.newest_first) services.order = pop3::SortOrder::kNewestFirst;
  services.limits.autologout = Seconds(settings.idle_s);
  services.limits.line_bytes_max = settings.line_bytes_max;
  return services;
}

Task<void> StoreWorker::serve_delivery(UnixSocket socket) {
  const auto served = co_await transport::serve_delivery(
      std::move(socket), *database_, [this](const Guid& mailbox) { care_.note_refused(mailbox); });
  if (!served && served.error().code != ErrorCode::kCancelled)
    log::warning("delivery.connection", {{"cause", served.error()}});
}

Task<Result<std::string>> StoreWorker::delete_mailbox(std::string body) {
  child::wire::DeleteMailboxRequest request;
  const auto parsed =
      request.ParseFromString(body) ? Guid::from_bytes(request.guid()) : std::nullopt;
  if (!parsed) co_return fail(ErrorCode::kInvalid, "the request does not parse");
  CO_TRY(co_await database_->delete_mailbox(store::Actor{}, *parsed));
  co_return std::string();
}

Task<Result<std::string>> StoreWorker::handle_control(std::uint16_t method, std::string body) {
  const auto call = static_cast<child::ControlMethod>(method);
  if (is_mailbox_call(call))
    co_return co_await answer_mailbox_call(mailbox_calls_, call, std::move(body));
  switch (call) {
    case child::ControlMethod::kStoreStatistics:
      co_return worker_statistics(*database_, scan_.state()).SerializeAsString();
    case child::ControlMethod::kSessionStates:
      co_return session_states(*database_, activities_, body);
    case child::ControlMethod::kWithdrawnList:
    case child::ControlMethod::kWithdrawnLift: {
      const auto now = std::chrono::floor<Seconds>(system_clock().now());
      co_return answer_withdrawn_call(withdrawals_, call, body, now.time_since_epoch().count());
    }
    case child::ControlMethod::kStoreDeleteMailbox:
      co_return co_await delete_mailbox(std::move(body));
    case child::ControlMethod::kJobStart:
    case child::ControlMethod::kJobStatus:
    case child::ControlMethod::kJobCancel:
      co_return co_await jobs_.handle_control(method, std::move(body));
    default: co_return fail(ErrorCode::kInvalid, "unknown control method");
  }
}

void StoreWorker::measure(metrics::Snapshot& out) const {
  measure_database(*database_, scan_.state(), out);
}

}  // namespace hauspost::store_worker
