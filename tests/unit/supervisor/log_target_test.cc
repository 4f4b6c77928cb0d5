#include "server/supervisor/log_target.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <fstream>
#include <sstream>

#include "server/supervisor/log_file_target.h"
#include "server/supervisor/process_facts.h"
#include "server/supervisor/settings.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::supervisor;

namespace {

constexpr std::string_view kLine =
    "2026-01-31T14:00:01.250+01:00 warning store DB1 pid=412 session.refused session=ab-12 "
    "peer-name=\"a b\"";

class StillClock final : public Clock {
 public:
  WallTime now() const override { return now_; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  WallTime now_ = WallTime(std::chrono::seconds(1'800'000'000));
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Every line there is, in the order in which they were written. zlib reads both kinds of file.
std::vector<std::string> all_lines(const std::string& path) {
  std::vector<std::string> lines;
  for (const std::string& name : log_files(path)) {
    gzFile file = ::gzopen(name.c_str(), "rb");
    REQUIRE(file != nullptr);
    char line[4096];
    while (::gzgets(file, line, sizeof line) != nullptr)
      lines.emplace_back(line, std::strlen(line) - 1);
    ::gzclose(file);
  }
  return lines;
}

const auto kAtOnce = [](const std::function<void()>& work) { work(); };

}  // namespace

TEST_CASE("journal: every key of a line is a field of its own") {
  CHECK(journal_entry(kLine) ==
        "MESSAGE=session.refused session=ab-12 peer-name=\"a b\"\n"
        "PRIORITY=4\nSYSLOG_IDENTIFIER=hauspost\nSYSLOG_PID=412\nHAUSPOST_ROLE=store DB1\n"
        "HAUSPOST_EVENT=session.refused\nHAUSPOST_SESSION=ab-12\nHAUSPOST_PEER_NAME=a b\n");
  CHECK(journal_entry("terminate called") ==
        "MESSAGE=terminate called\nPRIORITY=5\nSYSLOG_IDENTIFIER=hauspost\n");
}

TEST_CASE("journal: a datagram for each line, and a journal that takes none stops nobody") {
  const test::TempFolder folder;
  const std::string path = folder / "socket";
  CHECK(open_journal(path).error().code == ErrorCode::kUnavailable);
  const int listening = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  auto journal = open_journal(path);
  REQUIRE(journal);
  (*journal)->write(std::string(kLine) + "\n" + std::string(kLine) + "\n");
  char buffer[4096];
  for (int i = 0; i < 2; ++i) {
    const ssize_t got = ::recv(listening, buffer, sizeof buffer, 0);
    REQUIRE(got > 0);
    CHECK(std::string_view(buffer, static_cast<std::size_t>(got)) == journal_entry(kLine));
  }
  CHECK(::recv(listening, buffer, sizeof buffer, 0) < 0);
  for (int i = 0; i < 10'000; ++i) (*journal)->write("a line\n");  // its queue is full long before
  ::close(listening);
  (*journal)->write("nobody is there\n");
}

TEST_CASE("log file: a big one is put aside, compressed, and the oldest go") {
  const test::TempFolder folder;
  const std::string path = folder / "log/hauspost.log";
  StillClock clock;
  LogSettings settings;
  settings.rotate_bytes = 1000;
  settings.keep = 3;
  auto file = LogFileTarget::open(settings, path, clock, kAtOnce);
  REQUIRE(file);
  const std::string line = std::string(99, 'x') + "\n";
  for (int i = 0; i < 25; ++i) (*file)->write(line);
  // Ten lines each, within one second: the names differ all the same.
  auto files = log_files(path);
  REQUIRE(files.size() == 3);
  CHECK(files[0].ends_with(".gz"));
  CHECK(files[1].ends_with(".gz"));
  CHECK(files[2] == path);
  CHECK(all_lines(path).size() == 25);
  struct stat status{};
  REQUIRE(::stat(files[0].c_str(), &status) == 0);
  CHECK(status.st_size < 200);
  CHECK((status.st_mode & 0777) == 0640);
  for (int i = 0; i < 50; ++i) (*file)->write(line);
  CHECK(log_files(path).size() == 4);
  CHECK(all_lines(path).size() == 35);
}

TEST_CASE("log file: what is kept is the newest, in order, however many a second brings") {
  const test::TempFolder folder;
  const std::string path = folder / "hauspost.log";
  const StillClock clock;
  LogSettings settings;
  settings.rotate_bytes = 10;
  settings.keep = 2;
  auto file = LogFileTarget::open(settings, path, clock, kAtOnce);
  REQUIRE(file);
  for (int i = 1; i <= 8; ++i) (*file)->write("a line, " + std::to_string(i) + "\n");
  CHECK(all_lines(path) == std::vector<std::string>{"a line, 6", "a line, 7", "a line, 8"});
}

TEST_CASE("log file: a new day begins a new file, also when the server was away at midnight") {
  const test::TempFolder folder;
  const std::string path = folder / "hauspost.log";
  StillClock clock;
  LogSettings settings;
  settings.compress = false;
  auto file = LogFileTarget::open(settings, path, clock, kAtOnce);
  REQUIRE(file);
  (*file)->write("first\n");
  clock.now_ += std::chrono::hours(24);
  (*file)->write("second\n");
  REQUIRE(log_files(path).size() == 2);
  CHECK(content(path) == "second\n");
  CHECK(all_lines(path) == std::vector<std::string>{"first", "second"});
  file->reset();
  // The file's own time is that of this machine, and another day than the clock's.
  auto again = LogFileTarget::open(settings, path, clock, kAtOnce);
  REQUIRE(again);
  (*again)->write("third\n");
  CHECK(content(path) == "third\n");
}

TEST_CASE("log file: other files beside it are none of its own") {
  const test::TempFolder folder;
  const std::string path = folder / "hauspost.log";
  for (const char* name : {"hauspost.log", "hauspost.log-20260131-140001.gz", "hauspost.log.old",
                           "hauspost.log-notes", "other.log", "hauspost.log-20260131-140001.gz~"})
    std::ofstream(folder / name) << "x\n";
  CHECK(log_files(path) ==
        std::vector<std::string>{folder / "hauspost.log-20260131-140001.gz", path});
}

TEST_CASE("log settings: read, refused and written back") {
  const std::string head =
      "[server]\nhostname = \"mail.example.test\"\n[listeners]\n[tls]\ncertificate = \"c\"\nkey = "
      "\"k\"\n";
  const auto parsed = [&](const std::string& text) { return parse_settings(head + text, "/data"); };
  CHECK(parsed("")->log.target == LogSettings::Target::kAuto);
  CHECK(log_file(parsed("")->log, "/data") == "/data/log/hauspost.log");
  const auto full = parsed(
      "[log]\ntarget = \"file\"\nlevel = \"debug\"\nfile = \"x/y.log\"\nrotate_size = \"1M\"\n"
      "rotate_daily = false\nkeep = 3\ncompress = false\n");
  REQUIRE(full);
  CHECK(full->log.target == LogSettings::Target::kFile);
  CHECK(full->log.level == "debug");
  CHECK(full->log.file == "/data/x/y.log");
  CHECK(full->log.rotate_bytes == 1 << 20);
  CHECK_FALSE(full->log.rotate_daily);
  CHECK(full->log.keep == 3);
  CHECK_FALSE(full->log.compress);
  const auto again = parse_settings(format_settings(*full), "/data");
  REQUIRE(again);
  CHECK(again->log.file == full->log.file);
  CHECK(again->log.rotate_bytes == full->log.rotate_bytes);
  CHECK(again->log.keep == 3);
  for (const char* wrong :
       {"target = \"syslog\"", "target = 1", "level = \"loud\"", "rotate_size = \"1K\"",
        "rotate_size = \"90P\"", "rotate_size = \"99999999999G\"", "keep = 0", "keep = \"3\"",
        "compress = 1", "file = \"folder/\"", "colour = true"}) {
    INFO(wrong);
    const auto refused = parsed("[log]\n" + std::string(wrong) + "\n");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("line 8") != std::string::npos);
  }
}

TEST_CASE("process facts: of this process, and of a name that holds parentheses") {
  const auto self = process_facts(::getpid());
  REQUIRE(self);
  CHECK(self->resident_bytes > 1 << 20);
  CHECK(self->threads >= 1);
  CHECK_FALSE(process_facts(0));
  const auto odd = parse_process_stat(
      "12 (a) b (c) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 100 1000 500 "
      "18446744073709551615 1 1",
      4096, 100);
  REQUIRE(odd);
  CHECK(odd->cpu_s == Approx(3.0));
  CHECK(odd->threads == 7);
  CHECK(odd->resident_bytes == 500 * 4096);
  CHECK_FALSE(parse_process_stat("12 (short) S 1", 4096, 100));
}
