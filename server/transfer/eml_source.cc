#include "server/transfer/eml_source.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/mbox_line.h"
#include "server/transfer/tree_position.h"

namespace hauspost::transfer {

namespace {

namespace fs = std::filesystem;

}  // namespace

void make_eml_item(std::string body, const ManifestEntry* entry, std::int64_t changed_s,
                   Item& item) {
  if (body.empty()) {
    item.kind = Item::Kind::kBad;
    item.why = "an empty file";
    return;
  }
  item.kind = Item::Kind::kMessage;
  if (entry == nullptr) {
    item.body = with_crlf(std::move(body));
    // A copy may have made the file's time new; then the header is older.
    const std::int64_t said = date_of_header(item.body);
    item.date_s = said == 0 ? changed_s : std::min(said, changed_s);
    return;
  }
  if (body.size() != entry->size || sha256_hex(body) != entry->sha256)
    item.why = "it is not what was exported: its SHA-256 differs from the manifest's";
  item.body = std::move(body);
  item.flags = entry->flags;
  item.keywords = entry->keywords;
  item.date_s = entry->date_s;
}

Result<std::unique_ptr<Source>> EmlSource::open(const std::string& path, Limits limits) {
  std::unique_ptr<EmlSource> source(new EmlSource(path, limits));
  std::error_code code;
  if (fs::is_directory(path, code)) {
    TRY(source->list_boxes(path, "", 0));
    return source;
  }
  TRY_ASSIGN(const File file, File::open(path));
  source->bytes_total_ = file.size();
  source->boxes_.push_back(
      {.path = fs::path(path).parent_path().string(), .name = ".", .folder = ""});
  source->names_.push_back(fs::path(path).filename().string());
  source->opened_ = true;
  return source;
}

Result<> EmlSource::list_boxes(const std::string& path, const std::string& folder, int depth) {
  if (depth > static_cast<int>(store::kFolderDepthMax))
    return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) + ": the folders nest too deep");
  TRY_ASSIGN(const auto entries, list_folder(path));
  boxes_.push_back(
      {.path = path, .name = fs::path(path).lexically_relative(root_).string(), .folder = folder});
  // Names of an export are written so that every system takes them.
  const bool ours = std::ranges::any_of(
      entries, [](const FolderEntry& entry) { return is_manifest_name(entry.name); });
  if (ours && !folder.empty()) {
    std::string decoded;
    const std::string own = fs::path(path).filename().string();
    if (const auto level = percent_decode(own)) {
      const std::size_t slash = folder.rfind(store::kHierarchySeparator);
      decoded = join_folder(slash == std::string::npos ? "" : folder.substr(0, slash),
                            folder_level(*level));
      boxes_.back().folder = decoded;
    }
  }
  const std::string here = boxes_.back().folder;
  for (const FolderEntry& entry : entries) {
    const std::string below = path + "/" + entry.name;
    struct stat facts{};
    if (entry.kind == FolderEntry::Kind::kFolder)
      TRY(list_boxes(below, join_folder(here, folder_level(entry.name)), depth + 1));
    else if (is_eml_name(entry.name) && ::lstat(below.c_str(), &facts) == 0)
      bytes_total_ += static_cast<std::uint64_t>(facts.st_size);
  }
  return {};
}

Result<> EmlSource::open_box() {
  opened_ = true;
  names_.clear();
  next_name_ = 0;
  manifest_.reset();
  entry_.reset();
  TRY_ASSIGN(auto entries, list_folder(boxes_[at_].path));
  for (FolderEntry& entry : entries) {
    if (entry.kind == FolderEntry::Kind::kFolder) continue;
    if (is_eml_name(entry.name)) names_.push_back(std::move(entry.name));
  }
  if (auto file = File::open(boxes_[at_].path + "/" + manifest_name(0))) {
    manifest_file_ = std::move(*file);
    manifest_ = std::make_unique<LineReader>(manifest_file_, 0);
  }
  return {};
}

// The manifest's lines stand in the order of the names.
Result<> EmlSource::find_in_manifest(std::string_view name) {
  while (manifest_ && (!entry_ || entry_->file < name)) {
    LineReader::Piece line;
    TRY_ASSIGN(const bool more, manifest_->next(line));
    if (!more) {
      manifest_.reset();
      break;
    }
    auto parsed = parse_manifest_line(line.text);
    if (parsed) entry_ = std::move(parsed);
  }
  return {};
}

Result<bool> EmlSource::next(Item& item) {
  item.clear();
  for (; at_ < boxes_.size(); ++at_, opened_ = false, after_.clear()) {
    if (!opened_) {
      TRY(open_box());
      if (after_.empty() && !boxes_[at_].folder.empty()) {
        item.kind = Item::Kind::kFolder;
        item.folder = boxes_[at_].folder;
        return true;
      }
    }
    while (next_name_ < names_.size()) {
      const std::string name = names_[next_name_++];
      if (!after_.empty() && name <= after_) continue;
      after_ = name;
      TRY(find_in_manifest(name));
      TRY(read(name, item));
      return true;
    }
  }
  return false;
}

Result<> EmlSource::read(const std::string& name, Item& item) {
  const Box& box = boxes_[at_];
  item.folder = box.folder;
  item.where = box.name == "." ? name : box.name + "/" + name;
  item.kind = Item::Kind::kBad;
  const auto file = File::open(box.path + "/" + name);
  if (!file) {
    item.why = file.error().text;
    return {};
  }
  bytes_done_ += file->size();
  auto body = file->read_whole(limits_.message_bytes_max);
  if (!body) {
    if (body.error().code == ErrorCode::kExhausted) item.kind = Item::Kind::kLarge;
    item.why = body.error().text;
    return {};
  }
  make_eml_item(std::move(*body), entry_ && entry_->file == name ? &*entry_ : nullptr,
                file->facts().st_mtim.tv_sec, item);
  return {};
}

std::string EmlSource::position() const {
  if (at_ >= boxes_.size()) return std::string(kTreeEnd);
  return to_text({bytes_done_, boxes_[at_].name, after_});
}

Result<> EmlSource::resume(std::string_view position) {
  if (position == kTreeEnd) {
    at_ = boxes_.size();
    bytes_done_ = bytes_total_;
    return {};
  }
  TRY_ASSIGN(const TreePosition stood, parse_tree_position(position));
  const auto box = std::ranges::find(boxes_, stood.folder, &Box::name);
  if (box == boxes_.end()) return folder_is_gone(stood.folder);
  at_ = static_cast<std::size_t>(box - boxes_.begin());
  after_ = stood.after;
  bytes_done_ = stood.bytes_done;
  return {};
}

}  // namespace hauspost::transfer
