#include "server/transfer/manifest.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/crypto/sha256.h"
#include "base/text.h"
#include "server/transfer/mbox_line.h"

namespace hauspost::transfer {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kStem = "hauspost-export";
constexpr std::string_view kEnding = ".jsonl";

struct FlagName {
  std::string_view name;
  store::FlagBits bit;
};
constexpr FlagName kFlagNames[] = {{"\\Seen", store::kSeen},
                                   {"\\Answered", store::kAnswered},
                                   {"\\Flagged", store::kFlagged},
                                   {"\\Deleted", store::kDeleted},
                                   {"\\Draft", store::kDraft}};

bool read_number(const Json& from, const char* name, std::uint64_t& to) {
  const auto at = from.find(name);
  if (at == from.end() || !at->is_number_unsigned()) return false;
  to = at->get<std::uint64_t>();
  return true;
}

bool read_words(const Json& from, const char* name, std::vector<std::string>& to) {
  const auto at = from.find(name);
  if (at == from.end()) return true;
  if (!at->is_array() || at->size() > kManifestKeywordsMax) return false;
  for (const Json& word : *at) {
    if (!word.is_string()) return false;
    to.push_back(word.get<std::string>());
  }
  return true;
}

}  // namespace

std::string manifest_line(const ManifestEntry& entry) {
  Json flags = Json::array();
  for (const FlagName& flag : kFlagNames) {
    if ((entry.flags & flag.bit) != 0) flags.push_back(flag.name);
  }
  const Json line = {{"file", entry.file},   {"flags", flags},     {"keywords", entry.keywords},
                     {"date", entry.date_s}, {"size", entry.size}, {"sha256", entry.sha256}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<ManifestEntry> parse_manifest_line(std::string_view line) {
  if (line.size() > kManifestLineMax) return std::nullopt;
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  ManifestEntry entry;
  const auto file = json.find("file");
  const auto date = json.find("date");
  if (file == json.end() || !file->is_string() || date == json.end() ||
      !date->is_number_integer() || !read_number(json, "size", entry.size))
    return std::nullopt;
  entry.file = file->get<std::string>();
  entry.date_s = date->get<std::int64_t>();
  std::vector<std::string> flags;
  if (!read_words(json, "flags", flags) || !read_words(json, "keywords", entry.keywords))
    return std::nullopt;
  for (const std::string& name : flags) {
    const auto* const known = std::ranges::find(kFlagNames, name, &FlagName::name);
    if (known != std::end(kFlagNames)) entry.flags |= known->bit;
  }
  if (const auto hash = json.find("sha256"); hash != json.end()) {
    if (!hash->is_string()) return std::nullopt;
    entry.sha256 = hash->get<std::string>();
  }
  return entry;
}

bool is_manifest_name(std::string_view name) {
  return name.starts_with(kStem) && name.ends_with(kEnding);
}

std::string manifest_name(std::uint32_t number) {
  if (number == 0) return fmt::format("{}{}", kStem, kEnding);
  return fmt::format("{}-{:06}{}", kStem, number, kEnding);
}

std::string sha256_hex(std::string_view bytes) {
  crypto::Sha256 hash;
  hash.update(bytes);
  return to_hex(hash.finish());
}

std::string file_name_of(std::string_view level) {
  std::string out = percent_encode(level, "\\:*?\"<>|");
  if (out.starts_with('.')) out.replace(0, 1, "%2E");
  if (out.ends_with('.') || out.ends_with(' ')) {
    const std::string last = out.back() == '.' ? "%2E" : "%20";
    out.replace(out.size() - 1, 1, last);
  }
  return out;
}

std::string eml_name(std::uint32_t uid) { return fmt::format("{:010}.eml", uid); }

bool is_eml_name(std::string_view name) {
  return name.size() > 4 && iequals(name.substr(name.size() - 4), ".eml");
}

}  // namespace hauspost::transfer
