#include <sys/stat.h>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/transfer/file.h"
#include "server/transfer/manifest.h"
#include "server/transfer/out_file.h"
#include "server/transfer/sinks.h"

namespace hauspost::transfer {

namespace {

class EmlSink final : public Sink {
 public:
  // `keep`: of the manifest of folder `folder`; 0: of none.
  EmlSink(std::string path, std::string folder, std::uint64_t keep)
      : path_(std::move(path)), kept_folder_(std::move(folder)), keep_(keep) {}

  Result<> make_root() { return make_folders(part_of(path_), ""); }

  Result<> begin_folder(const OutFolder& folder) override {
    TRY(close_folder());
    std::string below;
    for (const std::string_view level : split(folder.path, store::kHierarchySeparator)) {
      below += "/" + file_name_of(level);
      TRY(make_folders(part_of(path_), below));
      // Also above: a folder with a manifest is one whose name is to be decoded.
      TRY(make_manifest(part_of(path_) + below));
    }
    box_ = part_of(path_) + below;
    folder_ = folder.path;
    const std::uint64_t keep = folder.path == kept_folder_ ? keep_ : 0;
    TRY_ASSIGN(manifest_, OutFile::open(box_ + "/" + manifest_name(0), keep));
    open_ = true;
    return {};
  }

  Result<> add(std::span<const OutMessage> messages) override {
    for (const OutMessage& message : messages) {
      const std::string_view body = message.body.bytes;
      const std::string name = eml_name(message.uid.value);
      TRY_ASSIGN(OutFile file, OutFile::open(box_ + "/" + name, 0));
      TRY(file.write(body));
      TRY(file.close_with_time(message.date_s, true));
      TRY(manifest_.write(manifest_line({.file = name,
                                         .flags = message.flags,
                                         .keywords = message.keywords,
                                         .date_s = message.date_s,
                                         .size = body.size(),
                                         .sha256 = sha256_hex(body)})));
    }
    return {};
  }

  Result<std::string> flush() override {
    if (!open_) return "0 ";
    TRY(manifest_.flush());
    TRY(sync_folder(box_));
    return std::to_string(manifest_.length()) + " " + folder_;
  }

  Result<> finish() override {
    TRY(close_folder());
    TRY(sync_folder(part_of(path_)));
    return name_whole(path_);
  }

 private:
  static Result<> make_manifest(const std::string& folder) {
    const std::string path = folder + "/" + manifest_name(0);
    struct stat facts{};
    if (::lstat(path.c_str(), &facts) == 0) return {};
    return replace_file(path, "");
  }

  Result<> close_folder() {
    if (!open_) return {};
    TRY(flush());
    open_ = false;
    return {};
  }

  const std::string path_;
  const std::string kept_folder_;
  const std::uint64_t keep_;
  std::string box_;
  std::string folder_;
  OutFile manifest_;
  bool open_ = false;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_eml_sink(const std::string& path, const std::string& position) {
  const std::size_t space = position.find(' ');
  const auto keep = parse_u64(std::string_view(position).substr(0, space));
  auto sink = std::make_unique<EmlSink>(
      path, space == std::string::npos ? "" : position.substr(space + 1), keep.value_or(0));
  TRY(sink->make_root());
  return sink;
}

}  // namespace hauspost::transfer
