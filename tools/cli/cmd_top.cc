#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "base/text.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"
#include "tools/cli/top_facts.h"

namespace hauspost::cli {

namespace {

struct TopOptions {
  double interval_s = 2;
  bool once = false;
  std::uint64_t count = 0;
};

constexpr std::string_view kTopLeave = "\x1b[?25h\x1b[?1049l";
termios top_terminal_before{};  // for a signal, which ends us without a destructor

extern "C" void leave_top_screen(int signal) {
  // Only what a handler may call.
  (void)!::write(STDOUT_FILENO, kTopLeave.data(), kTopLeave.size());
  ::tcsetattr(STDIN_FILENO, TCSANOW, &top_terminal_before);
  ::raise(signal);  // SA_RESETHAND: as if there were no handler
}

// The terminal as a page that is drawn over: no echo, keys at once, the old content back at the
// end, also when a signal is the end.
class TopScreen {
 public:
  TopScreen() {
    ::tcgetattr(STDIN_FILENO, &top_terminal_before);
    struct sigaction leave{};
    leave.sa_handler = leave_top_screen;
    leave.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (const int signal : kTopEnds) ::sigaction(signal, &leave, nullptr);
    termios raw = top_terminal_before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fmt::print("\x1b[?1049h\x1b[?25l");
  }
  ~TopScreen() {
    fmt::print("{}", kTopLeave);
    std::fflush(stdout);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &top_terminal_before);
    for (const int signal : kTopEnds) ::signal(signal, SIG_DFL);
  }
  TopScreen(const TopScreen&) = delete;
  TopScreen& operator=(const TopScreen&) = delete;

  // As much as fits; the rest of each line is cleared.
  void draw(const std::string& text) {
    winsize size{};
    const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    std::size_t rows = known ? size.ws_row : 24;
    const std::size_t columns = known ? size.ws_col : 80;
    std::string out = "\x1b[H";
    for (const std::string_view line : split(text, '\n')) {
      if (rows-- <= 1) break;
      out += cut_to_width(line, columns);
      out += "\x1b[K\r\n";
    }
    out += "\x1b[J";
    fmt::print("{}", out);
    std::fflush(stdout);
  }

  // Waits for a key, at most so long; 0: none came; 'q' as well when the terminal is gone.
  static char key(int timeout_ms) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char key = 0;
    if (::poll(&input, 1, timeout_ms) <= 0) return 0;
    return ::read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
  }

 private:
  static constexpr int kTopEnds[] = {SIGINT, SIGTERM, SIGHUP};
};

constexpr std::string_view kTopKeys = "q ends; sort processes by m memory, c processor, n name\n";

Outcome<> show_top_live(Context& context, const TopOptions& options) {
  TRY_ASSIGN(ServerMetrics before, ask_metrics(context));
  TopScreen screen;
  screen.draw("Gathering ...\n");
  TopOrder order = TopOrder::kName;
  int wait_ms = 500;  // the first picture soon
  for (;;) {
    switch (TopScreen::key(wait_ms)) {
      case 'q':
      case 'Q': return {};
      case 'm': order = TopOrder::kMemory; break;
      case 'c': order = TopOrder::kProcessor; break;
      case 'n': order = TopOrder::kName; break;
      default: break;
    }
    TRY_ASSIGN(ServerMetrics now, ask_metrics(context));
    TopFacts facts = top_facts(before, now);
    sort_processes(facts, order);
    screen.draw(std::string(kTopKeys) + render_top(facts, terminal_width()));
    before = std::move(now);
    wait_ms = static_cast<int>(options.interval_s * 1000);
  }
}

Outcome<> show_top_plain(Context& context, const TopOptions& options) {
  TRY_ASSIGN(ServerMetrics before, ask_metrics(context));
  const std::uint64_t count = options.once ? 1 : options.count;
  for (std::uint64_t shown = 0; count == 0 || shown < count; ++shown) {
    ::poll(nullptr, 0, static_cast<int>(options.interval_s * 1000));
    TRY_ASSIGN(ServerMetrics now, ask_metrics(context));
    const TopFacts facts = top_facts(before, now);
    before = std::move(now);
    if (context.json() && count == 1) {
      context.print(to_json(facts));
    } else if (context.json()) {
      fmt::print("{}\n", to_json(facts).dump());
    } else {
      context.say(render_top(facts, terminal_width()));
    }
    std::fflush(stdout);
  }
  return {};
}

Outcome<> run_top(Context& context, TopOptions& options) {
  if (!(options.interval_s >= 0.1 && options.interval_s <= 3600))
    return usage("--interval: from 0.1 to 3600 seconds");
  const bool live = !options.once && options.count == 0 && !context.json() &&
                    ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  return live ? show_top_live(context, options) : show_top_plain(context, options);
}

}  // namespace

void add_top_command(CLI::App& app, Verb& chosen) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* verb = add_verb<TopOptions>(
      app, "top", "Watch sessions, rates, latencies, queues, databases and processes", chosen,
      options, run_top);
  verb->add_option("--interval", options->interval_s,
                   "Seconds from one picture to the next, over which rates are taken (default: 2)")
      ->type_name("SECONDS");
  verb->add_flag("--once", options->once, "One picture, and the end");
  verb->add_option("--count", options->count, "So many pictures, one below the other");
}

}  // namespace hauspost::cli
