#include "tests/crash/image_check.h"

#include <sys/stat.h>

#include <set>

#include "base/task_group.h"
#include "store/database.h"
#include "store/platform.h"
#include "store/verify.h"
#include "tests/crash/workload.h"

namespace hauspost::crash {

namespace {

// A worker's mailbox as its last answered operation left it, and what may be under way.
struct Expected {
  Model before;
  Model after;  // of the operation under way; same as before when there is none
  std::optional<Delivery> delivery;  // under way
};

Expected expected_at(const std::vector<Operation>& operations, std::size_t point) {
  Expected expected;
  std::size_t done = 0;
  while (done < operations.size() && operations[done].answered_at != 0 &&
         operations[done].answered_at < point) {
    expected.before.apply(operations[done++].answer);
  }
  expected.after = expected.before;
  if (done < operations.size() && operations[done].begun_at < point) {
    expected.after.apply(operations[done].answer);
    expected.delivery = operations[done].delivery;
  }
  return expected;
}

struct Found {
  std::map<MessageKey, MessageFacts> messages;
  std::map<std::string, std::uint32_t> folders;
};

Result<Found> read_mailbox(const store::Snapshot& now, const Guid& guid) {
  Found found;
  const auto mailbox = now.mailbox(guid);
  if (!mailbox) return found;
  for (const auto& folder : now.folders(mailbox->id)) {
    found.folders[folder.path] = folder.id.value;
    Result<> outcome;
    now.for_each_message(folder.id, {1, UINT32_MAX}, [&](const store::Message& message) {
      auto body = now.body(message.body);
      const std::string token = body ? token_of(body->bytes) : std::string();
      if (token.empty())
        outcome =
            fail(ErrorCode::kCorrupt, folder.path + " UID " + std::to_string(message.uid.value) +
                                          ": its bytes are not those delivered");
      found.messages[{folder.id.value, message.uid.value}] = {token, message.flags};
      return outcome.has_value();
    });
    TRY(std::move(outcome));
  }
  return found;
}

std::string describe(const MessageKey& key) {
  return "folder " + std::to_string(key.folder) + " UID " + std::to_string(key.uid);
}

// The first difference between what was answered and what is there.
std::string difference(const Model& model, const Found& found) {
  for (const auto& [path, folder] : model.folders) {
    const auto there = found.folders.find(path);
    if (there == found.folders.end()) return "lost folder " + path;
    if (there->second != folder) return "folder " + path + " changed its id";
  }
  for (const auto& [key, facts] : model.messages) {
    const auto there = found.messages.find(key);
    if (there == found.messages.end()) return "lost " + describe(key) + " " + facts.token;
    if (there->second.token != facts.token) return "another message at " + describe(key);
    if (there->second.flags != facts.flags) return "flags changed at " + describe(key);
  }
  for (const auto& [key, facts] : found.messages) {
    if (!model.messages.contains(key)) return "unexpected " + describe(key) + " " + facts.token;
  }
  return {};
}

Result<> check_numbers(const store::Snapshot& now, const Model& model) {
  for (const auto& [id, seen] : model.seen) {
    const auto folder = now.folder(store::FolderId(id));
    if (!folder) return fail(ErrorCode::kCorrupt, "lost folder " + std::to_string(id));
    if (folder->uid_next.value < seen.uid_next)
      return fail(ErrorCode::kCorrupt, folder->path + ": UIDNEXT went backwards");
    if (folder->highest_modseq.value < seen.modseq)
      return fail(ErrorCode::kCorrupt, folder->path + ": MODSEQ went backwards");
  }
  return {};
}

// The shared mailbox: what was answered is there once under its UID, what is under way at most once
// and only together with the worker's own copy.
Result<> check_shared(const Found& found, const std::vector<Expected>& workers,
                      const std::set<std::string>& delivered) {
  std::map<std::string, std::uint32_t> there;
  for (const auto& [key, facts] : found.messages) {
    if (!there.emplace(facts.token, key.uid).second)
      return fail(ErrorCode::kCorrupt, "doubled in the shared mailbox: " + facts.token);
  }
  for (const Expected& worker : workers) {
    for (const auto& [token, uid] : worker.before.shared) {
      const auto one = there.find(token);
      if (one == there.end() || one->second != uid)
        return fail(ErrorCode::kCorrupt, "lost from the shared mailbox: " + token);
      there.erase(one);
    }
    if (!worker.delivery) continue;
    if (there.contains(worker.delivery->token) != delivered.contains(worker.delivery->token))
      return fail(ErrorCode::kCorrupt, "delivered to one of two: " + worker.delivery->token);
    there.erase(worker.delivery->token);
  }
  if (!there.empty())
    return fail(ErrorCode::kCorrupt, "unexpected in the shared mailbox: " + there.begin()->first);
  return {};
}

// What a transport does after the loss: it delivers what was not answered once more.
Task<Result<>> deliver_again(store::Database& database, std::size_t index, const Expected& worker,
                             bool was_there) {
  if (worker.delivery) {
    store::Delivery delivery;
    delivery.id = worker.delivery->id;
    delivery.body = std::make_shared<const std::string>(message_bytes(worker.delivery->token));
    delivery.targets.push_back({.mailbox = worker_mailbox(index), .label = "worker"});
    delivery.targets.push_back({.mailbox = shared_mailbox(), .label = "shared"});
    CO_TRY_ASSIGN(const auto delivered, co_await database.deliver({}, std::move(delivery)));
    for (const auto& one : delivered) {
      if (one.duplicate != was_there)
        co_return fail(ErrorCode::kCorrupt,
                       was_there ? "delivered twice: " + worker.delivery->token
                                 : "taken for a duplicate: " + worker.delivery->token);
    }
  }
  for (const auto& [path, id] : worker.before.folders) {
    store::NewMessage message;
    message.body = std::make_shared<const std::string>(message_bytes("after-" + path));
    std::vector<store::NewMessage> messages{message};
    CO_TRY_ASSIGN(const auto appended,
                  co_await database.append({}, store::FolderId(id), std::move(messages)));
    const auto seen = worker.before.seen.find(id);
    if (seen == worker.before.seen.end()) continue;
    if (appended.uids.at(0).value < seen->second.uid_next)
      co_return fail(ErrorCode::kCorrupt, path + ": a UID was used again");
    const auto now = database.snapshot().folder(store::FolderId(id));
    if (!now || now->highest_modseq.value <= seen->second.modseq)
      co_return fail(ErrorCode::kCorrupt, path + ": a MODSEQ was used again");
  }
  co_return Result<>{};
}

Task<void> live_on(store::Database& database, const std::vector<Expected>& workers,
                   const std::set<std::string>& delivered, Result<>& outcome) {
  for (std::size_t i = 0; i < workers.size() && outcome; ++i) {
    const bool was_there = workers[i].delivery && delivered.contains(workers[i].delivery->token);
    outcome = co_await deliver_again(database, i, workers[i], was_there);
  }
}

Result<> check_content(const store::Database& database, const std::vector<Expected>& workers,
                       std::set<std::string>& delivered) {
  const store::Snapshot now = database.snapshot();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    TRY_ASSIGN(const Found found, read_mailbox(now, worker_mailbox(i)));
    const std::string before = difference(workers[i].before, found);
    const std::string after = before.empty() ? before : difference(workers[i].after, found);
    if (!after.empty()) {
      return fail(ErrorCode::kCorrupt,
                  "worker " + std::to_string(i) + ": " + before + "; or else " + after);
    }
    if (!before.empty() && workers[i].delivery) delivered.insert(workers[i].delivery->token);
    TRY(check_numbers(now, before.empty() ? workers[i].before : workers[i].after));
  }
  TRY_ASSIGN(const Found shared, read_mailbox(now, shared_mailbox()));
  return check_shared(shared, workers, delivered);
}

// Nothing where the database would have no index of an earlier life: an index made again is a new
// file.
std::optional<ino_t> file_of_index(const std::string& folder) {
  struct stat checkpoint{};
  struct stat index{};
  if (::stat((folder + "/checkpoint").c_str(), &checkpoint) != 0 ||
      ::stat((folder + "/index.mdb").c_str(), &index) != 0)
    return {};
  return index.st_ino;
}

}  // namespace

Result<bool> check_image(const std::string& folder, const Ledger& ledger, std::size_t point) {
  std::vector<Expected> workers;
  for (std::size_t i = 0; i < ledger.workers(); ++i)
    workers.push_back(expected_at(ledger.operations(i), point));

  store::Platform platform = store::Platform::real();
  platform.boot_id = "after the power came back";
  const auto index_before = file_of_index(folder);
  TRY_ASSIGN(auto database, store::Database::open(database_options(folder), platform));
  const bool made_again = index_before && file_of_index(folder) != index_before;
  std::set<std::string> delivered;
  TRY(check_content(*database, workers, delivered));

  asio::io_context io;
  TaskGroup group(io.get_executor());
  Result<> outcome;
  group.spawn("live on", live_on(*database, workers, delivered, outcome));
  io.run();
  TRY(std::move(outcome));
  database.reset();
  TRY_ASSIGN(const store::VerifyReport report, store::verify(folder));
  if (!report.faults.empty()) return fail(ErrorCode::kCorrupt, "verify: " + report.faults[0]);
  if (!report.damage.empty())
    return fail(ErrorCode::kCorrupt, "verify: " + describe(report.damage[0]));
  return made_again;
}

}  // namespace hauspost::crash
