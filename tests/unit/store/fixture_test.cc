#include "fixture.h"

#include "store/metadata.h"

#include <unistd.h>

namespace hauspost::store::test {

TempFolder::TempFolder(const std::string& below) {
  std::string pattern = below + "/hauspost-store-XXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

OpenOptions small_options(const std::string& path) {
  OpenOptions options;
  options.path = path;
  options.guid = kDatabaseGuid;
  options.create = true;
  options.segment_bytes = 64 * 1024;
  options.index_bytes_max = 1ULL << 30;
  options.disk_reserve_bytes = 0;
  options.summarize = [](std::string_view message) {
    return "summary of " + std::to_string(message.size());
  };
  return options;
}

Platform test_platform() {
  Platform platform = Platform::real();
  platform.fatal = [](const Error& error) { FAIL_CHECK("disk failed: " << error.text); };
  return platform;
}

std::shared_ptr<const std::string> body_of(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

NewMessage message_of(std::string text, FlagBits flags) {
  NewMessage message;
  message.body = body_of(std::move(text));
  message.flags = flags;
  message.internal_date_s = 1'700'000'000;
  return message;
}

Guid numbered_guid(std::uint64_t number) {
  Guid guid;
  for (std::size_t i = 0; i < 8; ++i) guid.bytes[i] = static_cast<std::uint8_t>(number >> 8 * i);
  guid.bytes[15] = 1;
  return guid;
}

void require_whole(const Database& database) {
  const auto report = database.verify();
  REQUIRE(report.has_value());
  for (const std::string& fault : report->faults) FAIL_CHECK(fault);
  REQUIRE(report->faults.empty());
  REQUIRE(report->index_checked);
}

namespace {

void describe_metadata(const Snapshot& snapshot, MailboxId mailbox, FolderId folder,
                       std::ostream& out) {
  for (const Guid& owner : {Guid(), kAnna, kBert}) {
    snapshot.for_each_metadata({mailbox, folder, owner}, "", [&](const MetadataEntry& entry) {
      out << "  metadata " << owner.to_string() << ' ' << entry.name << '=' << entry.value << '\n';
    });
  }
}

}  // namespace

std::string describe(const Database& database) {
  const Snapshot snapshot = database.snapshot();
  std::ostringstream out;
  for (const Mailbox& mailbox : snapshot.mailboxes()) {
    out << "mailbox " << mailbox.id.value << ' ' << mailbox.guid.to_string() << ' ' << mailbox.label
        << '\n';
    describe_metadata(snapshot, mailbox.id, FolderId(), out);
    for (const Folder& folder : snapshot.folders(mailbox.id)) {
      out << " folder " << folder.id.value << ' ' << folder.path << ' ' << folder.uid_validity
          << ' ' << folder.uid_next.value << ' ' << folder.highest_modseq.value << ' '
          << folder.messages << ' ' << folder.unseen << ' ' << folder.deleted << ' ' << folder.bytes
          << ' ' << static_cast<int>(folder.special_use) << folder.subscribed
          << folder.has_children;
      for (const std::string& keyword : folder.keywords) out << ' ' << keyword;
      out << '\n';
      describe_metadata(snapshot, mailbox.id, folder.id, out);
      for (const FolderRight& right : snapshot.rights(folder.id))
        out << "  right " << right.identity.to_string() << ' ' << right.rights << '\n';
      for (const Guid& identity : {kAnna, kBert}) {
        Snapshot view = database.snapshot();
        view.view_as(identity);
        out << "  unseen " << view.folder(folder.id)->unseen << ':';
        view.for_each_message(folder.id, {1, UINT32_MAX}, [&](const Message& message) {
          if ((message.flags & kSeen) == 0) out << ' ' << message.uid.value;
          return true;
        });
        out << '\n';
      }
      snapshot.for_each_message(folder.id, {1, UINT32_MAX}, [&](const Message& message) {
        const auto body = snapshot.body(message.body);
        out << "  " << message.uid.value << ' ' << message.size << ' ' << message.flags << ' '
            << message.modseq.value << ' ' << message.internal_date_s << ' ' << message.save_date_s
            << ' ' << snapshot.annotation(folder.id, message.uid) << ' '
            << (body ? std::string(body->bytes) : body.error().text) << '\n';
        return true;
      });
      const auto gone = snapshot.expunged_since(folder.id, folder.highest_modseq);
      out << "  gone " << (gone ? gone->count() : 9999) << '\n';
    }
  }
  return out.str();
}

OpenDatabase::OpenDatabase(OpenOptions options, Platform platform) {
  auto opened = Database::open(std::move(options), std::move(platform));
  if (!opened) FAIL(opened.error().text);
  database = std::move(*opened);
  auto anna = wait_for(database->open_mailbox({}, kAnna, "anna@example.org"));
  REQUIRE(anna.has_value());
  mailbox = *anna;
}

FolderId OpenDatabase::folder(std::string_view path) const {
  const auto found = database->snapshot().find_folder(mailbox, path);
  REQUIRE(found.has_value());
  return found->id;
}

std::vector<Uid> OpenDatabase::append(FolderId to, const std::vector<std::string>& texts,
                                      FlagBits flags) {
  std::vector<NewMessage> messages;
  for (const std::string& text : texts) messages.push_back(message_of(text, flags));
  auto appended = wait_for(database->append({}, to, std::move(messages)));
  REQUIRE(appended.has_value());
  return appended->uids;
}

std::string OpenDatabase::text_of(FolderId in, Uid uid) const {
  const Snapshot snapshot = database->snapshot();
  const auto message = snapshot.message(in, uid);
  REQUIRE(message.has_value());
  const auto body = snapshot.body(message->body);
  REQUIRE(body.has_value());
  return std::string(body->bytes);
}

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void write_whole(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace hauspost::store::test
