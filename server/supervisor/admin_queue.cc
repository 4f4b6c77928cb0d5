// queue and safetynet: what transport keeps, and the settings of its queue.
#include <algorithm>

#include "server/child/queue.pb.h"
#include "server/directory/queue_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/ask_transport.h"

namespace hauspost::supervisor {

namespace {

// A page of messages that are removed, each with a report that must be on disk.
constexpr Duration kQueueTime = std::chrono::seconds(100);

template <class Reply, class Request>
Task<Result<Reply>> ask_queue(Supervisor& supervisor, child::ControlMethod method,
                              const Request& request) {
  return ask_transport<Reply>(supervisor, {method, kQueueTime, "the queue cannot be read"},
                              request.SerializeAsString());
}

std::string unit_word(directory::QueueUnit unit) {
  switch (unit) {
    case directory::QueueUnit::kCount: return "count";
    case directory::QueueUnit::kSeconds: return "seconds";
    case directory::QueueUnit::kMebibytes: return "MiB";
    case directory::QueueUnit::kPercent: return "percent";
  }
  return {};
}

admin::QueueSetReply settings_reply(const directory::QueueSettings& settings) {
  admin::QueueSetReply reply;
  for (const directory::QueueSetting& setting : directory::list(settings)) {
    admin::QueueSetting* out = reply.add_settings();
    out->set_name(std::string(setting.name));
    out->set_unit(unit_word(setting.unit));
    out->set_value(setting.value);
    out->set_usual(setting.usual);
    out->set_least(setting.least);
    out->set_most(setting.most);
    out->set_words(std::string(setting.words));
  }
  return reply;
}

}  // namespace

Task<Result<admin::QueueListReply>> AdminService::queue_list(admin::QueueListRequest request) {
  admin::QueueListReply reply;
  CO_TRY_ASSIGN(*reply.mutable_found(),
                co_await ask_queue<child::wire::QueueSummariesReply>(
                    supervisor_, child::ControlMethod::kQueueSummaries, request.query()));
  co_return reply;
}

Task<Result<admin::QueueActReply>> AdminService::queue_act(admin::QueueActRequest request) {
  CO_TRY_ASSIGN(auto answer, co_await ask_queue<child::wire::QueueActReply>(
                                 supervisor_, child::ControlMethod::kQueueAct, request.work()));
  admin::QueueActReply reply;
  *reply.mutable_queue() = std::move(*answer.mutable_queue());
  co_return reply;
}

Task<Result<admin::QueueMessageListReply>> AdminService::queue_message_list(
    admin::QueueMessageListRequest request) {
  admin::QueueMessageListReply reply;
  CO_TRY_ASSIGN(*reply.mutable_found(),
                co_await ask_queue<child::wire::QueueMessagesReply>(
                    supervisor_, child::ControlMethod::kQueueMessages, request.query()));
  co_return reply;
}

Task<Result<admin::QueueMessageWorkReply>> AdminService::queue_message_work(
    admin::QueueMessageWorkRequest request) {
  request.mutable_work()->set_dry_run(request.dry_run());
  admin::QueueMessageWorkReply reply;
  CO_TRY_ASSIGN(*reply.mutable_done(),
                co_await ask_queue<child::wire::QueueWorkReply>(
                    supervisor_, child::ControlMethod::kQueueWork, request.work()));
  co_return reply;
}

Task<Result<admin::QueueMessageExportReply>> AdminService::queue_message_export(
    admin::QueueMessageExportRequest request) {
  admin::QueueMessageExportReply reply;
  CO_TRY_ASSIGN(*reply.mutable_piece(),
                co_await ask_queue<child::wire::QueueExportReply>(
                    supervisor_, child::ControlMethod::kQueueExport, request.query()));
  co_return reply;
}

Task<Result<admin::SafetyNetResubmitReply>> AdminService::safety_net_resubmit(
    admin::SafetyNetResubmitRequest request) {
  request.mutable_work()->set_dry_run(request.dry_run());
  admin::SafetyNetResubmitReply reply;
  CO_TRY_ASSIGN(*reply.mutable_done(),
                co_await ask_queue<child::wire::QueueResubmitReply>(
                    supervisor_, child::ControlMethod::kQueueResubmit, request.work()));
  co_return reply;
}

Task<Result<admin::QueueSetReply>> AdminService::queue_set(admin::QueueSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  directory::QueueSettings settings = directory::queue_settings(supervisor_.directory().reader());
  const auto known = directory::list(settings);
  for (const admin::QueueChange& change : request.changes()) {
    const auto found = std::ranges::find(known, change.name(), &directory::QueueSetting::name);
    const std::uint64_t usual = found == known.end() ? 0 : found->usual;
    CO_TRY(directory::change(settings, change.name(), change.has_value() ? change.value() : usual));
  }
  if (request.changes().empty()) co_return settings_reply(settings);
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_queue_settings(supervisor_.directory(), settings));
  co_return settings_reply(settings);
}

}  // namespace hauspost::supervisor
