// The calls of the supervisor about the queue.
#include <algorithm>

#include "base/text.h"
#include "server/child/control.h"
#include "server/child/queue.pb.h"
#include "server/directory/send_connectors.h"
#include "server/transport_worker/queue_service.h"

namespace hauspost::transport_worker {

namespace {

namespace wire = child::wire;
using transport::ItemAction;

constexpr std::uint32_t kQueuesMax = 1000;   // of one answer
constexpr std::uint32_t kMessagesMax = 500;  // the same
constexpr std::size_t kRecipientsShown = 10;
constexpr std::uint64_t kPieceBytes = 4ULL << 20;

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::floor<Seconds>(time.time_since_epoch()).count();
}

// A message on the wire holds UTF-8 alone; an old client's address need not.
std::string to_text(const std::string& bytes) {
  return is_valid_utf8(bytes) ? bytes : escape_for_log(bytes);
}

template <class Request>
Result<Request> parse(const std::string& body) {
  Request request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kInvalid, "the request does not parse");
  return request;
}

void describe(const transport::QueueSummary& from, wire::QueueSummary& to) {
  to.set_name(from.queue);
  to.set_state(std::string(to_string(from.state)));
  to.set_items(from.items);
  to.set_bytes(from.bytes);
  to.set_active(from.active);
  to.set_failures(from.failures);
  to.set_taken(from.taken);
  to.set_done(from.done);
  to.set_next_attempt_s(from.next_attempt ? unix_seconds(*from.next_attempt) : 0);
  to.set_last_error(to_text(from.last_error));
}

void describe(const transport::QueueItem& from, wire::QueueMessage& to) {
  to.set_id(from.id);
  to.set_queue(from.queue);
  to.set_state(std::string(to_string(from.state)));
  to.set_sender(to_text(from.sender));
  to.set_recipient_count(static_cast<std::uint32_t>(from.recipients.size()));
  for (const std::string& address : from.recipients) {
    if (static_cast<std::size_t>(to.recipients_size()) == kRecipientsShown) break;
    to.add_recipients()->set_address(to_text(address));
  }
  to.set_bytes(from.bytes);
  to.set_received_s(unix_seconds(from.received));
  to.set_expires_s(unix_seconds(from.expires));
  to.set_priority(from.priority);
  to.set_attempts(from.attempts);
  to.set_next_attempt_s(from.next_attempt ? unix_seconds(*from.next_attempt) : 0);
  to.set_last_error(to_text(from.last_error));
  to.set_message(from.message);
}

void describe_recipients(const transport::Envelope& envelope, wire::QueueMessage& to) {
  to.clear_recipients();
  for (const transport::Recipient& recipient : envelope.recipients) {
    wire::QueueRecipient* out = to.add_recipients();
    out->set_address(to_text(recipient.address));
    out->set_attempts(recipient.attempts);
    out->set_last_error(to_text(recipient.last_error));
    out->set_delay_reported(recipient.delay_reported);
  }
}

Result<transport::ItemWalk> walk_from(const wire::QueueWalk& from) {
  transport::ItemWalk walk;
  walk.id = from.id();
  walk.queue = from.queue();
  walk.cursor = from.cursor();
  walk.before = WallTime(Seconds(from.before_s()));
  walk.limit = std::clamp(from.limit(), 1U, kMessagesMax);
  TRY_ASSIGN(walk.filter, transport::ItemFilter::parse(from.filter()));
  return walk;
}

Result<ItemAction> action_from(wire::QueueAction action) {
  switch (action) {
    case wire::QUEUE_ACTION_SUSPEND: return ItemAction::kSuspend;
    case wire::QUEUE_ACTION_RESUME: return ItemAction::kResume;
    case wire::QUEUE_ACTION_RETRY: return ItemAction::kRetry;
    case wire::QUEUE_ACTION_REMOVE: return ItemAction::kRemove;
    case wire::QUEUE_ACTION_REDIRECT: return ItemAction::kRedirect;
    default: return fail(ErrorCode::kInvalid, "that cannot be done with a queued message");
  }
}

}  // namespace

Result<std::string> QueueService::list_queues(const std::string& body) const {
  TRY_ASSIGN(const auto request, parse<wire::QueueSummariesRequest>(body));
  wire::QueueSummariesReply reply;
  reply.set_pressure(std::string(to_string(pressure_.level())));
  reply.set_pressure_cause(pressure_.cause());
  if (!request.queue().empty()) {
    auto summary = services_.queue.summary(request.queue());
    // These two are always there, even before anything stood in them.
    const bool usual = request.queue() == transport::kUnreachableQueue ||
                       request.queue() == transport::kPoisonQueue;
    if (!summary && usual) summary = transport::QueueSummary{.queue = request.queue()};
    if (!summary) return fail(std::move(summary).error());
    describe(*summary, *reply.add_queues());
    return reply.SerializeAsString();
  }
  const std::uint32_t limit = std::clamp(request.limit(), 1U, kQueuesMax);
  const auto all = services_.queue.summaries(request.after(), limit);
  for (const transport::QueueSummary& summary : all) describe(summary, *reply.add_queues());
  if (all.size() == limit) reply.set_next(all.back().queue);
  return reply.SerializeAsString();
}

Task<Result<std::string>> QueueService::act(std::string body) {
  CO_TRY_ASSIGN(const auto request, parse<wire::QueueActRequest>(body));
  switch (request.action()) {
    case wire::QUEUE_ACTION_SUSPEND:
      CO_TRY(co_await services_.queue.suspend(request.queue()));
      break;
    case wire::QUEUE_ACTION_RESUME: CO_TRY(co_await services_.queue.resume(request.queue())); break;
    case wire::QUEUE_ACTION_RETRY: CO_TRY(services_.queue.retry(request.queue())); break;
    default: co_return fail(ErrorCode::kInvalid, "that cannot be done with a queue");
  }
  wire::QueueActReply reply;
  CO_TRY_ASSIGN(const auto summary, services_.queue.summary(request.queue()));
  describe(summary, *reply.mutable_queue());
  co_return reply.SerializeAsString();
}

Result<std::string> QueueService::list_messages(const std::string& body) const {
  TRY_ASSIGN(const auto request, parse<wire::QueueMessagesRequest>(body));
  TRY_ASSIGN(const auto walk, walk_from(request.walk()));
  TRY_ASSIGN(auto page, services_.queue.list(walk));
  wire::QueueMessagesReply reply;
  reply.set_next(std::move(page.next));
  for (const transport::QueueItem& item : page.items) {
    wire::QueueMessage* out = reply.add_messages();
    describe(item, *out);
    if (!request.whole()) continue;
    if (const auto envelope = services_.queue.envelope(item.id))
      describe_recipients(*envelope, *out);
  }
  return reply.SerializeAsString();
}

Result<transport::NextHop> QueueService::hop_for(const std::string& queue) const {
  if (queue.empty()) return transport::NextHop{};
  auto hop = transport::hop_of_queue(queue);
  if (!hop || hop->kind != transport::NextHop::Kind::kConnector) {
    return fail(ErrorCode::kInvalid,
                "mail can be redirected to a queue Remote/CONNECTOR/DOMAIN, or be routed again");
  }
  TRY_ASSIGN(const auto connectors, directory::send_connectors(reader_));
  const transport::SendConnector* connector = transport::find_connector(connectors, hop->name);
  if (connector == nullptr)
    return fail(ErrorCode::kNotFound, "no send connector is named " + hop->name);
  hop->name = connector->name;
  const bool smart = !connector->smart_hosts.empty();
  if (!smart && hop->domain.empty()) {
    return fail(ErrorCode::kInvalid, "the connector " + hop->name +
                                         " finds its hosts by domain: redirect to Remote/" +
                                         hop->name + "/DOMAIN");
  }
  // All domains share the queue of its smart hosts.
  if (smart) hop->domain.clear();
  return std::move(*hop);
}

Task<Result<std::string>> QueueService::work(std::string body) {
  CO_TRY_ASSIGN(const auto request, parse<wire::QueueWorkRequest>(body));
  CO_TRY_ASSIGN(auto walk, walk_from(request.walk()));
  transport::ItemWork work;
  CO_TRY_ASSIGN(work.action, action_from(request.action()));
  work.report = !request.silent();
  work.dry_run = request.dry_run();
  if (work.action == ItemAction::kRedirect) {
    CO_TRY_ASSIGN(work.to, hop_for(request.to()));
  }
  std::vector<std::string> busy;
  CO_TRY_ASSIGN(auto page, co_await services_.queue.work(std::move(walk), work, &busy));
  wire::QueueWorkReply reply;
  reply.set_next(std::move(page.next));
  for (const transport::QueueItem& item : page.items) describe(item, *reply.add_messages());
  for (std::string& id : busy) reply.add_busy(std::move(id));
  co_return reply.SerializeAsString();
}

Result<std::string> QueueService::export_message(const std::string& body) const {
  TRY_ASSIGN(const auto request, parse<wire::QueueExportRequest>(body));
  TRY_ASSIGN(const auto message, services_.queue.message(request.id()));
  wire::QueueExportReply reply;
  const std::string_view bytes = message.bytes;
  reply.set_bytes(bytes.size());
  if (request.offset() < bytes.size())
    reply.set_data(std::string(bytes.substr(request.offset(), kPieceBytes)));
  return reply.SerializeAsString();
}

Task<Result<std::string>> QueueService::resubmit(std::string body) {
  CO_TRY_ASSIGN(const auto request, parse<wire::QueueResubmitRequest>(body));
  transport::Resubmission what;
  what.from = WallTime(Seconds(request.from_s()));
  what.to = WallTime(Seconds(request.to_s()));
  what.database = request.database();
  what.cursor = request.cursor();
  what.dry_run = request.dry_run();
  CO_TRY_ASSIGN(what.filter, transport::ItemFilter::parse(request.filter()));
  CO_TRY_ASSIGN(auto done, co_await services_.queue.resubmit(std::move(what)));
  wire::QueueResubmitReply reply;
  reply.set_messages(done.items);
  reply.set_next(std::move(done.next));
  co_return reply.SerializeAsString();
}

Task<std::optional<Result<std::string>>> QueueService::handle_control(std::uint16_t method,
                                                                      std::string body) {
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kQueueKick: services_.queue.kick(); co_return std::string();
    case child::ControlMethod::kQueueSummaries: co_return list_queues(body);
    case child::ControlMethod::kQueueAct: co_return co_await act(std::move(body));
    case child::ControlMethod::kQueueMessages: co_return list_messages(body);
    case child::ControlMethod::kQueueWork: co_return co_await work(std::move(body));
    case child::ControlMethod::kQueueExport: co_return export_message(body);
    case child::ControlMethod::kQueueResubmit: co_return co_await resubmit(std::move(body));
    default: co_return std::nullopt;
  }
}

}  // namespace hauspost::transport_worker
