#include "server/transfer/maildir_source.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "server/transfer/file.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/tree_position.h"

namespace hauspost::transfer {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kKeywordsFileMax = 64 * 1024;
// Sizes of so many messages are added up for the progress; the rest is not waited for.
constexpr std::size_t kSizedMax = 2'000'000;

bool is_folder(const std::string& path) {
  std::error_code code;
  return fs::is_directory(fs::symlink_status(path, code)) && !code;
}

// By the time in front as a number, else as text.
bool in_order(std::string_view a, std::string_view b) {
  const std::size_t length_a = std::min(a.find_first_not_of("0123456789"), a.size());
  const std::size_t length_b = std::min(b.find_first_not_of("0123456789"), b.size());
  if (length_a != length_b) return length_a < length_b;
  return a < b;
}

}  // namespace

Result<std::unique_ptr<Source>> MaildirSource::open(const std::string& path, Limits limits) {
  std::unique_ptr<MaildirSource> source(new MaildirSource(path, limits));
  TRY(source->list_boxes(path, "", 0));
  if (source->boxes_.empty())
    return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) + " holds no Maildir");
  std::size_t seen = 0;
  for (const Box& box : source->boxes_) {
    for (const std::string_view part : {"/cur", "/new"}) {
      std::error_code code;
      for (auto entry = fs::directory_iterator(box.path + std::string(part), code);
           !code && entry != fs::directory_iterator() && ++seen < kSizedMax;
           entry.increment(code)) {
        struct stat facts{};
        if (::lstat(entry->path().c_str(), &facts) == 0 && S_ISREG(facts.st_mode))
          source->bytes_total_ += static_cast<std::uint64_t>(facts.st_size);
      }
    }
  }
  return source;
}

Result<> MaildirSource::list_boxes(const std::string& path, const std::string& folder, int depth) {
  if (depth > static_cast<int>(store::kFolderDepthMax))
    return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) + ": the folders nest too deep");
  if (is_folder(path + "/cur") || is_folder(path + "/new")) {
    const std::string name = fs::path(path).lexically_relative(root_).string();
    boxes_.push_back({.path = path, .name = name, .folder = folder});
  }
  TRY_ASSIGN(const auto entries, list_folder(path));
  for (const FolderEntry& entry : entries) {
    if (entry.kind != FolderEntry::Kind::kFolder || entry.name == "cur" || entry.name == "new" ||
        entry.name == "tmp")
      continue;
    const std::string below = path + "/" + entry.name;
    const auto name = parse_maildir_folder(entry.name);
    TRY(list_boxes(below, join_folder(folder, name ? *name : folder_level(entry.name)), depth + 1));
  }
  return {};
}

Result<> MaildirSource::add_entries(const std::string& path, bool fresh) {
  if (!is_folder(path)) return {};
  TRY_ASSIGN(auto listed, list_folder(path));
  for (FolderEntry& entry : listed) {
    if (entry.name.starts_with('.')) continue;
    entries_.push_back({std::move(entry.name), fresh});
  }
  return {};
}

Result<> MaildirSource::open_box() {
  opened_ = true;
  entries_.clear();
  const Box& box = boxes_[at_];
  TRY(add_entries(box.path + "/cur", false));
  TRY(add_entries(box.path + "/new", true));
  std::ranges::sort(entries_, in_order, &Entry::base);
  // One that went from new to cur while we looked is there twice.
  const auto same = std::ranges::unique(entries_, {}, &Entry::base);
  entries_.erase(same.begin(), same.end());
  keywords_ = {};
  if (const auto file = File::open(box.path + "/dovecot-keywords")) {
    if (const auto text = file->read_whole(kKeywordsFileMax))
      keywords_ = parse_dovecot_keywords(*text);
  }
  return {};
}

Result<bool> MaildirSource::next(Item& item) {
  item.clear();
  for (; at_ < boxes_.size(); ++at_, opened_ = false, after_.clear()) {
    if (!opened_) {
      TRY(open_box());
      if (!boxes_[at_].folder.empty() && after_.empty()) {
        item.kind = Item::Kind::kFolder;
        item.folder = boxes_[at_].folder;
        return true;
      }
    }
    while (!entries_.empty()) {
      const Entry entry = std::move(entries_.front());
      entries_.pop_front();
      const bool done = !after_.empty() && !in_order(after_, entry.base());
      if (done) continue;
      after_ = entry.base();
      read(entry, item);
      return true;
    }
  }
  return false;
}

void MaildirSource::read(const Entry& entry, Item& item) {
  const Box& box = boxes_[at_];
  item.folder = box.folder;
  item.where = fmt::format("{}/{}/{}", box.name, entry.fresh ? "new" : "cur", entry.name);
  std::string path = fmt::format("{}/{}/{}", box.path, entry.fresh ? "new" : "cur", entry.name);
  MaildirName name = parse_maildir_name(entry.name, keywords_);
  auto file = File::open(path);
  if (!file && file.error().code == ErrorCode::kNotFound) {
    // It changed its flags, or was read, since the folder was listed.
    if (const auto now = list_folder(box.path + "/cur")) {
      for (const FolderEntry& other : *now) {
        if (!other.name.starts_with(name.base)) continue;
        const MaildirName renamed = parse_maildir_name(other.name, keywords_);
        if (renamed.base != name.base) continue;
        path = box.path + "/cur/" + other.name;
        name = renamed;
        file = File::open(path);
        break;
      }
    }
  }
  item.kind = Item::Kind::kBad;
  if (!file) {
    item.why = file.error().text;
    return;
  }
  bytes_done_ += file->size();
  auto body = file->read_whole(limits_.message_bytes_max);
  if (!body) {
    const bool large = body.error().code == ErrorCode::kExhausted;
    if (large) item.kind = Item::Kind::kLarge;
    item.why = body.error().text;
    return;
  }
  if (body->empty()) {
    item.why = "an empty file";
    return;
  }
  item.kind = Item::Kind::kMessage;
  // What our own export wrote stands there byte for byte; its name says so, and how long it was.
  const bool exact = name.base.ends_with(fmt::format(".hauspost,S={}", body->size()));
  item.body = exact ? std::move(*body) : with_crlf(std::move(*body));
  item.flags = name.flags;
  item.keywords = std::move(name.keywords);
  // The file's time is that of arrival unless a copy made it new, which the name was not.
  const std::int64_t changed = file->facts().st_mtim.tv_sec;
  item.date_s = name.time_s == 0 ? changed : std::min(name.time_s, changed);
}

std::string MaildirSource::position() const {
  if (at_ >= boxes_.size()) return std::string(kTreeEnd);
  return to_text({bytes_done_, boxes_[at_].name, after_});
}

Result<> MaildirSource::resume(std::string_view position) {
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
