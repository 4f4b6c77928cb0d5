// What it costs to delete many messages at once, and to bring them back.
#include <fmt/format.h>

#include "tests/bench/store/measure.h"

namespace hauspost::bench {

namespace {

constexpr std::size_t kMessages = 100'000;
constexpr std::size_t kAtOnce = 1000;

const Guid kOwner = numbered(3, 1);

Task<store::FolderId> fill(store::Database& database) {
  const auto mailbox = co_await database.open_mailbox({}, kOwner, "owner");
  if (!mailbox) give_up(mailbox.error().text);
  const store::FolderId folder = database.snapshot().find_folder(*mailbox, "INBOX")->id;
  for (std::size_t i = 0; i < kMessages; i += kAtOnce) {
    std::vector<store::NewMessage> messages(kAtOnce);
    for (store::NewMessage& message : messages) {
      message.body = std::make_shared<const std::string>("x");
      message.flags = store::kDeleted;
    }
    if (!co_await database.append({}, folder, std::move(messages))) give_up("append failed");
  }
  co_return folder;
}

// Runs one change and prints how long it took.
template <class T>
Task<void> timed(std::string_view what, Task<Result<T>> change) {
  const auto start = Steady::now();
  const auto done = co_await std::move(change);
  if (!done) give_up(done.error().text);
  fmt::print("{:<44} {:>8.1f} ms\n", what, seconds_since(start) * 1e3);
}

Task<void> delete_everything(store::Database& database, std::string_view what) {
  const store::FolderId folder = co_await fill(database);
  co_await timed(what, database.expunge({}, folder, {{1, UINT32_MAX}}, true));
}

Task<void> bring_back(store::Database& database) {
  co_await timed("restore 1,000 of them", database.restore({}, kOwner, {{1, 1000}}));
}

}  // namespace

void measure_deleting(const std::string& folder) {
  {
    const auto database = open_database(options_for(folder + "-gone"));
    run([&](Executor) { return delete_everything(*database, "expunge 100,000, gone at once"); });
  }
  store::OpenOptions options = options_for(folder);
  options.limits = [](const Guid&) { return store::MailboxLimits{.keep_deleted_s = 3600}; };
  const auto database = open_database(std::move(options));
  run([&](Executor) { return delete_everything(*database, "expunge 100,000, kept for recovery"); });
  run([&](Executor) { return bring_back(*database); });
}

}  // namespace hauspost::bench
