#include "server/transfer/folder_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "protocols/imap/mailbox_name.h"
#include "server/transfer/file.h"

namespace hauspost::transfer {

namespace {

namespace fs = std::filesystem;

struct Word {
  std::string_view name;
  store::SpecialUse use;
};
constexpr Word kWords[] = {
    {"#Inbox#", store::SpecialUse::kInbox},        {"#SentItems#", store::SpecialUse::kSent},
    {"#DeletedItems#", store::SpecialUse::kTrash}, {"#Drafts#", store::SpecialUse::kDrafts},
    {"#JunkEmail#", store::SpecialUse::kJunk},     {"#Archive#", store::SpecialUse::kArchive},
};

constexpr Word kNames[] = {
    {"INBOX", store::SpecialUse::kInbox},
    {"Posteingang", store::SpecialUse::kInbox},
    {"Boîte de réception", store::SpecialUse::kInbox},
    {"Bandeja de entrada", store::SpecialUse::kInbox},
    {"Posta in arrivo", store::SpecialUse::kInbox},
    {"Postvak IN", store::SpecialUse::kInbox},
    {"Sent", store::SpecialUse::kSent},
    {"Sent Items", store::SpecialUse::kSent},
    {"Sent Messages", store::SpecialUse::kSent},
    {"Sent Mail", store::SpecialUse::kSent},
    {"Gesendet", store::SpecialUse::kSent},
    {"Gesendete Elemente", store::SpecialUse::kSent},
    {"Gesendete Objekte", store::SpecialUse::kSent},
    {"Éléments envoyés", store::SpecialUse::kSent},
    {"Elementos enviados", store::SpecialUse::kSent},
    {"Posta inviata", store::SpecialUse::kSent},
    {"Verzonden items", store::SpecialUse::kSent},
    {"Trash", store::SpecialUse::kTrash},
    {"Deleted Items", store::SpecialUse::kTrash},
    {"Deleted Messages", store::SpecialUse::kTrash},
    {"Papierkorb", store::SpecialUse::kTrash},
    {"Gelöschte Elemente", store::SpecialUse::kTrash},
    {"Corbeille", store::SpecialUse::kTrash},
    {"Éléments supprimés", store::SpecialUse::kTrash},
    {"Papelera", store::SpecialUse::kTrash},
    {"Elementos eliminados", store::SpecialUse::kTrash},
    {"Cestino", store::SpecialUse::kTrash},
    {"Verwijderde items", store::SpecialUse::kTrash},
    {"Drafts", store::SpecialUse::kDrafts},
    {"Entwürfe", store::SpecialUse::kDrafts},
    {"Brouillons", store::SpecialUse::kDrafts},
    {"Borradores", store::SpecialUse::kDrafts},
    {"Bozze", store::SpecialUse::kDrafts},
    {"Concepten", store::SpecialUse::kDrafts},
    {"Junk", store::SpecialUse::kJunk},
    {"Junk E-mail", store::SpecialUse::kJunk},
    {"Junk Email", store::SpecialUse::kJunk},
    {"Spam", store::SpecialUse::kJunk},
    {"Junk-E-Mail", store::SpecialUse::kJunk},
    {"Courrier indésirable", store::SpecialUse::kJunk},
    {"Correo no deseado", store::SpecialUse::kJunk},
    {"Posta indesiderata", store::SpecialUse::kJunk},
    {"Ongewenste e-mail", store::SpecialUse::kJunk},
    {"Archive", store::SpecialUse::kArchive},
    {"Archives", store::SpecialUse::kArchive},
    {"Archiv", store::SpecialUse::kArchive},
    {"Archivo", store::SpecialUse::kArchive},
    {"Archivio", store::SpecialUse::kArchive},
    {"Archief", store::SpecialUse::kArchive},
};

std::string latin1_to_utf8(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

bool starts_with_level(std::string_view path, std::string_view above) {
  return istarts_with(path, above) &&
         (path.size() == above.size() || path[above.size()] == store::kHierarchySeparator);
}

}  // namespace

Result<std::vector<FolderEntry>> list_folder(const std::string& path) {
  std::vector<FolderEntry> entries;
  std::error_code code;
  for (auto entry = fs::directory_iterator(path, code); !code && entry != fs::directory_iterator();
       entry.increment(code)) {
    const fs::file_status status = entry->symlink_status(code);
    if (code) break;
    entries.push_back({fs::is_regular_file(status) ? FolderEntry::Kind::kFile
                       : fs::is_directory(status)  ? FolderEntry::Kind::kFolder
                                                   : FolderEntry::Kind::kOther,
                       entry->path().filename().string()});
    if (entries.size() > kFolderEntriesMax)
      return fail(ErrorCode::kExhausted, escape_for_log(path, 1000) + " holds too many files");
  }
  if (code) return fail(file_error("reading folder", path, code.value()));
  std::ranges::sort(entries, {}, &FolderEntry::name);
  return entries;
}

std::string folder_level(std::string_view name) {
  std::string text = is_valid_utf8(name) ? std::string(name) : latin1_to_utf8(name);
  text = imap::net_unicode(text);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // C1 controls are two bytes: 0xc2 and 0x80 to 0x9f.
    const bool c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) ++i;
    out += byte < 0x20 || byte == 0x7f || text[i] == '/' || c1 ? '_' : text[i];
  }
  while (out.size() > store::kFolderNameMax || !is_valid_utf8(out)) out.pop_back();
  return out.empty() ? "_" : out;
}

std::string join_folder(std::string_view above, std::string_view level) {
  std::string out(above);
  if (!out.empty()) out += store::kHierarchySeparator;
  return out.append(level);
}

std::string folder_path(std::string_view path) {
  std::string out;
  std::size_t depth = 0;
  for (const std::string_view level : split(path, store::kHierarchySeparator)) {
    if (level.empty()) continue;
    if (++depth > store::kFolderDepthMax) break;
    out = join_folder(out, folder_level(level));
  }
  if (starts_with_level(out, "INBOX")) out.replace(0, 5, "INBOX");
  return out;
}

std::optional<store::SpecialUse> special_word(std::string_view word) {
  for (const Word& known : kWords) {
    if (iequals(known.name, word)) return known.use;
  }
  return std::nullopt;
}

store::SpecialUse special_use_of(std::string_view folder) {
  for (const Word& known : kNames) {
    if (iequals(known.name, folder)) return known.use;
  }
  return store::SpecialUse::kNone;
}

Result<std::vector<FolderFilter::Pattern>> FolderFilter::parse(
    const std::vector<std::string>& texts) {
  std::vector<Pattern> out;
  for (const std::string& text : texts) {
    Pattern pattern;
    std::string_view path = text;
    if (path == "*") path = "/*";
    if (path.ends_with("/*")) {
      pattern.below = true;
      path.remove_suffix(2);
    }
    if (path.starts_with('/')) path.remove_prefix(1);
    if (path.empty() && !pattern.below)
      return fail(ErrorCode::kInvalid, "an empty folder name is included or excluded");
    if (path.starts_with('#')) {
      const std::string_view word = path.substr(0, path.find('/'));
      pattern.use = special_word(word);
      if (!pattern.use) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("{} is no folder that is known by a word; these are: #Inbox#, "
                                "#SentItems#, #DeletedItems#, #Drafts#, #JunkEmail#, #Archive#",
                                escape_for_log(word)));
      }
      path.remove_prefix(word.size());
      if (path.starts_with('/')) path.remove_prefix(1);
    }
    pattern.path = path;
    out.push_back(std::move(pattern));
  }
  return out;
}

Result<FolderFilter> FolderFilter::make(const std::vector<std::string>& include,
                                        const std::vector<std::string>& exclude) {
  FolderFilter filter;
  TRY_ASSIGN(filter.include_, parse(include));
  TRY_ASSIGN(filter.exclude_, parse(exclude));
  return filter;
}

bool FolderFilter::matches(const Pattern& pattern, std::string_view path, store::SpecialUse use) {
  if (pattern.use) {
    if (use != *pattern.use) return false;
    const std::size_t slash = path.find(store::kHierarchySeparator);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  if (pattern.path.empty()) return pattern.below || path.empty();
  return pattern.below ? starts_with_level(path, pattern.path) : iequals(path, pattern.path);
}

bool FolderFilter::wants(std::string_view path, store::SpecialUse use) const {
  const auto hit = [&](const Pattern& pattern) { return matches(pattern, path, use); };
  if (std::ranges::any_of(exclude_, hit)) return false;
  return include_.empty() || std::ranges::any_of(include_, hit);
}

std::optional<std::string> below_root(std::string_view path, std::string_view root) {
  if (root.empty()) return std::string(path);
  if (!starts_with_level(path, root)) return std::nullopt;
  return std::string(path.substr(std::min(path.size(), root.size() + 1)));
}

}  // namespace hauspost::transfer
