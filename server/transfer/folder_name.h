// Names of folders in sources, targets and filters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace hauspost::transfer {

// What a folder of the file system holds, by name.
struct FolderEntry {
  enum class Kind : std::uint8_t { kFile, kFolder, kOther };
  Kind kind = Kind::kOther;  // of the entry itself: links are kOther
  std::string name;
};
inline constexpr std::size_t kFolderEntriesMax = 5'000'000;
// Sorted by name. kExhausted: more than kFolderEntriesMax.
Result<std::vector<FolderEntry>> list_folder(const std::string& path);

// One level as the store takes it: UTF-8 (bytes that are not count as Latin-1), no '/', no
// controls, not empty, not too long.
std::string folder_level(std::string_view name);
std::string join_folder(std::string_view above, std::string_view level);
// Each level of it likewise.
std::string folder_path(std::string_view path);

// "#Inbox#", "#SentItems#", "#DeletedItems#", "#Drafts#", "#JunkEmail#", "#Archive#". nullopt: no
// such word.
std::optional<store::SpecialUse> special_word(std::string_view word);
// What a top folder of that name is for, in any of the languages that mail programs are known to
// write; kNone otherwise.
store::SpecialUse special_use_of(std::string_view folder);

// "Name", "Name/*" (and what is below), "#Inbox#", "#Inbox#/*", "*". Without regard to ASCII case.
class FolderFilter {
 public:
  // kInvalid: a word in "#" that is none, or an empty pattern.
  static Result<FolderFilter> make(const std::vector<std::string>& include,
                                   const std::vector<std::string>& exclude);
  // `use`: of the folder that is its first level.
  bool wants(std::string_view path, store::SpecialUse use) const;

 private:
  struct Pattern {
    std::string path;                      // without "/*"; empty: everything
    std::optional<store::SpecialUse> use;  // stands for the first level
    bool below = false;
  };
  static Result<std::vector<Pattern>> parse(const std::vector<std::string>& texts);
  static bool matches(const Pattern& pattern, std::string_view path, store::SpecialUse use);
  std::vector<Pattern> include_;
  std::vector<Pattern> exclude_;
};

// Without `root` in front; nullopt: not at or below it. The root itself becomes "".
std::optional<std::string> below_root(std::string_view path, std::string_view root);

}  // namespace hauspost::transfer
