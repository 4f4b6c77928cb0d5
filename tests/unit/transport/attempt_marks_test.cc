#include "transport/queue/attempt_marks.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>

#include "tests/unit/transport/rig.h"

using namespace hauspost::transport;
using hauspost::transport::test::TempFolder;

namespace {

// A process that dies by `signal` in the middle of an attempt; what it died of.
int die_of(int signal, const std::string& path, MarkedItem item) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int fault : {SIGBUS, SIGFPE}) std::signal(fault, SIG_DFL);  // not the test's own
    auto marks = AttemptMarks::open(path);
    if (!marks) ::_exit(1);
    marks->watch_for_faults();
    marks->begin({1, 1});
    marks->end({1, 1});
    marks->begin(item);
    ::raise(signal);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("attempt marks: two faults during an item make it poison, a kill does not") {
  TempFolder folder;
  const std::string path = folder.path("attempts");
  const MarkedItem item{3, 77};
  CHECK(die_of(SIGKILL, path, item) == SIGKILL);
  {
    auto marks = AttemptMarks::open(path);
    REQUIRE(marks);
    CHECK(marks->is_suspect(item));
    CHECK_FALSE(marks->is_suspect({1, 1}));
    CHECK(marks->poisonous().empty());
  }
  CHECK(die_of(SIGBUS, path, item) == SIGBUS);
  CHECK(AttemptMarks::open(path)->poisonous().empty());
  CHECK(die_of(SIGFPE, path, item) == SIGFPE);
  auto marks = AttemptMarks::open(path);
  REQUIRE(marks);
  CHECK(marks->poisonous() == std::vector<MarkedItem>{item});
  marks->forget(item);
  CHECK(marks->poisonous().empty());
}

TEST_CASE("attempt marks: an attempt that ends in order clears the suspicion") {
  TempFolder folder;
  const std::string path = folder.path("attempts");
  const MarkedItem item{3, 77};
  die_of(SIGKILL, path, item);
  {
    auto marks = AttemptMarks::open(path);
    REQUIRE(marks);
    marks->begin(item);
    marks->end(item);
  }
  auto marks = AttemptMarks::open(path);
  REQUIRE(marks);
  CHECK_FALSE(marks->is_suspect(item));
}

TEST_CASE("attempt marks: a file that is something else is begun anew") {
  TempFolder folder;
  const std::string path = folder.path("attempts");
  {
    auto file = std::fopen(path.c_str(), "w");
    std::fputs("not marks", file);
    std::fclose(file);
  }
  auto marks = AttemptMarks::open(path);
  REQUIRE(marks);
  CHECK(marks->poisonous().empty());
}
