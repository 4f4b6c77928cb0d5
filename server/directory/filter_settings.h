// What an administrator switches on against abuse: entries in words, of which transport's settings
// are made. Transport asks again whenever the directory has changed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/directory/directory.h"
#include "transport/filter/settings.h"

namespace hauspost::directory {

class DirectoryWriter;

// Kinds and their names: "ip-allow" and "ip-block" (a network), "sender" and "recipient" (a
// pattern), "dnsbl" (a zone), "dnsbl-exempt" (a pattern), "milter" (a word), "caps" (a mailbox's
// id, or nothing: everybody); and of each of these one, without a name: "greylist",
// "client-checks", "reputation", "null-sender".
struct FilterWords {
  std::string kind;
  std::string name;
  std::map<std::string, std::string> values;
  bool operator==(const FilterWords&) const = default;
};

inline constexpr std::size_t kFilterEntriesMax = 5'000;  // of a kind

// What is always there first, then the lists; of one kind, or of all.
std::vector<FilterWords> filter_words(const transport::FilterSettings& settings,
                                      std::string_view kind = {});

// kInvalid: a word or value that is none; kExists; kNotFound: nothing to change or remove; and
// `settings` are as they were. Names come back in their normal form.
Result<FilterWords> add_filter(transport::FilterSettings& settings, const FilterWords& words);
Result<FilterWords> change_filter(transport::FilterSettings& settings, const FilterWords& words);
Result<FilterWords> remove_filter(transport::FilterSettings& settings, std::string_view kind,
                                  std::string_view name);

// kCorrupt: what is stored does not parse.
Result<transport::FilterSettings> filter_settings(const DirectoryReader& reader);
Result<> set_filter_settings(DirectoryWriter& writer, const transport::FilterSettings& settings);

}  // namespace hauspost::directory
