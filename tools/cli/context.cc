#include "tools/cli/context.h"

#include <unistd.h>

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "server/supervisor/settings.h"

namespace hauspost::cli {

namespace {

constexpr std::string_view kLocalDataRoot = "data";

Outcome<std::string> absolute(const std::string& path) {
  std::error_code code;
  std::string out = std::filesystem::absolute(path, code).lexically_normal().string();
  if (code) return usage(fmt::format("{}: {}", path, code.message()));
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

bool is_data_root(std::string_view path) {
  std::error_code code;
  return std::filesystem::exists(std::filesystem::path(path) / supervisor::kMarkerFile, code);
}

// Whether there may be a data root that we are not let into.
bool is_closed(const std::string& path) {
  const std::string marker = path + "/" + std::string(supervisor::kMarkerFile);
  return ::access(marker.c_str(), F_OK) != 0 && errno == EACCES;
}

std::unexpected<Failure> closed(const std::string& path) {
  return std::unexpected(
      Failure{Exit::kUnreachable, "unreachable",
              fmt::format("{}: permission denied; run this as root or as its owner", path)});
}

}  // namespace

Outcome<std::string> Context::data_root() const {
  if (options_.data.empty()) {
    if (is_data_root(kLocalDataRoot)) return absolute(std::string(kLocalDataRoot));
    if (is_data_root(supervisor::kSystemDataRoot)) return std::string(supervisor::kSystemDataRoot);
    if (const std::string packaged(supervisor::kSystemDataRoot); is_closed(packaged))
      return closed(packaged);
    return usage(
        "no data root in ./data or /var/lib/hauspost; name one with --data DIR (or HAUSPOST_DATA), "
        "or make one with: hauspost init");
  }
  TRY_ASSIGN(std::string path, absolute(options_.data));
  if (is_closed(path)) return closed(path);
  if (auto checked = supervisor::check_data_root(path); !checked) {
    return refused(std::move(checked).error());
  }
  return path;
}

Outcome<std::string> Context::new_data_root() const {
  if (!options_.data.empty()) return absolute(options_.data);
  std::error_code code;
  const bool packaged = std::filesystem::is_directory(supervisor::kSystemSettingsFolder, code);
  return absolute(std::string(packaged ? supervisor::kSystemDataRoot : kLocalDataRoot));
}

Outcome<Server*> Context::server() {
  if (!server_) {
    TRY_ASSIGN(const std::string root, data_root());
    TRY_ASSIGN(server_, Server::connect(root));
  }
  return server_.get();
}

Outcome<> Context::confirm(const std::string& what) const {
  if (options_.yes) return {};
  if (::isatty(STDIN_FILENO) == 0) {
    return usage(fmt::format("{}: not confirmed, and no terminal to ask on; add --yes", what));
  }
  fmt::print(stderr, "{}? Type yes: ", what);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "yes") return {};
  return refused(ErrorCode::kCancelled, fmt::format("{}: not confirmed; nothing was done", what));
}

void Context::say(const std::string& line) const {
  if (!options_.json) fmt::print("{}\n", line);
}

void Context::print(const Json& value) const {
  if (options_.json) fmt::print("{}\n", value.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace hauspost::cli
