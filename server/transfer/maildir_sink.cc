#include <sys/stat.h>

#include <algorithm>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/transfer/file.h"
#include "server/transfer/maildir_name.h"
#include "server/transfer/out_file.h"
#include "server/transfer/sinks.h"

namespace hauspost::transfer {

namespace {

class MaildirSink final : public Sink {
 public:
  explicit MaildirSink(std::string path) : path_(std::move(path)) {}

  Result<> make_root() { return make_box(part_of(path_)); }

  Result<> begin_folder(const OutFolder& folder) override {
    TRY(sync());
    const bool inbox = folder.path == "INBOX";
    box_ = part_of(path_) + (inbox ? "" : "/" + maildir_folder(folder.path));
    TRY(make_box(box_));
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
    }
    return {};
  }

  // Which messages are there says where it goes on; those behind are written again, each whole.
  Result<std::string> flush() override {
    TRY(sync());
    return "files";
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

  Result<> sync() {
    if (box_.empty()) return {};
    TRY(sync_folder(box_ + "/cur"));
    return sync_folder(box_);
  }

  const std::string path_;
  std::string box_;
  std::vector<std::string> keywords_;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_maildir_sink(const std::string& path, const std::string&) {
  auto sink = std::make_unique<MaildirSink>(path);
  TRY(sink->make_root());
  return sink;
}

}  // namespace hauspost::transfer
