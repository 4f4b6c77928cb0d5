// GETMETADATA and SETMETADATA (RFC 5464), and the same answers for LIST (RFC 9590).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/list_reply.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/metadata_name.h"
#include "protocols/imap/metadata_reply.h"
#include "protocols/imap/sharing.h"
#include "store/metadata.h"

namespace hauspost::imap {
namespace {

// RFC 6154 section 5.4: what a mailbox is for, as an entry that only shows it.
constexpr std::string_view kSpecialUseEntry = "/private/specialuse";

// The entries of one mailbox, or with no folder the server's, on their way into one response.
class Answer {
 public:
  Answer(Session& session, const store::Folder* folder, const MetadataWanted& wanted)
      : session_(session), folder_(folder), wanted_(wanted) {}

  void add(const store::Snapshot& snapshot, const std::string& entry) {
    if (folder_ != nullptr && iequals(entry, kSpecialUseEntry)) {
      const std::string_view use = special_use_attribute(folder_->special_use);
      return write(entry, use.empty() ? std::nullopt : std::optional(std::string(use)));
    }
    const MetadataName name = *metadata_name(entry);
    const store::MetadataPlace place = metadata_place(session_, folder_, name.is_private);
    if (wanted_.depth == MetadataDepth::kEntry) {
      auto found = snapshot.metadata(place, name.name);
      return write(entry, found ? std::optional(std::move(found->value)) : std::nullopt);
    }
    snapshot.for_each_metadata(place, name.name, [&](const store::MetadataEntry& found) {
      const std::string_view below = std::string_view(found.name).substr(name.name.size());
      if (wanted_.depth == MetadataDepth::kChildren && below.rfind('/') != 0 && !below.empty())
        return;
      write(metadata_entry(place.owner, found.name), found.value);
    });
  }

  void finish() {
    if (any_) session_.out().text() += ")\r\n";
  }
  std::size_t longest() const { return longest_; }

 private:
  // Once each, however often and by whatever name above it an entry was asked for.
  void write(const std::string& entry, const std::optional<std::string>& value) {
    if (!told_.insert(ascii_lower(entry)).second) return;
    if (value && wanted_.max_size && value->size() > *wanted_.max_size) {
      longest_ = std::max(longest_, value->size());
      return;
    }
    std::string& out = session_.out().text();
    if (std::exchange(any_, true)) {
      out += ' ';
    } else {
      out += fmt::format("* METADATA {} (",
                         quoted_mailbox(folder_ != nullptr ? folder_->path : std::string(),
                                        session_.dialect().utf8));
    }
    append_entry(out, entry);
    out += ' ';
    append_value(out, value);
  }

  Session& session_;
  const store::Folder* folder_;
  const MetadataWanted& wanted_;
  bool any_ = false;
  std::set<std::string> told_;
  std::size_t longest_ = 0;  // of the values that were left out
};

// Why an entry cannot be set; nullopt: it can.
std::optional<Reply> set_refusal(const SetMetadataRequest& set) {
  for (const auto& [entry, value] : set.entries) {
    if (value && value->size() > store::kMetadataValueMax)
      return no(fmt::format("METADATA MAXSIZE {}", store::kMetadataValueMax), "Value is too long");
    if (set.mailbox.empty() && !metadata_name(entry)->is_private)
      return no("NOPERM", "What the server shows to all is the administrator's to set");
    if (iequals(entry, kSpecialUseEntry))
      return no("CANNOT", "The use of a mailbox is given when it is created");
  }
  return std::nullopt;
}

}  // namespace

store::MetadataPlace metadata_place(const Session& session, const store::Folder* folder,
                                    bool is_private) {
  const Guid owner = is_private ? session.actor().user : Guid();
  if (folder != nullptr) return {folder->mailbox, folder->id, owner};
  // What all users share belongs to no mailbox.
  return {is_private ? session.mailbox() : store::MailboxId(), store::FolderId(), owner};
}

std::size_t write_metadata(Session& session, const store::Folder* folder,
                           const MetadataWanted& wanted) {
  Answer answer(session, folder, wanted);
  const store::Snapshot snapshot = session.snapshot();
  std::set<std::string> asked;
  for (const std::string& entry : wanted.entries) {
    if (asked.insert(ascii_lower(entry)).second) answer.add(snapshot, entry);
  }
  answer.finish();
  return answer.longest();
}

Task<Result<Reply>> cmd_getmetadata(Session& session, Command& command) {
  const auto& get = std::get<GetMetadataRequest>(command.arguments);
  std::optional<store::Folder> folder;
  if (!get.mailbox.empty()) {
    folder = session.find_folder(get.mailbox);
    if (!folder) co_return no("NONEXISTENT", "No such mailbox");
    // RFC 5464 section 3.3.
    if (auto refused = refusal(session, *folder, store::kMayLookUp | store::kMayRead))
      co_return *std::move(refused);
  }
  const MetadataWanted wanted{get.entries, get.depth, get.max_size};
  const std::size_t longest = write_metadata(session, folder ? &*folder : nullptr, wanted);
  // RFC 5464 section 4.2.1.
  if (longest > 0)
    co_return ok("Some values are longer", fmt::format("METADATA LONGENTRIES {}", longest));
  co_return Reply{};
}

Task<Result<Reply>> cmd_setmetadata(Session& session, Command& command) {
  auto& set = std::get<SetMetadataRequest>(command.arguments);
  std::optional<store::Folder> folder;
  if (!set.mailbox.empty()) {
    folder = session.find_folder(set.mailbox);
    if (!folder) co_return no("NONEXISTENT", "No such mailbox");
    const bool shared = std::ranges::any_of(
        set.entries, [](const auto& entry) { return !metadata_name(entry.first)->is_private; });
    if (auto refused = refusal(session, *folder,
                               store::kMayLookUp | (shared ? store::kMayWrite : store::kMayRead)))
      co_return *std::move(refused);
  }
  if (auto refusal = set_refusal(set)) co_return *std::move(refusal);
  std::vector<store::MetadataChange> changes;
  for (auto& [entry, value] : set.entries) {
    const MetadataName name = *metadata_name(entry);
    const Guid owner = name.is_private ? session.actor().user : Guid();
    changes.push_back({owner, std::string(name.name), std::move(value)});
  }
  const auto done = co_await session.database().set_metadata(
      session.actor(), session.mailbox(), folder ? folder->id : store::FolderId(),
      std::move(changes));
  if (!done) co_return reply_for(done.error(), "METADATA TOOMANY");
  co_return Reply{};
}

}  // namespace hauspost::imap
