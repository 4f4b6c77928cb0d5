#include "server/transfer/maildir_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/imap/mailbox_name.h"
#include "server/transfer/folder_name.h"

namespace hauspost::transfer {

namespace {

constexpr std::int64_t kOldest_s = 315'532'800;    // 1980
constexpr std::int64_t kNewest_s = 4'102'444'800;  // 2100

std::string unescape(std::string_view level) {
  std::string out;
  for (std::size_t i = 0; i < level.size(); ++i) {
    const auto byte = level[i] == '\\' ? from_hex(level.substr(i + 1, 2)) : std::nullopt;
    if (byte && byte->size() == 1 && (*byte)[0] != '\0') {
      out += *byte;
      i += 2;
    } else {
      out += level[i];
    }
  }
  return out;
}

}  // namespace

MaildirName parse_maildir_name(std::string_view name, const MaildirKeywords& keywords) {
  MaildirName out;
  const std::size_t info = name.find(":2,");
  out.base = name.substr(0, info);
  const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (const auto time = parse_u64(name.substr(0, digits))) {
    const auto seconds = static_cast<std::int64_t>(std::min<std::uint64_t>(*time, INT64_MAX));
    if (seconds >= kOldest_s && seconds <= kNewest_s) out.time_s = seconds;
  }
  if (info == std::string_view::npos) return out;
  for (const char c : name.substr(info + 3)) {
    switch (c) {
      case 'S': out.flags |= store::kSeen; break;
      case 'R': out.flags |= store::kAnswered; break;
      case 'F': out.flags |= store::kFlagged; break;
      case 'T': out.flags |= store::kDeleted; break;
      case 'D': out.flags |= store::kDraft; break;
      case 'P': out.keywords.emplace_back("$Forwarded"); break;
      default: break;
    }
    if (c < 'a' || c > 'z') continue;
    const std::string& keyword = keywords[static_cast<std::size_t>(c - 'a')];
    if (!keyword.empty()) out.keywords.push_back(keyword);
  }
  return out;
}

std::string maildir_name(std::int64_t time_s, std::uint32_t uid, std::uint64_t size,
                         store::FlagBits flags, std::string_view keyword_letters, bool forwarded) {
  std::string letters;  // in ASCII order
  if ((flags & store::kDraft) != 0) letters += 'D';
  if ((flags & store::kFlagged) != 0) letters += 'F';
  if (forwarded) letters += 'P';
  if ((flags & store::kAnswered) != 0) letters += 'R';
  if ((flags & store::kSeen) != 0) letters += 'S';
  if ((flags & store::kDeleted) != 0) letters += 'T';
  letters += keyword_letters;
  return fmt::format("{}.U{:010}.hauspost,S={}:2,{}", std::max<std::int64_t>(time_s, 0), uid, size,
                     letters);
}

MaildirKeywords parse_dovecot_keywords(std::string_view text) {
  MaildirKeywords out;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const auto at = parse_u64(line.substr(0, space));
    if (at && *at < kMaildirKeywords) out[*at] = trim(line.substr(space + 1));
  }
  return out;
}

std::string maildir_folder(std::string_view path) {
  std::string out;
  for (const std::string_view level : split(path, store::kHierarchySeparator)) {
    out += '.';
    for (const char c : imap::encode_utf7(level)) {
      if (c == '.')
        out += "\\2e";
      else if (c == '\\')
        out += "\\5c";
      else
        out += c;
    }
  }
  return out;
}

std::optional<std::string> parse_maildir_folder(std::string_view name) {
  if (name.size() < 2 || name[0] != '.' || name == "..") return std::nullopt;
  std::string out;
  for (const std::string_view level : split(name.substr(1), '.')) {
    if (level.empty()) continue;
    const std::string plain = unescape(level);
    const auto decoded = imap::decode_utf7(plain);
    out = join_folder(out, folder_level(decoded ? *decoded : plain));
  }
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace hauspost::transfer
