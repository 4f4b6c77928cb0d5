#include "server/transfer/zip_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/text.h"
#include "server/transfer/eml_source.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/mbox_line.h"
#include "server/transfer/utf8_locale.h"

namespace hauspost::transfer {

namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;

bool leads_out(std::string_view name) {
  if (name.empty() || name.starts_with('/') || name.find('\\') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos)
    return true;
  return std::ranges::any_of(split(name, '/'), [](auto level) { return level == ".."; });
}

}  // namespace

Result<std::unique_ptr<Source>> ZipSource::open(const std::string& path, Limits limits) {
  TRY_ASSIGN(File file, File::open(path));
  std::unique_ptr<ZipSource> source(
      new ZipSource(std::move(file), std::filesystem::path(path).filename().string(), limits));
  TRY(source->start());
  return source;
}

ZipSource::~ZipSource() {
  if (archive_ != nullptr) ::archive_read_free(archive_);
}

Result<> ZipSource::start() {
  const Utf8Locale utf8;
  archive_ = ::archive_read_new();
  if (archive_ == nullptr) return fail(ErrorCode::kExhausted, "no memory");
  if (::lseek(file_.get(), 0, SEEK_SET) != 0 ||
      ::archive_read_support_format_zip_seekable(archive_) != ARCHIVE_OK ||
      ::archive_read_open_fd(archive_, file_.get(), kBlockBytes) != ARCHIVE_OK) {
    const char* const said = ::archive_error_string(archive_);
    return fail(ErrorCode::kInvalid,
                fmt::format("{} cannot be read as a zip archive: {}", escape_for_log(name_),
                            said == nullptr ? "it is none" : said));
  }
  return {};
}

Result<bool> ZipSource::next_header() {
  if (over_) return false;
  const Utf8Locale utf8;
  const int got = ::archive_read_next_header(archive_, &entry_);
  if (got == ARCHIVE_EOF) {
    over_ = true;
    return false;
  }
  if (got < ARCHIVE_WARN) {
    const char* const said = ::archive_error_string(archive_);
    return fail(ErrorCode::kInvalid,
                fmt::format("{} behind its entry {}: {}", escape_for_log(name_), count_,
                            said == nullptr ? "it is damaged" : said));
  }
  if (++count_ > kZipEntriesMax)
    return fail(ErrorCode::kInvalid, escape_for_log(name_) + " has too many entries");
  const char* text = ::archive_entry_pathname_utf8(entry_);
  if (text == nullptr) text = ::archive_entry_pathname(entry_);
  entry_name_ = text == nullptr ? "" : text;
  return true;
}

Result<std::string> ZipSource::read_data(std::uint64_t bytes_max) {
  std::string out;
  std::array<char, 32 * 1024> room{};
  const std::int64_t before = ::archive_filter_bytes(archive_, -1);
  for (;;) {
    const la_ssize_t count = ::archive_read_data(archive_, room.data(), room.size());
    if (count < 0) {
      const char* const said = ::archive_error_string(archive_);
      return fail(ErrorCode::kCorrupt, said == nullptr ? "it is damaged" : said);
    }
    if (count == 0) return out;
    out.append(room.data(), static_cast<std::size_t>(count));
    if (out.size() > bytes_max)
      return fail(ErrorCode::kExhausted, fmt::format("above {} bytes", bytes_max));
    const auto packed = static_cast<std::uint64_t>(
        std::max<std::int64_t>(::archive_filter_bytes(archive_, -1) - before, 0));
    if (out.size() > kZipSwellFree && out.size() / kZipSwell > packed + kBlockBytes)
      return fail(ErrorCode::kCorrupt, "it swells out of all proportion");
  }
}

std::optional<std::string> ZipSource::folder_of(std::string_view above, bool ours) const {
  std::string folder;
  for (const std::string_view level : split(above, '/')) {
    if (level.empty() || level == ".") continue;
    const auto decoded = ours ? percent_decode(level) : std::nullopt;
    folder = join_folder(folder, folder_level(decoded ? std::string_view(*decoded) : level));
  }
  return folder;
}

void ZipSource::take_manifest(const std::string& folder, Item& item) {
  auto text = read_data(kZipManifestMax);
  manifest_.clear();
  item.kind = Item::Kind::kFolder;
  item.folder = folder;
  if (!text) {
    item.kind = Item::Kind::kBad;
    item.why = "the manifest: " + text.error().text;
    return;
  }
  for (const std::string_view line : split(*text, '\n')) {
    if (line.empty()) continue;
    if (auto entry = parse_manifest_line(line))
      manifest_.insert_or_assign(entry->file, std::move(*entry));
  }
}

void ZipSource::take_message(const std::string& folder, const std::string& name, Item& item) {
  item.folder = folder;
  item.kind = Item::Kind::kBad;
  if (::archive_entry_is_encrypted(entry_) != 0) {
    item.why = "it is encrypted";
    return;
  }
  if (::archive_entry_filetype(entry_) != AE_IFREG) {
    item.why = "it is no regular file";
    return;
  }
  auto body = read_data(limits_.message_bytes_max);
  if (!body) {
    if (body.error().code == ErrorCode::kExhausted) item.kind = Item::Kind::kLarge;
    item.why = body.error().text;
    return;
  }
  const auto entry = manifest_here_ ? manifest_.find(name) : manifest_.end();
  make_eml_item(std::move(*body), entry == manifest_.end() ? nullptr : &entry->second,
                ::archive_entry_mtime(entry_), item);
}

Result<bool> ZipSource::next(Item& item) {
  for (;;) {
    item.clear();
    TRY_ASSIGN(const bool more, next_header());
    if (!more) return false;
    item.where = fmt::format("{}: {}", name_, entry_name_);
    const std::string_view whole = entry_name_;
    const std::size_t slash = whole.rfind('/');
    const std::string above(slash == std::string_view::npos ? "" : whole.substr(0, slash));
    const std::string name(slash == std::string_view::npos ? whole : whole.substr(slash + 1));
    const bool manifest = is_manifest_name(name);
    if (leads_out(whole)) {
      item.kind = Item::Kind::kBad;
      item.why = "its name leads out of the archive";
      return true;
    }
    if (manifest) {
      manifest_here_ = true;
      manifest_above_ = above;
      take_manifest(*folder_of(above, true), item);
      return true;
    }
    if (!is_eml_name(name)) continue;
    if (above != manifest_above_) manifest_here_ = false;
    take_message(*folder_of(above, manifest_here_), name, item);
    return true;
  }
}

std::string ZipSource::position() const { return over_ ? "end" : fmt::format("{}", count_); }

Result<> ZipSource::resume(std::string_view position) {
  const bool end = position == "end";
  const auto wanted = end ? std::optional<std::uint64_t>(0) : parse_u64(position);
  if (!wanted) return fail(ErrorCode::kCorrupt, "the place where the import stood is not readable");
  over_ = end;
  Item unused;
  while (!over_ && count_ < *wanted) {
    TRY_ASSIGN(const bool more, next_header());
    if (!more) break;
    const std::size_t slash = entry_name_.rfind('/');
    const std::string name =
        slash == std::string::npos ? entry_name_ : entry_name_.substr(slash + 1);
    if (!is_manifest_name(name)) continue;
    manifest_here_ = true;
    manifest_above_ = slash == std::string::npos ? "" : entry_name_.substr(0, slash);
    take_manifest("", unused);
  }
  if (end || count_ == *wanted) return {};
  return fail(ErrorCode::kCorrupt,
              escape_for_log(name_) + " has changed since the import stood there: it is shorter");
}

std::uint64_t ZipSource::bytes_done() const {
  if (over_) return file_.size();
  const std::int64_t bytes = ::archive_filter_bytes(archive_, -1);
  return std::min<std::uint64_t>(file_.size(),
                                 static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
}

}  // namespace hauspost::transfer
