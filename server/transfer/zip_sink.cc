#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/text.h"
#include "server/transfer/manifest.h"
#include "server/transfer/out_file.h"
#include "server/transfer/sinks.h"
#include "server/transfer/utf8_locale.h"

namespace hauspost::transfer {

namespace {

constexpr std::string_view kOptions =
    "zip:compression=deflate,zip:compression-level=1,hdrcharset=UTF-8";

class ZipSink final : public Sink {
 public:
  ZipSink(std::string path, OutFile file) : path_(std::move(path)), file_(std::move(file)) {}
  ~ZipSink() override {
    if (archive_ != nullptr) ::archive_write_free(archive_);
  }

  Result<> start() {
    const Utf8Locale utf8;
    archive_ = ::archive_write_new();
    if (archive_ == nullptr) return fail(ErrorCode::kExhausted, "no memory");
    if (::archive_write_set_format_zip(archive_) != ARCHIVE_OK ||
        ::archive_write_set_options(archive_, std::string(kOptions).c_str()) != ARCHIVE_OK ||
        ::archive_write_open_fd(archive_, file_.get()) != ARCHIVE_OK)
      return failed();
    return {};
  }

  Result<> begin_folder(const OutFolder& folder) override {
    below_.clear();
    for (const std::string_view level : split(folder.path, store::kHierarchySeparator))
      below_ += file_name_of(level) + "/";
    manifests_ = 0;
    // A folder is known by its manifest, also an empty one.
    return write_entry(below_ + manifest_name(++manifests_), "", 0);
  }

  // The manifest of messages stands in front of them: who reads needs no more than this.
  Result<> add(std::span<const OutMessage> messages) override {
    std::string manifest;
    for (const OutMessage& message : messages) {
      const std::string_view body = message.body.bytes;
      manifest += manifest_line({.file = eml_name(message.uid.value),
                                 .flags = message.flags,
                                 .keywords = message.keywords,
                                 .date_s = message.date_s,
                                 .size = body.size(),
                                 .sha256 = sha256_hex(body)});
    }
    TRY(write_entry(below_ + manifest_name(++manifests_), manifest, 0));
    for (const OutMessage& message : messages)
      TRY(write_entry(below_ + eml_name(message.uid.value), message.body.bytes, message.date_s));
    return {};
  }

  Result<std::string> flush() override { return std::string(); }

  Result<> finish() override {
    const Utf8Locale utf8;
    if (::archive_write_close(archive_) != ARCHIVE_OK) return failed();
    if (::fsync(file_.get()) != 0) return fail(errno_error("writing " + part_of(path_)));
    return name_whole(path_);
  }

 private:
  std::unexpected<Error> failed() const {
    const char* const said = ::archive_error_string(archive_);
    const int number = ::archive_errno(archive_);
    return fail(number == ENOSPC ? ErrorCode::kExhausted : ErrorCode::kInternal,
                fmt::format("writing {}: {}", escape_for_log(part_of(path_), 1000),
                            said == nullptr ? "it failed" : said));
  }

  Result<> write_entry(const std::string& name, std::string_view bytes, std::int64_t time_s) {
    const Utf8Locale utf8;
    archive_entry* const entry = ::archive_entry_new();
    if (entry == nullptr) return fail(ErrorCode::kExhausted, "no memory");
    ::archive_entry_set_pathname_utf8(entry, name.c_str());
    ::archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    ::archive_entry_set_filetype(entry, AE_IFREG);
    ::archive_entry_set_perm(entry, 0600);
    ::archive_entry_set_mtime(entry, time_s, 0);
    const int began = ::archive_write_header(archive_, entry);
    ::archive_entry_free(entry);
    if (began < ARCHIVE_WARN) return failed();
    while (!bytes.empty()) {
      const la_ssize_t count = ::archive_write_data(archive_, bytes.data(), bytes.size());
      if (count <= 0) return failed();
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    if (::archive_write_finish_entry(archive_) != ARCHIVE_OK) return failed();
    return {};
  }

  const std::string path_;
  OutFile file_;
  archive* archive_ = nullptr;
  std::string below_;
  std::uint32_t manifests_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_zip_sink(const std::string& path) {
  TRY_ASSIGN(OutFile file, OutFile::open(part_of(path), 0));
  auto sink = std::make_unique<ZipSink>(path, std::move(file));
  TRY(sink->start());
  return sink;
}

}  // namespace hauspost::transfer
