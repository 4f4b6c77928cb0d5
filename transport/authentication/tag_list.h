// Lists of tag=value (RFC 6376 section 3.2), which DKIM, ARC and DMARC share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::mailauth {

inline constexpr std::size_t kTagsMax = 64;

struct Tag {
  std::string_view name;
  std::string_view value;  // without white space at its ends; folds inside stay
  std::string_view raw;    // what stands between "=" and ";"
};

class TagList {
 public:
  // nullopt: not such a list, a name twice, or more than kTagsMax. Views into `text`.
  static std::optional<TagList> parse(std::string_view text);

  const Tag* find(std::string_view name) const;  // names are case-sensitive
  const std::vector<Tag>& all() const { return tags_; }

 private:
  std::vector<Tag> tags_;
};

// Without any of the white space that folding may have put in.
std::string without_space(std::string_view text);
// As without_space, then from base64; also without its padding.
std::optional<std::string> folded_base64(std::string_view text);
// Trims spaces, tabs and line ends.
std::string_view trim_folds(std::string_view text);

}  // namespace hauspost::mailauth
