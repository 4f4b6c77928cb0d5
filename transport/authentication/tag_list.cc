#include "transport/authentication/tag_list.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::mailauth {

namespace {

bool is_fold(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_tag_name(std::string_view name) {
  return !name.empty() && is_alpha(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
}

// VALCHAR and folds; octets beyond ASCII are let through (RFC 8616).
bool is_tag_value(std::string_view value) {
  return std::ranges::all_of(
      value, [](char c) { return is_fold(c) || static_cast<unsigned char>(c) > 0x20; });
}

}  // namespace

std::string_view trim_folds(std::string_view text) {
  while (!text.empty() && is_fold(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_fold(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<TagList> TagList::parse(std::string_view text) {
  TagList list;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const bool last = text.empty();
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) {
      if (trim_folds(one).empty() && (last || trim_folds(text).empty())) break;
      return std::nullopt;
    }
    const Tag tag{trim_folds(one.substr(0, equals)), trim_folds(one.substr(equals + 1)),
                  one.substr(equals + 1)};
    if (!is_tag_name(tag.name) || !is_tag_value(tag.value) || list.find(tag.name) != nullptr ||
        list.tags_.size() >= kTagsMax) {
      return std::nullopt;
    }
    list.tags_.push_back(tag);
  }
  return list;
}

const Tag* TagList::find(std::string_view name) const {
  const auto found = std::ranges::find_if(tags_, [&](const Tag& tag) { return tag.name == name; });
  return found == tags_.end() ? nullptr : &*found;
}

std::string without_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (!is_fold(c)) out += c;
  }
  return out;
}

std::optional<std::string> folded_base64(std::string_view text) {
  std::string plain = without_space(text);
  while (plain.ends_with('=')) plain.pop_back();
  if (plain.size() % 4 == 1) return std::nullopt;
  plain.append((4 - plain.size() % 4) % 4, '=');
  return base64_decode(plain);
}

}  // namespace hauspost::mailauth
