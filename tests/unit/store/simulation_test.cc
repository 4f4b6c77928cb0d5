// The store over a disk that fails: a life of a database is played once whole, which gives the
// states it goes through, and then again and again with the power failing, the process dying, or
// the disk refusing at one step of it after another. Each time recovery must come to the last
// state that was acknowledged or to the one after it, and the rest of the life, played on from
// there, to the same end.
//
// A failure names its seed: HAUSPOST_SIMULATION_SEED repeats it, HAUSPOST_SIMULATION_ROUNDS makes
// more or fewer of them.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <random>
#include <stdexcept>

#include "base/log.h"
#include "fault_disk.h"
#include "fixture.h"
#include "store/compaction.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kRounds = 400;      // of each kind, unless the environment says otherwise
constexpr std::uint64_t kRoundsALife = 80;  // then another seed
constexpr std::size_t kSteps = 36;
constexpr std::uint64_t kRelapseShare = 4;  // one recovery in so many fails as well
constexpr std::size_t kPage = 4096;
constexpr std::size_t kSector = 512;

// In memory where there is such a place: what counts as written is for the simulated disk to say.
std::string memory_folder() {
  const std::string memory = "/dev/shm";
  return ::access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path().string();
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// Seconds that pass with the steps of a life, and only with them.
class StepClock final : public Clock {
 public:
  WallTime now() const override { return WallTime(std::chrono::seconds(1'700'000'000 + step)); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(1000 + step));
  }
  std::atomic<std::size_t> step = 0;  // the writer's thread asks too
};

// All that a client could see but the numbers of changes, which compaction uses too.
std::string visible(const Database& database, std::map<std::uint32_t, std::uint64_t>& modseqs) {
  const Snapshot snapshot = database.snapshot();
  std::ostringstream out;
  for (const Mailbox& mailbox : snapshot.mailboxes()) {
    out << mailbox.guid.to_string() << ' ' << mailbox.messages << ' ' << mailbox.bytes << ' '
        << mailbox.recoverable_messages << ' ' << mailbox.disconnected_s << '\n';
    std::vector<Folder> folders = snapshot.folders(mailbox.id);
    if (auto hidden = snapshot.recoverable(mailbox.id)) folders.push_back(*std::move(hidden));
    for (const Folder& folder : folders) {
      out << ' ' << folder.id.value << ' ' << folder.path << ' ' << folder.uid_validity << ' '
          << folder.uid_next.value << ' ' << folder.unseen << ' ' << folder.deleted << '\n';
      modseqs[folder.id.value] = folder.highest_modseq.value;
      snapshot.for_each_message(folder.id, {1, UINT32_MAX}, [&](const Message& message) {
        const auto body = snapshot.body(message.body);
        out << "  " << message.uid.value << ' ' << message.flags << ' '
            << snapshot.annotation(folder.id, message.uid) << ' '
            << (body ? std::string(body->bytes) : body.error().text) << '\n';
        return true;
      });
    }
  }
  return out.str();
}

enum class Fault { kPowerLoss, kProcessDeath, kDiskError, kNoSpace, kLies };

class Life {
 public:
  Life(std::string path, std::uint64_t seed) : path_(std::move(path)), seed_(seed) {
    disk_.before_open = [this](const std::string& file) {
      // The index has just been synced.
      if (file.ends_with("/checkpoint.new")) note_index(path_ + "/index.mdb");
    };
    disk_.before_rename = [this](const std::string& from, const std::string& to) {
      if (to.ends_with("/index.mdb")) note_index(from);
    };
  }

  ~Life() { database_.reset(); }  // it still calls what is below
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  FaultDisk& disk() { return disk_; }
  std::uint64_t segments_dropped() const { return segments_dropped_; }
  Database* database() const { return database_.get(); }
  std::map<std::uint32_t, std::uint64_t>& modseqs() { return modseqs_; }
  std::string seen() { return visible(*database_, modseqs_); }

  Result<> open(const std::string& boot) {
    OpenOptions options = small_options(path_);
    options.segment_bytes = 8 * 1024;
    options.checkpoint_log_bytes = 6 * 1024;
    options.checkpoint_interval = std::chrono::hours(1);
    // Anna's deleted messages are kept for a while, Bert's are not.
    options.limits = [](const Guid& mailbox) {
      if (mailbox != kAnna) return MailboxLimits{};
      return MailboxLimits{.recoverable_bytes = 8000, .keep_deleted_s = 6};
    };
    Platform platform = test_platform();
    platform.disk = &disk_;
    platform.clock = &clock_;
    platform.boot_id = boot;
    platform.in_order = true;
    platform.fatal = [this](const Error&) { fenced_ = true; };
    fenced_ = false;
    TRY_ASSIGN(database_, Database::open(options, platform));
    return {};
  }
  // As a process that dies: nothing more reaches the disk.
  void die() {
    disk_.arm(FaultDisk::Fault::kCrash, 1);
    database_.reset();
  }
  void close() { database_.reset(); }
  bool fenced() const { return fenced_; }

  // Step number `step` of the life; what it does hangs on the seed and on what is there alone.
  Result<> play(std::size_t step) {
    clock_.step = step;
    random_.seed(seed_ * 1000 + step);
    if (step < 2) return open_mailbox(step == 0 ? kAnna : kBert);
    switch (pick(16)) {
      case 0:
      case 1:
      case 2: return append(step);
      case 3:
      case 4: return deliver(step);
      case 5: return flags();
      case 6:
      case 7: return expunge();
      case 8: return copy(false);
      case 9: return copy(true);
      case 10: return create(step);
      case 11: return pick(2) == 0 ? rename(step) : annotate(step);
      case 12: return pick(2) == 0 ? remove() : append(step);
      case 13: return pick(2) == 0 ? restore() : trim();
      case 14: return disconnect(step);
      default: return compact();
    }
  }

  // The index after a power loss: each sector as it was last synced or as it is now.
  void lose_power(std::mt19937_64& random) {
    disk_.lose_power(random);
    const std::string path = path_ + "/index.mdb";
    if (!fs::exists(path)) return;
    std::string now = read_whole(path);
    for (std::size_t page = 0; page < now.size(); page += kPage) {
      const bool torn = random() % 8 == 0;
      const bool old = random() % 2 == 0;
      for (std::size_t at = page; at < std::min(page + kPage, now.size()); at += kSector) {
        if (torn ? random() % 2 == 0 : old) revert(now, at);
      }
    }
    write_whole(path, now);
  }

 private:
  void note_index(const std::string& file) {
    synced_index_ = fs::exists(file) ? read_whole(file) : std::string();
  }
  void revert(std::string& now, std::size_t at) const {
    const std::size_t count = std::min(kSector, now.size() - at);
    std::string old = at < synced_index_.size() ? synced_index_.substr(at, count) : std::string();
    old.resize(count, '\0');
    now.replace(at, count, old);
  }

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  std::vector<Folder> folders() {
    std::vector<Folder> all;
    const Snapshot snapshot = database_->snapshot();
    for (const Mailbox& mailbox : snapshot.mailboxes())
      for (Folder& folder : snapshot.folders(mailbox.id)) all.push_back(std::move(folder));
    return all;
  }
  Folder some_folder() {
    const auto all = folders();
    // Mostly one of few, so that they fill.
    return all[pick(3) == 0 ? pick(all.size()) : pick(2)];
  }
  UidSet some_uids(FolderId folder) {
    UidSet uids;
    for (const std::uint32_t uid : database_->snapshot().uids(folder))
      if (pick(2) == 0) uids.add(uid);
    return uids;
  }
  static std::string text(std::size_t step, std::uint64_t number, std::uint64_t size) {
    return "message " + std::to_string(step) + "." + std::to_string(number) +
           std::string(100 + size, '.');
  }

  template <class T>
  static Result<> without_value(const Result<T>& outcome) {
    if (!outcome) return fail(outcome.error());
    return {};
  }

  Result<> open_mailbox(const Guid& guid) {
    return without_value(wait_for(database_->open_mailbox({}, guid, "somebody")));
  }
  Result<> append(std::size_t step) {
    std::vector<NewMessage> messages;
    const std::uint64_t count = 1 + pick(3);
    for (std::uint64_t i = 0; i < count; ++i)
      messages.push_back(message_of(text(step, i, pick(2000)), pick(2) == 0 ? kSeen : 0));
    return without_value(wait_for(database_->append({}, some_folder().id, std::move(messages))));
  }
  Result<> deliver(std::size_t step) {
    Delivery delivery;
    delivery.id = numbered_guid(step + 1);
    delivery.body = body_of(text(step, 0, pick(3000)));
    delivery.targets = {{kAnna, "anna"}, {kBert, "bert"}};
    return without_value(wait_for(database_->deliver({}, delivery)));
  }
  Result<> flags() {
    const Folder folder = some_folder();
    FlagChange change;
    change.uids = some_uids(folder.id);
    change.flags = pick(2) == 0 ? kFlagged : kDeleted;
    if (pick(3) == 0) change.keywords = {"k" + std::to_string(pick(4))};
    return without_value(wait_for(database_->change_flags({}, folder.id, change)));
  }
  Result<> expunge() {
    const Folder folder = some_folder();
    return without_value(wait_for(database_->expunge({}, folder.id, some_uids(folder.id), false)));
  }
  Result<> copy(bool move) {
    const Folder from = some_folder();
    const UidSet uids = some_uids(from.id);
    const Folder to = some_folder();
    return without_value(move ? wait_for(database_->move({}, from.id, uids, to.id))
                              : wait_for(database_->copy({}, from.id, uids, to.id)));
  }
  Result<> create(std::size_t step) {
    const Folder folder = some_folder();
    return without_value(wait_for(database_->create_folder(
        {}, folder.mailbox, folder.path + "/f" + std::to_string(step), SpecialUse::kNone)));
  }
  Result<> rename(std::size_t step) {
    const Folder folder = some_folder();
    return without_value(
        wait_for(database_->rename_folder({}, folder.id, "moved " + std::to_string(step))));
  }
  Result<> remove() {
    for (const Folder& folder : folders()) {
      if (folder.special_use != SpecialUse::kNone || folder.has_children) continue;
      return without_value(wait_for(database_->delete_folder({}, folder.id)));
    }
    return {};
  }
  Result<> annotate(std::size_t step) {
    const Folder folder = some_folder();
    const auto uids = database_->snapshot().uids(folder.id);
    if (uids.empty()) return {};
    return without_value(wait_for(database_->annotate({}, folder.id, Uid(uids[pick(uids.size())]),
                                                      "note " + std::to_string(step))));
  }
  Result<> restore() {
    const auto anna = database_->snapshot().mailbox(kAnna);
    const auto hidden = database_->snapshot().recoverable(anna->id);
    if (!hidden) return {};
    return without_value(wait_for(database_->restore({}, kAnna, some_uids(hidden->id))));
  }
  Result<> trim() { return without_value(wait_for(database_->trim_recoverable({}, kAnna))); }
  Result<> disconnect(std::size_t step) {
    const std::int64_t time_s = pick(2) == 0 ? 0 : static_cast<std::int64_t>(step);
    return wait_for(database_->set_disconnected({}, kBert, time_s));
  }
  Result<> compact() {
    CompactOptions options;
    options.below_percent = static_cast<unsigned>(50 + pick(50));
    options.always_shrink = pick(2) == 0;
    options.shrink_index = options.always_shrink;
    Progress progress;
    const auto report = database_->compact(options, progress);
    if (report) segments_dropped_ += report->segments_dropped;
    return without_value(report);
  }

  const std::string path_;
  const std::uint64_t seed_;
  FaultDisk disk_;
  StepClock clock_;
  std::mt19937_64 random_;
  std::unique_ptr<Database> database_;
  std::atomic<bool> fenced_ = false;
  std::string synced_index_;
  std::uint64_t segments_dropped_ = 0;
  std::map<std::uint32_t, std::uint64_t> modseqs_;
};

// A failure that a step meets in a whole life too: the folder is not there, the name is taken.
bool expected(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kExists ||
         error.code == ErrorCode::kInvalid;
}

struct Golden {
  std::vector<std::string> states;  // before each step, and at the end
  std::uint64_t operations = 0;     // of the disk
  std::uint64_t segments_dropped = 0;
};

Golden play_whole(std::uint64_t seed) {
  TempFolder folder(memory_folder());
  Life life(folder.path(), seed);
  Golden golden;
  life.disk().arm(FaultDisk::Fault::kNone, 0);
  REQUIRE(life.open("boot 1").has_value());
  for (std::size_t step = 0; step < kSteps; ++step) {
    golden.states.push_back(life.seen());
    const auto played = life.play(step);
    if (!played && !expected(played.error())) FAIL(played.error().text);
  }
  golden.states.push_back(life.seen());
  golden.operations = life.disk().operations();
  golden.segments_dropped = life.segments_dropped();
  require_whole(*life.database());
  return golden;
}

class Round {
 public:
  Round(const Golden& golden, Fault fault, std::uint64_t seed, std::uint64_t at)
      : golden_(golden), fault_(fault), random_(seed * 7919 + at), life_(folder_.path(), seed) {
    life_.disk().arm(fault == Fault::kNoSpace     ? FaultDisk::Fault::kNoSpace
                     : fault == Fault::kDiskError ? FaultDisk::Fault::kError
                                                  : FaultDisk::Fault::kCrash,
                     at);
    if (fault == Fault::kLies) life_.disk().lie_about_syncs();
  }

  // What is wrong; empty: nothing.
  std::string run() {
    try {
      const auto opened = life_.open("boot 1");
      if (opened) play_until_fault();
      // Want of space may have been met without any harm; then there is nothing to recover from.
      if (!opened || life_.fenced() || step_ < kSteps) {
        life_.die();
        if (loses_power()) life_.lose_power(random_);
        recover();
      }
      finish();
    } catch (const std::runtime_error& finding) {
      return finding.what();
    }
    return {};
  }

 private:
  static void demand(bool held, const std::string& what) {
    if (!held) throw std::runtime_error(what);
  }
  static void demand(const Result<>& outcome, const std::string& what) {
    if (!outcome) throw std::runtime_error(what + ": " + outcome.error().text);
  }
  bool loses_power() const { return fault_ == Fault::kPowerLoss || fault_ == Fault::kLies; }

  void demand_whole() const {
    const auto report = life_.database()->verify();
    demand(report.has_value(), "verify fails");
    demand(report->faults.empty(), report->faults.empty() ? "" : report->faults[0]);
  }

  // One step; a failure that a whole life meets too is none.
  Result<> play() {
    auto played = life_.play(step_);
    if (!played && expected(played.error())) return {};
    return played;
  }

  void play_until_fault() {
    for (; step_ < kSteps; ++step_) {
      life_.seen();
      shown_ = life_.modseqs();  // the numbers that were shown before the step
      const auto played = play();
      if (!played) {
        if (fault_ != Fault::kNoSpace || life_.fenced()) return;
        // Refused for want of space: as if it had not been asked for, and it can be asked again.
        demand(played.error().code == ErrorCode::kExhausted, played.error().text);
        demand(life_.seen() == golden_.states[step_], "a refused step changed something");
        demand(play(), "refused once more");
      }
      // Answered, and only then the disk failed: it must be there.
      if (life_.fenced()) {
        ++step_;
        return;
      }
    }
  }

  void recover() {
    const std::string boot = loses_power() ? "boot 2" : "boot 1";
    if (random_() % kRelapseShare == 0) {
      life_.disk().arm(FaultDisk::Fault::kCrash, 1 + random_() % 40);
      const auto ignored = life_.open(boot);
      life_.die();
      if (loses_power()) life_.lose_power(random_);
    }
    life_.disk().arm(FaultDisk::Fault::kNone, 0);
    demand(life_.open(loses_power() ? "boot 3" : boot), "recovery");
    demand_whole();
    const std::string now = life_.seen();
    const bool done = step_ < kSteps && now == golden_.states[step_ + 1];
    demand(done || now == golden_.states[step_], "another state than what was acknowledged");
    for (const auto& [folder, modseq] : shown_) {
      const auto found = life_.modseqs().find(folder);
      demand(found == life_.modseqs().end() || found->second >= modseq, "a MODSEQ went back");
    }
    // A step that was done without its caller hearing of it is not asked for again.
    if (done) ++step_;
  }

  void finish() {
    for (; step_ < kSteps; ++step_) demand(play(), "playing on");
    demand(life_.seen() == golden_.states.back(), "another end than that of a whole life");
    demand_whole();
    life_.close();
    const auto report = verify(folder_.path());
    demand(report.has_value() && report->is_whole(), "verify of the closed folder");
  }

  TempFolder folder_{memory_folder()};
  const Golden& golden_;
  const Fault fault_;
  std::mt19937_64 random_;
  Life life_;
  std::size_t step_ = 0;
  std::map<std::uint32_t, std::uint64_t> shown_;
};

// Number of rounds that found something wrong; each says so unless `findings_expected`.
std::uint64_t simulate(Fault fault, std::uint64_t rounds, bool findings_expected = false) {
  std::uint64_t seed =
      from_environment("HAUSPOST_SIMULATION_SEED", std::random_device()() % 1'000'000);
  std::uint64_t dropped = 0;
  std::uint64_t findings = 0;
  for (std::uint64_t round = 0; round < rounds; ++seed) {
    CAPTURE(seed);
    const Golden golden = play_whole(seed);
    dropped += golden.segments_dropped;
    std::vector<std::uint64_t> points(golden.operations);
    std::iota(points.begin(), points.end(), 1);
    std::mt19937_64 random(seed);
    std::ranges::shuffle(points, random);
    points.resize(std::min<std::size_t>(points.size(), kRoundsALife));
    for (const std::uint64_t at : points) {
      if (round++ >= rounds) break;
      const std::string finding = Round(golden, fault, seed, at).run();
      if (finding.empty()) continue;
      ++findings;
      if (!findings_expected) FAIL_CHECK("seed " << seed << ", step " << at << ": " << finding);
    }
  }
  // Otherwise the lives were too quiet to prove anything about compaction.
  if (rounds >= kRounds) CHECK(dropped > 0);
  return findings;
}

void simulate(Fault fault) {
  simulate(fault, from_environment("HAUSPOST_SIMULATION_ROUNDS", kRounds));
}

}  // namespace

TEST_CASE("simulation: power loss at any step of the disk", "[simulation]") {
  simulate(Fault::kPowerLoss);
}

TEST_CASE("simulation: death of the process at any step of the disk", "[simulation]") {
  simulate(Fault::kProcessDeath);
}

TEST_CASE("simulation: an error at any step of the disk", "[simulation]") {
  simulate(Fault::kDiskError);
}

TEST_CASE("simulation: no space at any step of the disk", "[simulation]") {
  simulate(Fault::kNoSpace);
}

TEST_CASE("simulation: a disk that lies about its syncs is noticed", "[simulation]") {
  CHECK(simulate(Fault::kLies, kRoundsALife, true) > kRoundsALife / 4);
}
