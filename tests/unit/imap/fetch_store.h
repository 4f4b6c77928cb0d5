// A database in a temporary folder with one folder of messages: what tests of FETCH and SEARCH look
// at.
#pragma once

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "protocols/imap/fetch_output.h"
#include "store/database.h"
#include "store/mime/message.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::imap {

class FetchStore {
 public:
  explicit FetchStore(bool with_summaries = true) {
    store::OpenOptions options;
    options.path = folder_path_.path();
    options.guid = Guid::random();
    options.create = true;
    options.segment_bytes = 4 << 20;
    options.index_bytes_max = 1ULL << 30;
    if (with_summaries) options.summarize = mime::make_summary;
    auto opened = store::Database::open(std::move(options));
    if (!opened) FAIL(opened.error().text);
    database_ = *std::move(opened);
    const auto mailbox = run(database_->open_mailbox({}, Guid::random(), "user@example.com"));
    id_ = run(database_->create_folder({}, mailbox, "Test", store::SpecialUse::kNone));
  }
  FetchStore(const FetchStore&) = delete;
  FetchStore& operator=(const FetchStore&) = delete;

  store::Uid append(std::string bytes, store::FlagBits flags = 0,
                    std::vector<std::string> keywords = {}, std::int64_t internal_date_s = 0) {
    std::vector<store::NewMessage> messages(1);
    messages[0].body = std::make_shared<const std::string>(std::move(bytes));
    messages[0].flags = flags;
    messages[0].keywords = std::move(keywords);
    messages[0].internal_date_s = internal_date_s;
    return run(database_->append({}, id_, std::move(messages))).uids.at(0);
  }
  void expunge(store::Uid uid) {
    run(database_->expunge({}, id_, store::UidSet{{uid.value, uid.value}}, false));
  }

  const std::string& path() const { return folder_path_.path(); }
  store::Snapshot snapshot() const { return database_->snapshot(); }
  store::FolderId id() const { return id_; }
  store::Folder folder() const { return *snapshot().folder(id_); }
  std::vector<std::uint32_t> uids() const { return snapshot().uids(id_); }

 private:
  // Runs the task to its end and gives its value, which must be there.
  template <class T>
  T run(Task<Result<T>> task) {
    asio::io_context context(1);
    std::optional<Result<T>> result;
    asio::co_spawn(context.get_executor(), std::move(task),
                   [&result](std::exception_ptr failure, Result<T> value) {
                     if (!failure) result = std::move(value);
                   });
    context.run();
    REQUIRE(result.has_value());
    if (!*result) FAIL(result->error().text);
    return std::move(**result);
  }

  test::TempFolder folder_path_;
  std::unique_ptr<store::Database> database_;
  store::FolderId id_;
};

inline std::string joined(const FetchOutput& output) {
  std::string all;
  for (const std::string_view part : output.parts()) all += part;
  return all;
}

}  // namespace hauspost::imap
