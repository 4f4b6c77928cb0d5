// A folder for files, a database with two mailboxes, and short ways to use them.
#pragma once

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "server/transfer/exporter.h"
#include "server/transfer/importer.h"
#include "store/backup/await.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::transfer::test {

inline const Guid kAnna = *Guid::parse("aaaaaaaa-1111-4222-8333-444455556666");
inline const Guid kBert = *Guid::parse("bbbbbbbb-1111-4222-8333-444455556666");

inline void write_file(const std::string& path, std::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  REQUIRE(file.good());
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<Item> read_all(Source& source) {
  std::vector<Item> items;
  Item item;
  for (;;) {
    const auto more = source.next(item);
    if (!more) FAIL(more.error().text);
    if (!*more) return items;
    items.push_back(item);
  }
}

inline std::vector<Item> read_all(const std::string& path, Format format = Format::kAuto,
                                  Limits limits = {}) {
  auto source = open_source(path, format, limits);
  if (!source) FAIL(source.error().text);
  return read_all(**source);
}

inline std::vector<Item> messages_of(std::vector<Item> items) {
  std::erase_if(items, [](const Item& item) { return item.kind != Item::Kind::kMessage; });
  return items;
}

// The first of each side that the other lacks; empty when they are equal.
inline std::string difference(const std::vector<std::string>& a,
                              const std::vector<std::string>& b) {
  std::vector<std::string> only_a;
  std::vector<std::string> only_b;
  std::ranges::set_difference(a, b, std::back_inserter(only_a));
  std::ranges::set_difference(b, a, std::back_inserter(only_b));
  if (only_a.empty() && only_b.empty()) return {};
  return std::to_string(only_a.size()) + " missing: " + (only_a.empty() ? "" : only_a.front()) +
         "\n" + std::to_string(only_b.size()) +
         " too many: " + (only_b.empty() ? "" : only_b.front());
}

struct Rig {
  hauspost::test::TempFolder folder;
  std::unique_ptr<store::Database> database;
  store::MailboxId anna;

  Rig() {
    store::OpenOptions options;
    options.path = folder.path() + "/db";
    options.create = true;
    options.guid = *Guid::parse("6f1c0a52-1111-4222-8333-444455556666");
    std::filesystem::create_directories(options.path);
    auto opened = store::Database::open(std::move(options));
    if (!opened) FAIL(opened.error().text);
    database = std::move(*opened);
    anna = *store::await_here(database->open_mailbox({}, kAnna, "anna@example.test"));
  }
  std::string path(std::string_view name) const { return folder.path() + "/" + std::string(name); }

  void append(const std::string& where, std::string text, store::FlagBits flags,
              std::vector<std::string> keywords, std::int64_t date_s) {
    auto found = database->snapshot().find_folder(anna, where);
    store::FolderId id = found ? found->id : store::FolderId();
    if (!found)
      id = *store::await_here(database->create_folder({}, anna, where, store::SpecialUse::kNone));
    store::NewMessage message;
    message.body = std::make_shared<const std::string>(std::move(text));
    message.flags = flags;
    message.keywords = std::move(keywords);
    message.internal_date_s = date_s;
    const auto done = store::await_here(database->append({}, id, {message}));
    if (!done) FAIL(done.error().text);
  }

  // Everything in a mailbox that a client could see, but UIDs.
  std::vector<std::string> contents(const Guid& mailbox) const {
    std::vector<std::string> out;
    const store::Snapshot snapshot = database->snapshot();
    const auto found = snapshot.mailbox(mailbox);
    if (!found) return out;
    for (const store::Folder& each : snapshot.folders(found->id)) {
      out.push_back("folder " + each.path);
      snapshot.for_each_message(each.id, {1, UINT32_MAX}, [&](const store::Message& message) {
        std::vector<std::string> words;
        for (std::size_t i = 0; i < each.keywords.size(); ++i) {
          if ((message.flags >> (8 + i) & 1) != 0) words.push_back(each.keywords[i]);
        }
        std::ranges::sort(words);
        std::string line = each.path + " " + std::to_string(message.flags & store::kSystemFlags) +
                           " " + std::to_string(message.internal_date_s);
        for (const std::string& word : words) line += " " + word;
        out.push_back(line + " " + std::string(snapshot.body(message.body)->bytes));
        return true;
      });
    }
    std::ranges::sort(out);
    return out;
  }

  Result<Tally> import(const std::string& path, ImportOptions options = {},
                       Format format = Format::kAuto) {
    if (options.request.is_nil()) options.request = Guid::random();
    if (options.mailbox.is_nil()) options.mailbox = kBert;
    options.label = "bert@example.test";
    TRY_ASSIGN(const auto source, open_source(path, format, {}));
    store::Progress progress;
    return run_import(*source, *database, options, progress);
  }
  Result<Tally> export_to(const std::string& path, Format format, ExportOptions options = {}) {
    options.mailbox = kAnna;
    options.file = path;
    options.format = format;
    store::Progress progress;
    return run_export(*database, options, progress);
  }
};

}  // namespace hauspost::transfer::test
