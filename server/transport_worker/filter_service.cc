#include "server/transport_worker/filter_service.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "base/beat.h"
#include "base/log.h"
#include "server/child/control.h"
#include "server/child/filter.pb.h"
#include "server/directory/filter_settings.h"
#include "transport/receive/hand_over.h"

namespace hauspost::transport_worker {

namespace {

namespace fs = std::filesystem;
namespace wire = child::wire;
using transport::FilterEngine;
using transport::QuarantineEntry;

constexpr Seconds kSavePeriod{60};
constexpr std::size_t kListMost = 1'000;
constexpr std::size_t kReadMost = 1 << 20;

// Replaces the file as a whole. Not flushed to the disk: what a crash loses of it costs a client a
// second try.
bool replace_file(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) return false;
  }
  return ::rename(fresh.c_str(), path.c_str()) == 0;
}

void write_tables(const std::string& folder, const std::vector<FilterEngine::Saved>& tables) {
  if (tables.empty()) return;
  // At a stop the thread beside may still be at it.
  static std::mutex writing;
  const std::scoped_lock lock(writing);
  std::error_code failed;
  fs::create_directories(folder, failed);
  fs::permissions(folder, fs::perms::owner_all, failed);
  for (const FilterEngine::Saved& table : tables) {
    if (!replace_file(folder + "/" + table.name, table.bytes))
      log::warning("filters.not_saved", {{"table", table.name}});
  }
}

void fill(const QuarantineEntry& entry, wire::QuarantineEntry& out) {
  out.set_id(entry.id);
  out.set_time_s(entry.time_s);
  out.set_source(entry.source);
  out.set_reason(entry.reason);
  out.set_subject(entry.subject);
  out.set_bytes(entry.bytes);
  out.set_sender(entry.envelope.sender);
  for (const transport::Recipient& recipient : entry.envelope.recipients)
    out.add_recipients(recipient.address);
  out.set_connector(entry.envelope.connector);
  out.set_client_address(entry.envelope.client_address);
}

template <class Message>
Result<Message> parse(const std::string& body) {
  Message message;
  if (message.ParseFromString(body)) return message;
  return fail(ErrorCode::kInvalid, "the request does not parse");
}

void record_decision(transport::Services& services, transport::TrackEvent what,
                     const QuarantineEntry& entry, std::string_view detail) {
  const transport::Envelope& envelope = entry.envelope;
  transport::TrackedEvent event{
      .event = what,
      .message = envelope.network.is_nil() ? envelope.delivery : envelope.network,
      .sender = envelope.sender,
      .source = "quarantine",
      .detail = detail,
      .bytes = entry.bytes};
  for (const transport::Recipient& recipient : envelope.recipients)
    event.recipients.push_back(recipient.address);
  services.tracker->record(event);
}

}  // namespace

FilterService::FilterService(Executor executor, transport::Services& services,
                             const directory::DirectoryReader& reader, const std::string& data_root)
    : services_(services),
      reader_(reader),
      folder_(data_root + "/filters"),
      engine_(executor, services, folder_),
      side_(executor) {
  load();
  apply_settings();
}

void FilterService::load() {
  for (const std::string_view name : FilterEngine::kSavedNames) {
    std::ifstream file(folder_ + "/" + std::string(name), std::ios::binary);
    if (!file) continue;
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    if (!engine_.load(name, bytes)) log::warning("filters.forgotten", {{"table", name}});
  }
}

void FilterService::save() { write_tables(folder_, engine_.save_changed()); }

void FilterService::start(TaskGroup& tasks) {
  tasks.spawn("filters.settings", follow_settings());
  tasks.spawn("filters.save", keep_saving());
}

void FilterService::apply_settings() {
  version_ = reader_.version().value_or(version_);
  auto settings = directory::filter_settings(reader_);
  if (!settings) {
    log::error("filters.unreadable", {{"cause", settings.error()}});
    return;
  }
  if (*settings != engine_.settings()) engine_.set_settings(std::move(*settings));
}

Task<void> FilterService::follow_settings() {
  while (co_await sleep_to_beat()) {
    if (reader_.version().value_or(version_) != version_) apply_settings();
  }
}

Task<void> FilterService::keep_saving() {
  while (co_await sleep_to_beat(kSavePeriod)) {
    // Shared: who waits may leave before the work has ended.
    const auto tables =
        std::make_shared<const std::vector<FilterEngine::Saved>>(engine_.save_changed());
    if (tables->empty()) continue;
    [[maybe_unused]] const auto saved = co_await side_.perform(
        [folder = folder_, tables](const std::atomic<bool>&) { write_tables(folder, *tables); });
  }
}

Task<std::optional<Result<std::string>>> FilterService::handle_control(std::uint16_t method,
                                                                       std::string body) {
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kFilterClients: co_return clients();
    case child::ControlMethod::kFilterLift: co_return lift(body);
    case child::ControlMethod::kQuarantineList: co_return co_await list(std::move(body));
    case child::ControlMethod::kQuarantineRead: co_return co_await read(std::move(body));
    case child::ControlMethod::kQuarantineRelease: co_return co_await release(std::move(body));
    case child::ControlMethod::kQuarantineRemove: co_return co_await remove(std::move(body));
    default: co_return std::nullopt;
  }
}

Result<std::string> FilterService::clients() {
  wire::FilterClientsReply reply;
  for (const transport::Reputation::Blocked& blocked :
       engine_.reputation().blocked(services_.clock.now())) {
    wire::FilterClient* client = reply.add_blocked();
    client->set_address(blocked.address);
    client->set_level(blocked.level);
    client->set_until_s(blocked.until_s);
  }
  reply.set_triplets(engine_.greylist().triplets());
  reply.set_networks(engine_.greylist().networks());
  return reply.SerializeAsString();
}

Result<std::string> FilterService::lift(const std::string& body) {
  TRY_ASSIGN(const auto request, parse<wire::FilterLiftRequest>(body));
  if (engine_.reputation().lift(request.address()))
    return wire::FilterLiftReply().SerializeAsString();
  return fail(ErrorCode::kNotFound,
              fmt::format("{} is not blocked for its reputation; see: hauspost filter client list",
                          escape_for_log(request.address())));
}

Task<Result<std::string>> FilterService::list(std::string body) {
  CO_TRY_ASSIGN(const auto request, parse<wire::QuarantineListRequest>(body));
  CO_TRY_ASSIGN(const auto entries, co_await engine_.quarantine().list());
  wire::QuarantineListReply reply;
  const std::size_t most = std::clamp<std::size_t>(request.limit(), 1, kListMost);
  auto from = std::ranges::find(entries, request.after(), &QuarantineEntry::id);
  from = from == entries.end() ? entries.begin() : from + 1;
  for (; from != entries.end(); ++from) {
    if (static_cast<std::size_t>(reply.entries_size()) == most) {
      reply.set_more(true);
      break;
    }
    fill(*from, *reply.add_entries());
  }
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> FilterService::read(std::string body) {
  CO_TRY_ASSIGN(const auto request, parse<wire::QuarantineReadRequest>(body));
  CO_TRY_ASSIGN(const auto kept, co_await engine_.quarantine().read(request.id()));
  wire::QuarantineReadReply reply;
  fill(kept.entry, *reply.mutable_entry());
  const std::size_t offset = std::min<std::size_t>(request.offset(), kept.message.size());
  reply.set_data(kept.message.substr(offset, std::min<std::size_t>(request.length(), kReadMost)));
  co_return reply.SerializeAsString();
}

// It is taken out only when it is safe elsewhere: a crash between the two releases it twice, under
// the same delivery id, which doubles nothing in a mailbox.
Task<Result<std::string>> FilterService::release(std::string body) {
  CO_TRY_ASSIGN(const auto request, parse<wire::QuarantineReleaseRequest>(body));
  CO_TRY_ASSIGN(auto kept, co_await engine_.quarantine().read(request.id()));
  record_decision(services_, transport::TrackEvent::kResubmit, kept.entry, "released");
  auto taken =
      co_await transport::submit_internal(services_, kept.entry.envelope, std::move(kept.message));
  if (!taken) {
    co_return fail(std::move(taken).error().within(
        fmt::format("message {} stays in quarantine", kept.entry.id)));
  }
  CO_TRY(co_await engine_.quarantine().remove(kept.entry.id));
  wire::QuarantineReleaseReply reply;
  fill(kept.entry, *reply.mutable_entry());
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> FilterService::remove(std::string body) {
  CO_TRY_ASSIGN(const auto request, parse<wire::QuarantineRemoveRequest>(body));
  CO_TRY_ASSIGN(const auto kept, co_await engine_.quarantine().read(request.id()));
  if (!request.dry_run()) {
    CO_TRY(co_await engine_.quarantine().remove(kept.entry.id));
    record_decision(services_, transport::TrackEvent::kDrop, kept.entry, "removed");
  }
  wire::QuarantineRemoveReply reply;
  fill(kept.entry, *reply.mutable_entry());
  co_return reply.SerializeAsString();
}

}  // namespace hauspost::transport_worker
