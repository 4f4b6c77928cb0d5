#include "server/supervisor/audit_log.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

using Json = nlohmann::ordered_json;

std::string user_name(uid_t uid) {
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || found == nullptr) return {};
  return found->pw_name;
}

std::string to_line(const AuditEntry& entry) {
  const Json line = {{"time_s", entry.time_s},   {"uid", entry.uid},
                     {"user", entry.user},       {"pid", entry.pid},
                     {"verb", entry.verb},       {"object", entry.object},
                     {"dry_run", entry.dry_run}, {"outcome", entry.outcome}};
  return line.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

std::optional<AuditEntry> from_line(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  AuditEntry entry;
  const auto number = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  };
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto dry = json.find("dry_run");
  entry.time_s = number("time_s");
  entry.uid = static_cast<uid_t>(number("uid"));
  entry.pid = static_cast<pid_t>(number("pid"));
  entry.verb = text("verb");
  entry.object = text("object");
  entry.outcome = text("outcome");
  entry.user = text("user");
  entry.dry_run = dry != json.end() && dry->is_boolean() && dry->get<bool>();
  if (entry.verb.empty()) return std::nullopt;
  return entry;
}

Result<> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(errno_error(path));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::string numbered(const std::string& path, unsigned number) {
  return number == 0 ? path : path + "." + std::to_string(number);
}

}  // namespace

Result<> AuditLog::make_room(std::size_t bytes) const {
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return {};
  if (static_cast<std::size_t>(status.st_size) + bytes <= file_bytes_max_) return {};
  for (unsigned number = kFilesKept; number > 0; --number) {
    const std::string from = numbered(path_, number - 1);
    if (::rename(from.c_str(), numbered(path_, number).c_str()) != 0 && errno != ENOENT)
      return fail(errno_error(from));
  }
  return {};
}

Result<> AuditLog::append(AuditEntry entry) {
  entry.user = user_name(entry.uid);
  std::string line = to_line(entry);
  TRY(make_room(line.size()));
  const UniqueFd fd(
      ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(errno_error(path_));
  // A torn line of before must not swallow this one.
  const off_t end = ::lseek(fd.get(), 0, SEEK_END);
  char last = '\n';
  if (end > 0 && ::pread(fd.get(), &last, 1, end - 1) != 1) return fail(errno_error(path_));
  if (last != '\n') line.insert(line.begin(), '\n');
  TRY(write_all(fd.get(), line, path_));
  if (::fdatasync(fd.get()) != 0) return fail(errno_error(path_));
  return {};
}

Result<std::vector<AuditEntry>> AuditLog::latest(std::size_t limit, std::string_view verb,
                                                 std::string_view object) const {
  std::vector<AuditEntry> found;
  for (unsigned number = 0; number <= kFilesKept && found.size() < limit; ++number) {
    std::ifstream file(numbered(path_, number), std::ios::binary);
    if (!file) continue;
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (file.bad()) return fail(ErrorCode::kInternal, numbered(path_, number) + ": cannot be read");
    const auto lines = split(text, '\n');
    for (auto line = lines.rbegin(); line != lines.rend() && found.size() < limit; ++line) {
      auto entry = from_line(*line);
      if (!entry || !entry->verb.starts_with(verb)) continue;
      if (entry->object.find(object) == std::string::npos) continue;
      found.push_back(std::move(*entry));
    }
  }
  return found;
}

}  // namespace hauspost::supervisor
