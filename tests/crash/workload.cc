#include "tests/crash/workload.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>
#include <thread>

#include "base/task_group.h"
#include "store/compaction.h"
#include "store/platform.h"
#include "tests/crash/ledger.h"

namespace hauspost::crash {

namespace {

using namespace std::chrono_literals;

void mark(const std::string& text) {
  static const auto function = reinterpret_cast<MarkFunction>(::dlsym(RTLD_DEFAULT, kMarkFunction));
  if (function != nullptr) function(text.data(), text.size());
}

class Worker {
 public:
  Worker(store::Database& database, std::size_t index, std::uint64_t seed, Model& model)
      : database_(database), index_(index), random_(seed), model_(model) {}

  Task<Result<>> run(std::size_t operations, std::size_t life) {
    if (model_.folders.empty()) CO_TRY(co_await meet_mailbox());
    for (std::size_t i = 0; i < operations; ++i) {
      const std::string name =
          std::to_string(index_) + "-" + std::to_string(life) + "-" + std::to_string(i);
      switch (random_() % 10) {
        case 0: CO_TRY(co_await make_folder(name)); break;
        case 1: CO_TRY(co_await move_or_copy(true)); break;
        case 2: CO_TRY(co_await move_or_copy(false)); break;
        case 3: CO_TRY(co_await expunge()); break;
        case 4:
        case 5: CO_TRY(co_await change_flags()); break;
        case 6:
        case 7: CO_TRY(co_await append(name)); break;
        default: CO_TRY(co_await deliver(name)); break;
      }
    }
    co_return Result<>{};
  }

 private:
  void begin(const std::optional<Delivery>& delivery = std::nullopt) {
    mark(begin_mark(index_, delivery));
  }
  // Notes the answer with the numbers a client could see from now on.
  void answer(std::string lines, std::initializer_list<std::uint32_t> folders) {
    const store::Snapshot now = database_.snapshot();
    for (const std::uint32_t id : folders) {
      const auto folder = now.folder(store::FolderId(id));
      if (!folder) continue;
      lines += "M " + std::to_string(id) + " " + std::to_string(folder->uid_next.value) + " " +
               std::to_string(folder->highest_modseq.value) + "\n";
    }
    model_.apply(lines);
    mark(answer_mark(index_, lines));
  }
  static std::string number_lines(char kind, std::uint32_t folder, std::uint32_t uid) {
    return std::string(1, kind) + " " + std::to_string(folder) + " " + std::to_string(uid);
  }
  static std::string added(std::uint32_t folder, std::uint32_t uid, const std::string& token,
                           store::FlagBits flags) {
    return number_lines('+', folder, uid) + " " + token + " " + std::to_string(flags) + "\n";
  }
  std::uint32_t any_folder() {
    auto chosen = model_.folders.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(random_() % model_.folders.size()));
    return chosen->second;
  }
  store::UidSet some_uids(std::uint32_t folder) {
    store::UidSet uids;
    for (const auto& [key, facts] : model_.messages) {
      if (key.folder == folder && random_() % 3 == 0) uids.add(key.uid);
    }
    return uids;
  }

  Task<Result<>> meet_mailbox() {
    begin();
    CO_TRY_ASSIGN(const auto mailbox,
                  co_await database_.open_mailbox({}, worker_mailbox(index_), "worker"));
    CO_TRY(co_await database_.open_mailbox({}, shared_mailbox(), "shared"));
    std::string lines;
    for (const auto& folder : database_.snapshot().folders(mailbox))
      lines += "F " + folder.path + " " + std::to_string(folder.id.value) + "\n";
    answer(lines, {});
    co_return Result<>{};
  }

  Task<Result<>> make_folder(std::string name) {
    const auto mailbox = database_.snapshot().mailbox(worker_mailbox(index_));
    begin();
    CO_TRY_ASSIGN(const auto id, co_await database_.create_folder({}, mailbox->id, "f" + name,
                                                                  store::SpecialUse::kNone));
    answer("F f" + name + " " + std::to_string(id.value) + "\n", {id.value});
    co_return Result<>{};
  }

  Task<Result<>> append(std::string name) {
    const std::uint32_t folder = any_folder();
    std::vector<store::NewMessage> messages(1 + random_() % 4);
    std::vector<std::string> tokens;
    for (auto& message : messages) {
      tokens.push_back(name + "-" + std::to_string(tokens.size()));
      message.body = std::make_shared<const std::string>(message_bytes(tokens.back()));
      message.flags = random_() % 2 == 0 ? store::kSeen : 0;
    }
    const auto flags = messages;
    begin();
    CO_TRY_ASSIGN(const auto appended,
                  co_await database_.append({}, store::FolderId(folder), std::move(messages)));
    std::string lines;
    for (std::size_t i = 0; i < tokens.size(); ++i)
      lines += added(folder, appended.uids[i].value, tokens[i], flags[i].flags);
    answer(lines, {folder});
    co_return Result<>{};
  }

  Task<Result<>> deliver(std::string name) {
    const Delivery note{Guid::random(), name + "-d"};
    store::Delivery delivery;
    delivery.id = note.id;
    delivery.body = std::make_shared<const std::string>(message_bytes(note.token));
    delivery.targets.push_back({.mailbox = worker_mailbox(index_), .label = "worker"});
    delivery.targets.push_back({.mailbox = shared_mailbox(), .label = "shared"});
    begin(note);
    CO_TRY_ASSIGN(const auto delivered, co_await database_.deliver({}, std::move(delivery)));
    answer(added(delivered[0].folder.value, delivered[0].uid.value, note.token, 0) + "s " +
               std::to_string(delivered[1].uid.value) + " " + note.token + "\n",
           {delivered[0].folder.value});
    co_return Result<>{};
  }

  Task<Result<>> change_flags() {
    const std::uint32_t folder = any_folder();
    store::FlagChange change;
    change.uids = some_uids(folder);
    if (change.uids.empty()) co_return Result<>{};
    change.mode = store::FlagMode::kReplace;
    change.flags = random_() & store::kSystemFlags;
    const auto uids = change.uids;
    const auto flags = change.flags;
    begin();
    CO_TRY(co_await database_.change_flags({}, store::FolderId(folder), std::move(change)));
    std::string lines;
    for (const auto& range : uids.ranges()) {
      for (std::uint32_t uid = range.first; uid <= range.last; ++uid)
        lines += number_lines('=', folder, uid) + " " + std::to_string(flags) + "\n";
    }
    answer(lines, {folder});
    co_return Result<>{};
  }

  Task<Result<>> expunge() {
    const std::uint32_t folder = any_folder();
    const store::UidSet uids = some_uids(folder);
    if (uids.empty()) co_return Result<>{};
    begin();
    CO_TRY_ASSIGN(const auto gone,
                  co_await database_.expunge({}, store::FolderId(folder), uids, false));
    std::string lines;
    for (const auto& range : gone.ranges()) {
      for (std::uint32_t uid = range.first; uid <= range.last; ++uid)
        lines += number_lines('-', folder, uid) + "\n";
    }
    answer(lines, {folder});
    co_return Result<>{};
  }

  Task<Result<>> move_or_copy(bool move) {
    const std::uint32_t from = any_folder();
    const std::uint32_t to = any_folder();
    const store::UidSet uids = some_uids(from);
    if (from == to || uids.empty()) co_return Result<>{};
    begin();
    auto outcome =
        move ? co_await database_.move({}, store::FolderId(from), uids, store::FolderId(to))
             : co_await database_.copy({}, store::FolderId(from), uids, store::FolderId(to));
    CO_TRY_ASSIGN(const store::Copied copied, std::move(outcome));
    std::string lines;
    for (std::size_t i = 0; i < copied.from.size(); ++i) {
      const MessageFacts facts = model_.messages.at({from, copied.from[i].value});
      lines += added(to, copied.to[i].value, facts.token, facts.flags);
      if (move) lines += number_lines('-', from, copied.from[i].value) + "\n";
    }
    answer(lines, {from, to});
    co_return Result<>{};
  }

  store::Database& database_;
  std::size_t index_;
  std::mt19937_64 random_;
  Model& model_;
};

Task<void> work(store::Database& database, std::size_t index, std::uint64_t seed, Model& model,
                std::size_t operations, std::size_t life, Result<>& outcome) {
  Worker worker(database, index, seed, model);
  auto ended = co_await worker.run(operations, life);
  if (!ended) outcome = std::move(ended);
}

// Compacts all the while, more eagerly than anybody would, and gives the index a new file each
// second time.
class Compacting {
 public:
  explicit Compacting(store::Database& database)
      : database_(database), thread_([this] { run(); }) {}
  Compacting(const Compacting&) = delete;
  Compacting& operator=(const Compacting&) = delete;
  ~Compacting() {
    if (thread_.joinable()) thread_.join();
  }

  Result<> finish() {
    over_ = true;
    thread_.join();
    return outcome_;
  }

 private:
  void run() {
    for (int round = 0; !over_ && outcome_; ++round) {
      store::CompactOptions options;
      options.below_percent = 80;
      options.shrink_index = options.always_shrink = round % 2 == 1;
      store::Progress progress;
      if (const auto report = database_.compact(options, progress); !report)
        outcome_ = fail(report.error());
      std::this_thread::sleep_for(2ms);
    }
  }

  store::Database& database_;
  Result<> outcome_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace

store::OpenOptions database_options(std::string folder) {
  store::OpenOptions options;
  options.path = std::move(folder);
  options.guid = database_guid();
  options.create = true;
  options.segment_bytes = 64 << 10;
  options.index_bytes_max = 64 << 20;
  options.checkpoint_log_bytes = 192 * 1024;
  options.checkpoint_interval = 20ms;
  return options;
}

Result<> run_workload(const WorkloadOptions& options) {
  std::vector<Model> models(options.workers);
  for (std::size_t life = 0; life <= options.reopens; ++life) {
    TRY_ASSIGN(auto database, store::Database::open(database_options(options.folder)));
    asio::io_context io;
    TaskGroup group(io.get_executor());
    Result<> outcome;
    for (std::size_t i = 0; i < options.workers; ++i) {
      group.spawn("worker", work(*database, i, options.seed * 1000 + life * 100 + i, models[i],
                                 options.operations / (options.reopens + 1), life, outcome));
    }
    Compacting compacting(*database);
    io.run();
    TRY(compacting.finish());
    database->close();
    TRY(std::move(outcome));
  }
  return {};
}

namespace {

Result<> copy_durably(store::Disk& disk, const std::filesystem::path& from,
                      const std::filesystem::path& to) {
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    const auto target = to / entry.path().filename();
    if (entry.is_directory()) {
      if (::mkdir(target.c_str(), 0700) != 0) return fail(errno_error("making " + target.string()));
      TRY(copy_durably(disk, entry.path(), target));
      continue;
    }
    TRY_ASSIGN(const std::string bytes, store::read_file(entry.path(), SIZE_MAX - 1));
    TRY_ASSIGN(const auto file, disk.open(target));
    const std::string_view part = bytes;
    if (!part.empty()) TRY(file->write_at(0, {&part, 1}));
    TRY(file->sync());
  }
  return disk.sync_folder(to);
}

}  // namespace

Result<> run_recovery(const std::string& image, const std::string& folder) {
  TRY(copy_durably(store::real_disk(), image, folder));
  mark("recovery begins");
  store::Platform platform = store::Platform::real();
  platform.boot_id = "the power came back for a while";
  TRY_ASSIGN(const auto database, store::Database::open(database_options(folder), platform));
  return {};
}

}  // namespace hauspost::crash
