#include "server/transfer/mbox_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "server/transfer/folder_name.h"

namespace hauspost::transfer {

namespace fs = std::filesystem;

Result<std::unique_ptr<Source>> MboxSource::open(const std::string& path, Limits limits) {
  std::unique_ptr<MboxSource> source(new MboxSource(path, limits));
  std::error_code code;
  if (fs::is_directory(path, code)) {
    TRY(source->list(path, "", 0));
    if (source->boxes_.empty())
      return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) + " holds no mbox file");
  } else {
    TRY_ASSIGN(const File file, File::open(path));
    source->boxes_.push_back({.path = path,
                              .name = fs::path(path).filename().string(),
                              .folder = "",
                              .size = file.size(),
                              .bad = ""});
  }
  std::uint64_t before = 0;
  for (Box& box : source->boxes_) {
    box.before = before;
    before += box.size;
  }
  source->bytes_total_ = before;
  return source;
}

void MboxSource::add_box(const std::string& path, const std::string& folder, bool surely) {
  Box box{.path = path,
          .name = fs::path(path).lexically_relative(root_).string(),
          .folder = folder,
          .bad = ""};
  auto file = File::open(path);
  if (file && looks_like_mbox(*file)) {
    box.size = file->size();
  } else if (surely) {
    box.bad = file ? "it does not begin with a From line: this is no mbox file" : file.error().text;
  } else {
    return;  // an index or a note of its program
  }
  boxes_.push_back(std::move(box));
}

Result<> MboxSource::list(const std::string& path, const std::string& folder, int depth) {
  if (depth > static_cast<int>(store::kFolderDepthMax))
    return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) + ": the folders nest too deep");
  TRY_ASSIGN(const std::vector<FolderEntry> entries, list_folder(path));
  for (const FolderEntry& entry : entries) {
    if (entry.name.starts_with('.')) continue;
    const std::string below = path + "/" + entry.name;
    std::string name = entry.name;
    const bool box = name.ends_with(".mbox") && name.size() > 5;
    if (box) name.resize(name.size() - 5);
    if (entry.kind == FolderEntry::Kind::kFolder) {
      if (name.ends_with(".sbd")) name.resize(name.size() - 4);
      TRY(list(below, join_folder(folder, folder_level(name)), depth + 1));
    } else if (entry.kind == FolderEntry::Kind::kFile) {
      // NAME.mbox/mbox is the box of the folder itself.
      const bool own = entry.name == "mbox" && path.ends_with(".mbox");
      add_box(below, own ? folder : join_folder(folder, folder_level(name)), box || own);
    } else if (box) {
      boxes_.push_back({.path = below,
                        .name = entry.name,
                        .folder = folder,
                        .bad = "it is no regular file; links are not followed"});
    }
  }
  return {};
}

Result<> MboxSource::open_box(std::uint64_t offset) {
  TRY_ASSIGN(file_, File::open(boxes_[at_].path));
  reader_ = std::make_unique<MboxReader>(file_, boxes_[at_].name, offset, limits_);
  return {};
}

Result<bool> MboxSource::next(Item& item) {
  for (; at_ < boxes_.size(); ++at_, reader_.reset(), told_ = false) {
    const Box& box = boxes_[at_];
    if (!told_) {
      told_ = true;
      item.clear();
      item.folder = box.folder;
      item.where = box.name;
      item.kind = box.bad.empty() ? Item::Kind::kFolder : Item::Kind::kBad;
      item.why = box.bad;
      if (!box.folder.empty() || !box.bad.empty()) return true;
    }
    if (!box.bad.empty()) continue;
    if (!reader_) TRY(open_box(std::exchange(begin_offset_, 0)));
    TRY_ASSIGN(const bool more, reader_->next(item));
    if (!more) continue;
    // A file of our own export names the folder of each message.
    if (item.folder.empty()) item.folder = box.folder;
    return true;
  }
  return false;
}

std::string MboxSource::position() const {
  if (at_ >= boxes_.size()) return "end";
  const std::uint64_t offset = reader_ ? reader_->offset() : begin_offset_;
  return fmt::format("{} {} {}", offset, told_ ? 1 : 0, boxes_[at_].name);
}

Result<> MboxSource::resume(std::string_view position) {
  if (position == "end") {
    at_ = boxes_.size();
    return {};
  }
  const std::size_t first = position.find(' ');
  const std::size_t second = position.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos)
    return fail(ErrorCode::kCorrupt, "the place where the import stood is not readable");
  const auto offset = parse_u64(position.substr(0, first));
  const std::string_view name = position.substr(second + 1);
  const auto box = std::ranges::find(boxes_, name, &Box::name);
  if (!offset || box == boxes_.end() || *offset > box->size) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} has changed since the import stood there: {} is not what it was",
                            escape_for_log(root_, 1000), escape_for_log(name, 1000)));
  }
  at_ = static_cast<std::size_t>(box - boxes_.begin());
  told_ = position[first + 1] == '1';
  begin_offset_ = *offset;
  if (!box->bad.empty() || *offset == 0 || *offset == box->size) return {};
  TRY(open_box(*offset));
  LineReader there(file_, *offset);
  LineReader::Piece line;
  TRY_ASSIGN(const bool more, there.next(line));
  if (more && parse_from_line(line.text)) return {};
  return fail(ErrorCode::kCorrupt, fmt::format("{} has changed since the import stood at byte {}",
                                               escape_for_log(box->path, 1000), *offset));
}

std::uint64_t MboxSource::bytes_done() const {
  if (at_ >= boxes_.size()) return bytes_total_;
  return boxes_[at_].before + (reader_ ? reader_->offset() : begin_offset_);
}

}  // namespace hauspost::transfer
