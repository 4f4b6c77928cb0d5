// The manifest beside exported .eml files: a line of JSON for each, with what the file itself
// cannot say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/types.h"

namespace hauspost::transfer {

struct ManifestEntry {
  std::string file;  // name in the same folder
  store::FlagBits flags = 0;
  std::vector<std::string> keywords;
  std::int64_t date_s = 0;
  std::uint64_t size = 0;
  std::string sha256;  // hexadecimal
};
inline constexpr std::size_t kManifestLineMax = 64 * 1024;
inline constexpr std::size_t kManifestKeywordsMax = 100;

std::string manifest_line(const ManifestEntry& entry);  // with "\n"
// nullopt: not such a line.
std::optional<ManifestEntry> parse_manifest_line(std::string_view line);

// "hauspost-export.jsonl", "hauspost-export-000017.jsonl".
bool is_manifest_name(std::string_view name);
std::string manifest_name(std::uint32_t number);  // 0: without one
std::string sha256_hex(std::string_view bytes);

// A folder's level as a file name of any system: bytes that one of them minds become "%XX".
std::string file_name_of(std::string_view level);
std::string eml_name(std::uint32_t uid);  // "0000000017.eml"
bool is_eml_name(std::string_view name);

}  // namespace hauspost::transfer
