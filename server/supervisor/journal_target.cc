#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "base/log_line.h"
#include "base/metrics.h"
#include "base/text.h"
#include "server/supervisor/log_target.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

metrics::CounterFamily g_dropped("hauspost_log_target_dropped_total",
                                 "Log lines that the journal or the file did not take.");

constexpr std::size_t kFieldNameMax = 64;  // systemd's own bound

// syslog(3)'s numbers.
int priority_of(std::string_view level) {
  if (level == "error") return 3;
  if (level == "warning") return 4;
  return level == "debug" ? 7 : 6;
}

std::string field_name(std::string_view key) {
  std::string name = "HAUSPOST_";
  for (const char c : key) name += is_alpha(c) || is_digit(c) ? ascii_upper(c) : '_';
  name.resize(std::min(name.size(), kFieldNameMax));
  return name;
}

class JournalTarget final : public LogTarget {
 public:
  explicit JournalTarget(UniqueFd socket) : socket_(std::move(socket)) {}

  void write(std::string_view lines) override {
    while (!lines.empty()) {
      const std::size_t end = std::min(lines.find('\n'), lines.size());
      const std::string entry = journal_entry(lines.substr(0, end));
      lines.remove_prefix(std::min(end + 1, lines.size()));
      const ssize_t sent =
          ::send(socket_.get(), entry.data(), entry.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) g_dropped.add();
    }
  }

 private:
  UniqueFd socket_;
};

}  // namespace

std::string journal_entry(std::string_view text) {
  const auto line = log::parse_line(text);
  if (!line) return fmt::format("MESSAGE={}\nPRIORITY=5\nSYSLOG_IDENTIFIER=hauspost\n", text);
  std::string message(line->event);
  std::string fields;
  for (const auto& [key, value] : line->fields) {
    const bool quoted = value.empty() || value.find_first_of(" =\\") != std::string_view::npos;
    fmt::format_to(std::back_inserter(message), " {}={}{}{}", key, quoted ? "\"" : "", value,
                   quoted ? "\"" : "");
    fmt::format_to(std::back_inserter(fields), "{}={}\n", field_name(key), value);
  }
  return fmt::format(
      "MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=hauspost\nSYSLOG_PID={}\nHAUSPOST_ROLE={}\n"
      "HAUSPOST_EVENT={}\n{}",
      message, priority_of(line->level), line->pid, line->role, line->event, fields);
}

Result<std::unique_ptr<LogTarget>> open_journal(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail(errno_error("journal"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kInvalid, path + ": too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("log.target is \"journal\", but {}: {}; without systemd choose "
                            "\"file\" or \"stderr\"",
                            path, std::strerror(errno)));
  }
  return std::make_unique<JournalTarget>(std::move(socket));
}

bool stderr_is_journal() {
  const char* const said = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (said == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == said;
}

}  // namespace hauspost::supervisor
