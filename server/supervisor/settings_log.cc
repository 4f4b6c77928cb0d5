#include "server/supervisor/settings_log.h"

#include "base/log.h"
#include "base/text.h"

namespace hauspost::supervisor {

namespace {

constexpr std::uint64_t kRotateLeast_bytes = 64ULL << 10;
constexpr std::uint64_t kRotateMost_bytes = 16ULL << 30;
constexpr std::int64_t kKeepMost = 10'000;

constexpr std::pair<LogSettings::Target, std::string_view> kTargets[] = {
    {LogSettings::Target::kAuto, "auto"},
    {LogSettings::Target::kStderr, "stderr"},
    {LogSettings::Target::kJournal, "journal"},
    {LogSettings::Target::kFile, "file"}};

// "64M" or a number of bytes.
std::optional<std::uint64_t> size_of(const toml::node& node) {
  if (const auto number = node.value_exact<std::int64_t>())
    return *number < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(*number));
  const auto text = node.value_exact<std::string>();
  if (!text || text->empty()) return std::nullopt;
  constexpr std::string_view kUnits = "KMG";
  const std::size_t unit = kUnits.find(ascii_upper(text->back()));
  const bool with_unit = unit != std::string_view::npos;
  const auto number =
      parse_u64(std::string_view(*text).substr(0, text->size() - (with_unit ? 1 : 0)));
  if (!number || *number > kRotateMost_bytes) return std::nullopt;
  return with_unit ? *number << (10 * (unit + 1)) : *number;
}

Result<> read_target(Section& section, LogSettings& settings) {
  TRY_ASSIGN(const auto word, section.text("target"));
  if (!word) return {};
  for (const auto& [target, name] : kTargets) {
    if (name != *word) continue;
    settings.target = target;
    return {};
  }
  return wrong(section.find("target")->source(),
               "log.target must be \"auto\", \"stderr\", \"journal\" or \"file\"");
}

Result<> read_level(Section& section, LogSettings& settings) {
  TRY_ASSIGN(const auto word, section.text("level"));
  if (!word) return {};
  if (!log::level_of(*word)) {
    return wrong(section.find("level")->source(),
                 "log.level must be \"debug\", \"info\", \"warning\" or \"error\"");
  }
  settings.level = *word;
  return {};
}

Result<> read_switch(Section& section, std::string_view key, bool& value) {
  const toml::node* node = section.find(key);
  if (node == nullptr) return {};
  const auto on = node->value_exact<bool>();
  if (!on) return wrong(node->source(), section.full(key) + " must be true or false");
  value = *on;
  return {};
}

Result<> read_rotation(Section& section, LogSettings& settings) {
  if (const toml::node* node = section.find("rotate_size")) {
    const auto bytes = size_of(*node);
    if (!bytes || *bytes < kRotateLeast_bytes || *bytes > kRotateMost_bytes) {
      return wrong(node->source(),
                   "log.rotate_size must be a size from \"64K\" to \"16G\" such as \"64M\"");
    }
    settings.rotate_bytes = *bytes;
  }
  TRY(read_switch(section, "rotate_daily", settings.rotate_daily));
  TRY(read_switch(section, "compress", settings.compress));
  if (const toml::node* node = section.find("keep")) {
    const auto keep = node->value_exact<std::int64_t>();
    if (!keep || *keep < 1 || *keep > kKeepMost) {
      return wrong(node->source(),
                   fmt::format("log.keep must be a number of files from 1 to {}", kKeepMost));
    }
    settings.keep = static_cast<std::uint32_t>(*keep);
  }
  return {};
}

}  // namespace

std::string log_file(const LogSettings& settings, const std::string& data_root) {
  return settings.file.empty() ? data_root + "/log/hauspost.log" : settings.file;
}

Result<> read_log(const toml::table& file, const std::string& data_root, LogSettings& settings) {
  TRY_ASSIGN(Section section, Section::open(file, "log"));
  TRY(read_target(section, settings));
  TRY(read_level(section, settings));
  TRY_ASSIGN(const auto path, section.text("file"));
  if (path && !path->empty()) {
    if (path->ends_with('/'))
      return wrong(section.find("file")->source(), "log.file must name a file, not a folder");
    settings.file = path->starts_with('/') ? *path : data_root + "/" + *path;
  }
  TRY(read_rotation(section, settings));
  return section.finish();
}

std::string format_log(const LogSettings& settings) {
  const LogSettings standard;
  std::string out;
  const auto add = [&out](bool differs, std::string line) {
    if (differs) out += line + "\n";
  };
  for (const auto& [target, name] : kTargets)
    add(target == settings.target && target != standard.target,
        fmt::format("target = \"{}\"", name));
  add(settings.level != standard.level, fmt::format("level = \"{}\"", settings.level));
  add(settings.file != standard.file, fmt::format("file = \"{}\"", settings.file));
  add(settings.rotate_bytes != standard.rotate_bytes,
      fmt::format("rotate_size = {}", settings.rotate_bytes));
  add(settings.rotate_daily != standard.rotate_daily, "rotate_daily = false");
  add(settings.keep != standard.keep, fmt::format("keep = {}", settings.keep));
  add(settings.compress != standard.compress, "compress = false");
  return out.empty() ? out : "\n# Where log lines go, and how many.\n[log]\n" + out;
}

}  // namespace hauspost::supervisor
