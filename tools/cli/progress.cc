#include "tools/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::size_t kBarMax = 40;
constexpr std::string_view kClearLine = "\r\033[K";

std::size_t error_terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

Progress::Progress(std::size_t total, const Clock& clock)
    : total_(total), clock_(clock), started_(clock.steady()), shown_(::isatty(STDERR_FILENO) != 0) {
  update(0);
}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "{}", kClearLine);
}

void Progress::update(std::size_t done) {
  if (!shown_) return;
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - started_);
  fmt::print(stderr, "{}{}", kClearLine,
             progress_line(done, total_, elapsed, error_terminal_width()));
  std::fflush(stderr);
}

JobProgress::JobProgress(const Clock& clock)
    : clock_(clock), started_(clock.steady()), shown_(::isatty(STDERR_FILENO) != 0) {}

JobProgress::~JobProgress() {
  if (shown_) fmt::print(stderr, "{}", kClearLine);
}

void JobProgress::update(const std::string& step, std::uint64_t done, std::uint64_t total) {
  if (!shown_) return;
  if (step != step_ || done < first_done_) {
    step_ = step;
    started_ = clock_.steady();
    first_done_ = done;
  }
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - started_);
  fmt::print(stderr, "{}{}", kClearLine,
             job_progress_line(step, done, total, done - first_done_, elapsed,
                               error_terminal_width()));
  std::fflush(stderr);
}

std::string job_progress_line(std::string_view step, std::uint64_t done, std::uint64_t total,
                              std::uint64_t moved, std::chrono::milliseconds elapsed,
                              std::size_t width) {
  std::string facts = total != 0 ? fmt::format(" {}/{}", human_bytes(done), human_bytes(total))
                      : done != 0 ? " " + human_bytes(done)
                                  : "";
  const double seconds = static_cast<double>(elapsed.count()) / 1000;
  if (moved != 0 && seconds > 0) {
    const double rate = static_cast<double>(moved) / seconds;
    facts += fmt::format("  {}/s", human_bytes(static_cast<std::uint64_t>(rate)));
    if (total > done) {
      facts += fmt::format(
          "  {} left",
          human_seconds(static_cast<std::int64_t>(static_cast<double>(total - done) / rate)));
    }
  }
  std::string line = printable(step) + " ";
  const std::size_t used = display_width(line) + facts.size() + 3;
  const std::size_t bar = total == 0 || width < used ? 0 : std::min(kBarMax, width - used);
  if (bar >= 4) {
    const auto filled = static_cast<std::size_t>(
        static_cast<double>(bar) * std::min(1.0, static_cast<double>(done) / static_cast<double>(total)));
    line += "[" + std::string(filled, '#') + std::string(bar - filled, '.') + "]";
  }
  line += facts;
  return std::string(cut_to_width(line, width > 0 ? width - 1 : 0));
}

std::string progress_line(std::size_t done, std::size_t total, std::chrono::milliseconds elapsed,
                          std::size_t width) {
  const double rate = elapsed.count() > 0
                          ? static_cast<double>(done) * 1000 / static_cast<double>(elapsed.count())
                          : 0;
  std::string facts = fmt::format(" {}/{}", done, total);
  if (rate > 0) {
    facts += fmt::format(
        "  {:.0f}/s  {} left", rate,
        human_seconds(static_cast<std::int64_t>(static_cast<double>(total - done) / rate)));
  }
  const std::size_t room = width > facts.size() + 3 ? width - facts.size() - 3 : 0;
  const std::size_t bar = std::min(kBarMax, room);
  if (bar < 4) return facts.substr(1, width);
  const std::size_t filled = total > 0 ? bar * done / total : bar;
  return "[" + std::string(filled, '#') + std::string(bar - filled, '.') + "]" + facts;
}

}  // namespace hauspost::cli
