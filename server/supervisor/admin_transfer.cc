#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/admin_transfer_api.h"
#include "server/supervisor/requests.h"
#include "server/supervisor/transfer_fields.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

constexpr std::size_t kReportPiece = 256 * 1024;
constexpr std::size_t kPatternsMax = 1000;
constexpr std::size_t kTextMax = 4096;
constexpr std::size_t kNameMax = 64;

admin::Transfer to_wire(const TransferRequest& from, const directory::DirectoryReader& directory) {
  admin::Transfer to;
  to.set_id(std::string(from.id.as_bytes()));
  to.set_is_export(from.is_export);
  to.set_name(from.name);
  to.set_mailbox(from.mailbox);
  const auto mailbox = directory.mailbox(from.mailbox_guid);
  if (mailbox && *mailbox) {
    to.set_mailbox((*mailbox)->address);
    to.set_database((*mailbox)->database);
  }
  put_wish(from, to);
  put_progress(from, to);
  to.set_priority(std::string(word_of(from.priority)));
  to.set_keep_completed_s(from.keep_completed_s);
  to.set_state(std::string(state_word(from)));
  to.set_detail(from.detail);
  return to;
}

Result<> check_patterns(const google::protobuf::RepeatedPtrField<std::string>& patterns) {
  constexpr std::string_view kWords[] = {"#inbox#",  "#sentitems#", "#deleteditems#",
                                         "#drafts#", "#junkemail#", "#archive#"};
  if (patterns.size() > static_cast<int>(kPatternsMax))
    return fail(ErrorCode::kInvalid, "too many folders are named");
  for (const std::string& pattern : patterns) {
    if (pattern.empty() || pattern.size() > kTextMax)
      return fail(ErrorCode::kInvalid, "a folder to include or exclude is empty or too long");
    if (!pattern.starts_with('#')) continue;
    const std::string word = ascii_lower(std::string_view(pattern).substr(0, pattern.find('/')));
    if (std::ranges::find(kWords, word) == std::end(kWords)) {
      return fail(ErrorCode::kInvalid,
                  escape_for_log(pattern) + " is no folder that is known by a word; these are: "
                  "#Inbox#, #SentItems#, #DeletedItems#, #Drafts#, #JunkEmail#, #Archive#");
    }
  }
  return {};
}

Result<> check_wish(const admin::Transfer& wish) {
  if (!wish.file().starts_with('/') || wish.file().size() > kTextMax)
    return fail(ErrorCode::kInvalid, "the file must be an absolute path");
  constexpr std::string_view kFormats[] = {"mbox", "maildir", "eml", "zip"};
  const bool automatic = wish.format() == "auto" && !wish.is_export();
  if (!automatic && std::ranges::find(kFormats, wish.format()) == std::end(kFormats)) {
    return fail(ErrorCode::kInvalid, "format " + escape_for_log(wish.format()) + " is none of: " +
                                         (wish.is_export() ? "" : "auto, ") +
                                         "mbox, maildir, eml, zip");
  }
  TRY(check_patterns(wish.include()));
  TRY(check_patterns(wish.exclude()));
  for (const std::string* text :
       {&wish.source_root(), &wish.target_root(), &wish.from(), &wish.subject()}) {
    if (text->size() > kTextMax) return fail(ErrorCode::kInvalid, "an option is too long");
  }
  const std::string& name = wish.name();
  if (name.size() > kNameMax || name.find('/') != std::string::npos ||
      std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x21; }))
    return fail(ErrorCode::kInvalid, "a request's name has at most 64 bytes, no space and no '/'");
  struct stat facts{};
  if (wish.is_export() && ::lstat(wish.file().c_str(), &facts) == 0) {
    return fail(ErrorCode::kExists, escape_for_log(wish.file(), 1000) +
                                        " exists already; exports overwrite nothing: remove it or "
                                        "name another file");
  }
  return {};
}

Result<TransferRequest> from_wish(const admin::Transfer& wish,
                                  const directory::MailboxEntry& mailbox) {
  TRY(check_wish(wish));
  TransferRequest request;
  request.is_export = wish.is_export();
  request.name = wish.name();
  request.mailbox_guid = mailbox.guid;
  request.mailbox = mailbox.address;
  take_wish(wish, request);
  request.keep_completed_s = wish.keep_completed_s();
  if (!wish.priority().empty()) {
    TRY_ASSIGN(request.priority, parse_priority(wish.priority()));
  }
  return request;
}

// -1 is any number.
std::optional<std::uint64_t> limit_of(std::int64_t most) {
  if (most < 0) return std::nullopt;
  return static_cast<std::uint64_t>(most);
}

}  // namespace

Task<Result<admin::TransferNewReply>> AdminService::transfer_new(
    admin::TransferNewRequest request) {
  CO_TRY_ASSIGN(const auto mailbox, find_mailbox(request.name()));
  CO_TRY_ASSIGN(TransferRequest wish, from_wish(request.wish(), mailbox));
  // A store worker reads or writes it under its own user; a new file needs the folder it will be in.
  const std::string place =
      wish.is_export ? std::filesystem::path(wish.file).parent_path().string() : wish.file;
  CO_TRY(supervisor_.ownership().lend(
      place, child::Role::kStore,
      wish.is_export ? Ownership::Need::kWrite : Ownership::Need::kRead));
  CO_TRY_ASSIGN(const auto made,
                supervisor_.requests().add(std::move(wish), request.suspended()));
  admin::TransferNewReply reply;
  *reply.mutable_transfer() = to_wire(made, supervisor_.directory().reader());
  co_return reply;
}

Task<Result<admin::TransferListReply>> AdminService::transfer_list(
    admin::TransferListRequest request) {
  Guid mailbox;
  if (!request.mailbox().empty()) {
    CO_TRY_ASSIGN(const auto entry, find_mailbox(request.mailbox()));
    mailbox = entry.guid;
  }
  admin::TransferListReply reply;
  for (const TransferRequest& each : supervisor_.requests().list(request.is_export(), mailbox)) {
    if (!request.name().empty() && !iequals(each.name, request.name())) continue;
    if (!request.state().empty() && !iequals(state_word(each), request.state())) continue;
    *reply.add_transfers() = to_wire(each, supervisor_.directory().reader());
  }
  co_return reply;
}

// "ADDRESS/NAME", or the GUID, which also finds those of mailboxes that are gone.
Result<Guid> AdminService::find_transfer(bool is_export, const std::string& name) {
  const std::size_t slash = name.rfind('/');
  const std::string address = name.substr(0, slash);
  std::vector<TransferRequest> found;
  for (const TransferRequest& each : supervisor_.requests().list(is_export, Guid())) {
    const auto id = Guid::parse(name);
    if (id && each.id == *id) return each.id;
    if (slash != std::string::npos && !iequals(each.name, name.substr(slash + 1))) continue;
    const auto mailbox = find_mailbox(address);
    if (mailbox ? mailbox->guid == each.mailbox_guid : iequals(each.mailbox, address))
      found.push_back(each);
  }
  const std::string kind = is_export ? "export" : "import";
  if (found.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no {} is {}; see: hauspost mailbox {} list", kind,
                            escape_for_log(name), kind));
  }
  if (found.size() == 1) return found.front().id;
  std::string names;
  for (const TransferRequest& each : found) names += " " + each.mailbox + "/" + each.name;
  return fail(ErrorCode::kInvalid, fmt::format("{} names several {}s:{}", escape_for_log(name),
                                               kind, names));
}

Task<Result<admin::TransferWorkReply>> AdminService::transfer_work(
    admin::TransferWorkRequest request) {
  Requests& requests = supervisor_.requests();
  CO_TRY_ASSIGN(const Guid id, find_transfer(request.is_export(), request.name()));
  Result<TransferRequest> outcome = fail(ErrorCode::kInvalid, "nothing is to be done");
  for (const TransferRequest& each : requests.list(request.is_export(), Guid())) {
    if (each.id == id) outcome = each;
  }
  using Wanted = admin::TransferWorkRequest;
  if (!request.dry_run()) {
    switch (request.action()) {
      case Wanted::SUSPEND: outcome = requests.suspend(id); break;
      case Wanted::RESUME: outcome = requests.resume(id); break;
      case Wanted::REMOVE: CO_TRY(co_await requests.remove(id)); break;
      case Wanted::SET: {
        Requests::Change change;
        if (request.has_priority()) {
          CO_TRY_ASSIGN(change.priority, parse_priority(request.priority()));
        }
        if (request.has_bad_items_max()) change.bad_items_max = limit_of(request.bad_items_max());
        if (request.has_large_items_max())
          change.large_items_max = limit_of(request.large_items_max());
        if (request.has_keep_completed_s()) change.keep_completed_s = request.keep_completed_s();
        outcome = requests.change(id, change);
        break;
      }
      default: co_return fail(ErrorCode::kInvalid, "unknown action");
    }
  }
  if (!outcome) co_return fail(std::move(outcome).error());
  admin::TransferWorkReply reply;
  *reply.mutable_transfer() = to_wire(*outcome, supervisor_.directory().reader());
  co_return reply;
}

Task<Result<admin::TransferReportReply>> AdminService::transfer_report(
    admin::TransferReportRequest request) {
  CO_TRY_ASSIGN(const Guid id, find_transfer(request.is_export(), request.name()));
  admin::TransferReportReply reply;
  for (const TransferRequest& each : supervisor_.requests().list(request.is_export(), Guid())) {
    if (each.id != id) continue;
    CO_TRY_ASSIGN(const auto mailbox, supervisor_.directory().reader().mailbox(each.mailbox_guid));
    if (!mailbox) co_return reply;
    CO_TRY_ASSIGN(const auto database, find_database(mailbox->database));
    const std::string path = database.path + "/transfers/" + id.to_string() + ".report";
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && errno == ENOENT) co_return reply;
    if (!file) co_return fail(errno_error("opening " + path));
    std::string text(kReportPiece, '\0');
    const ssize_t count =
        ::pread(file.get(), text.data(), text.size(), static_cast<off_t>(request.offset()));
    if (count < 0) co_return fail(errno_error("reading " + path));
    text.resize(static_cast<std::size_t>(count));
    reply.set_text(text);
  }
  co_return reply;
}

}  // namespace hauspost::supervisor
