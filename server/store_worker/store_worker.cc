#include "server/store_worker/store_worker.h"

#include "base/log.h"
#include "base/text.h"
#include "server/child/control.h"
#include "server/child/control.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/mime/message.h"
#include "transport/delivery/serve_delivery.h"

namespace hauspost::store_worker {

namespace {

constexpr Duration kSessionStartTime = std::chrono::seconds(10);

child::wire::StoreStatistics to_wire(const store::Database::Statistics& from) {
  child::wire::StoreStatistics to;
  to.set_log_bytes(from.log_bytes);
  to.set_live_body_bytes(from.live_body_bytes);
  to.set_dead_body_bytes(from.dead_body_bytes);
  to.set_index_bytes(from.index_bytes);
  to.set_mailboxes(from.mailboxes);
  to.set_messages(from.messages);
  to.set_last_lsn(from.last_lsn.value);
  to.set_checkpoint_lsn(from.checkpoint_lsn.value);
  to.set_commits(from.commits);
  to.set_records(from.records);
  return to;
}

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

}  // namespace

StoreWorker::StoreWorker(Executor executor, child::Settings settings,
                         std::unique_ptr<store::Database> database)
    : settings_(std::move(settings)),
      database_(std::move(database)),
      imap_{.database = *database_,
            .clock = system_clock(),
            .limits = {},
            .server_name = settings_.hostname},
      sessions_(executor, "session", kSessionsMax,
                [this](UnixSocket socket) { return serve_session(std::move(socket)); }),
      deliveries_(executor, "delivery", kDeliveryConnectionsMax,
                  [this](UnixSocket socket) { return serve_delivery(std::move(socket)); }),
      jobs_(executor, settings_, database_.get(), job_kinds()) {
  imap_.limits.message_bytes_max = settings_.message_bytes_max;
}

Result<std::unique_ptr<StoreWorker>> StoreWorker::open(Executor executor,
                                                       const child::Settings& settings) {
  store::OpenOptions options;
  options.path = settings.database_path;
  options.guid = settings.database_guid;
  options.create = settings.create_database;
  options.epoch = settings.epoch;
  options.summarize = mime::make_summary;
  auto database = store::Database::open(std::move(options));
  if (!database) return fail(std::move(database).error().within("database " + settings.database));
  return std::unique_ptr<StoreWorker>(new StoreWorker(executor, settings, std::move(*database)));
}

Result<> StoreWorker::listen(const child::NamedDescriptor& listener) {
  if (listener.name == "session") return sessions_.listen(listener.fd);
  if (listener.name == "delivery") return deliveries_.listen(listener.fd);
  return fail(ErrorCode::kNotFound, "no service is named " + listener.name);
}

Task<void> StoreWorker::stop() {
  deliveries_.close();
  co_await sessions_.stop();
  co_await deliveries_.stop();
  co_await jobs_.stop();
  database_->close();
}

std::optional<link::SessionRefused> StoreWorker::check(const link::SessionStart& start) const {
  using link::SessionRefused;
  if (start.protocol != link::Protocol::kImap)
    return SessionRefused{ErrorCode::kNotFound, "no such service here"};
  if (!start.mailbox || start.user.empty())
    return SessionRefused{ErrorCode::kDenied, "the session is not authenticated"};
  if (!iequals(start.database, settings_.database))
    return SessionRefused{ErrorCode::kNotFound, "another database is served here"};
  if (start.epoch != 0 && start.epoch != settings_.epoch)
    return SessionRefused{ErrorCode::kUnavailable, "the database has been mounted anew"};
  const auto sessions = user_sessions_.find(*start.mailbox);
  if (sessions != user_sessions_.end() && sessions->second >= kSessionsPerUserMax)
    return SessionRefused{ErrorCode::kExhausted, "the user has too many sessions"};
  return std::nullopt;
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
  const Place place(user_sessions_, *start->mailbox);
  if (!co_await link::accept(*frames)) co_return;
  frames->set_timeout(Duration::zero());
  co_await serve_accepted(std::move(frames), *start);
}

Task<void> StoreWorker::serve_accepted(std::unique_ptr<link::FrameSocket> frames,
                                       const link::SessionStart& start) {
  log::info("session.started", {{"session", start.session.to_string()},
                                {"protocol", "imap"},
                                {"user", start.user},
                                {"client", start.client_address}});
  link::LinkStream stream(std::move(frames));
  const SessionEnd end = co_await imap::serve(stream, start, imap_);
  if (end == SessionEnd::kInOrder) co_await stream.end_in_order();
  log::info("session.ended",
            {{"session", start.session.to_string()}, {"in_order", end == SessionEnd::kInOrder}});
}

Task<void> StoreWorker::serve_delivery(UnixSocket socket) {
  const auto served = co_await transport::serve_delivery(std::move(socket), *database_);
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
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kStoreStatistics:
      co_return to_wire(database_->statistics()).SerializeAsString();
    case child::ControlMethod::kStoreDeleteMailbox:
      co_return co_await delete_mailbox(std::move(body));
    case child::ControlMethod::kJobStart:
    case child::ControlMethod::kJobStatus:
    case child::ControlMethod::kJobCancel:
      co_return co_await jobs_.handle_control(method, std::move(body));
    default: co_return fail(ErrorCode::kInvalid, "unknown control method");
  }
}

}  // namespace hauspost::store_worker
