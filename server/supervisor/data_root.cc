#include <sys/stat.h>

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/supervisor/settings.h"

namespace hauspost::supervisor {

namespace {

std::string marker_path(const std::string& data_root) {
  return data_root + "/" + std::string(kMarkerFile);
}

std::string marker_text() {
  return fmt::format("hauspost data root\nformat {}\n", kDataRootFormat);
}

std::unexpected<Error> foreign(const std::string& data_root, std::string_view why) {
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: not a Hauspost data root: {}; name an empty or new folder, or make "
                          "one with: hauspost init --data DIR",
                          data_root, why));
}

}  // namespace

Result<> check_data_root(const std::string& data_root) {
  std::error_code code;
  if (!std::filesystem::is_directory(data_root, code)) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format("{}: no such folder; make it with: hauspost init --data DIR", data_root));
  }
  std::ifstream marker(marker_path(data_root), std::ios::binary);
  if (!marker) {
    return foreign(data_root, fmt::format("it has no file {}", kMarkerFile));
  }
  std::string first;
  std::string second;
  std::getline(marker, first);
  std::getline(marker, second);
  if (first != "hauspost data root" || !second.starts_with("format ")) {
    return foreign(data_root, fmt::format("its file {} says something else", kMarkerFile));
  }
  const auto format = parse_u64(std::string_view(second).substr(7));
  if (!format || *format == 0 || *format > kDataRootFormat) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("{}: data root of format \"{}\"; this program knows format {} and leaves "
                    "it alone: use the newer program that made it",
                    data_root, escape_for_log(second), kDataRootFormat));
  }
  return {};
}

Result<> create_data_root(const std::string& data_root) {
  std::error_code code;
  const bool exists = std::filesystem::exists(data_root, code);
  if (exists && std::filesystem::exists(marker_path(data_root), code)) {
    return check_data_root(data_root);
  }
  if (exists) {
    if (!std::filesystem::is_directory(data_root, code)) {
      return foreign(data_root, "it is not a folder");
    }
    if (!std::filesystem::is_empty(data_root, code)) {
      return foreign(
          data_root,
          code ? code.message() : fmt::format("it is not empty and has no file {}", kMarkerFile));
    }
  } else {
    std::filesystem::create_directories(data_root, code);
    if (code) return fail(errno_error("making folder " + data_root, code.value()));
  }
  if (::chmod(data_root.c_str(), 0700) != 0) return fail(errno_error(data_root));
  TRY(write_new_file(marker_path(data_root), marker_text()));
  return sync_folder(data_root);
}

std::string default_settings_file(const std::string& data_root) {
  const std::string own = data_root + "/" + std::string(kSettingsFile);
  std::error_code code;
  if (data_root != kSystemDataRoot || std::filesystem::exists(own, code) ||
      !std::filesystem::is_directory(kSystemSettingsFolder, code)) {
    return own;
  }
  return fmt::format("{}/{}", kSystemSettingsFolder, kSettingsFile);
}

Result<> write_settings_file(const std::string& settings_file, const ServerSettings& settings) {
  const std::string folder = std::filesystem::path(settings_file).parent_path().string();
  TRY(write_new_file(settings_file, format_settings(settings)));
  return sync_folder(folder.empty() ? "." : folder);
}

Result<> write_initial_settings(const std::string& data_root, const ServerSettings& settings) {
  return write_settings_file(data_root + "/" + std::string(kSettingsFile), settings);
}

}  // namespace hauspost::supervisor
