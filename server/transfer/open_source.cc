// What kind of source stands at a path.
#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "base/text.h"
#include "server/transfer/eml_source.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/importer.h"
#include "server/transfer/maildir_source.h"
#include "server/transfer/mbox_source.h"
#include "server/transfer/zip_source.h"

namespace hauspost::transfer {

namespace {

namespace fs = std::filesystem;

constexpr std::pair<std::string_view, Format> kFormats[] = {{"auto", Format::kAuto},
                                                            {"mbox", Format::kMbox},
                                                            {"maildir", Format::kMaildir},
                                                            {"eml", Format::kEml},
                                                            {"zip", Format::kZip}};

bool is_folder(const std::string& path) {
  std::error_code code;
  return fs::is_directory(fs::symlink_status(path, code)) && !code;
}

Result<Format> format_of_file(const std::string& path) {
  TRY_ASSIGN(const File file, File::open(path));
  std::array<char, 4> magic{};
  TRY_ASSIGN(const std::size_t count, file.read_at(0, magic.data(), magic.size()));
  const std::string_view start(magic.data(), count);
  if (start == "PK\x03\x04" || start == "PK\x05\x06") return Format::kZip;
  if (looks_like_mbox(file)) return Format::kMbox;
  if (path.ends_with(".eml")) return Format::kEml;
  if (path.ends_with(".mbox") || path.ends_with(".mbx")) return Format::kMbox;
  return fail(ErrorCode::kInvalid,
              escape_for_log(path, 1000) + " is no mbox file, zip or .eml; if it is, say --format");
}

// At most this many entries are looked at before a folder counts as one of .eml files.
constexpr std::size_t kLookMax = 10'000;

Result<Format> format_of_folder(const std::string& path) {
  if (is_folder(path + "/cur") || is_folder(path + "/new")) return Format::kMaildir;
  TRY_ASSIGN(const auto entries, list_folder(path));
  for (const FolderEntry& entry : entries) {
    if (entry.kind == FolderEntry::Kind::kFolder && is_folder(path + "/" + entry.name + "/cur"))
      return Format::kMaildir;
  }
  std::error_code code;
  std::size_t seen = 0;
  for (auto entry = fs::recursive_directory_iterator(path, code);
       !code && entry != fs::recursive_directory_iterator() && seen < kLookMax;
       entry.increment(code), ++seen) {
    if (!fs::is_regular_file(entry->symlink_status(code))) continue;
    const std::string name = entry->path().string();
    if (name.ends_with(".eml") || name.ends_with(".EML")) return Format::kEml;
    if (const auto file = File::open(name); file && file->size() > 0 && looks_like_mbox(*file))
      return Format::kMbox;
  }
  return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) +
                                       " holds no Maildir, mbox or .eml files that could be found; "
                                       "if it does, say --format");
}

}  // namespace

Result<Format> parse_format(std::string_view word) {
  for (const auto& [name, format] : kFormats) {
    if (iequals(name, word)) return format;
  }
  return fail(ErrorCode::kInvalid,
              "format " + escape_for_log(word) + " is none of: auto, mbox, maildir, eml, zip");
}

Result<std::unique_ptr<Source>> open_source(const std::string& path, Format format, Limits limits) {
  std::error_code code;
  const fs::file_status status = fs::symlink_status(path, code);
  if (!fs::exists(status)) return fail(file_error("opening", path, code ? code.value() : ENOENT));
  if (fs::is_symlink(status)) return fail(file_error("opening", path, ELOOP));
  if (format == Format::kAuto) {
    TRY_ASSIGN(format, fs::is_directory(status) ? format_of_folder(path) : format_of_file(path));
  }
  switch (format) {
    case Format::kMbox: return MboxSource::open(path, limits);
    case Format::kMaildir: return MaildirSource::open(path, limits);
    case Format::kEml: return EmlSource::open(path, limits);
    case Format::kZip: return ZipSource::open(path, limits);
    case Format::kAuto: break;
  }
  return fail(ErrorCode::kInternal, "no format was found");
}

}  // namespace hauspost::transfer
