#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/transfer/file.h"
#include "server/transfer/maildir_name.h"
#include "server/transfer/out_file.h"
#include "server/transfer/sinks.h"

namespace hauspost::transfer {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPosition = "files ";
constexpr std::size_t kUidDigits = 10;  // maildir_name()
constexpr std::string_view kOurs = ".hauspost,S=";

class MaildirSink final : public Sink {
 public:
  // `position`: "files UID FOLDER": of FOLDER the messages up to UID are good, of those before it
  // all. Empty: it begins anew.
  MaildirSink(std::string path, std::string_view position) : path_(std::move(path)) {
    if (!position.starts_with(kPosition)) return;
    position.remove_prefix(kPosition.size());
    const std::size_t space = position.find(' ');
    const auto uid = parse_u64(position.substr(0, space));
    if (!uid || space == std::string_view::npos) return;
    going_on_ = true;
    kept_uid_ = *uid;
    kept_folder_ = position.substr(space + 1);
  }

  Result<> make_root() { return make_box(part_of(path_)); }

  Result<> begin_folder(const OutFolder& folder) override {
    TRY(sync());
    const bool inbox = folder.path == "INBOX";
    box_ = part_of(path_) + (inbox ? "" : "/" + maildir_folder(folder.path));
    TRY(make_box(box_));
    folder_ = folder.path;
    uid_ = folder.path == kept_folder_ ? kept_uid_ : 0;
    if (going_on_) TRY(drop_above(uid_));
    if (!inbox) TRY(replace_file(box_ + "/maildirfolder", ""));
    keywords_ = folder.keywords;
    std::erase_if(keywords_, [](const std::string& word) { return iequals(word, "$Forwarded"); });
    if (keywords_.size() > kMaildirKeywords) keywords_.resize(kMaildirKeywords);
    if (keywords_.empty()) return {};
    std::string text;
    for (std::size_t i = 0; i < keywords_.size(); ++i)
      text += std::to_string(i) + " " + keywords_[i] + "\n";
    return replace_file(box_ + "/dovecot-keywords", text);
  }

  Result<> add(std::span<const OutMessage> messages) override {
    for (const OutMessage& message : messages) {
      std::string letters;
      bool forwarded = false;
      for (const std::string& keyword : message.keywords) {
        forwarded = forwarded || iequals(keyword, "$Forwarded");
        const auto at = std::ranges::find_if(
            keywords_, [&](const std::string& each) { return iequals(each, keyword); });
        if (at != keywords_.end()) letters += static_cast<char>('a' + (at - keywords_.begin()));
      }
      std::ranges::sort(letters);
      const std::string_view body = message.body.bytes;
      const std::string name = box_ + "/cur/" +
                               maildir_name(message.date_s, message.uid.value, body.size(),
                                            message.flags, letters, forwarded);
      TRY_ASSIGN(OutFile file, OutFile::open(name, 0));
      TRY(file.write(body));
      TRY(file.close_with_time(message.date_s, true));
      uid_ = message.uid.value;
    }
    return {};
  }

  Result<std::string> flush() override {
    TRY(sync());
    return fmt::format("{}{} {}", kPosition, uid_, folder_);
  }

  Result<> finish() override {
    TRY(sync());
    TRY(sync_folder(part_of(path_)));
    return name_whole(path_);
  }

 private:
  static Result<> make_box(const std::string& path) {
    for (const std::string_view part : {"", "/cur", "/new", "/tmp"}) {
      const std::string folder = path + std::string(part);
      if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return fail(file_error("making folder", folder, errno));
    }
    return {};
  }

  // Messages that were written behind the last note are written again; with other flags by now
  // their files have other names.
  Result<> drop_above(std::uint64_t kept) const {
    std::error_code code;
    for (auto entry = fs::directory_iterator(box_ + "/cur", code);
         !code && entry != fs::directory_iterator(); entry.increment(code)) {
      const std::string name = entry->path().filename().string();
      const std::size_t at = name.find(".U");
      const auto uid = at == std::string::npos
                           ? std::nullopt
                           : parse_u64(std::string_view(name).substr(at + 2, kUidDigits));
      if (!uid || *uid <= kept || name.find(kOurs) == std::string::npos) continue;
      if (::unlink(entry->path().c_str()) != 0)
        return fail(file_error("removing", entry->path().string(), errno));
    }
    if (code) return fail(file_error("reading folder", box_ + "/cur", code.value()));
    return {};
  }

  Result<> sync() {
    if (box_.empty()) return {};
    TRY(sync_folder(box_ + "/cur"));
    return sync_folder(box_);
  }

  const std::string path_;
  bool going_on_ = false;
  std::uint64_t kept_uid_ = 0;
  std::string kept_folder_;
  std::string box_;
  std::string folder_;
  std::uint64_t uid_ = 0;  // of the last message of folder_
  std::vector<std::string> keywords_;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_maildir_sink(const std::string& path,
                                                const std::string& position) {
  auto sink = std::make_unique<MaildirSink>(path, position);
  TRY(sink->make_root());
  return sink;
}

}  // namespace hauspost::transfer
