#include "server/supervisor/requests.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/durable_file.h"
#include "base/log.h"
#include "base/text.h"
#include "server/child/job_transfer.pb.h"

namespace hauspost::supervisor {

namespace {

namespace fs = std::filesystem;
using State = TransferRequest::State;

constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr Duration kLookEvery = std::chrono::seconds(1);   // at a job's progress
constexpr Duration kRetryAfter = std::chrono::seconds(2);  // that broke off
constexpr Duration kWaitForMount = std::chrono::seconds(3);
constexpr Duration kDropEvery = std::chrono::minutes(10);  // what was kept long enough
constexpr Duration kRemovePatience = std::chrono::seconds(30);
constexpr std::string_view kEnding = ".request";

std::int64_t now_s() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

bool is_over(const TransferRequest& request) { return request.state == State::kCompleted; }

// Two spellings of one file are one file.
std::string real_path(const std::string& path) {
  std::error_code code;
  const fs::path parent = fs::weakly_canonical(fs::path(path).parent_path(), code);
  return code ? path : (parent / fs::path(path).filename()).string();
}

std::string job_kind(const TransferRequest& request) {
  return request.is_export ? "export" : "import";
}

}  // namespace

Requests::Requests(Executor executor, std::string folder, directory::DirectoryWriter& directory,
                   StoreWorkers& stores, Jobs& jobs)
    : executor_(executor),
      folder_(std::move(folder)),
      directory_(directory),
      stores_(stores),
      jobs_(jobs),
      changed_(executor),
      tasks_(executor) {}

std::string Requests::path_of(const Guid& id) const {
  return folder_ + "/" + id.to_string() + std::string(kEnding);
}

Result<> Requests::load() {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(errno_error("making folder " + folder_));
  std::error_code code;
  for (auto entry = fs::directory_iterator(folder_, code);
       !code && entry != fs::directory_iterator(); entry.increment(code)) {
    const std::string path = entry->path().string();
    if (!path.ends_with(kEnding)) continue;
    const auto bytes = read_small_file(path, kFileBytesMax);
    auto request = bytes ? from_stored(*bytes) : fail(bytes.error());
    if (!request) {
      log::error("request.unreadable", {{"file", path}, {"cause", request.error()}});
      continue;
    }
    entries_.push_back({.request = std::move(*request), .database = {}});
  }
  if (code) return fail(errno_error("reading " + folder_, code.value()));
  entries_.sort([](const Entry& a, const Entry& b) {
    return std::tie(a.request.created_s, a.request.id) <
           std::tie(b.request.created_s, b.request.id);
  });
  return {};
}

Result<> Requests::keep(const TransferRequest& request) const {
  return replace_file(path_of(request.id), to_stored(request));
}

// What went wrong with the disk shows again at the next change; the work itself is noted elsewhere.
void Requests::keep_or_log(const TransferRequest& request) const {
  if (const auto kept = keep(request); !kept)
    log::error("request.not_kept", {{"request", request.name}, {"cause", kept.error()}});
}

Requests::Entry* Requests::entry_of(const Guid& id) {
  const auto at =
      std::ranges::find(entries_, id, [](const Entry& each) { return each.request.id; });
  return at == entries_.end() ? nullptr : &*at;
}

Result<> Requests::give_name(TransferRequest& request) const {
  const auto taken = [&](std::string_view name) {
    return find(request.is_export, request.mailbox_guid, name).has_value();
  };
  if (!request.name.empty()) {
    if (!taken(request.name)) return {};
    return fail(ErrorCode::kExists,
                fmt::format("mailbox {} has an {} named {} already; remove it or give another name",
                            request.mailbox, job_kind(request), escape_for_log(request.name)));
  }
  for (int i = 0; i < kAutomaticNames; ++i) {
    request.name = fmt::format("{}{}", job_kind(request), i);
    if (!taken(request.name)) return {};
  }
  return fail(ErrorCode::kExists,
              fmt::format("{} {}s of mailbox {} have automatic names already: remove one, or give "
                          "this one a name with --name",
                          kAutomaticNames, job_kind(request), request.mailbox));
}

Result<TransferRequest> Requests::add(TransferRequest request, bool suspended) {
  if (entries_.size() >= kRequestsMax)
    return fail(ErrorCode::kExhausted, "too many requests are kept; remove some that have ended");
  TRY(give_name(request));
  if (request.is_export) {
    const std::string path = real_path(request.file);
    for (const Entry& other : entries_) {
      if (!other.request.is_export || is_over(other.request)) continue;
      if (real_path(other.request.file) != path) continue;
      return fail(
          ErrorCode::kExists,
          fmt::format("{} is being written by export {}/{}", escape_for_log(request.file, 1000),
                      other.request.mailbox, escape_for_log(other.request.name)));
    }
  }
  request.id = Guid::ordered();
  request.created_s = now_s();
  request.state = suspended ? State::kSuspended : State::kQueued;
  request.detail = suspended ? "made so" : "";
  TRY(keep(request));
  entries_.push_back({.request = request, .database = {}});
  changed_.notify_all();
  return request;
}

std::vector<TransferRequest> Requests::list(bool exports, const Guid& mailbox) const {
  std::vector<TransferRequest> out;
  for (const Entry& entry : entries_) {
    if (entry.request.is_export != exports || entry.removing) continue;
    if (!mailbox.is_nil() && entry.request.mailbox_guid != mailbox) continue;
    out.push_back(entry.request);
  }
  return out;
}

Result<TransferRequest> Requests::find(bool exports, const Guid& mailbox,
                                       std::string_view name) const {
  for (const Entry& entry : entries_) {
    const TransferRequest& request = entry.request;
    if (request.is_export == exports && request.mailbox_guid == mailbox &&
        iequals(request.name, name))
      return request;
  }
  return fail(ErrorCode::kNotFound, fmt::format("no {} is named {}", exports ? "export" : "import",
                                                escape_for_log(name)));
}

Result<TransferRequest> Requests::suspend(const Guid& id) {
  Entry* const entry = entry_of(id);
  if (entry == nullptr) return fail(ErrorCode::kNotFound, "the request is gone");
  TransferRequest& request = entry->request;
  if (request.state != State::kQueued && request.state != State::kInProgress) {
    return fail(ErrorCode::kExists, fmt::format("{} {} is {} already", job_kind(request),
                                                request.name, state_word(request)));
  }
  TransferRequest wanted = request;
  wanted.state = State::kSuspended;
  wanted.detail = "on demand";
  TRY(keep(wanted));
  if (entry->job == 0) {
    request = wanted;
  } else {
    entry->stop_asked = true;
    request.detail = "is being suspended";
    [[maybe_unused]] auto asked = jobs_.cancel(entry->job);
  }
  return request;
}

Result<TransferRequest> Requests::resume(const Guid& id) {
  Entry* const entry = entry_of(id);
  if (entry == nullptr) return fail(ErrorCode::kNotFound, "the request is gone");
  TransferRequest& request = entry->request;
  if (request.state != State::kSuspended && request.state != State::kFailed) {
    return fail(ErrorCode::kExists,
                fmt::format("{} {} is {}: there is nothing to resume", job_kind(request),
                            request.name, state_word(request)));
  }
  TransferRequest wanted = request;
  wanted.state = State::kQueued;
  wanted.detail.clear();
  wanted.ended_s = 0;
  TRY(keep(wanted));
  request = wanted;
  entry->deaths = 0;
  entry->not_before = {};
  changed_.notify_all();
  return request;
}

Result<TransferRequest> Requests::change(const Guid& id, const Change& change) {
  Entry* const entry = entry_of(id);
  if (entry == nullptr) return fail(ErrorCode::kNotFound, "the request is gone");
  TransferRequest wanted = entry->request;
  if (change.priority) wanted.priority = *change.priority;
  if (change.bad_items_max) wanted.bad_items_max = *change.bad_items_max;
  if (change.large_items_max) wanted.large_items_max = *change.large_items_max;
  if (change.keep_completed_s) wanted.keep_completed_s = *change.keep_completed_s;
  TRY(keep(wanted));
  entry->request = wanted;
  changed_.notify_all();
  return wanted;
}

Result<std::string> Requests::database_of(const TransferRequest& request) const {
  TRY_ASSIGN(const auto mailbox, directory_.reader().mailbox(request.mailbox_guid));
  if (!mailbox || mailbox->database.empty())
    return fail(ErrorCode::kNotFound, "mailbox " + request.mailbox + " is gone");
  return mailbox->database;
}

Requests::Entry* Requests::next_to_run() {
  const auto now = std::chrono::steady_clock::now();
  std::size_t running = 0;
  for (const Entry& entry : entries_) running += entry.job != 0 ? 1 : 0;
  if (running >= kRunningMax) return nullptr;
  Entry* best = nullptr;
  for (Entry& entry : entries_) {
    TransferRequest& request = entry.request;
    if (request.state != State::kQueued || entry.removing || entry.not_before > now) continue;
    if (best != nullptr && best->request.priority >= request.priority) continue;
    const auto database = database_of(request);
    if (!database && database.error().code == ErrorCode::kNotFound) {
      request.state = State::kFailed;
      request.detail = database.error().text;
      request.ended_s = now_s();
      keep_or_log(request);
      continue;
    }
    const ChildProcess* const worker = database ? stores_.find(*database) : nullptr;
    if (worker == nullptr || !worker->control()) {
      request.detail =
          database ? "waits for database " + *database + " to be mounted" : database.error().text;
      entry.not_before = now + kWaitForMount;
      continue;
    }
    const auto there = std::ranges::count_if(entries_, [&](const Entry& other) {
      return other.job != 0 && other.database == *database;
    });
    if (static_cast<std::size_t>(there) >= kRunningPerDatabaseMax) continue;
    entry.database = *database;
    best = &entry;
  }
  return best;
}

void Requests::start() { tasks_.spawn("requests", schedule()); }

Task<void> Requests::schedule() {
  Deadline again(executor_, [this] { changed_.notify_all(); });
  while (!stopping_) {
    drop_old();
    while (Entry* const entry = next_to_run()) {
      TransferRequest& request = entry->request;
      const auto job = jobs_.start_in_worker(entry->database, job_kind(request), to_job(request));
      if (!job) {
        request.detail = job.error().text;
        entry->not_before = std::chrono::steady_clock::now() + kWaitForMount;
        continue;
      }
      entry->job = *job;
      entry->stop_asked = false;
      entry->began = std::chrono::steady_clock::now();
      request.state = State::kInProgress;
      request.detail.clear();
      if (request.started_s == 0) request.started_s = now_s();
      keep_or_log(request);
      tasks_.spawn("request", work(request.id));
    }
    // Nothing to wait for is nothing to wake up for.
    const bool waiting = std::ranges::any_of(
        entries_, [](const Entry& each) { return each.request.state == State::kQueued; });
    if (waiting) {
      again.start(kLookEvery);
    } else if (!entries_.empty()) {
      again.start(kDropEvery);
    }
    if (!co_await changed_.wait()) co_return;
  }
}

Task<void> Requests::work(Guid id) {
  for (;;) {
    Entry* entry = entry_of(id);
    if (entry == nullptr) co_return;
    const auto facts = co_await jobs_.show(entry->job, kLookEvery);
    entry = entry_of(id);
    if (entry == nullptr || stopping_) co_return;
    if (!facts) {
      broke_off(*entry, facts.error());
      break;
    }
    note_progress(*entry, *facts);
    if (facts->state == JobFacts::State::kRunning) continue;
    ended(*entry, *facts);
    break;
  }
  changed_.notify_all();
}

void Requests::note_progress(Entry& entry, const JobFacts& facts) {
  // Before it says what it counts it has not found its place yet.
  const auto tally = transfer::parse_step(facts.step);
  if (!tally) return;
  entry.request.tally = *tally;
  entry.request.done = facts.done;
  entry.request.total = facts.total;
}

void Requests::ended(Entry& entry, const JobFacts& facts) {
  TransferRequest& request = entry.request;
  if (facts.state != JobFacts::State::kDone) {
    // Not begun, as the worker had too many jobs: it waits like those of a busy database.
    const bool crowded = facts.error.code == ErrorCode::kExhausted && facts.step.empty();
    if (crowded) return broke_off(entry, {ErrorCode::kCancelled, facts.error.text});
    return broke_off(entry, facts.error);
  }
  child::wire::TransferReport report;
  if (!report.ParseFromString(facts.report))
    return broke_off(entry, {ErrorCode::kCorrupt, "the worker's report does not parse"});
  entry.job = 0;
  request.tally = {.messages = report.messages(),
                   .bytes = report.bytes(),
                   .bad = report.bad(),
                   .large = report.large(),
                   .odd = report.odd(),
                   .skipped = report.skipped(),
                   .folders = report.folders(),
                   .folders_made = report.folders_made()};
  request.done = request.total;
  request.worked_s +=
      std::chrono::duration_cast<Seconds>(std::chrono::steady_clock::now() - entry.began).count();
  request.state = State::kCompleted;
  request.detail.clear();
  request.ended_s = now_s();
  keep_or_log(request);
  log::info("request.completed", {{"kind", job_kind(request)},
                                  {"mailbox", request.mailbox},
                                  {"name", request.name},
                                  {"messages", request.tally.messages},
                                  {"bytes", request.tally.bytes},
                                  {"bad", request.tally.bad},
                                  {"large", request.tally.large}});
}

void Requests::broke_off(Entry& entry, const Error& error) {
  TransferRequest& request = entry.request;
  entry.job = 0;
  request.worked_s +=
      std::chrono::duration_cast<Seconds>(std::chrono::steady_clock::now() - entry.began).count();
  request.detail = error.text;
  if (entry.stop_asked) {
    request.state = State::kSuspended;
    request.detail = "on demand";
  } else if (error.code == ErrorCode::kOverQuota) {
    request.state = State::kSuspended;
    request.detail = error.text + "; make room or raise its quota, and resume the request";
  } else if (error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kCancelled) {
    const bool further = request.done > entry.done_at_death;
    entry.done_at_death = request.done;
    if (error.code == ErrorCode::kUnavailable) entry.deaths = further ? 1 : entry.deaths + 1;
    const bool hopeless = entry.deaths >= kDeathsMax;
    request.state = hopeless ? State::kFailed : State::kQueued;
    if (hopeless)
      request.detail += fmt::format("; that was {} times at the same place", kDeathsMax);
    entry.not_before = std::chrono::steady_clock::now() + kRetryAfter;
  } else {
    request.state = State::kFailed;
  }
  if (request.state == State::kFailed) request.ended_s = now_s();
  keep_or_log(request);
  log::warning("request.interrupted", {{"kind", job_kind(request)},
                                       {"mailbox", request.mailbox},
                                       {"name", request.name},
                                       {"state", state_word(request)},
                                       {"cause", error}});
}

namespace {

Task<Result<std::string>> await_job(Jobs& jobs, std::uint64_t id, Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    CO_TRY_ASSIGN(const JobFacts facts, co_await jobs.show(id, kLookEvery));
    if (facts.state == JobFacts::State::kDone) co_return facts.report;
    if (facts.state != JobFacts::State::kRunning) co_return fail(facts.error);
    if (std::chrono::steady_clock::now() > until)
      co_return fail(ErrorCode::kTimeout, "it takes too long; try again");
  }
}

}  // namespace

Task<Result<>> Requests::remove(Guid id) {
  Entry* entry = entry_of(id);
  if (entry == nullptr || entry->removing)
    co_return fail(ErrorCode::kNotFound, "the request is gone");
  TransferRequest request = entry->request;
  if (entry->job != 0) {
    CO_TRY(suspend(id));
    const auto until = std::chrono::steady_clock::now() + kRemovePatience;
    while ((entry = entry_of(id)) != nullptr && entry->job != 0) {
      if (std::chrono::steady_clock::now() > until)
        co_return fail(ErrorCode::kTimeout, "the work does not end; try again");
      CO_TRY(co_await sleep_for(kRetryAfter / 20));
    }
    if (entry == nullptr) co_return fail(ErrorCode::kNotFound, "the request is gone");
    request = entry->request;
  }
  // What never began left nothing behind, and what is left of a mailbox that is gone went with it.
  const auto database = database_of(request);
  if (!database && database.error().code != ErrorCode::kNotFound) co_return fail(database.error());
  if (request.started_s != 0 && database) {
    child::wire::TransferForgetRequest wish;
    wish.set_request(std::string(request.id.as_bytes()));
    wish.set_mailbox_guid(std::string(request.mailbox_guid.as_bytes()));
    if (request.is_export && !is_over(request)) wish.set_file(request.file);
    if (stores_.find(*database) == nullptr) {
      co_return fail(ErrorCode::kUnavailable,
                     fmt::format("database {} is not mounted, and the request has notes there; "
                                 "first: hauspost database mount {}",
                                 *database, *database));
    }
    entry->removing = true;
    Result<std::string> forgotten = std::string();
    const auto job = jobs_.start_in_worker(*database, "transfer-forget", wish.SerializeAsString());
    if (job)
      forgotten = co_await await_job(jobs_, *job, kRemovePatience);
    else
      forgotten = fail(job.error());
    entry = entry_of(id);
    if (entry == nullptr) co_return fail(ErrorCode::kNotFound, "the request is gone");
    entry->removing = false;
    if (!forgotten) co_return fail(std::move(forgotten).error());
  }
  if (::unlink(path_of(id).c_str()) != 0 && errno != ENOENT)
    co_return fail(errno_error("removing " + path_of(id)));
  CO_TRY(sync_folder(folder_));
  std::erase_if(entries_, [&](const Entry& each) { return each.request.id == id; });
  changed_.notify_all();
  co_return Result<>{};
}

Task<void> Requests::forget(TransferRequest request) {
  const auto gone = co_await remove(request.id);
  if (gone) {
    log::info("request.expired", {{"mailbox", request.mailbox}, {"name", request.name}});
  } else {
    log::warning("request.kept",
                 {{"mailbox", request.mailbox}, {"name", request.name}, {"cause", gone.error()}});
  }
  changed_.notify_all();
}

// One at a time: many that expire together would take a worker's places for jobs from others.
void Requests::drop_old() {
  if (std::ranges::any_of(entries_, &Entry::removing)) return;
  const std::int64_t now = now_s();
  const auto steady = std::chrono::steady_clock::now();
  for (Entry& entry : entries_) {
    const TransferRequest& request = entry.request;
    if (!is_over(request) || entry.removing || request.keep_completed_s == 0) continue;
    if (now - request.ended_s < request.keep_completed_s || entry.not_before > steady) continue;
    entry.not_before = steady + kDropEvery;  // when it cannot go now
    tasks_.spawn("request.forget", forget(request));
    return;
  }
}

Task<void> Requests::stop() {
  stopping_ = true;
  changed_.notify_all();
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace hauspost::supervisor
