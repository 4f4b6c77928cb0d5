#include "server/directory/filter_settings.h"

#include "server/directory/filter_settings.pb.h"
#include "server/directory/filter_words.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kFiltersKey = "filters";
constexpr std::uint32_t kFiltersFormat = 1;

}  // namespace

Result<transport::FilterSettings> filter_settings(const DirectoryReader& reader) {
  transport::FilterSettings settings;
  TRY_ASSIGN(const std::string bytes, reader.setting(kFiltersKey));
  if (bytes.empty()) return settings;
  stored::Filters message;
  if (!message.ParseFromString(bytes) || message.format() != kFiltersFormat)
    return fail(ErrorCode::kCorrupt, "directory: the filters do not parse");
  for (const stored::FilterEntry& entry : message.entries()) {
    const FilterWords words{
        entry.kind(), entry.name(), {entry.values().begin(), entry.values().end()}};
    const bool is_one = is_single_filter(words.kind) || words.kind == "caps";
    const auto taken = is_one ? change_filter(settings, words) : add_filter(settings, words);
    if (!taken) {
      return fail(ErrorCode::kCorrupt, fmt::format("directory: filter {} {}: {}", words.kind,
                                                   words.name, taken.error().text));
    }
  }
  return settings;
}

Result<> set_filter_settings(DirectoryWriter& writer, const transport::FilterSettings& settings) {
  if (settings == transport::FilterSettings()) return writer.set_setting(kFiltersKey, "");
  stored::Filters message;
  message.set_format(kFiltersFormat);
  for (FilterWords& words : filter_words(settings)) {
    stored::FilterEntry* entry = message.add_entries();
    entry->set_kind(std::move(words.kind));
    entry->set_name(std::move(words.name));
    for (auto& [key, value] : words.values) (*entry->mutable_values())[key] = value;
  }
  return writer.set_setting(kFiltersKey, message.SerializeAsString());
}

}  // namespace hauspost::directory
