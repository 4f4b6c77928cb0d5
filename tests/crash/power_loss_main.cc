// power_loss [--rounds N] [--seed S] [--recorder LIBRARY] [--expect-loss log|index]
//
// Records lives of a database and, for random points of each, makes folders that a power loss
// there may leave behind; opens each and checks it against what the life had been told.
// With --expect-loss the disk lies about syncs of the log or of the index, and the run passes only
// when that is noticed: a test that cannot fail proves nothing. A lie about the index is noticed by
// the database itself, which makes it again from the log.
// N also comes from HAUSPOST_POWER_LOSS_ROUNDS. Every failure prints the seed that repeats it.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/ids.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "tests/crash/image_check.h"
#include "tests/crash/workload.h"

using namespace hauspost;
using namespace hauspost::crash;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kRoundsPerLife = 40;
constexpr std::size_t kLossesARelapse = 4;  // one loss in so many is followed by a second
constexpr std::size_t kFindingMax = 4000;   // fits a pipe

struct Options {
  std::uint64_t rounds = 200;
  std::uint64_t seed = random_u64() % 1'000'000;
  std::string recorder;
  Obey obey = Obey::kAll;
  std::string program;
};

std::uint64_t number(const char* text) {
  return parse_u64(text == nullptr ? std::string_view() : text).value_or(0);
}

Options read_options(int argc, char** argv) {
  Options options;
  options.program = fs::read_symlink("/proc/self/exe");
  options.recorder = fs::path(options.program).parent_path() / "libcrash_recorder.so";
  if (const char* rounds = std::getenv("HAUSPOST_POWER_LOSS_ROUNDS"))
    options.rounds = number(rounds);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--rounds") options.rounds = number(argv[i + 1]);
    if (name == "--seed") options.seed = number(argv[i + 1]);
    if (name == "--recorder") options.recorder = argv[i + 1];
    if (name == "--expect-loss")
      options.obey = std::string_view(argv[i + 1]) == "log" ? Obey::kNoneOfLog : Obey::kNoneOfIndex;
  }
  return options;
}

// Runs this program again with `words` under the recorder, which watches `folder`.
Result<Trace> record(const Options& options, const fs::path& folder, const fs::path& trace,
                     std::vector<std::string> words) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::remove(trace);
  std::vector<std::string> variables{
      "LD_PRELOAD=" + options.recorder, std::string(kFolderVariable) + "=" + folder.string(),
      std::string(kTraceVariable) + "=" + trace.string(), "ASAN_OPTIONS=verify_asan_link_order=0"};
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  words.insert(words.begin(), options.program);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (const int failed = posix_spawn(&child, options.program.c_str(), nullptr, nullptr,
                                     arguments.data(), environment.data()))
    return fail(errno_error("starting " + words[1], failed));
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0)
    return fail(ErrorCode::kInternal, words[1] + " ended with status " + std::to_string(status));
  return Trace::load(trace);
}

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The recorder missed nothing: replaying everything gives the folder as it is.
Result<> check_recorder(const Trace& trace, const fs::path& live, const fs::path& image) {
  std::mt19937_64 unused;
  TRY(write_image(trace, {.point = SIZE_MAX, .everything = true}, unused, image));
  for (const auto& entry : fs::recursive_directory_iterator(live)) {
    const fs::path below = fs::relative(entry.path(), live);
    if (!entry.is_regular_file() || below.filename().string().ends_with("-lock")) continue;
    if (slurp(entry.path()) != slurp(image / below))
      return fail(ErrorCode::kInternal, "the recorder missed a change of " + below.string());
  }
  return {};
}

struct Tally {
  std::uint64_t rounds = 0;
  std::uint64_t losses = 0;
  std::uint64_t made_again = 0;  // indexes
};

constexpr int kSound = 0;
constexpr int kLost = 1;
constexpr int kMadeAgain = 2;

// In a process of its own: an image may kill what opens it, and that is a finding too.
std::string check_apart(const std::string& image, const Ledger& ledger, std::size_t point,
                        Tally& tally) {
  int ends[2];
  if (::pipe(ends) != 0) return errno_error("pipe").text;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto outcome = check_image(image, ledger, point);
    const std::string text = outcome ? std::string() : outcome.error().text;
    static_cast<void>(!::write(ends[1], text.data(), std::min(text.size(), kFindingMax)));
    ::_exit(!outcome ? kLost : *outcome ? kMadeAgain : kSound);
  }
  ::close(ends[1]);
  std::string finding(kFindingMax, '\0');
  const ssize_t got = ::read(ends[0], finding.data(), finding.size());
  ::close(ends[0]);
  finding.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return errno_error("fork").text;
  if (WIFSIGNALED(status)) return "opening it ended by signal " + std::to_string(WTERMSIG(status));
  const bool made_again = WEXITSTATUS(status) == kMadeAgain;
  if (made_again) ++tally.made_again;
  if (status != 0 && !made_again && finding.empty()) return "opening it ended the process";
  return finding;
}

// The power fails once more while the image is being recovered: puts what that leaves in its place.
Result<> lose_again(const Options& options, std::mt19937_64& random, const fs::path& work) {
  TRY_ASSIGN(const Trace trace, record(options, work / "relapse", work / "relapse-trace",
                                       {"recover", work / "image", work / "relapse"}));
  std::size_t start = 0;  // behind the mark that says the image is in place
  while (start < trace.events().size() && trace.events()[start].header.kind != EventKind::kMark)
    ++start;
  const std::size_t point = start + random() % (trace.events().size() - start + 1);
  fs::remove_all(work / "image");
  return write_image(trace, {.point = point}, random, work / "image");
}

Result<> run_life(const Options& options, std::uint64_t seed, std::uint64_t rounds, Tally& tally) {
  const fs::path work = fs::temp_directory_path() / ("hauspost-loss-" + Guid::random().to_string());
  struct Cleanup {
    fs::path path;
    ~Cleanup() { fs::remove_all(path); }
  } cleanup{work};
  TRY_ASSIGN(const Trace trace, record(options, work / "live", work / "trace",
                                       {"workload", work / "live", std::to_string(seed)}));
  TRY(check_recorder(trace, work / "live", work / "image"));
  fs::remove_all(work / "live");
  TRY_ASSIGN(const Ledger ledger, Ledger::read(trace));
  std::mt19937_64 random(seed);
  for (std::uint64_t round = 0; round < rounds; ++round, ++tally.rounds) {
    const std::size_t point = random() % (trace.events().size() + 1);
    fs::remove_all(work / "image");
    TRY(write_image(trace, {.point = point, .obey = options.obey}, random, work / "image"));
    const bool again = options.obey == Obey::kAll && random() % kLossesARelapse == 0;
    if (again) TRY(lose_again(options, random, work));
    const std::string finding = check_apart(work / "image", ledger, point, tally);
    if (finding.empty()) continue;
    ++tally.losses;
    if (options.obey == Obey::kAll)
      std::printf("seed %llu round %llu event %zu of %zu: %s\n",
                  static_cast<unsigned long long>(seed), static_cast<unsigned long long>(round),
                  point, trace.events().size(), finding.c_str());
  }
  return {};
}

int run_rounds(const Options& options) {
  Tally tally;
  for (std::uint64_t life = 0; tally.rounds < options.rounds; ++life) {
    const std::uint64_t rounds =
        std::min<std::uint64_t>(kRoundsPerLife, options.rounds - tally.rounds);
    const auto outcome = run_life(options, options.seed + life, rounds, tally);
    if (!outcome) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(options.seed + life),
                  outcome.error().text.c_str());
      return 1;
    }
  }
  std::printf("power loss: seed %llu, %llu rounds, %llu with loss, %llu with the index made again\n",
              static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(tally.rounds),
              static_cast<unsigned long long>(tally.losses),
              static_cast<unsigned long long>(tally.made_again));
  if (options.obey == Obey::kNoneOfLog) return tally.losses > 0 ? 0 : 1;
  if (options.obey == Obey::kNoneOfIndex) return tally.losses + tally.made_again > 0 ? 0 : 1;
  return tally.losses == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  log::start("power-loss", log::Level::kError);
  if (argc == 4 && std::string_view(argv[1]) == "workload") {
    WorkloadOptions options;
    options.folder = argv[2];
    options.seed = number(argv[3]);
    const auto outcome = run_workload(options);
    if (!outcome) std::fprintf(stderr, "workload: %s\n", outcome.error().text.c_str());
    return outcome ? 0 : 1;
  }
  if (argc == 4 && std::string_view(argv[1]) == "recover") {
    const auto outcome = run_recovery(argv[2], argv[3]);
    if (!outcome) std::fprintf(stderr, "recovery: %s\n", outcome.error().text.c_str());
    return outcome ? 0 : 1;
  }
  return run_rounds(read_options(argc, argv));
}
