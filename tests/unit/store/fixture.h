// What the store's tests share: a folder that goes away, a database in it, and a way to wait.
#pragma once

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "store/database.h"
#include "store/platform.h"
#include "store/verify.h"

namespace hauspost::store::test {

// A folder of its own, removed at the end.
class TempFolder {
 public:
  // In `below`, or where temporary files go.
  explicit TempFolder(const std::string& below = std::filesystem::temp_directory_path());
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Runs one task to its end on a thread's own io_context and gives back what it returned.
template <class T>
T wait_for(Task<T> task) {
  asio::io_context io;
  std::optional<T> outcome;
  std::exception_ptr thrown;
  asio::co_spawn(io.get_executor(), std::move(task), [&](std::exception_ptr exception, T value) {
    thrown = exception;
    outcome.emplace(std::move(value));
  });
  io.run();
  if (thrown) std::rethrow_exception(thrown);
  REQUIRE(outcome.has_value());
  return *std::move(outcome);
}

inline const Guid kDatabaseGuid = *Guid::parse("6f1c0a52-1111-4222-8333-444455556666");
inline const Guid kAnna = *Guid::parse("aaaaaaaa-1111-4222-8333-444455556666");
inline const Guid kBert = *Guid::parse("bbbbbbbb-1111-4222-8333-444455556666");

// Small segments, so that tests cross their borders.
OpenOptions small_options(const std::string& path);
// The machine's, with a fatal hook that fails the test.
Platform test_platform();

std::shared_ptr<const std::string> body_of(std::string text);
NewMessage message_of(std::string text, FlagBits flags = 0);
Guid numbered_guid(std::uint64_t number);

// REQUIREs that the index is whole.
void require_whole(const Database& database);
// Everything a client could ask about the database, as text: equal texts, equal databases.
std::string describe(const Database& database);

// A database that is open, with Anna's mailbox.
struct OpenDatabase {
  explicit OpenDatabase(OpenOptions options, Platform platform = test_platform());
  Database& operator*() const { return *database; }
  Database* operator->() const { return database.get(); }
  FolderId folder(std::string_view path) const;
  std::vector<Uid> append(FolderId to, const std::vector<std::string>& texts, FlagBits flags = 0);
  std::string text_of(FolderId folder, Uid uid) const;

  std::unique_ptr<Database> database;
  MailboxId mailbox;
};

std::string read_whole(const std::string& path);
void write_whole(const std::string& path, std::string_view bytes);

}  // namespace hauspost::store::test
