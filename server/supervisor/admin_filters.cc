// filter, milter and quarantine.
#include "server/child/filter.pb.h"
#include "server/directory/filter_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/ask_transport.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kFilterTime = std::chrono::seconds(60);
constexpr std::string_view kCapsKind = "caps";

directory::FilterWords words_from(const admin::FilterEntry& entry) {
  return {entry.kind(), entry.name(), {entry.values().begin(), entry.values().end()}};
}

// Mailboxes are said by their address, as long as they exist.
void fill(directory::FilterWords words, const directory::DirectoryReader& reader,
          admin::FilterEntry& out) {
  if (words.kind == kCapsKind && !words.name.empty()) {
    const auto id = Guid::parse(words.name);
    const auto mailbox =
        id ? reader.mailbox(*id) : Result<std::optional<directory::MailboxEntry>>();
    if (mailbox && *mailbox) words.name = (*mailbox)->address;
  }
  out.set_kind(std::move(words.kind));
  out.set_name(std::move(words.name));
  for (auto& [key, value] : words.values) (*out.mutable_values())[key] = std::move(value);
}

}  // namespace

Result<admin::FilterEntry> AdminService::with_mailbox_id(admin::FilterEntry entry) const {
  if (entry.kind() != kCapsKind || entry.name().empty() || Guid::parse(entry.name())) return entry;
  TRY_ASSIGN(const auto mailbox, find_mailbox(entry.name()));
  entry.set_name(mailbox.guid.to_string());
  return entry;
}

Task<Result<admin::FilterListReply>> AdminService::filter_list(admin::FilterListRequest request) {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  CO_TRY_ASSIGN(const auto settings, directory::filter_settings(reader));
  admin::FilterListReply reply;
  for (auto& words : directory::filter_words(settings, request.kind()))
    fill(std::move(words), reader, *reply.add_entries());
  co_return reply;
}

Task<Result<admin::FilterAddReply>> AdminService::filter_add(admin::FilterAddRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  directory::DirectoryWriter& writer = supervisor_.directory();
  CO_TRY_ASSIGN(auto settings, directory::filter_settings(writer.reader()));
  CO_TRY_ASSIGN(auto words, directory::add_filter(settings, words_from(request.entry())));
  if (!request.dry_run()) CO_TRY(directory::set_filter_settings(writer, settings));
  admin::FilterAddReply reply;
  fill(std::move(words), writer.reader(), *reply.mutable_entry());
  co_return reply;
}

Task<Result<admin::FilterSetReply>> AdminService::filter_set(admin::FilterSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  directory::DirectoryWriter& writer = supervisor_.directory();
  CO_TRY_ASSIGN(auto settings, directory::filter_settings(writer.reader()));
  CO_TRY_ASSIGN(const auto entry, with_mailbox_id(request.entry()));
  CO_TRY_ASSIGN(auto words, directory::change_filter(settings, words_from(entry)));
  if (!request.dry_run()) CO_TRY(directory::set_filter_settings(writer, settings));
  admin::FilterSetReply reply;
  fill(std::move(words), writer.reader(), *reply.mutable_entry());
  co_return reply;
}

Task<Result<admin::FilterRemoveReply>> AdminService::filter_remove(
    admin::FilterRemoveRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  directory::DirectoryWriter& writer = supervisor_.directory();
  CO_TRY_ASSIGN(auto settings, directory::filter_settings(writer.reader()));
  admin::FilterEntry named;
  named.set_kind(request.kind());
  named.set_name(request.name());
  CO_TRY_ASSIGN(named, with_mailbox_id(std::move(named)));
  CO_TRY_ASSIGN(auto words, directory::remove_filter(settings, named.kind(), named.name()));
  if (!request.dry_run()) CO_TRY(directory::set_filter_settings(writer, settings));
  admin::FilterRemoveReply reply;
  fill(std::move(words), writer.reader(), *reply.mutable_entry());
  co_return reply;
}

Task<Result<admin::FilterClientsReply>> AdminService::filter_clients(
    admin::FilterClientsRequest request) {
  admin::FilterClientsReply reply;
  CO_TRY_ASSIGN(*reply.mutable_found(),
                co_await ask_transport<child::wire::FilterClientsReply>(
                    supervisor_, {child::ControlMethod::kFilterClients, kFilterTime},
                    request.query().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::FilterLiftReply>> AdminService::filter_lift(admin::FilterLiftRequest request) {
  admin::FilterLiftReply reply;
  CO_TRY_ASSIGN(*reply.mutable_done(),
                co_await ask_transport<child::wire::FilterLiftReply>(
                    supervisor_, {child::ControlMethod::kFilterLift, kFilterTime},
                    request.work().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::QuarantineListReply>> AdminService::quarantine_list(
    admin::QuarantineListRequest request) {
  admin::QuarantineListReply reply;
  CO_TRY_ASSIGN(*reply.mutable_found(),
                co_await ask_transport<child::wire::QuarantineListReply>(
                    supervisor_, {child::ControlMethod::kQuarantineList, kFilterTime},
                    request.query().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::QuarantineReadReply>> AdminService::quarantine_read(
    admin::QuarantineReadRequest request) {
  admin::QuarantineReadReply reply;
  CO_TRY_ASSIGN(*reply.mutable_piece(),
                co_await ask_transport<child::wire::QuarantineReadReply>(
                    supervisor_, {child::ControlMethod::kQuarantineRead, kFilterTime},
                    request.query().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::QuarantineReleaseReply>> AdminService::quarantine_release(
    admin::QuarantineReleaseRequest request) {
  admin::QuarantineReleaseReply reply;
  CO_TRY_ASSIGN(*reply.mutable_done(),
                co_await ask_transport<child::wire::QuarantineReleaseReply>(
                    supervisor_, {child::ControlMethod::kQuarantineRelease, kFilterTime},
                    request.work().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::QuarantineRemoveReply>> AdminService::quarantine_remove(
    admin::QuarantineRemoveRequest request) {
  request.mutable_work()->set_dry_run(request.dry_run());
  admin::QuarantineRemoveReply reply;
  CO_TRY_ASSIGN(*reply.mutable_done(),
                co_await ask_transport<child::wire::QuarantineRemoveReply>(
                    supervisor_, {child::ControlMethod::kQuarantineRemove, kFilterTime},
                    request.work().SerializeAsString()));
  co_return reply;
}

}  // namespace hauspost::supervisor
